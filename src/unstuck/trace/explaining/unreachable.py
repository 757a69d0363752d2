"""Errors of a softmax whose target no softmax can reach: 2 subtracted at the right class, or nothing at all.

The outputs p of a softmax sum to 1, whatever goes into it.  So whatever the loss is, as long as it is computed from
p, its derivative by what goes into the softmax sums to 0 in each row.  The error `p - k * one_hot` sums to 1 - k: with
any number k but 1 it is the derivative of no such loss, and steps along it never come to rest.  What proves the case
is that every number of every gradient follows, exactly and in every step, once this error is taken as given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array
from unstuck.trace.explaining.astray import TEXT, Start, Told, proven
from unstuck.trace.explaining.hypotheses import value_of
from unstuck.trace.reading.losses import CLIPPED
from unstuck.trace.reading.pairs import Pair
from unstuck.trace.reading.written import Step

STORES = {"setitem", "scatter"}
ROUND = 1e-6  # by which numbers may differ that are meant to be one


@dataclass(frozen=True)
class Amount:
    """What stands in the place of the one 1 in each row that should be subtracted from the outputs.

    number   that is subtracted there instead
    stores   the statements that subtract it, in order
    one_hot  where it is subtracted
    """

    number: float
    stores: tuple[Node, ...]
    output: Node
    one_hot: Array


def unreachable(steps: Sequence[Step], tolerance: float) -> Told | None:
    """What is meant where another number than 1 is subtracted from a softmax, and the account of it; or None."""
    found = [amount for step in steps[:1] for amount in _amounts(step)]
    for kind in dict.fromkeys(_told(amount) for amount in found):
        account = proven(steps, partial(_starts, kind), *kind, tolerance)
        if account is not None:
            return account
    return None


def _told(amount: Amount) -> tuple[str, str]:
    """The kind of the fault, and what to say about it."""
    if abs(amount.number + 1) < ROUND:
        return "sign", TEXT
    own = [_subtracted(store) for store in amount.stores]
    if len(own) > 1 and all(abs(number - 1) < ROUND for number in own):
        return (
            "statement-extra",
            f"the target is subtracted from the outputs {len(own)} times: the error is no derivative of a loss of them",
        )
    what = f"{amount.number:.4g} is subtracted" if abs(amount.number) > ROUND else "nothing is subtracted"
    return (
        "wrong-number",
        f"{what} at the target of each row, where 1 belongs: the outputs of a softmax sum to 1",
    )


def _subtracted(store: Node) -> float:
    """The largest number that one statement subtracts."""
    taken = value_of(store.args[0]) - value_of(store)
    return float(taken.flat[np.abs(taken).argmax()])


def _starts(told: tuple[str, str], step: Step) -> Iterator[Start]:
    for amount in _amounts(step):
        if _told(amount) == told:
            yield Start(amount.stores[-1], Pair(amount.output, amount.one_hot), value_of(amount.stores[-1]))


def _amounts(step: Step) -> Iterator[Amount]:
    """Every place of a step where a number is subtracted from one output in each row of a softmax."""
    inner = {node.args[0] for node in step.nodes if node.op in STORES}
    for node in step.nodes:
        if node.op not in STORES or node in inner or node not in step.backward:
            continue
        stores = [node]
        while isinstance(whole := stores[0].args[0], Node) and whole.op in STORES:
            stores.insert(0, whole)
        if isinstance(whole, Node) and np.shape(whole.value) == np.shape(node.value):
            yield from _amount(stores, whole)


def _amount(stores: Sequence[Node], output: Node) -> Iterator[Amount]:
    p, taken = value_of(output), value_of(output) - value_of(stores[-1])
    axis = next((axis for axis in (-1, 0) if p.ndim and _are_shares(p, axis)), None)
    if axis is None:
        return
    chosen = np.abs(taken) > ROUND
    if not np.any(chosen):
        chosen = _stored_at(stores[-1])
    numbers = taken[chosen]
    alike = numbers.size > 0 and np.ptp(numbers) < ROUND
    if alike and np.all(chosen.sum(axis=axis) == 1) and abs(numbers[0] - 1) > ROUND:
        yield Amount(float(numbers[0]), tuple(stores), output, chosen.astype(float))


def _are_shares(p: Array, axis: int) -> bool:
    """Are these the outputs of a softmax along this axis, of two classes at least?"""
    return bool(p.shape[axis] > 1 and np.all(p >= 0) and np.all(np.abs(p.sum(axis=axis) - 1) < CLIPPED))


def _stored_at(store: Node) -> Array:
    """The elements that a statement writes."""
    written = np.zeros(np.shape(store.value), bool)
    (written.reshape(-1) if store.op == "scatter" else written)[store.args[1]] = True
    return written
