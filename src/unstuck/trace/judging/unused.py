"""Biases that are trained and never used: their gradient is worked out and added up, and no layer reads the result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import adjoints, ancestors
from unstuck.facts import Array, Explanation, Gradient, Span
from unstuck.trace.judging.matching import match
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.terms import terms_of
from unstuck.trace.reading.written import Step

LEAST_STEPS = 3
TESTED = 6
SUMS = {"sum", "mean"}


def unused(steps: Sequence[Step], loss: Candidate, tolerance: float) -> list[Gradient]:
    """A Gradient, with the status "wrong", for every value that is moved along a bias's gradient and never read."""
    used = [step for step in steps if loss in step.losses][:TESTED]
    if len(used) < LEAST_STEPS:
        return []
    found = [dict(_moved(step, loss, tolerance)) for step in used]
    places = [place for place in found[0] if all(place in other for other in found)]
    return [_noun(found[0][place], len(used)) for place in places]


def _moved(step: Step, loss: Candidate, tolerance: float) -> Iterator[tuple[Span, Node]]:
    """Values `old + factor * gradient` that nothing in the step reads, although a layer's error was summed for them."""
    start = step.nodes[0].id
    parents = {parent for node in step.nodes for parent in node.parents()}
    known = {update.after for update in step.updates.values()}
    errors: list[Array] | None = None
    for node in step.nodes:
        if node.op not in ("add", "subtract") or node in parents or node in known or node.span is None:
            continue
        terms = terms_of(node, stop=lambda other: other.op in SUMS or other.id < start)
        summed = [term for term in terms if term.node.op in SUMS and term.node in step.tainted]
        old = [
            term for term in terms if term.node.op in ("leaf", "add", "subtract") and term.coefficient == 1.0
        ]
        if len(terms) != 2 or len(summed) != 1 or len(old) != 1 or np.size(node.value) < 2:
            continue
        if _is_read(old[0].node, step, loss):
            continue  # the bias is used; what is made of it and lost is its update
        errors = _errors(step, loss) if errors is None else errors
        value = -summed[0].coefficient * np.asarray(summed[0].node.value, float)
        if any(_fits(value, error, tolerance) for error in errors if error.shape[-1:] == value.shape[-1:]):
            yield node.span, node


def _is_read(value: Node, step: Step, loss: Candidate) -> bool:
    """Does the forward pass use this value?"""
    roots = [node for node, _ in step.losses[loss].seeds]
    return value in ancestors(roots, oldest=value.id, stop=set(step.wrt()))


def _errors(step: Step, loss: Candidate) -> list[Array]:
    """The true gradients of a bias, if one were added to any of the two-dimensional values of the forward pass."""
    wrt = step.wrt()
    found = adjoints(step.losses[loss].seeds, wrt, stop=set(wrt)).cotangents
    return [g.sum(axis=0) for node, g in found.items() if np.ndim(node.value) == 2 and node not in wrt]


def _fits(value: Array, error: Array, tolerance: float) -> bool:
    found = match(value.reshape(-1), error.reshape(-1)) if value.size == error.size else None
    return found is not None and not found.vacuous and found.scale > 0 and found.residual <= tolerance


def _noun(node: Node, count: int) -> Gradient:
    name = node.names[-1] if node.names else "a bias"
    assert node.span is not None
    text = f"{name} is moved along its gradient in every step, but nothing uses it: the forward pass leaves it out"
    zeros = np.zeros(np.shape(node.value))
    return Gradient(
        parameter=name,
        span=node.span,
        status="wrong",
        cosine=float("nan"),
        scale=0.0,
        residual=1.0,
        steps=count,
        written=zeros,
        exact=zeros,
        explanation=Explanation("bias-never-used", text, node.span),
    )
