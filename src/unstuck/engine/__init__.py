"""The engine: trains many small networks at once, from a `Recipe`, `Data` and seeds to `Run`s.

`reference` is one network in plain float64, the truth that everything else is tested against; `population`
trains thousands of networks side by side in float32 with the same maths; `train` is the way in.
"""

from unstuck.engine.draws import draw_weights
from unstuck.engine.reference import accuracy, forward, gradients, loss, outputs_to_score, step, targets
from unstuck.engine.train import population_size, shape_of, supports, train

__all__ = [
    "accuracy",
    "draw_weights",
    "forward",
    "gradients",
    "loss",
    "outputs_to_score",
    "population_size",
    "shape_of",
    "step",
    "supports",
    "targets",
    "train",
]
