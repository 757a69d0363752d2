"""Which optimiser made the recorded steps?  Each known one is played from the first step, with gradients of a recipe.

What an optimiser remembers begins empty, so that its steps follow from the gradients of all steps before.  For every
loss and backward pass that the forward pass leaves open, and every optimiser with numbers that the program contains,
the rate (and the weight decay) is fitted; what remains beyond it must be rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.engine import reference
from unstuck.engine.optimisers import MEMORIES, Optimiser
from unstuck.facts import Array, Recipe
from unstuck.trace.recognising.fitting import ROUNDINGS, Replay, tidy
from unstuck.trace.recognising.layers import Layer, Unrecognised

LEAST_STEPS = 3
MOST_STEPS = 12
LEAST_SHARE, MOST_SHARE = 0.3, 0.9999  # of its past that a memory keeps
MOST_EPSILON = 1e-2
MOST_NUMBERS = 12  # of a program that may be shares, or epsilons
NEARLY = 5e-3  # share of a step that may lie in where an epsilon is added: within the root or beside it
SAME = 1e-3  # relative difference of two decays that are one


@dataclass(frozen=True)
class Made:
    """One matrix in one step: weights (inputs + 1, outputs) with the bias last, and by how much they were moved."""

    weights: Array
    moved: Array


@dataclass(frozen=True)
class Rule:
    """An optimiser and its numbers, as the fields of a recipe."""

    optimiser: str
    momentum: float = 0.0
    memory: float = 0.999
    epsilon: float = 1e-8

    @property
    def is_linear(self) -> bool:
        """Do its steps grow with the gradients?  Then a decay that joins them can be told apart."""
        return "square" not in MEMORIES[self.optimiser]

    def played(self, gradients: Sequence[Sequence[Array]]) -> list[list[Array]]:
        """The steps that it takes along these gradients, with the rate 1, by step and matrix."""
        player = Optimiser(self.optimiser, self.momentum, self.memory, self.epsilon)
        player.remember([*gradients[0]])
        steps = []
        with np.errstate(all="ignore"):
            for each in gradients:
                player.begin()
                steps.append([player.step(number, g, 1.0).copy() for number, g in enumerate(each)])
        return steps


def moved_recipe(
    recipes: Iterable[Recipe], layers: Sequence[Layer], replays: Sequence[Replay], tolerance: float
) -> Recipe:
    """The first of these recipes that makes the recorded steps, with the optimiser that this takes.

    replays  consecutive steps from the first one on

    Raises
    ------
    Unrecognised
        when no known optimiser does.
    """
    replays = replays[:MOST_STEPS]
    if len(replays) < LEAST_STEPS:
        raise Unrecognised("the optimiser's first steps were not recorded, so that its memory is not known")
    made = [[_made(layer, replay) for layer in layers] for replay in replays]
    rules = list(_rules(replays))
    found = []
    for recipe in recipes:
        gradients = [_gradients(recipe, replay) for replay in replays]
        for rule in rules:
            fitted = _fitted(recipe, rule, gradients, made, tolerance)
            if fitted is not None and fitted[1] <= tolerance:
                return fitted[0]
            found += [fitted] if fitted is not None else []
    if found:
        return min(found, key=lambda each: each[1])[0]
    raise Unrecognised(
        "its updates are made by no backward pass and optimiser that the engine knows (descent, momentum, Nesterov, "
        "Adagrad, RMSprop, Adam, each with weight decay): another derivative, a schedule, a clip or another rule is "
        "in them"
    )


def _made(layer: Layer, replay: Replay) -> Made:
    weights, bias = layer.weights(replay.step), layer.biases(replay.step)
    moved, moved_bias = layer.moved(replay.step)
    return Made(np.vstack([weights, bias]), np.vstack([moved, moved_bias]))


def _gradients(recipe: Recipe, replay: Replay) -> list[Array]:
    """The gradient of every matrix, with that of its biases last."""
    found = reference.gradients(recipe, replay.weights, replay.biases, replay.x, replay.y, replay.masks)
    return [np.vstack(each) for each in zip(*found, strict=True)]


# ----- What may have been written -----------------------------------------------------------------------


def _rules(replays: Sequence[Replay]) -> Iterator[Rule]:
    """All optimisers with the numbers of the program, the plainest first."""
    numbers = _numbers(replays)
    shares = sorted({s for n in numbers for s in (n, 1 - n) if LEAST_SHARE < s < MOST_SHARE}, reverse=True)[
        :MOST_NUMBERS
    ]
    epsilons = [0.0, *sorted(n for n in numbers if n < MOST_EPSILON)[:MOST_NUMBERS]]
    yield Rule("sgd")
    yield from (Rule(kind, share) for kind in ("momentum", "nesterov") for share in shares)
    if not any(replay.step.adaptive for replay in replays):
        return
    yield from (Rule("adagrad", epsilon=each) for each in epsilons)
    yield from (Rule("rmsprop", 0.0, *each) for each in product(shares, epsilons))
    yield from (Rule("adam", *each) for each in product(shares, shares, epsilons))


def _numbers(replays: Sequence[Replay]) -> set[float]:
    """The plain numbers between 0 and 1 that a step computes with."""
    step = replays[-1].step
    values = (
        each.value if isinstance(each, Node) and each.op == "leaf" else each
        for node in step.nodes
        for each in node.args
    )
    plain = (float(each) for each in values if isinstance(each, int | float | np.number))
    return {round(each, 15) for each in plain if 0 < each < 1}


# ----- What fits ----------------------------------------------------------------------------------------


def _fitted(
    recipe: Recipe,
    rule: Rule,
    gradients: Sequence[Sequence[Array]],
    made: Sequence[Sequence[Made]],
    tolerance: float,
) -> tuple[Recipe, float] | None:
    """The recipe with this optimiser and the rates that fit, and the error that is left; None if they do not."""
    few = slice(0, LEAST_STEPS)
    allowed = tolerance if rule.is_linear else max(tolerance, NEARLY)
    for biases in (False, True):
        if _rates(rule, gradients[few], made[few], allowed, biases) is None:
            continue
        fitted = _rates(rule, gradients, made, allowed, biases)
        if fitted is not None:
            break
    else:
        return None
    rates, error = fitted
    last = rates[-1][0]
    decays = [decay / rate for rate, decay in rates]
    if np.ptp(decays) > SAME * np.max(np.abs(decays)):
        return None  # as with a decay of single layers
    decay = tidy(float(np.mean(decays)))
    if decay < 0:
        return None
    scales = tuple(round(rate / last, 9) for rate, _ in rates)
    equal = all(abs(scale - 1) <= max(error, 1e-6) for scale in scales)
    found = recipe.with_(
        optimiser=rule.optimiser,
        momentum=rule.momentum,
        memory=rule.memory,
        epsilon=rule.epsilon,
        decay=decay,
        decoupled=bool(decay) and not rule.is_linear,
        decay_biases=bool(decay) and biases,
        rate=tidy(last),
        layer_rates=() if equal else scales,
    )
    return found, error


def _rates(
    rule: Rule,
    gradients: Sequence[Sequence[Array]],
    made: Sequence[Sequence[Made]],
    tolerance: float,
    biases: bool,
) -> tuple[list[tuple[float, float]], float] | None:
    """(rate, rate times decay) of every matrix, and the largest relative error; None if they do not fit."""
    played = rule.played(gradients)
    pulls = [[_decaying(each.weights, biases) for each in step] for step in made]
    pulled = rule.played(pulls) if rule.is_linear else pulls
    found, errors = [], []
    for layer in range(len(made[0])):
        mine = [step[layer] for step in made]
        along, pull = [step[layer] for step in played], [step[layer] for step in pulled]
        solved = _solved(mine, [along], tolerance) or _solved(mine, [along, pull], tolerance)
        if solved is None or not solved[0][0] > 0:
            return None
        (rate, *decays), error = solved
        found.append((rate, sum(decays)))
        errors.append(error)
    return found, max(errors)


def _solved(
    made: Sequence[Made], parts: Sequence[Sequence[Array]], tolerance: float
) -> tuple[list[float], float] | None:
    """By what the parts of the steps are multiplied to make them, by least squares, and the largest relative error."""
    columns = [np.concatenate([each.ravel() for each in part]) for part in parts]
    if not np.all(np.isfinite(columns)) or not np.any(columns[0]):
        return None
    wanted = -np.concatenate([each.moved.ravel() for each in made])
    factors, *_ = np.linalg.lstsq(np.stack(columns, axis=1), wanted, rcond=None)
    worst = 0.0
    for number, step in enumerate(made):
        expected = sum(-factor * part[number] for factor, part in zip(factors, parts, strict=True))
        rounding = ROUNDINGS * float(np.abs(step.weights).max(initial=0.0))
        error, size = (float(np.abs(each).max()) for each in (step.moved - expected, step.moved))
        if not error <= tolerance * size + rounding:
            return None
        worst = max(worst, (error - rounding) / size if size else 0.0)
    return [float(factor) for factor in factors], worst


def _decaying(weights: Array, biases: bool) -> Array:
    """What a decay takes: the weights, and the biases or nothing of them."""
    return weights if biases else np.vstack([weights[:-1], np.zeros((1, weights.shape[1]))])
