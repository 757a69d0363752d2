"""The engine: trains many small networks at once, from a `Recipe`, `Data` and seeds to `Run`s.

`reference` is one network in plain float64, the truth that everything else is tested against.  Two engines
train thousands of networks side by side in float32 with the same maths and the same random numbers:
`vectorised`, which is NumPy (`population` is its step), and `lanes`, which prepares the work for the C++ library
in `native/` and is about ten times faster.  `train` is the way in and chooses;
`Single` is one network whose weights can be taken away and put back.
"""

from unstuck.engine.draws import draw_weights
from unstuck.engine.networks import shape_of
from unstuck.engine.reference import accuracy, forward, gradients, loss, outputs_to_score, step, targets
from unstuck.engine.single import Single, State, drawn
from unstuck.engine.train import is_native, name, population_size, supports, train

__all__ = [
    "Single",
    "State",
    "accuracy",
    "draw_weights",
    "drawn",
    "forward",
    "gradients",
    "is_native",
    "loss",
    "name",
    "outputs_to_score",
    "population_size",
    "shape_of",
    "step",
    "supports",
    "targets",
    "train",
]
