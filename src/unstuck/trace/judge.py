"""Compare the written gradients with the true ones, step by step.

The rule: what counts is the relative residual that is left after the best positive factor per parameter, not
the cosine (real faults reach a cosine of 0.9995).  A parameter whose factor, relative to the others, is the
same in every step is right up to a constant; one whose residual stays is wrong.  Nothing is called wrong
unless another weight matrix of the same run is explained exactly, so that the loss is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import Overrides, adjoints, ancestors, descendants
from unstuck.facts import Array
from unstuck.trace.losses import PREFERENCE, Candidate, Seeds, candidates
from unstuck.trace.steps import Key, Steps, Term, Update

TOLERANCE = 1e-6  # relative residual of a right gradient in float64: observed 0 to 1e-9, faults from 2e-3
TOLERANCE_SINGLE = 2e-3  # the same for programs that compute in float32
SAME_SCALE = 1e-4  # relative spread within which factors count as constant
CLIPS = {"clip", "nan_to_num"}


@dataclass(frozen=True)
class Step:
    """One training step, ready to be differentiated."""

    number: int
    key: Key
    updates: dict[str, Update]  # by parameter
    written: dict[str, Array]  # minus the increment without momentum, decay and clipping, by parameter
    nodes: Sequence[Node]
    tainted: frozenset[Node]
    backward: frozenset[Node]
    losses: dict[Candidate, Seeds]
    adaptive: bool  # the optimiser rescales element by element

    def wrt(self) -> list[Node]:
        """The parameters' values that the forward pass used."""
        return [update.before for update in self.updates.values()]


@dataclass(frozen=True)
class Match:
    """Written against true gradient of one parameter in one step: written = scale x true + residual."""

    scale: float
    residual: float  # relative to the largest written element
    cosine: float
    vacuous: bool  # both vanish
    true: Array


@dataclass
class Verdicts:
    """All matches under one loss: verdicts[name][step number]."""

    loss: Candidate
    matches: dict[str, dict[int, Match]] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)  # parameter -> why its gradient cannot be derived

    def exact(self, name: str, tolerance: float) -> bool:
        """Does every telling step of this parameter agree?"""
        telling = [match for match in self.matches[name].values() if not match.vacuous]
        return bool(telling) and all(match.residual <= tolerance and match.scale > 0 for match in telling)


# ----- Preparing steps ----------------------------------------------------------------------------------


def prepare(nodes: Sequence[Node], steps: Steps, first: int) -> list[Step]:
    """The judged steps of one window; `first` is the number of its first step over the whole run."""
    complete = [key for key in steps.keys if sum(key in p.updates for p in steps.parameters) > 0]
    return [_prepare(nodes, steps, key, first + index) for index, key in enumerate(complete)]


def _prepare(nodes: Sequence[Node], steps: Steps, key: Key, number: int) -> Step:
    bounds = steps.ranges[key]
    updates = {p.name: p.updates[key] for p in steps.parameters if key in p.updates}
    begin = min([bounds.start, *(update.before.id for update in updates.values())])
    part = nodes[begin : bounds.stop]
    tainted = frozenset(descendants([update.before for update in updates.values()], part))
    written, sources, adaptive = {}, [], False
    for name, update in updates.items():
        terms, rescaled = gradient_terms(update, bounds.start, steps.state)
        adaptive |= rescaled
        shape = np.shape(update.before.value)
        total = sum((-t.coefficient * np.asarray(t.node.value, float) for t in terms), np.zeros(shape))
        written[name] = np.broadcast_to(total, np.broadcast_shapes(total.shape, shape))
        sources += [term.node for term in terms]
    inside = nodes[bounds.start : bounds.stop]
    backward = frozenset(ancestors(sources, oldest=begin))
    found = candidates(inside, tainted, backward)
    return Step(number, key, updates, written, inside, tainted, backward, found, adaptive)


def gradient_terms(update: Update, start: int, state: frozenset[int]) -> tuple[list[Term], bool]:
    """The terms of an increment that are the gradient: without optimiser state and decay, before clipping.

    The second value says whether an adaptive optimiser's element-wise denominator was set aside.
    """
    terms, adaptive = [], False
    pending = list(update.terms)
    while pending:
        term = pending.pop()
        node = term.node
        if node.id < start or node.id in state or node.op == "leaf" or node is update.before:
            continue
        inner, rescaled = _inside(node)
        if inner is None:
            terms.append(term)
        else:
            adaptive |= rescaled
            pending += [Term(term.coefficient * part.coefficient, part.node) for part in inner]
    return terms[::-1], adaptive


