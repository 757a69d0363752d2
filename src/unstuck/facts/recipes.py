"""A feed-forward network and its training in a form that the engine can run, and the rows that it is trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from unstuck.facts.arrays import Array


@dataclass(frozen=True)
class Init:
    """How one layer's weights are drawn: uniform in [a, b), normal with mean a and sd b, or constant a."""

    kind: Literal["uniform", "normal", "constant"]
    a: float
    b: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """A feed-forward network and its training, as the engine can run it.

    The hinge of the house: the tracer recognises it, the engine trains it, a check's remedy transforms it.

    layers       units per layer, input and output included, e.g. (5, 10, 4)
    activation   of every hidden layer: relu | leaky-relu | tanh | sigmoid | linear
    output       of the last layer: linear | softmax | sigmoid | tanh | relu
    loss         squared (half the squared error) | cross-entropy | binary-cross-entropy, all summed over outputs
                 and *averaged* over the rows of a batch: `rate` is the step along minus that gradient
    layer_rates  factor on `rate` for each weight matrix (a gradient that is right up to a constant); () = all 1
    momentum     share of the last step that comes again; of adam, share of the mean gradient that stays
    memory       share of the mean squared gradient that stays (rmsprop, adam)
    epsilon      added to the root of that mean or sum (adagrad, rmsprop, adam)
    decay        weight decay: so much of each weight is added to its gradient, as by half the squared weights in the
                 loss; decoupled: taken from it, times the rate, beside what the optimiser does; decay_biases: of
                 each bias as well
    clip         bound of each number of the gradient;  clip_norm: of its norm over all layers, after that; 0: none
    schedule     factor on `rate` for each epoch, the last one for all further ones; () = always 1
    dropout      probability that a hidden unit is dropped;  dropout_scale: what survivors are multiplied by
    order        how rows are visited: sequential | shuffled (each epoch) | random (drawn with replacement)
    scaling      of the inputs before training: none | standard (mean 0, sd 1 by the training rows)
    backward     exact, or the kind of the explained fault that the script computes instead
    """

    layers: tuple[int, ...]
    activation: str = "relu"
    output: str = "linear"
    loss: str = "squared"
    bias: bool = True
    dropout: float = 0.0
    dropout_scale: float = 1.0
    optimiser: Literal["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"] = "sgd"
    momentum: float = 0.0
    memory: float = 0.999
    epsilon: float = 1e-8
    decay: float = 0.0
    decoupled: bool = False
    decay_biases: bool = False
    clip: float = 0.0
    clip_norm: float = 0.0
    schedule: tuple[float, ...] = ()
    rate: float = 0.01
    layer_rates: tuple[float, ...] = ()
    batch: int = 1
    epochs: int = 1
    init: tuple[Init, ...] = ()
    order: str = "shuffled"
    scaling: str = "none"
    backward: str = "exact"

    def with_(self, **changes: Any) -> Recipe:
        """The same recipe with some fields changed."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Data:
    """The rows a script trains and tests on: features (n, d); integer labels (n,) or targets (n, k).

    `test` says where the test rows come from: "script" when the program has its own, "held out" when a part
    of its training rows had to be set aside.
    """

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array
    classes: int  # 0 for regression
    test: Literal["script", "held out"] = "script"
