"""Which scalar does the script descend?  Candidates, read off the tape of one step.

Many scripts never compute the loss whose gradient they follow.  What they always compute is where output and
target *meet*: a difference inside the written backward pass, or the one-hot target subtracted in place from the
probabilities.  Each such meeting proposes the losses whose derivative starts there.  Scalars that the script
does compute are candidates too.  A candidate is just a set of seeds for the reverse pass: (node, dLoss/dnode).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array, Span

Seeds = list[tuple[Node, Array]]
MOST_EXPLICIT = 6
EPSILON = 1e-12


@dataclass(frozen=True, eq=False)
class Pair:
    """An output and the target that it is compared with."""

    output: Node
    target: Array


@dataclass(frozen=True)
class Proposal:
    """What a candidate means in one step: the seeds of the reverse pass and the pairs behind them."""

    seeds: Seeds
    pairs: list[Pair]


@dataclass(frozen=True)
class Candidate:
    """A loss by its kind and the place where it shows; `key` identifies it from step to step."""

    kind: str
    span: Span

    @property
    def by_pairs(self) -> bool:
        """Was it read off outputs that meet targets?  (Else it is a scalar that the script computes.)"""
        return self.kind not in ("explicit", "maximised")

    def text(self) -> str:
        """The loss in words."""
        return TEXTS[self.kind]


TEXTS = {
    "explicit": "the value that the script computes",
    "squared": "half the squared error between output and target",
    "binary-cross-entropy": "binary cross-entropy between output and target",
    "cross-entropy": "cross-entropy between output and target",
    "softmax-cross-entropy": "cross-entropy of the softmax of the output",
    "canonical-link": "the loss whose derivative before the last activation is output minus target",
    "maximised": "minus the value that the script computes and maximises",
}
PREFERENCE = list(TEXTS)


def candidates(
    step: Iterable[Node], tainted: Collection[Node], backward: Collection[Node]
) -> dict[Candidate, Proposal]:
    """Every loss that one step proposes.

    step      the nodes of the step, in order
    tainted   those that depend on the parameters
    backward  those from which the increments of the parameters were computed
    """
    found: dict[Candidate, Proposal] = {}
    for node in step:
        if node not in tainted or node.span is None:
            continue
        if node in backward:
            for output, target in _meeting(node, tainted):
                pair = Pair(output, _fitted(target, np.shape(output.value)))
                for kind, seed in _seeds(pair):
                    proposal = found.setdefault(Candidate(kind, node.span), Proposal([], []))
                    proposal.seeds.append(seed)
                    proposal.pairs.append(pair)
        elif np.ndim(node.value) == 0 and np.isfinite(node.value):
            for kind, sign in (("explicit", 1.0), ("maximised", -1.0)):
                seeds = [(node, np.full((), sign))]
                found[Candidate(kind, node.span)] = Proposal(seeds, [Pair(node, np.zeros(()))])
    explicit = [key for key in found if not key.by_pairs]
    for key in explicit[: -2 * MOST_EXPLICIT]:
        del found[key]
    return found


def _meeting(node: Node, tainted: Collection[Node]) -> Iterator[tuple[Node, Array]]:
    """(output, target) where this node compares a tainted value with one that is not."""
    if node.op in ("subtract", "add") and len(node.args) == 2:
        yield from _difference(node, tainted)
    elif node.op in ("setitem", "scatter"):
        whole = node.args[0]
        if isinstance(whole, Node) and whole in tainted and np.shape(whole.value) == np.shape(node.value):
            implied = np.asarray(whole.value, float) - np.asarray(node.value, float)
            if _is_one_hot(implied):
                yield whole, implied


def _difference(node: Node, tainted: Collection[Node]) -> Iterator[tuple[Node, Array]]:
    left, right = node.args
    sign = 1.0
    if node.op == "add":  # target + (-output)
        sign = -1.0
    for output, other in ((left, right), (right, left)):
        if (
            not isinstance(output, Node)
            or output not in tainted
            or not isinstance(other, Node)
            or other in tainted
        ):
            continue
        target = np.asarray(other.value, float)
        if target.ndim == 0 and np.ndim(output.value) > 0 and np.size(output.value) > 1:
            continue  # 1 - output, as in a derivative: a constant, not a target
        if np.size(target) != np.size(node.value) and target.size != np.size(output.value):
            continue
        if np.shape(node.value) == np.shape(output.value):
            yield output, sign * target if node.op == "add" else target


def _is_one_hot(implied: Array) -> bool:
    """One 1 per sample and 0 elsewhere, with the samples in rows, in columns, or a single one in any shape."""
    rounded = np.round(implied)
    if (
        implied.ndim == 0
        or np.abs(implied - rounded).max() > 1e-6
        or not set(np.unique(rounded)) <= {0.0, 1.0}
    ):
        return False
    return any(bool(np.all(rounded.sum(axis=axis) == 1)) for axis in (None, 0, -1))


def _fitted(target: Array, shape: tuple[int, ...]) -> Array:
    return target.reshape(shape) if target.size == math.prod(shape) else np.broadcast_to(target, shape)


def _seeds(pair: Pair) -> Iterator[tuple[str, tuple[Node, Array]]]:
    """dLoss/doutput for the losses that a pair of output and target can mean."""
    output, target = pair.output, pair.target
    value = np.asarray(output.value, float)
    difference = value - target
    yield "squared", (output, difference)
    if _inside(value):
        yield "binary-cross-entropy", (output, difference / np.maximum(value * (1 - value), EPSILON))
        yield "cross-entropy", (output, -target / np.maximum(value, EPSILON))
    elif value.ndim:
        yield "softmax-cross-entropy", (output, _softmax(value) - target)
    before = _before_activation(output)
    if before is not None:
        yield "canonical-link", (before, difference)


def loss_value(kind: str, output: Any, target: Array) -> float:
    """The loss of one pair, summed over its elements; NaN for kinds that have no closed form here."""
    value = np.asarray(output, dtype=np.float64)
    if kind in ("explicit", "maximised"):
        return float(value) if kind == "explicit" else -float(value)
    if kind == "squared":
        return float(0.5 * np.sum((value - target) ** 2))
    if kind == "binary-cross-entropy":
        value = np.clip(value, EPSILON, 1 - EPSILON)
        return float(-np.sum(target * np.log(value) + (1 - target) * np.log(1 - value)))
    if kind == "cross-entropy":
        return float(-np.sum(target * np.log(np.maximum(value, EPSILON))))
    if kind == "softmax-cross-entropy":
        return float(-np.sum(target * np.log(np.maximum(_softmax(value), EPSILON))))
    return math.nan


def _softmax(value: Array) -> Array:
    shifted = np.exp(value - value.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def _inside(value: Array) -> bool:
    return bool(np.all((value >= 0) & (value <= 1)))


def _before_activation(output: Node) -> Node | None:
    """The last linear value before an element-wise output activation."""
    current = output
    for _ in range(12):
        inputs = [p for p in current.parents() if np.shape(p.value) == np.shape(output.value)]
        if current.op in ("dot", "matmul", "einsum", "tensordot", "inner"):
            return current if current is not output else None
        if (
            current.op == "add"
            and current is not output
            and any(p.op in ("dot", "matmul") for p in current.parents())
        ):
            return current
        if not inputs:
            return None
        current = inputs[0]
    return None
