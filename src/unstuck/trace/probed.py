"""What the expressions of probes turned out to be: derivatives of the loss, or something else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from unstuck.facts import Array, Probe, Value
from unstuck.trace.analysis import Analysis
from unstuck.trace.explaining.directions import RightValues
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.explaining.rights import right_values
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.tape.probes import Event

LEAST_EVENTS = 3  # evaluations that must agree before an expression is taken for a derivative
MOST_STEPS = 4  # in which values are compared with derivatives


def answered(
    probes: Sequence[Probe], events: Sequence[Event], found: Sequence[Analysis]
) -> tuple[Probe, ...]:
    """The probes with what was found about each of their expressions."""
    rights: dict[int, RightValues] = {}
    by_probe: dict[int, list[tuple[Event, RightValues | None]]] = defaultdict(list)
    for event in events:
        forward, loss = _pass_of(event, found)
        if (
            forward is not None
            and loss is not None
            and id(forward) not in rights
            and len(rights) < MOST_STEPS
        ):
            rights[id(forward)] = right_values(forward, loss)
        by_probe[event.number].append((event, rights.get(id(forward))))
    return tuple(_answer(probe, by_probe[number]) for number, probe in enumerate(probes))


def _pass_of(event: Event, found: Sequence[Analysis]) -> tuple[Forward | None, Candidate | None]:
    """The training step in which an evaluation was made, and its loss, where that is known."""
    for analysis in found:
        loss = analysis.verdicts.loss if analysis.verdicts else None
        for forward in analysis.account.passes if analysis.account else ():
            first, last = forward.step.nodes[0], forward.step.nodes[-1]
            inside = first.id <= event.place <= last.id and event.nodes[first.id] is first
            if inside and loss in forward.step.losses:
                return forward, loss
    return None, None


def _answer(probe: Probe, seen: Sequence[tuple[Event, RightValues | None]]) -> Probe:
    if not seen:
        return probe
    return replace(probe, found=tuple(_kind(seen, index) for index in range(len(probe.texts))))


def _kind(seen: Sequence[tuple[Event, RightValues | None]], index: int) -> Value:
    """What facts.Probe explains."""
    values = [value for event, _ in seen if (value := event.values[index]) is not None]
    if len(values) < len(seen):
        return "fails"
    own = [event.values[0] for event, _ in seen]
    rights = [right for _, right in seen]
    judged = [
        right.sign(value)
        for value, right, mine in zip(values, rights, own, strict=True)
        if right and (np.any(value) or (mine is not None and np.any(mine)))
    ]
    pairs = [(value, mine) for value, mine in zip(values, own, strict=True) if mine is not None]
    if any(value.shape != mine.shape for value, mine in pairs):
        return "misfit"
    told = len(judged) >= LEAST_EVENTS and all(judged)
    if told and not (len(pairs) == len(seen) and all(_parallel(value, mine) for value, mine in pairs)):
        return "derivative"
    if len(pairs) == len(seen) and all(np.array_equal(value, mine) for value, mine in pairs):
        return "same"
    return "other"


def _parallel(one: Array, other: Array) -> bool:
    """Is one of two arrays of one shape a multiple of the other?"""
    return RightValues([other]).sign(one) != 0 or not np.any(one) or not np.any(other)
