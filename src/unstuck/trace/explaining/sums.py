"""Gradients whose parts are right and whose sum is not: the sign, the samples that count, rows, repeated rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array
from unstuck.trace.explaining.hypotheses import Hypothesis, Search, Unaltered, label, value_of
from unstuck.trace.explaining.uses import Back, Formed, Use, constantly, formed, uses_of
from unstuck.trace.reading.views import LOOKUPS

MOST_LOOKUPS = 4  # of one table in a step
ELEMENTWISE = {"add", "subtract", "multiply", "true_divide"}


def signs(search: Search) -> Iterator[Hypothesis]:
    """Steps that go up the loss: of all parameters that do so together, then of each."""
    climbing = sorted(search.climbing & search.wrong)
    for names in dict.fromkeys([tuple(climbing), *((name,) for name in climbing)]):
        if names:
            title = f"the step of {names[0]} goes" if len(names) == 1 else "the steps go"
            text = f"{title} up the loss instead of down: the sign is wrong"
            yield formed(search, "sign", text, names, lambda number, uses: [_negative(use) for use in uses])


def _negative(use: Use) -> Back:
    return lambda g: -Unaltered(use.y, use.operand)(g)


def sums(search: Search, names: Sequence[str]) -> Iterator[Hypothesis]:
    """What may have gone wrong when the contributions to these gradients were added up."""
    tables = [uses_of(search, name) for name in names]
    title = names[0] if len(names) == 1 else "the parameters"
    yield from _samples(search, names, tables, title)
    if any(use.y.op in LOOKUPS for use in _all(tables)):
        text = f"a row of {title} that occurs several times gets only one of its contributions"
        yield formed(
            search, "duplicate-indices", text, names, lambda number, uses: [_last_wins(u) for u in uses]
        )
        yield from _neighbours(search, names, tables, title)
    if len(names) == 1 and all(use.y.op in ELEMENTWISE for use in _all(tables)):
        yield from _reductions(search, names[0], tables[0])


def _all(tables: Sequence[Mapping[int, list[Use]]]) -> Iterator[Use]:
    return (use for table in tables for uses in table.values() for use in uses)


def _samples(
    search: Search, names: Sequence[str], tables: Sequence[Mapping[int, list[Use]]], title: str
) -> Iterator[Hypothesis]:
    """Of several contributions (samples, time steps) only one is kept.

    What the parameter adds to the loss by itself, as a penalty does, is no contribution that overwrites others.
    """
    counted = [sum(not _is_alone(use) for use in uses) for table in tables for uses in table.values()]
    if not any(count > 1 for count in counted):
        return
    for position, which in ((-1, "last"), (0, "first")):
        text = f"the gradient of {title} holds only the {which} contribution: it is overwritten, not added up"
        yield formed(search, "gradient-overwritten", text, names, _only(position))


def _is_alone(use: Use) -> bool:
    """Does the parameter take part here without any other value?"""
    return all(parent is use.operand for parent in use.y.parents())


def _only(position: int) -> Formed:
    def rule(number: int, uses: Sequence[Use]) -> Sequence[Back | None]:
        return [None if use is uses[position] else constantly(np.zeros(()), use.operand) for use in uses]

    return rule


def _neighbours(
    search: Search, names: Sequence[str], tables: Sequence[Mapping[int, list[Use]]], title: str
) -> Iterator[Hypothesis]:
    """Rows are looked up at one place and updated one place beside it: of each of the lookups of a step."""
    if len(names) > 1:
        return
    count = max((len(uses) for uses in tables[0].values()), default=0)
    for position in range(min(count, MOST_LOOKUPS)):
        place = next(uses[position].y.span for uses in tables[0].values() if len(uses) > position)
        for shift, where in ((1, "behind"), (-1, "before")):
            text = f"the rows of {title} that are updated are one place {where} those that are looked up here"
            rule = _moved(position, shift)
            yield replace(formed(search, "wrong-operand", text, names, rule), place=place)


def _moved(position: int, shift: int) -> Formed:
    def rule(number: int, uses: Sequence[Use]) -> Sequence[Back | None]:
        return [_shifted(use, shift) if at == position else None for at, use in enumerate(uses)]

    return rule


def _shifted(use: Use, shift: int) -> Back | None:
    """The rows of a lookup's gradient, moved along the table, in which the last is before the first."""
    if use.y.op not in LOOKUPS:
        return None

    def back(g: Array) -> Array:
        return np.roll(Unaltered(use.y, use.operand)(g), shift, axis=0)

    return back


