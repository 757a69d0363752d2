"""Which scalar does the script descend?  Candidates, read off the tape of one step.

Many scripts never compute the loss whose gradient they follow.  What they always compute is where output and
target *meet*: a difference inside the written backward pass, or the one-hot target subtracted in place from the
probabilities.  Each such meeting proposes the losses whose derivative starts there.  Scalars that the script
does compute are candidates too.  A candidate is just a set of seeds for the reverse pass: (node, dLoss/dnode).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, compress, takewhile
from typing import Any

import numpy as np

from unstuck.autodiff.activations import softmax
from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import between, descendants
from unstuck.facts import Array, Span
from unstuck.trace.reading.links import is_canonical
from unstuck.trace.reading.meetings import Meetings, without_target
from unstuck.trace.reading.pairs import Pair
from unstuck.trace.reading.scalars import compares_steps, falling

Seeds = list[tuple[Node, Array]]
MOST_EXPLICIT = 6
MOST_PLACES = 4  # at which losses of one kind show, for their sums to be tried
EPSILON = 1e-12


@dataclass(frozen=True)
class Proposal:
    """What a candidate means in one step: the seeds of the reverse pass and the pairs behind them."""

    seeds: Seeds
    pairs: list[Pair]


@dataclass(frozen=True)
class Candidate:
    """A loss by its kind and the place where it shows; of a sum of losses, `more` are the other places."""

    kind: str
    span: Span
    more: tuple[Span, ...] = ()

    @property
    def by_pairs(self) -> bool:
        """Was it read off outputs that meet targets?  (Else it is a scalar that the script computes.)"""
        return self.kind not in ("explicit", "maximised", "returned")

    def text(self) -> str:
        """The loss in words."""
        return TEXTS[self.kind] + (f", summed over {len(self.more) + 1} places" if self.more else "")


BENT = "bent"  # a function of the difference is sent back
TEXTS = {
    "explicit": "the value that the script computes",
    "squared": "half the squared error between output and target",
    "binary-cross-entropy": "binary cross-entropy between output and target",
    "cross-entropy": "cross-entropy between output and target",
    "softmax-cross-entropy": "cross-entropy of the softmax of the output",
    "canonical-link": "the loss whose derivative before the last activation is output minus target",
    BENT: "a function of the difference between output and target, as the absolute error or Huber's loss is",
    "held-first": "half the squared error between output and a target that is computed and held constant",
    "held-second": "half the squared error between output and a target that is computed and held constant",
    "maximised": "minus the value that the script computes and maximises",
    "returned": "the value that the script returns to the optimiser",
}
REDUCTIONS = {"sum", "max", "amax", "mean", "logsumexp", "softmax", "einsum", "dot", "matmul"}
LINEAR = {"dot", "matmul", "einsum", "tensordot", "inner", "setitem", "scatter", "stack", "concatenate"}
DIFFERENCES = {"subtract", "setitem", "scatter"}
PARTS = {"getitem", "gather"}
CLIPPED = 1e-5  # by which a probability may be kept away from 0 and 1
COMPUTED = ("explicit", "maximised")
PROBABLE = ("binary-cross-entropy", "canonical-link")  # losses of a probability, whose target may be 0
HELD = ("held-first", "held-second")
PREFERENCE = list(TEXTS)


def candidates(
    step: Sequence[Node],
    tainted: Collection[Node],
    backward: Collection[Node],
    updating: Collection[Node] = (),
    late: Collection[Node] = (),
) -> tuple[dict[Candidate, Proposal], frozenset[Span]]:
    """Every loss that one step proposes, and where scalars stand that are none, for a later one rises as they fall.

    step      the nodes of the step, in order
    tainted   those that depend on the parameters
    backward  those from which the increments of the parameters were computed
    updating  those that lead to the updated parameters: rate x gradient is no loss
    late      those that depend on the updated parameters: where a loop updates first and then works out the next
              gradient, the line of the loss shows twice in a step, and the first is meant
    """
    found: dict[Candidate, Proposal] = {}
    inner: set[Span] = set()
    met = Meetings(tainted)
    for node in step:
        if node not in tainted or node.span is None:
            continue
        if node in backward:
            for pair in met.at(node):
                for kind, seed in _seeds(pair):
                    proposal = found.setdefault(Candidate(kind, node.span), Proposal([], []))
                    proposal.seeds.append(seed)
                    proposal.pairs.append(pair)
        elif node not in updating and np.ndim(node.value) == 0 and np.isfinite(node.value):
            if compares_steps(node, tainted, late):
                continue
            inner.update(falling(node, tainted))
            for kind, sign in zip(COMPUTED, (1.0, -1.0), strict=True):
                loss = Candidate(kind, node.span)
                if loss not in found or node not in late:
                    found[loss] = Proposal([(node, np.full((), sign))], [Pair(node, np.zeros(()))])
    found = {loss: _without_parts(proposal) for loss, proposal in without(found, inner).items()}
    explicit = [key for key in found if not key.by_pairs]
    for key in explicit[: -2 * MOST_EXPLICIT]:
        del found[key]
    early = [node for node in step if node not in late]
    return found | _sums(found, _without_target(found, early, backward)), frozenset(inner)


def without(losses: Mapping[Candidate, Proposal], places: Collection[Span]) -> dict[Candidate, Proposal]:
    """The losses without the scalars that the script computes at these places."""
    return {
        loss: each for loss, each in losses.items() if loss.kind not in COMPUTED or loss.span not in places
    }


def _without_parts(proposal: Proposal) -> Proposal:
    """The proposal without what is read of an output to be changed: of d[rows, labels] -= 1, all of d counts."""
    outputs = {pair.output for pair in proposal.pairs}
    kept = [
        not (pair.output.op in PARTS and not outputs.isdisjoint(pair.output.parents()))
        for pair in proposal.pairs
    ]
    return Proposal(list(compress(proposal.seeds, kept)), list(compress(proposal.pairs, kept)))


def _without_target(
    found: Mapping[Candidate, Proposal], step: Sequence[Node], backward: Collection[Node]
) -> dict[Candidate, Proposal]:
    """Errors that are probabilities as they stand, beside others that do meet a target."""
    outputs = _without_errors({pair for proposal in _by_pairs(found) for pair in proposal.pairs}, step)
    lone: dict[Candidate, Proposal] = {}
    for pair in without_target(step, backward, outputs, oldest=step[0].id) if outputs else ():
        for kind, seed in _seeds(pair):
            if kind in PROBABLE and pair.output.span is not None:
                proposal = lone.setdefault(Candidate(kind, pair.output.span), Proposal([], []))
                proposal.seeds.append(seed)
                proposal.pairs.append(pair)
    return lone


def _by_pairs(found: Mapping[Candidate, Proposal]) -> Iterator[Proposal]:
    return (proposal for loss, proposal in found.items() if loss.by_pairs)


def _without_errors(pairs: Collection[Pair], step: Sequence[Node]) -> set[Node]:
    """The outputs of these pairs that are no errors: a gradient less its mean, in an optimiser, compares no output."""
    outputs = {pair.output for pair in pairs if not pair.held}
    compared = [node for node in step if node.op in DIFFERENCES and not outputs.isdisjoint(node.parents())]
    return outputs.intersection(step) - descendants(compared, step) or outputs


def _sums(
    found: Mapping[Candidate, Proposal], lone: Mapping[Candidate, Proposal]
) -> dict[Candidate, Proposal]:
    """Losses of one kind at several places, added: real and fake samples, two heads of a network.

    lone  losses without a target, which count only beside another
    """
    places: dict[str, list[Candidate]] = defaultdict(list)
    for loss in found:
        if loss.by_pairs and loss.kind not in HELD:
            places[loss.kind].append(loss)
    sums = {}
    for kind, met in places.items():
        listed = met + [loss for loss in lone if loss.kind == kind and loss not in found]
        listed = listed if len(listed) <= MOST_PLACES else met
        several = range(2, len(listed) + 1) if len(listed) <= MOST_PLACES else ()
        for chosen in (chosen for count in several for chosen in combinations(listed, count)):
            if chosen[0] in lone:
                continue
            whole = replace(chosen[0], more=tuple(loss.span for loss in chosen[1:]))
            parts = [found.get(loss) or lone[loss] for loss in chosen]
            sums[whole] = Proposal(
                [s for p in parts for s in p.seeds], [pair for p in parts for pair in p.pairs]
            )
    return sums


def _seeds(pair: Pair) -> Iterator[tuple[str, tuple[Node, Array]]]:
    """dLoss/doutput for the losses that a pair of output and target can mean."""
    output, target, weight = pair.output, pair.target, pair.weight
    value = np.asarray(output.value, float)
    difference = weight * (value - target)
    if pair.held or pair.bent:
        yield f"held-{pair.held}" if pair.held else BENT, (output, difference)
        return
    yield "squared", (output, difference)
    if inside(value) and inside(np.asarray(target)):
        yield "binary-cross-entropy", (output, difference / np.maximum(value * (1 - value), EPSILON))
        yield "cross-entropy", (output, -weight * target / np.maximum(value, EPSILON))
    elif value.ndim:
        yield "softmax-cross-entropy", (output, weight * (softmax(value) - target))
    before = next((node for node in _before_activation(output) if is_link(node, output, target)), None)
    if before is not None:
        yield "canonical-link", (before, -difference if falls(before, output) else difference)


def loss_value(kind: str, output: Any, target: Array, weight: Array | float = 1.0) -> float:
    """The loss of one pair, summed over its weighted elements; NaN for kinds that have no closed form here."""
    value = np.asarray(output, dtype=np.float64)
    if kind in ("explicit", "maximised", "returned") and value.size == 1:
        return -float(value.item()) if kind == "maximised" else float(value.item())
    if kind == "returned":  # residuals, of which the optimiser sums the squares
        return float(0.5 * np.sum(value**2))
    if kind in ("squared", *HELD):
        return float(0.5 * np.sum(weight * (value - target) ** 2))
    if kind == "binary-cross-entropy":
        value = np.clip(value, EPSILON, 1 - EPSILON)
        return float(-np.sum(weight * (target * np.log(value) + (1 - target) * np.log(1 - value))))
    if kind == "cross-entropy":
        return float(-np.sum(weight * target * np.log(np.maximum(value, EPSILON))))
    if kind == "softmax-cross-entropy":
        return float(-np.sum(weight * target * np.log(np.maximum(softmax(value), EPSILON))))
    return math.nan


def is_link(before: Node, output: Node, target: Array) -> bool:
    """Is the error of a canonical link possible: one value each, or a softmax along the targets' sums of 1?"""
    z, value = np.asarray(before.value, float), np.asarray(output.value, float)
    single = z.shape == value.shape and is_canonical(z, np.asarray(output.value), target)
    several = z.shape == value.shape and any(
        (not target.any() or np.allclose(target.sum(axis=axis), 1.0))
        and np.allclose(value, softmax(z, axis), atol=CLIPPED)
        for axis in range(value.ndim)
    )
    if single == several:  # the values alone tell, and spare a walk through what lies between
        return single
    within = between([output], [before], stop=[before])
    return several if any(node.op in REDUCTIONS for node in within if node is not before) else single


