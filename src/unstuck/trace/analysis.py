"""What the tape says about training: which networks there are, what each descends, and how far it is right.

A program may train several networks, one after the other or in turn.  Each gets an analysis of its own; what
trains beside the main one is reported only where a loss explains some of it exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from unstuck.autodiff import effort
from unstuck.facts import Span
from unstuck.trace.explaining.account import Account, account_for, account_of_output
from unstuck.trace.explaining.astray import added
from unstuck.trace.judging.judge import Verdicts, best_loss, judge, tolerance_of
from unstuck.trace.judging.separate import separate
from unstuck.trace.reading.lone import number_steps
from unstuck.trace.reading.steps import Steps, Tracked
from unstuck.trace.reading.trainings import trainings
from unstuck.trace.reading.written import Step, prepare
from unstuck.trace.running.sources import line_in_words
from unstuck.trace.schedule import Window
from unstuck.trace.statuses import loss_is_known

Recorded = list[tuple[Window, Steps]]
MEANT = (
    "squared",
    "binary-cross-entropy",
    "cross-entropy",
)  # losses that people mean when they write a difference
MOST_COMPUTED = 2  # losses that the script computes and that are tried where nothing else explains it
Naming = Callable[[Window, Steps], Sequence[str]]


@dataclass(frozen=True)
class Analysis:
    """One network: its parameters by name, prepared steps, the loss and the verdicts under it.

    window   the first stretch of tape that shows it, and `first` the steps found there
    """

    parameters: Mapping[str, Tracked]
    steps: tuple[Step, ...]
    window: Window
    first: Steps
    verdicts: Verdicts | None
    account: Account | None
    tolerance: float

    @property
    def spans(self) -> dict[str, Span]:
        """Where each parameter is updated."""
        return {name: parameter.span for name, parameter in self.parameters.items()}

    def explains_some(self) -> bool:
        """Does the loss explain an array exactly?"""
        verdicts = self.verdicts
        return verdicts is not None and any(
            verdicts.is_array(name) and verdicts.telling(name) and verdicts.explains(name, self.tolerance)
            for name in verdicts.matches
        )


def analyses(windows: Sequence[Window], naming: Naming, operations: int) -> list[Analysis]:
    """The networks of a recorded run, the main one first; explaining each may take so many operations."""
    found: list[Analysis] = []
    for recorded in _by_parameters(windows):
        taken = {name for analysis in found for name in analysis.parameters}
        window, steps = recorded[0]
        found += _analysed(recorded, _unused(naming(window, steps), steps, taken), operations)
    return found[:1] + [analysis for analysis in found[1:] if analysis.explains_some()]


def _by_parameters(windows: Sequence[Window]) -> list[Recorded]:
    """Windows of one training that show the same parameters, together; what shows a part of them only is left out."""
    groups: dict[tuple[int, tuple[Span, ...]], Recorded] = {}
    for window in windows:
        for steps in trainings(window.nodes, 2, window.known):
            spans = tuple(parameter.span for parameter in steps.parameters)
            others = [shown for training, shown in groups if training == window.training and shown != spans]
            if all(set(spans).isdisjoint(shown) for shown in others):
                groups.setdefault((window.training, spans), []).append((window, steps))
    return list(groups.values()) or [
        [(each, steps)] for each in windows for steps in number_steps(each.nodes)
    ]


def _unused(names: Sequence[str], steps: Steps, taken: set[str]) -> list[str]:
    """The names; those that another network has already taken, with the line of their update."""
    return [
        f"{name} of {line_in_words(parameter.span)}" if name in taken else name
        for name, parameter in zip(names, steps.parameters, strict=True)
    ]


def _analysed(recorded: Recorded, names: Sequence[str], operations: int) -> list[Analysis]:
    """One training: usually one network, or several that are trained in the same loop by losses of their own."""
    window, first = recorded[0]
    steps = [
        step for each, found in recorded for step in prepare(each.nodes, _renamed(found, names), each.first)
    ]
    if not steps:
        return []
    inner = frozenset[Span]().union(
        *(step.inner for step in steps)
    )  # what is no loss in one step is none in others
    steps = [step.without_computed(inner) for step in steps]
    parameters = dict(zip(names, first.parameters, strict=True))
    tolerance = tolerance_of(steps)
    verdicts = best_loss(steps, tolerance)
    if verdicts is None:
        meant, under, account = added(steps, tolerance) or (steps, None, None)
        return [Analysis(parameters, tuple(meant), window, first, under, account, tolerance)]
    result = []
    for mine, told in separate(steps, verdicts, tolerance):
        own = {name: parameters[name] for name in parameters if any(name in step.updates for step in mine)}
        shown, best, search = _accounted(mine, told, tolerance, operations)
        result.append(Analysis(own, tuple(shown), window, first, best, search, tolerance))
    return result


def _accounted(
    steps: Sequence[Step], verdicts: Verdicts, tolerance: float, operations: int
) -> tuple[Sequence[Step], Verdicts, Account]:
    """The search for faults; where no loss explains anything, another one may be meant.

    That is another loss of outputs and targets under which an altered rule explains everything, one that the script
    itself computes, or one whose targets are added instead of subtracted.
    """
    account = account_for(steps, verdicts.loss, verdicts, tolerance, operations)
    settled = verdicts.explains_all(tolerance) or loss_is_known(steps, verdicts, account, tolerance)
    if settled or not operations:
        return steps, verdicts, account
    end = effort.done() + operations  # for everything that may be meant, however many losses there are
    for kind in MEANT:
        for loss in dict.fromkeys(loss for step in steps for loss in step.losses if loss.kind == kind):
            if effort.done() > end:
                break
            under = judge(steps, loss) if loss != verdicts.loss and not loss.more else None
            other = account_for(steps, loss, under, tolerance, operations // len(MEANT)) if under else None
            if under and other and loss_is_known(steps, under, other, tolerance):
                return steps, under, other
    computed = [
        loss
        for loss in reversed(dict.fromkeys(loss for step in steps for loss in step.losses))
        if loss.kind == "explicit"
    ]
    for loss in computed[:MOST_COMPUTED]:
        under = judge(steps, loss)
        other = account_of_output(steps, loss, under, tolerance, operations // MOST_COMPUTED)
        if other is not None:
            return steps, under, other
    return added(steps, tolerance) or (steps, verdicts, account)


def _renamed(steps: Steps, names: Sequence[str]) -> Steps:
    renamed = tuple(replace(p, name=name) for p, name in zip(steps.parameters, names, strict=True))
    return replace(steps, parameters=renamed)
