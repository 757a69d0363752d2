"""Faults of the update that a comparison of gradients does not show.

A gradient may be right and still be put to a wrong use: it is added to what earlier batches left behind, the
optimiser forgets its state or takes the root of a negative number, a bias grows by broadcasting, or the value
that a layer uses is not the one that is updated.  Each has its own exact proof on the tape; without that proof
nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Explanation
from unstuck.trace.judging.anew import started_anew
from unstuck.trace.judging.idle import idle_memories
from unstuck.trace.judging.lost import (
    comes_to_nothing,
    made_of_itself,
    never_stored,
    nothing_moves,
    of_itself,
    without_gradient,
)
from unstuck.trace.judging.memories import memories, memory_faults
from unstuck.trace.judging.moments import miscorrected
from unstuck.trace.judging.statements import statement_about
from unstuck.trace.judging.whole_numbers import cut_to_whole_numbers
from unstuck.trace.reading.steps import Update
from unstuck.trace.reading.terms import terms_of
from unstuck.trace.reading.written import Step
from unstuck.trace.running.sources import line_in_words

LEAST_STEPS = 3
DOUBLED = 1.5  # share of an old value from which on it is kept more than once
ROOTS = {"sqrt", "power"}
SCALING = {"multiply", "true_divide", "negative"}


def update_faults(steps: Sequence[Step]) -> dict[str, Explanation]:
    """Explanations by parameter, for updates that are wrong whatever the gradient is."""
    found: dict[str, Explanation] = {}
    for name in dict.fromkeys(name for step in steps for name in step.updates):
        mine = [step for step in steps if name in step.updates]
        for fault in FAULTS:
            explanation = fault(name, mine)
            if explanation is not None:
                found.setdefault(name, explanation)
    if nothing_moves(steps):
        zeros = ((name, comes_to_nothing(name, steps)) for step in steps[-1:] for name in step.updates)
        found = {name: explanation for name, explanation in zeros if explanation is not None} | found
    kept = {step.number: list(memories(step)) for step in steps}
    for name, explanation in (*memory_faults(steps, kept), *idle_memories(steps, kept)):
        found.setdefault(name, explanation)
    return found


# ----- Shapes -------------------------------------------------------------------------------------------


def _grown(name: str, steps: Sequence[Step]) -> Explanation | None:
    """The first recorded update, or the one before it, made the parameter larger."""
    update = steps[0].updates[name]
    old = update.before.args[0] if update.before.args else None
    grown = [(update.before, update.after)]
    if isinstance(old, Node) and update.before.op in ("add", "subtract"):
        grown.append((old, update.before))
    sizes = [(np.shape(one.value), np.shape(other.value)) for one, other in grown]
    sizes = [(one, other) for one, other in sizes if 0 < np.prod(one) < np.prod(other) and one]
    if not sizes:
        return None
    before, after = sizes[0]
    text = (
        f"{name} has shape {before} and grows to {after} in its first update: "
        "its gradient is not summed over the rows, and broadcasting hides it"
    )
    source = _gradient_of(update)
    named = source.names[-1] if source is not None and source.names else ""
    if source is not None and _serves_others(source, update, steps[0]):
        return (
            Explanation("bias-broadcast", text, update.after.span) if update.after.span is not None else None
        )
    bound = source.bound[-1] if source is not None and source.bound else None
    span = bound or (statement_about(source.span, named) if source and source.span and named else None)
    uses = (update.after.span,) if update.after.span else ()
    span = span or (source.span if source is not None else None) or update.after.span
    return Explanation("bias-broadcast", text, span, uses) if span is not None else None


def _serves_others(source: Node, update: Update, step: Step) -> bool:
    """Is this the error of a layer, with one name, of which other gradients are made too?"""
    others = [other.after for other in step.updates.values() if other is not update]
    return len(source.names) == 1 and source in ancestors(others, oldest=source.id)


def _gradient_of(update: Update) -> Node | None:
    """What is added to the old value, without the rate: what has a name."""
    parts = [arg for arg in update.after.args if isinstance(arg, Node) and arg is not update.before]
    if update.after.op not in ("add", "subtract") or len(parts) != 1:
        terms = [term.node for term in update.terms if term.node is not update.before]
        return max(terms, key=lambda node: node.id, default=None)
    return _from_memory(_unscaled(parts[0]))


def _unscaled(node: Node) -> Node:
    """What has a name, before numbers were multiplied with it."""
    while not node.names and node.op in SCALING:
        arrays = [each for each in node.parents() if np.ndim(each.value)]
        if len(arrays) != 1:
            break
        node = arrays[0]
    return node


def _from_memory(node: Node) -> Node:
    """What a memory has taken in: the one part of it that has another name than it."""
    if node.op not in ("add", "subtract"):
        return node
    parts = [_unscaled(each) for each in node.parents() if np.ndim(each.value)]
    others = [each for each in parts if each.names and each.names[-1:] != node.names[-1:]]
    return others[0] if len(others) == 1 else node


# ----- The old value ------------------------------------------------------------------------------------


def _multiplied(name: str, steps: Sequence[Step]) -> Explanation | None:
    """Every update turns the sign of the old value, or doubles it: `rate * g - w`, or `w += w - rate * g`."""
    kept = [
        sum(term.coefficient for term in update.terms if term.node is update.before)
        for update in (step.updates[name] for step in steps)
    ]
    span = steps[-1].updates[name].after.span
    if len(kept) < LEAST_STEPS or span is None or min(kept) < 0 <= max(kept):
        return None
    if max(kept) < 0:
        text = f"each update of {name} turns the sign of its old value, which should be kept"
        return Explanation("sign", text, span)
    if min(kept) < DOUBLED:
        return None
    text = f"each update of {name} adds to the old value that value again, which should be kept as it is"
    return Explanation("parameter-not-kept", text, span)


# ----- Numbers that are none ----------------------------------------------------------------------------


def _root_of_negative(name: str, steps: Sequence[Step]) -> Explanation | None:
    """The update became NaN where the optimiser took the root of a running mean that is negative."""
    origin = origin_of_nan(steps[0].updates[name])
    if origin is None or origin.op not in ROOTS or not isinstance(origin.args[0], Node):
        return None
    if not np.any(np.asarray(origin.args[0].value, float) < 0):
        return None
    mean = _running_mean(origin.args[0])
    if mean is None or mean.span is None:
        return None
    text = (
        f"the optimiser takes the square root of negative numbers, and {name} becomes NaN: "
        "what it averages is not squared"
    )
    return Explanation("optimiser", text, mean.span, (origin.span,) if origin.span else ())


def _running_mean(node: Node) -> Node | None:
    """The sum behind scalar factors and bias correction, if it mixes in its own older value (zeros at first)."""
    while node.op in ("multiply", "true_divide", "copy", "gather") and isinstance(node.args[0], Node):
        node = node.args[0]
    if node.op not in ("add", "subtract"):
        return None
    parts = terms_of(node, stop=lambda other: other.span == node.span)
    faded = [part.node for part in parts if 0 < part.coefficient < 1 and np.size(part.node.value) > 1]
    return node if any(old.span == node.span or not np.any(old.value) for old in faded) else None


def origin_of_nan(update: Update) -> Node | None:
    """The earliest value on the way to an update that is not finite although all its operands are."""
    if np.all(np.isfinite(np.asarray(update.after.value, float))):
        return None
    for node in sorted(ancestors([update.after]), key=lambda item: item.id):
        if not is_finite(node) and all(is_finite(parent) for parent in node.parents()):
            return node
    return None


def is_finite(node: Node) -> bool:
    """Are all numbers of this value finite?"""
    return bool(np.all(np.isfinite(np.asarray(node.value, float))))


def _by_zero(name: str, steps: Sequence[Step]) -> Explanation | None:
    """The update became NaN where the optimiser's memory is divided by 1 - beta ** 0."""
    origin = origin_of_nan(steps[0].updates[name])
    if origin is None or origin.span is None or origin.op != "true_divide":
        return None
    numerator, divisor = origin.args[:2]
    if not isinstance(numerator, Node) or np.size(numerator.value) < 2 or not _is_nothing(divisor):
        return None
    if _running_mean(numerator) is None:
        return None
    text = (
        f"the optimiser divides by zero, and {name} becomes NaN: its bias correction, 1 - beta ** t, counts the "
        "first step as 0 instead of 1"
    )
    return Explanation("optimiser", text, origin.span)


