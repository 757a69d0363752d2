"""What the update makes of a right gradient: a known optimiser, one with a slip in it, or nothing that is known.

Each parameter whose gradient is right is asked what its optimiser is.  A single number goes along every direction; its
steps are those of an optimiser when they keep time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Explanation, Span
from unstuck.trace.judging.judge import Verdicts
from unstuck.trace.judging.matching import STEADY, match
from unstuck.trace.judging.memories import Kept, memories
from unstuck.trace.optimising.altered import NO_MINUS, Slip, slip
from unstuck.trace.optimising.explained import pull, title_of
from unstuck.trace.optimising.lookahead import looks_elsewhere
from unstuck.trace.optimising.machine import Machine, NotRun
from unstuck.trace.optimising.machines import machines
from unstuck.trace.optimising.outweighed import outweighed
from unstuck.trace.optimising.together import keeps_time
from unstuck.trace.optimising.unfed import unfed, unkept
from unstuck.trace.reading.steps import Update
from unstuck.trace.reading.written import Step
from unstuck.trace.running.sources import line_in_words

UNKNOWN = "its gradient is right, but no optimiser that is known makes such steps of it"
MOST_WORK = 3_000_000  # parameters times nodes, beyond which single numbers are not asked
OUT_OF_TIME = "its steps do not keep time with its gradients as those of a known optimiser would"


def unexplained(
    names: Collection[str], steps: Sequence[Step], verdicts: Verdicts, tolerance: float
) -> Iterator[tuple[str, Explanation | str]]:
    """Parameters whose steps are those of no known optimiser: what is wrong with them, or why nothing can be told."""
    found: dict[str, list[Machine]] = {}
    kept: Kept = {}
    sizes = {name: np.size(update.after.value) for step in steps for name, update in step.updates.items()}
    work = len(names) * sum(len(step.nodes) for step in steps)
    told = [name for name in names if sizes[name] > 1 or work <= MOST_WORK]
    for name in sorted(told, key=lambda name: -sizes[name]):
        mine = [step for step in steps if name in step.updates]
        keeps = any(_keeps(step, name) for step in mine)  # else they are plain sums
        if keeps and not kept:
            kept = {step.number: list(memories(step)) for step in steps}
        fault = unkept(name, mine) or unfed(name, mine, kept) if keeps else None
        fault = fault or (looks_elsewhere(name, mine, tolerance) if keeps else None)
        fault_or_reason = fault or outweighed(name, mine, verdicts, tolerance)
        if fault_or_reason:
            yield name, fault_or_reason
        elif keeps:
            others = [machine for each in found.values() for machine in each]
            found[name] = machines(name, mine, verdicts.telling(name), tolerance, others)
    yield from _unlike(found)


def _keeps(step: Step, name: str) -> bool:
    """Does the update take what earlier steps have left behind, or divide by something?"""
    update, start = step.updates[name], step.nodes[0].id
    older = (term.node for term in update.terms if term.node.id < start and term.node is not update.before)
    return step.adaptive or bool(step.carried.get(name)) or any(np.ndim(node.value) for node in older)


def _unlike(found: Mapping[str, Sequence[Machine]]) -> Iterator[tuple[str, Explanation | str]]:
    """The parameters whose machines are none that is known, with the one slip that all of them show."""
    titled = [
        (name, machine, title) for name in found for machine in found[name] for title in _titles(machine)
    ]
    arrays = [machine for _, machine, title in titled if title and machine.count > 1]
    unknown = {name: machine for name, machine, title in titled if not title}
    slips: dict[Span | None, Slip | None] = {}  # by the place of the update; the smallest array is searched
    for machine in sorted(unknown.values(), key=lambda each: each.count):
        place = machine.updates[-1].after.span
        if place not in slips:
            slips[place] = slip(machine)
    for name, machine in unknown.items():
        mending = slips[machine.updates[-1].after.span]
        alike = [other for other in unknown.values() if _share_places(machine, other)]
        proven = mending is not None and all(mending.mends(other) for other in alike)
        proven = proven and not any(map(_keeps_copy, machine.updates))
        yield name, _explanation(name, machine, mending) if mending is not None and proven else UNKNOWN
    for name, machine, title in titled:
        if title and machine.count > 1 and (fault := _inflating(name, machine)) is not None:
            yield name, fault
        if machine.count == 1 and not _keeps_time(machine, arrays):
            yield name, OUT_OF_TIME


def _keeps_copy(update: Update) -> bool:
    """Is the gradient worked out for an older value as well, as where its variance is reduced?

    Then an operation that takes the parameter takes, in another round, another array of its shape.
    """
    before = update.before
    behind = ancestors([update.after], oldest=before.id, stop={before})
    places = {(node.span, node.op) for node in behind if before in node.parents()} - {
        (update.after.span, update.after.op)
    }
    again = [node for node in behind if (node.span, node.op) in places and before not in node.parents()]
    shape = np.shape(before.value)
    return any(
        each.id < before.id and np.shape(each.value) == shape for node in again for each in node.parents()
    )


def _inflating(name: str, machine: Machine) -> Explanation | None:
    """The explanation of a decay that makes the parameter larger in every step, whatever the gradient is."""
    span = machine.updates[-1].after.span
    pulls = zip(pull(machine), machine.updates, strict=True)
    found = [match(each, np.asarray(update.before.value, float)) for each, update in pulls]
    grows = all(not each.vacuous and each.scale > 0 and each.residual <= STEADY for each in found)
    text = f"the weight decay of {name} makes it larger in every step instead of smaller: its sign is wrong"
    return Explanation("sign", text, span) if grows and span is not None else None


def _titles(machine: Machine) -> Iterator[str]:
    """What the machine is, where it can be played again; a single number goes along every direction."""
    try:
        yield title_of(machine)
    except NotRun:
        return


def _keeps_time(number: Machine, arrays: Sequence[Machine]) -> bool:
    try:
        return keeps_time(number, arrays)
    except NotRun:
        return True


def _share_places(one: Machine, other: Machine) -> bool:
    """Are these the same statements, for two parameters?"""
    return one.updates[-1].after.span == other.updates[-1].after.span


def _explanation(name: str, machine: Machine, found: Slip) -> Explanation | str:
    span, after = found.place[0], machine.updates[-1].after.span
    if span is None:
        return UNKNOWN
    text = (
        f"the steps of {name} are those of no known optimiser; with {found.should} at "
        f"{line_in_words(span)} they would go along {found.title}"
    )
    kind = "sign" if found.should == NO_MINUS else "optimiser"
    return Explanation(kind, text, span, (after,) if after not in (None, span) else ())
