"""What the tape says about training: which networks there are, what each descends, and how far it is right.

A program may train several networks, one after the other or in turn.  Each gets an analysis of its own; what
trains beside the main one is reported only where a loss explains some of it exactly, or where it takes the place of the
main one: another phase of the same training, with update statements of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from unstuck.facts import Array, Span
from unstuck.trace.explaining.account import Account, account_for
from unstuck.trace.intended import accounted, astray, beside
from unstuck.trace.judging.best import best_loss
from unstuck.trace.judging.judge import Verdicts, judge, tolerance_of
from unstuck.trace.judging.separate import parameters_of, separate, without_part
from unstuck.trace.judging.updates import is_finite
from unstuck.trace.reading.clocks import clocks
from unstuck.trace.reading.lone import number_steps
from unstuck.trace.reading.no_losses import without_no_losses
from unstuck.trace.reading.parts import parted, viewed
from unstuck.trace.reading.steps import Steps, Tracked, unique_names
from unstuck.trace.reading.still import still_trainings
from unstuck.trace.reading.trainings import trainings, turned_trainings
from unstuck.trace.reading.written import Step, prepare
from unstuck.trace.running.sources import line_in_words
from unstuck.trace.schedule import Window
from unstuck.trace.statuses import loss_is_known

Recorded = list[tuple[Window, Steps]]
LEAST_LATER = 3  # steps after the first that tell enough without it
LEAST_STILL = 3  # steps that prove that something is a gradient which no update uses
Naming = Callable[[Window, Steps], Sequence[str]]


@dataclass(frozen=True)
class Analysis:
    """One network: its parameters by name, prepared steps, the loss and the verdicts under it.

    window   the first stretch of tape that shows it, and `first` the steps found there
    opening  the very first step, where the verdict is that of later ones
    """

    parameters: Mapping[str, Tracked]
    steps: tuple[Step, ...]
    window: Window
    first: Steps
    verdicts: Verdicts | None
    account: Account | None
    tolerance: float
    opening: Step | None = None

    @property
    def spans(self) -> dict[str, Span]:
        """Where each parameter is updated."""
        return {name: parameter.span for name, parameter in self.parameters.items()}

    def explains_some(self) -> bool:
        """Does the loss explain an array exactly, or several upside down, or do altered rules that show the loss?"""
        if self.verdicts is None:
            return False
        arrays = [name for name in self.verdicts.matches if self.verdicts.is_array(name)]
        climbing = self.verdicts.loss.by_pairs and len(arrays) > 1
        if climbing and all(self.verdicts.climbs(name, self.tolerance) for name in arrays):
            return True
        return self.verdicts.explains_any(self.tolerance) or self._is_explained_by_rules()

    def _is_explained_by_rules(self) -> bool:
        account, verdicts = self.account, self.verdicts
        if account is None or verdicts is None or not account.accepted:
            return False
        return loss_is_known(self.steps, verdicts, account, self.tolerance)


def analyses(windows: Sequence[Window], naming: Naming, operations: int) -> list[Analysis]:
    """The networks of a recorded run, the main one first; explaining each may take so many operations."""
    groups = _by_parameters(windows, lambda window: trainings(window.nodes, 2, window.known))
    groups = groups or _by_parameters(windows, lambda window: turned_trainings(window.nodes, 2))
    groups = groups or [[(each, steps)] for each in windows for steps in number_steps(each.nodes)]
    found: list[Analysis] = []
    for recorded in groups:
        taken = {name for analysis in found for name in analysis.parameters}
        window, steps = recorded[0]
        later = bool(found) and _takes_over(recorded, groups[0])
        names = _unused(naming(window, steps), steps, taken)
        analysed = _analysed(recorded, names, operations, hopeless=bool(found) and not later)
        for analysis in analysed:
            if not found or analysis.explains_some() or (later and analysis.verdicts is not None):
                found.append(analysis)
            elif (shared := _under_loss_of(found[0], analysis)) is not None:
                found.append(shared)
    if not found:
        return [each for window in windows for each in _standing_still(window, naming)][:1]
    return found


def _under_loss_of(main: Analysis, other: Analysis) -> Analysis | None:
    """The other training under the loss that explains the main one, where all that it moves takes part in that.

    (What is moved in an outer loop, as the word whose neighbours an inner loop goes through, has no other loss.)
    """
    if main.verdicts is None or not main.verdicts.explains_all(main.tolerance):
        return None
    loss = main.verdicts.loss
    verdicts = judge(other.steps, loss)
    telling = [verdicts.telling(name) for name in other.parameters]
    if not all(len(told) > 1 and any(np.any(match.true) for match in told.values()) for told in telling):
        return None
    return replace(
        other, verdicts=verdicts, account=account_for(other.steps, loss, verdicts, other.tolerance, 0)
    )


def _takes_over(later: Recorded, first: Recorded) -> bool:
    """Do these windows show the training of the same shapes by other statements, after the first has ended?"""
    trainings_, last = {window.training for window, _ in (*later, *first)}, first[-1][0].first
    return len(trainings_) == 1 and later[0][0].first > last and _shapes(later) == _shapes(first)


def _shapes(recorded: Recorded) -> list[tuple[int, ...]]:
    """The shapes of the parameters, in any order."""
    updates = (next(iter(parameter.updates.values())) for parameter in recorded[0][1].parameters)
    return sorted(np.shape(update.before.value) for update in updates)


def _standing_still(window: Window, naming: Naming) -> Iterator[Analysis]:
    """A training whose gradients are right and used for nothing: what is no gradient of it is left out."""
    for found in still_trainings(window.nodes):
        numbers = [str(number) for number in range(len(found.parameters))]
        meant = prepare(window.nodes, _renamed(found, numbers), window.first)
        tolerance = tolerance_of(meant)
        guessed = best_loss(meant, tolerance)
        own = _proven(guessed, tolerance) if guessed is not None else {}
        if guessed is None or not any(np.ndim(true) > 1 for true in own.values()):
            continue
        kept = [each for number, each in zip(numbers, found.parameters, strict=True) if number in own]
        first = replace(found, parameters=unique_names(tuple(kept)))
        names = naming(window, first)
        steps = prepare(window.nodes, _renamed(first, names), window.first)
        told = judge(steps, guessed.loss)
        account = account_for(steps, told.loss, told, tolerance, 0)
        parameters = dict(zip(names, first.parameters, strict=True))
        yield Analysis(parameters, tuple(steps), window, first, told, account, tolerance)


def _proven(verdicts: Verdicts, tolerance: float) -> dict[str, Array]:
    """The arrays whose written gradients are the true ones in several steps, each with one of them."""
    told = {name: [*verdicts.telling(name).values()] for name in verdicts.matches if verdicts.is_array(name)}
    return {
        name: matches[0].true
        for name, matches in told.items()
        if len(matches) >= LEAST_STILL and verdicts.explains(name, tolerance)
    }


def _by_parameters(
    windows: Sequence[Window], training: Callable[[Window], Sequence[Steps]]
) -> list[Recorded]:
    """Windows of one training that show the same parameters, together; what shows a part of them only is left out."""
    groups: dict[tuple[int, tuple[Span, ...]], Recorded] = {}
    for window in windows:
        for steps in training(window):
            spans = tuple(parameter.span for parameter in steps.parameters)
            others = [shown for number, shown in groups if number == window.training and shown != spans]
            if all(set(spans).isdisjoint(shown) for shown in others):
                groups.setdefault((window.training, spans), []).append((window, steps))
    return list(groups.values())


def _unused(names: Sequence[str], steps: Steps, taken: set[str]) -> list[str]:
    """The names; those that another network has already taken, with the line of their update."""
    return [
        f"{name} of {line_in_words(parameter.span)}" if name in taken else name
        for name, parameter in zip(names, steps.parameters, strict=True)
    ]


def _analysed(recorded: Recorded, names: Sequence[str], operations: int, hopeless: bool) -> list[Analysis]:
    """One training: usually one network, or several that are trained in the same loop by losses of their own.

    hopeless  a network of which no loss explains anything is not explained at length
    """
    window, first = recorded[0]
    steps = _prepared(recorded, names)
    if not steps:
        return []
    if ticking := clocks(steps):
        recorded, names = _without_clocks(recorded, names, ticking)
        window, first = recorded[0]
        steps = _prepared(recorded, names)
    steps = without_no_losses(steps)
    parameters = dict(zip(names, first.parameters, strict=True))
    tolerance = tolerance_of(steps)
    everything = steps
    steps, verdicts = _under_best(steps, tolerance)
    opening = everything[0] if len(steps) < len(everything) else None
    if verdicts is not None and verdicts.loss.kind != "returned" and not verdicts.explains_any(tolerance):
        steps, parameters, verdicts = _by_views(steps, parameters, verdicts, tolerance)
    if verdicts is None:
        meant, under, account = astray(steps, tolerance) or (steps, None, None)
        return [Analysis(parameters, tuple(meant), window, first, under, account, tolerance)]
    result = []
    for mine, told in separate(steps, verdicts, tolerance):
        apart = without_part(mine, told)
        lost = astray(parameters_of(mine, apart), tolerance) if apart else None
        if lost is not None:
            mine, told = _without(mine, told, apart)
        spent = 0 if hopeless and not told.explains_any(tolerance) else operations
        other = beside(mine, told, tolerance, spent)
        if other is not None:
            mine, told = _without(mine, told, other[0])
        known = [accounted(mine, told, tolerance, spent)] if mine or lost is None else []
        more = [each for each in (lost, other and other[1]) if each is not None]
        for shown, best, search in (*known, *more):
            own = {name: parameters[name] for name in parameters if any(name in s.updates for s in shown)}
            begun = opening and opening.of(own)
            result.append(Analysis(own, tuple(shown), window, first, best, search, tolerance, begun))
    return result


def _without_clocks(
    recorded: Recorded, names: Sequence[str], ticking: Collection[str]
) -> tuple[Recorded, list[str]]:
    """The windows and the names of what learns."""
    kept = [number for number, name in enumerate(names) if name not in ticking]
    learning = [
        (window, replace(found, parameters=tuple(found.parameters[number] for number in kept)))
        for window, found in recorded
    ]
    return learning, [names[number] for number in kept]


def _prepared(recorded: Recorded, names: Sequence[str]) -> list[Step]:
    """The steps of all windows."""
    return [
        step for each, found in recorded for step in prepare(each.nodes, _renamed(found, names), each.first)
    ]


def _without(steps: Sequence[Step], verdicts: Verdicts, names: Sequence[str]) -> tuple[list[Step], Verdicts]:
    """The steps and verdicts of all parameters but these."""
    rest = [name for name in verdicts.matches if name not in names]
    return parameters_of(steps, rest), verdicts.of(rest)


def _by_views(
    steps: list[Step], parameters: dict[str, Tracked], verdicts: Verdicts, tolerance: float
) -> tuple[list[Step], dict[str, Tracked], Verdicts]:
    """The same with every vector that holds a network taken apart, where there is one."""
    views = parted(steps, parameters)
    if views is None:
        return steps, parameters, verdicts
    (steps, parts), verdicts = views, best_loss(views[0], tolerance) or verdicts
    if not verdicts.explains_all(tolerance):  # then each part shall be explained
        steps = viewed(steps, verdicts.loss)
        verdicts = judge(steps, verdicts.loss)
    return steps, parts, verdicts


def _under_best(steps: list[Step], tolerance: float) -> tuple[list[Step], Verdicts | None]:
    """The steps that tell most, and the verdicts under the loss that explains most of them.

    Of a network that a wrong step has saturated at once, the first step says more than all others.
    """
    later = _without_first(steps)
    verdicts = best_loss(later, tolerance)
    if len(later) < len(steps) and verdicts is not None and (silent := _silent(verdicts)):
        whole = best_loss(steps, tolerance)
        if whole is not None and _silent(whole) < silent:
            return steps, whole
    return later, verdicts


def _silent(verdicts: Verdicts) -> set[str]:
    """The arrays of which no step says anything."""
    return {name for name in verdicts.matches if verdicts.is_array(name) and not verdicts.telling(name)}


def _without_first(steps: list[Step]) -> list[Step]:
    """The steps without the first one of the training, where later ones tell enough.

    Where a training begins, at zeros say, values may stand at a kink, and memories are empty.  But of one whose numbers
    end at once, the first step is all that there is.
    """
    later = [step for step in steps if step.number]
    return later if sum(map(_is_finite, later)) >= LEAST_LATER else steps


def _is_finite(step: Step) -> bool:
    return all(is_finite(update.after) for update in step.updates.values())


def _renamed(steps: Steps, names: Sequence[str]) -> Steps:
    renamed = tuple(replace(p, name=name) for p, name in zip(steps.parameters, names, strict=True))
    return replace(steps, parameters=renamed)
