import numpy as np


def spirals(n, rng):
    """Two interleaved spirals: points (2n, 2) and labels (2n,)."""
    t = np.linspace(0.5, 3.5, n)
    arms = []
    for sign in (1, -1):
        arms.append(sign * np.column_stack([t * np.cos(t), t * np.sin(t)]))
    points = np.concatenate(arms) + rng.normal(0, 0.1, (2 * n, 2))
    return points / 2, np.repeat([0, 1], n)
