"""What optimisers make of a gradient, as rules for whole arrays: one text for every precision.

The velocity of a momentum adds up steps, not gradients, so that the rate of each epoch is in it.  Momentum as in
Sutskever et al. (ICML 2013), with the look-ahead in Nesterov's form; Adagrad: Duchi, Hazan, Singer (JMLR 2011);
RMSprop: Tieleman and Hinton (2012); Adam: Kingma and Ba (ICLR 2015).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from unstuck.facts import Array

MEMORIES: dict[str, tuple[str, ...]] = {
    "sgd": (),
    "momentum": ("velocity",),
    "nesterov": ("velocity",),
    "adagrad": ("square",),
    "rmsprop": ("square",),
    "adam": ("velocity", "square"),
}  # what each optimiser keeps for every weight


@dataclass
class Optimiser:
    """One optimiser with what it remembers of every weight array.

    kind      a key of MEMORIES
    momentum  share of the velocity that stays
    memory    share of the mean square that stays
    epsilon   added to the root of the mean or sum of squares

    The numbers are scalars, or arrays that fit the weights, such as one number for each lane.
    """

    kind: str
    momentum: Array | float
    memory: Array | float
    epsilon: Array | float
    kept: dict[str, list[Array]] = field(default_factory=dict)
    powers: tuple[Array | float, Array | float] = (1.0, 1.0)

    def remember(self, weights: list[Array]) -> None:
        """Begin with empty memories for these arrays."""
        self.kept = {name: [np.zeros_like(w) for w in weights] for name in MEMORIES[self.kind]}
        one = weights[0].dtype.type(1)
        self.powers = one, one

    def begin(self) -> None:
        """Begin a step of all arrays."""
        self.powers = self.powers[0] * self.momentum, self.powers[1] * self.memory

    def step(self, number: int, gradient: Array, rate: Array | float) -> Array:
        """What to take from weight array `number`."""
        if self.kind == "sgd":
            return np.asarray(gradient * rate)
        if self.kind in ("momentum", "nesterov"):
            velocity, step = self.kept["velocity"][number], gradient * rate
            velocity *= self.momentum
            velocity += step
            return velocity if self.kind == "momentum" else np.asarray(velocity * self.momentum + step)
        square = self.kept["square"][number]
        if self.kind == "adagrad":
            square += gradient * gradient
        else:
            square *= self.memory
            square += gradient * gradient * (1 - self.memory)
        if self.kind != "adam":
            return np.asarray(gradient * rate / (np.sqrt(square) + self.epsilon))
        mean = self.kept["velocity"][number]
        mean *= self.momentum
        mean += gradient * (1 - self.momentum)
        unbiased = mean / (1 - self.powers[0]), square / (1 - self.powers[1])
        return np.asarray(unbiased[0] * rate / (np.sqrt(unbiased[1]) + self.epsilon))