def _is_nothing(divisor: object) -> bool:
    value = divisor.value if isinstance(divisor, Node) else divisor
    return np.ndim(value) == 0 and float(value) == 0.0  # type: ignore[arg-type]


def _rootless(name: str, steps: Sequence[Step]) -> Explanation | None:
    """In every step the gradient is divided by the running mean of its squares, and no root is taken."""
    found = [_divided_by_squares(step, step.updates[name]) for step in steps]
    if len(found) < LEAST_STEPS or not all(found) or found[-1] is None or found[-1].span is None:
        return None
    text = (
        f"the step of {name} is divided by the mean of the squares of its gradient, and not by the root of it"
    )
    return Explanation("optimiser", text, found[-1].span)


def _divided_by_squares(step: Step, update: Update) -> Node | None:
    start = step.nodes[0].id
    for term in update.terms:
        node = term.node
        if node.op != "true_divide" or node.id < start or not all(isinstance(arg, Node) for arg in node.args):
            continue
        above, below = (
            [part.node for part in terms_of(arg, stop=lambda other: other.id < start)]
            for arg in node.args
            if isinstance(arg, Node)
        )
        squares = [part for part in below if _is_square(part) and part.args[0] in above]
        if squares and np.shape(squares[0].value) == np.shape(node.value):
            return node
    return None


def _number(argument: object) -> float:
    value = argument.value if isinstance(argument, Node) else argument
    return float(value) if isinstance(value, int | float | np.number) else np.nan


def _is_square(node: Node) -> bool:
    if node.op == "power":
        return bool(np.all(_number(node.args[1]) == 2))
    return node.op == "square" or (node.op == "multiply" and node.args[0] is node.args[1])


FAULTS = (
    _grown,
    _multiplied,
    never_stored,
    without_gradient,
    made_of_itself,
    of_itself,
    _root_of_negative,
    _by_zero,
    _rootless,
    miscorrected,
    started_anew,
    cut_to_whole_numbers,
)


def overflowed(name: str, steps: Sequence[Step]) -> str:
    """Why nothing can be compared, where the numbers of a parameter are not finite; else empty."""
    for step in steps:
        update = step.updates.get(name)
        if update is None:
            continue
        origin = origin_of_nan(update)
        if origin is not None:
            place = f" at {line_in_words(origin.span)}" if origin.span is not None else ""
            begun = (
                "in the data or the initial values"
                if origin.op == "leaf"
                else f"beginning{place} ({origin.op})"
            )
            return f"its numbers are not finite from step {step.number + 1} on, {begun}"
    return ""