def _last_wins(use: Use) -> Back | None:
    """x[index] backward with = instead of +=: of repeated positions the last one counts."""
    if use.y.op not in LOOKUPS:
        return None

    def back(g: Array) -> Array:
        result = np.zeros(np.shape(use.operand.value))
        whole = result.reshape(-1) if use.y.op == "gather" else result
        whole[use.y.args[1]] = g
        return result

    return back


# ----- Sums over rows -----------------------------------------------------------------------------------


def _reductions(search: Search, name: str, uses: Mapping[int, list[Use]]) -> Iterator[Hypothesis]:
    """A bias or a scale, broadcast in the forward pass, whose gradient is not the sum over the broadcast axes."""
    rank = min((np.ndim(use.y.value) for use in _all([uses])), default=0)
    if not rank:
        return
    scaled = next((use for use in _all([uses]) if use.y.op == "multiply"), None)
    other = _scales(scaled) if scaled is not None else None
    if other is not None:
        text = f"the gradient of {name} should be multiplied by {label(other)}: this factor is missing"
        yield formed(search, "factor-missing", text, [name], lambda number, uses: [*map(_unscaled, uses)])
    ways: list[tuple[str, str, Callable[[Array], Array]]] = [
        ("bias-axis", "is summed over all elements instead of the rows", np.sum),
        ("bias-not-summed", "takes the last row instead of the sum over the rows", _row(-1)),
        ("bias-not-summed", "takes the first row instead of the sum over the rows", _row(0)),
    ]
    for axis in range(rank):
        ways.append(("bias-axis", f"is summed over axis {axis}, the wrong one", _over(axis)))
    for kind, text, reduce in ways:
        yield formed(search, kind, f"the gradient of {name} {text}", [name], _reducing(reduce))


def _unscaled(use: Use) -> Back | None:
    """What is added up over the rows is the error itself, not the error times what the parameter scales."""
    if use.y.op != "multiply":
        return None
    shape = np.shape(use.operand.value)

    def back(g: Array) -> Array:
        lead = g.sum(axis=tuple(range(np.ndim(g) - len(shape))))
        kept = tuple(axis for axis, length in enumerate(shape) if length == 1 != np.shape(lead)[axis])
        return np.asarray(lead.sum(axis=kept, keepdims=True)).reshape(shape)

    return back


def _over(axis: int) -> Callable[[Array], Array]:
    return lambda g: np.asarray(g.sum(axis))


def _row(index: int) -> Callable[[Array], Array]:
    return lambda g: np.asarray(g[index])


def _reducing(reduce: Callable[[Array], Array]) -> Formed:
    return lambda number, uses: [_reduced(use, reduce) for use in uses]


def _reduced(use: Use, reduce: Callable[[Array], Array]) -> Back | None:
    size, shape = np.size(use.operand.value), np.shape(use.operand.value)
    found = np.asarray(reduce(np.zeros(np.shape(use.y.value))))
    if found.size not in (1, size):
        return None
    kept = shape if found.size == size else ()
    other = _scales(use)
    factor = value_of(other) if other is not None else 1.0
    return lambda g: np.broadcast_to(np.asarray(reduce(g * factor)).reshape(kept), shape)


def _scales(use: Use) -> Node | None:
    """What a parameter is multiplied with, element by element; None where it is added."""
    others = [arg for arg in use.y.parents() if arg is not use.operand] if use.y.op == "multiply" else []
    return others[0] if others else None