def falls(before: Node, output: Node) -> bool:
    """Does the output fall where the value before its activation rises, as 1 / (1 + exp(z)) does?

    Of outputs that are all saturated, the end at which they are tells.
    """
    z, value = np.ravel(np.asarray(before.value, float)), np.ravel(np.asarray(output.value, float))
    steps = np.diff(value[np.argsort(z)])
    if not np.any(steps):
        middle = 0.5 if inside(value) else 0.0
        return bool(np.all(z * (value - middle) < 0))
    return bool(np.all(steps <= 0))


def inside(value: Array) -> bool:
    """Can these be probabilities?"""
    return bool(np.all((value >= 0) & (value <= 1)))


def _is_bilinear(node: Node) -> bool:
    """Is this a product with a bias, or the sum of products of elements, as of two word vectors?"""
    made_of = {"add": ("dot", "matmul"), "sum": ("multiply",)}.get(node.op, ())
    return any(parent.op in made_of for parent in node.parents())


def before_activation(output: Node) -> Node | None:
    """The last linear value, or array filled by several, before an element-wise output activation; else None."""
    return next(iter(_before_activation(output)), None)


def _before_activation(output: Node) -> list[Node]:
    """The same, followed by what is added to it before the activation, such as an offset that is not trained."""
    path: list[Node] = []
    current = output
    for _ in range(12):
        inputs = [p for p in current.parents() if np.shape(p.value) == np.shape(output.value)]
        if current.op in LINEAR or _is_bilinear(current) or (path and current.op in PARTS):
            sums = takewhile(lambda node: node.op in ("add", "subtract"), reversed(path))
            return [current, *(node for node in sums if node is not output)] if path else []
        if not inputs:
            return []
        path.append(current)
        current = inputs[0]
    return []
