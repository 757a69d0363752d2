"""What part of an update is the gradient?  Several readings of one increment, among which a loss decides.

Beside the gradient an update may hold weight decay or another penalty, what an earlier step left behind
(`w -= step + 0.9 * last_step`), random numbers added on purpose, or a mask that holds some weights back.  All
of that may belong to the gradient as well (the bias of a linear output is added to it, dropout masks it), so
nothing is taken away before it is known which reading a loss confirms.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array, Span
from unstuck.trace.reading.steps import Update
from unstuck.trace.reading.terms import DECAYED, Term, opened, terms_of

Readings = dict[str, Array]  # by what is done to the increment; the first is the usual one
PENALTIES = ("without decay", "without penalty", "without decay here")
NEGLIGIBLE = 1e-12


def readings(update: Update, terms: Sequence[Term], tainted: Collection[Node], start: int) -> Readings:
    """Every reading of one update as a gradient.

    terms    the additive terms of the update
    tainted  nodes that depend on the parameters
    start    id of the first node of the step
    """
    before, shape = update.before, np.shape(update.before.value)
    others = [term for term in terms if term.node is not before]
    gradient = _summed(others, shape)
    own = sum(term.coefficient for term in terms if term.node is before) - 1.0
    found = {"whole": gradient}
    if abs(own) >= NEGLIGIBLE:
        found = {"whole": gradient - own * np.asarray(before.value, float), "without decay": gradient}
        here = _own_here(update)
        from_old = NEGLIGIBLE <= abs(here) < 0.5  # the statement starts from the old value itself
        if from_old and abs(here - own) >= NEGLIGIBLE:
            found["without decay here"] = gradient + (here - own) * np.asarray(before.value, float)
    for kind, left_out in (
        ("without penalty", [term for term in others if is_penalty(term.node, before, tainted)]),
        ("without earlier steps", _faded(others, start)),
        ("without noise", [term for term in others if _is_noise(term.node, start)]),
    ):
        if 0 < len(left_out) < len(others):
            found[kind] = _summed([term for term in others if term not in left_out], shape)
    unmasked = [_unmasked(term, tainted, start) for term in others]
    if any(old is not new for old, new in zip(others, unmasked, strict=True)):
        found["without mask"] = _summed(unmasked, shape)
    return found


def _own_here(update: Update) -> float:
    """The share of its old value that the statement of an update itself adds to it.

    (The error of a linear output contains its bias as well, but is made elsewhere.)
    """
    before, after = update.before, update.after

    def stop(node: Node) -> bool:
        elsewhere = node.span is None or after.span is None or not _in_lines(node.span, after.span)
        return node is before or elsewhere

    return sum(term.coefficient for term in terms_of(after, stop) if term.node is before) - 1.0


def _in_lines(span: Span, whole: Span) -> bool:
    return span.path == whole.path and whole.line <= span.line <= whole.end_line


def of_part(found: Readings, part: slice | None) -> Readings:
    """The same readings of a part of a vector; None stands for all of it."""
    return found if part is None else {kind: np.ravel(whole)[part] for kind, whole in found.items()}


def _summed(terms: Sequence[Term], shape: tuple[int, ...]) -> Array:
    """The descent direction that the terms of an increment make together."""
    return sum((-term.coefficient * np.asarray(term.node.value, float) for term in terms), np.zeros(shape))


def _faded(terms: Sequence[Term], start: int) -> list[Term]:
    """What earlier steps left behind, if it counts for less than what this step adds."""
    old = [term for term in terms if term.node.id < start and term.node.op != "leaf"]
    new = [abs(term.coefficient) for term in terms if term.node.id >= start]
    return old if new and all(abs(_factor(term)) < max(new) for term in old) else []


def _factor(term: Term) -> float:
    """The coefficient of a term when the plain numbers in its own product are taken out."""
    while (parts := opened(term.coefficient, term.node)) is not None and len(parts) == 1:
        term = Term(*parts[0])
    return term.coefficient


def is_penalty(node: Node, before: Node, tainted: Collection[Node]) -> bool:
    """Was the value computed from the parameter alone, element by element?"""
    if node.op == DECAYED:
        return True
    shape = np.shape(before.value)
    pending, seen = [node] if node in tainted else [], set[Node]()
    while pending:
        current = pending.pop()
        if current in seen or current.id < before.id:
            continue
        if np.shape(current.value) != shape:
            return False
        seen.add(current)
        pending += [parent for parent in current.parents() if parent in tainted]
    return before in seen


def _is_noise(node: Node, start: int) -> bool:
    """Was this made in the step out of nothing?  Equal numbers, or a whole one, are what something was started with."""
    value = np.asarray(node.value, float)
    same = np.ptp(value) == 0 if value.size > 1 else value.size == 1 and value.item().is_integer()
    return node.op == "leaf" and node.id >= start and not same


def _unmasked(term: Term, tainted: Collection[Node], start: int) -> Term:
    """The factor that depends on the parameters, where the other is an array that was there before the step."""
    node = term.node
    if node.op == "multiply" and len(node.args) == 2:
        for factor, mask in (node.args, node.args[::-1]):
            fixed = isinstance(mask, Node) and mask.id < start and mask not in tainted
            if fixed and isinstance(factor, Node) and factor in tainted and _alike(factor, mask, node):
                return Term(term.coefficient, factor)
    return term


def _alike(*nodes: Node) -> bool:
    """Have these values one shape, with more than one element?"""
    return np.size(nodes[0].value) > 1 and len({np.shape(node.value) for node in nodes}) == 1