def _inside(node: Node) -> tuple[list[Term] | None, bool]:
    """The terms inside clipping, or inside the numerator of an adaptive step; None when there is no inside."""
    from unstuck.trace.steps import terms_of

    if node.op in CLIPS and isinstance(node.args[0], Node):
        return list(terms_of(node.args[0])), False
    if node.op in ("true_divide", "multiply") and len(node.args) == 2:
        for numerator, other in (node.args, node.args[::-1]):
            if isinstance(numerator, Node) and isinstance(other, Node) and _is_root_of_squares(other):
                return list(terms_of(numerator)), True
    return None, False


def _is_root_of_squares(node: Node, depth: int = 0) -> bool:
    """sqrt(v) + epsilon, and the like: the denominator of Adagrad, RMSprop and Adam."""
    if node.op == "sqrt" or (node.op == "power" and node.args[1] in (0.5, -0.5)):
        return np.ndim(node.value) > 0
    linear = node.op in ("add", "true_divide", "multiply", "maximum")
    return linear and depth < 4 and any(_is_root_of_squares(parent, depth + 1) for parent in node.parents())


# ----- Matching -----------------------------------------------------------------------------------------


def match(written: Array, true: Array) -> Match:
    """Best positive factor from the true to the written gradient and what is left over."""
    if written.shape != true.shape and written.size == true.size:
        written = written.reshape(true.shape)
    if written.shape != true.shape:
        return Match(0.0, 1.0, 0.0, False, true)
    largest, size = float(np.abs(written).max(initial=0)), float(np.abs(true).max(initial=0))
    if not (np.isfinite(largest) and np.isfinite(size)):
        return Match(1.0, 0.0, 1.0, True, true)
    if largest <= 1e-300 and size <= 1e-12:
        return Match(1.0, 0.0, 1.0, True, true)
    product = float(np.vdot(true, written))
    norms = float(np.linalg.norm(true) * np.linalg.norm(written))
    cosine = product / norms if norms else 0.0
    scale = product / float(np.vdot(true, true)) if size > 0 else 0.0
    left = np.abs(written - max(scale, 0.0) * true).max()
    return Match(scale, float(left / max(largest, 1e-300)), cosine, False, true)


def judge(
    steps: Sequence[Step], loss: Candidate, overrides: dict[int, Overrides] | None = None, ties: float | None = None
) -> Verdicts:
    """Match every parameter in every step under one loss; `overrides` alter the reverse pass, by step number."""
    verdicts = Verdicts(loss)
    for step in steps:
        seeds = step.losses.get(loss)
        if seeds is None:
            continue
        wrt = step.wrt()
        altered = (overrides or {}).get(step.number)
        result = adjoints(seeds, wrt, stop=set(wrt), overrides=altered, ties=ties)
        for name, node in zip(step.updates, wrt, strict=True):
            true = result.of(node)
            if true is None:
                verdicts.unknown[name] = f"{result.unknown[node].op} has no derivative rule"
            else:
                verdicts.matches.setdefault(name, {})[step.number] = match(step.written[name], true)
    return verdicts


def tolerance_of(step: Step) -> float:
    """The residual that rounding can leave in this program."""
    single = any(np.asarray(update.before.value).dtype == np.float32 for update in step.updates.values())
    return TOLERANCE_SINGLE if single else TOLERANCE


def best_loss(steps: Sequence[Step], tolerance: float) -> Verdicts | None:
    """The candidate that explains most weights in every step; ties go to the simpler loss.

    A candidate is first tried on a few steps and only the best of them on all.
    """
    names = {key for step in steps for key in step.losses}
    few = list(steps[:: max(1, len(steps) // 3)])[:4]
    ranked = sorted(names, key=lambda loss: _rank(judge(few, loss), few, tolerance), reverse=True)
    finalists = [judge(steps, loss) for loss in ranked[:3]]
    if not finalists:
        return None
    return max(finalists, key=lambda verdicts: _rank(verdicts, steps, tolerance))


def _rank(verdicts: Verdicts, steps: Sequence[Step], tolerance: float) -> tuple[float, float, float, int]:
    """Explained weights (in matrices first), then right signs, then the order of preference."""
    sizes = {name: update.before.value for step in steps for name, update in step.updates.items()}
    explained = [name for name in verdicts.matches if explains(verdicts, name, tolerance)]
    matrices = sum(np.size(sizes[name]) for name in explained if np.size(sizes[name]) > 1)
    known = -len(verdicts.unknown)
    similar = sum(m.cosine for by_step in verdicts.matches.values() for m in by_step.values() if not m.vacuous)
    count = sum(len(by_step) for by_step in verdicts.matches.values()) or 1
    return matrices, known, round(similar / count, 6), -PREFERENCE.index(verdicts.loss.kind)


def explains(verdicts: Verdicts, name: str, tolerance: float) -> bool:
    """Is the written gradient of this parameter a positive multiple of the true one in every telling step?"""
    return verdicts.exact(name, tolerance)
