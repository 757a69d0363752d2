"""The search for the faults behind wrong gradients: which altered rules reproduce the user's numbers.

The reverse pass is run again under each hypothesis.  One that makes further parameters agree in every step,
and spoils none, is accepted; the search then goes on for what is left, so that several faults in one program
are all found.  Where no single rule helps, two together may; and where nothing does, the script's own error is
taken as given at one place ("teacher forcing"), so that what lies behind that place can be judged by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain

import numpy as np

from unstuck.autodiff import effort
from unstuck.facts import Span
from unstuck.trace.explaining.catalogue import on_the_way_back
from unstuck.trace.explaining.forcing import Forced, forced
from unstuck.trace.explaining.formation import of_one_gradient
from unstuck.trace.explaining.hypotheses import Hypothesis, Search, merged
from unstuck.trace.explaining.localise import blamed_span
from unstuck.trace.explaining.macros import Forward, forwards
from unstuck.trace.explaining.mending import mended
from unstuck.trace.explaining.pairs import pairs
from unstuck.trace.explaining.reworked import Reworking, hypothesis_of
from unstuck.trace.explaining.sums import signs
from unstuck.trace.judging.judge import Verdicts, relative_scales
from unstuck.trace.judging.matching import STEADY
from unstuck.trace.judging.trial import Trials
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.written import Step

FEW = 6  # steps on which a hypothesis is tried before it is tried on all
SAME_SCALE = 1e-4  # relative spread within which factors count as one
ENOUGH_NUMBERS = 5  # steps after which the steady factor of a single number is no accident
MOST_FAULTS = 4
LONG = 100_000  # nodes of the steps that tell most
TURNING = {"sign", "operator"}  # what one operation can do to turn a sign
VAGUE = {"sign", "activation-derivative-wrong"}  # rules behind which one altered operation may stand


@dataclass(frozen=True)
class Account:
    """What the search found: accepted hypotheses in order, and the verdicts under all of them together.

    recognise  the forward passes, which are made out only where somebody asks for them
    blamed     the place that the search has blamed for all of some parameters, when it had accepted nothing; only of
               long steps, where it takes long to find
    """

    accepted: tuple[Hypothesis, ...]
    verdicts: Verdicts
    recognise: Callable[[], tuple[Forward, ...]]
    explained: Mapping[str, Hypothesis]  # by parameter
    blamed: Mapping[frozenset[str], Span | None] = field(default_factory=dict)

    @property
    def passes(self) -> tuple[Forward, ...]:
        """The forward pass of every step that shows the loss."""
        return self.recognise()

    def retold(self, kind: str, better: str, text: str) -> Account:
        """The same account with what is told of one kind in other words, and as another kind."""
        new = {
            each: replace(each, kind=better, text=text) if each.kind == kind else each
            for each in self.accepted
        }
        explained = {name: new[each] for name, each in self.explained.items()}
        return replace(self, accepted=tuple(new.values()), explained=explained)


def account_for(
    steps: Sequence[Step],
    loss: Candidate,
    verdicts: Verdicts,
    tolerance: float,
    operations: int,
    settled: frozenset[str] = frozenset(),
) -> Account:
    """Search for the faults behind the parameters that `verdicts` leave unexplained.

    operations  that may be differentiated or run again: time must not change the answer
    settled     parameters whose update is proven to be wrong by itself: no rule of calculus makes it
    """
    end = effort.done() + operations
    used = [step for step in steps if loss in step.losses]
    adaptive = any(step.adaptive for step in used)  # then factors change with what the optimiser remembers
    recognise = cache(lambda: tuple(forwards(used, [step.losses[loss].seeds for step in used])))
    accepted: list[Hypothesis] = []
    explained: dict[str, Hypothesis] = {}
    blamed: dict[frozenset[str], Span | None] = {}
    current, trials = verdicts, Trials(loss)
    for _ in range(MOST_FAULTS):
        wrong = wrong_names(current, tolerance) - settled
        if not wrong or not operations or effort.over(end):
            break
        right = frozenset(  # a single number agrees with everything of its sign
            name for name in current.matches if current.is_array(name) and current.explains(name, tolerance)
        )
        climbing = frozenset(
            name
            for name in wrong
            if current.climbs(name, tolerance)
            and _has_direction(current, name)
            and (adaptive or _goes_along(current, name, right))
        )
        by_number = {forward.step.number: forward for forward in recognise()}
        search = Search(trials, by_number, tuple(accepted), right, wrong, climbing)
        found = _best(used, search, current, tolerance, end, blamed)
        if found is None:
            break
        hypothesis, after = found
        accepted.append(hypothesis)
        explained |= {name: hypothesis for name in in_order(wrong, current) if _fits(after, name, tolerance)}
        current = after
    return Account(tuple(accepted), current, recognise, explained, {} if accepted else blamed)


def wrong_names(verdicts: Verdicts, tolerance: float) -> frozenset[str]:
    return frozenset(
        name for name in verdicts.matches if verdicts.telling(name) and not verdicts.explains(name, tolerance)
    )


def in_order(names: frozenset[str], verdicts: Verdicts) -> list[str]:
    """The names as the program updates them: what is told must not depend on how names are hashed."""
    return [name for name in verdicts.matches if name in names]


def _has_direction(verdicts: Verdicts, name: str) -> bool:
    """Is the gradient more than one number of an array whose others vanish, such as that of the last unit alive?"""
    told = [match.true for match in verdicts.telling(name).values()]
    return any(true.size == 1 or np.count_nonzero(true) > 1 for true in told)


def _goes_along(verdicts: Verdicts, name: str, right: frozenset[str]) -> bool:
    """Does its factor keep step with that of some gradient that is right?  (An error without its factor may just
    have the other sign in the few steps that were seen.)
    """
    beside = (
        relative_scales(verdicts.of([name, each]), each).get(name) for each in in_order(right, verdicts)
    )
    shared = next((told for told in beside if told is not None), None)
    return shared is None or shared[1] <= STEADY


Found = tuple[Hypothesis, Verdicts]


def _best(
    steps: Sequence[Step],
    search: Search,
    current: Verdicts,
    tolerance: float,
    end: int,
    blamed: dict[frozenset[str], Span | None],
) -> Found | None:
    """The hypothesis that, with those accepted before, explains most further parameters in every step.

    Single rules come first.  Where none helps, an error of the script is taken as given, which one altered operation
    may account for; then pairs of rules are tried; and if those fail too, the error that was taken as given remains.
    """
    few = most_telling(steps, current, search.wrong)

    def best_of(hypotheses: Iterator[Hypothesis], share: float = 1.0) -> Found | None:
        until = effort.done() + share * (end - effort.done())
        return _best_of(hypotheses, steps, few, search, tolerance, until)

    found = best_of(_singles(search))
    if found is not None and found[0].kind not in VAGUE:
        return found
    again = Reworking(search, few, steps, current, tolerance)
    if found is None or found[0].kind != "sign" or not _shows_turn(search):
        told = _reworked(steps, search, again, current, tolerance)
        if again.applies and sum(len(step.nodes) for step in few) > LONG:
            blamed[search.wrong] = again.blamed
        if told is not None:
            return told if found is None else _better_told(found, told, search, tolerance)
    given = best_of(forced(search), 0.5)
    if given is not None and isinstance(given[0], Forced):
        given = mended(search, given[0], again.refutes), given[1]
        if given[0].kind != "error-wrong":
            return given if found is None else _better_told(found, given, search, tolerance)
    return found or best_of(pairs(search)) or given


def _shows_turn(search: Search) -> bool:
    """Is there a value of the backward pass at which the sign turns?  (Else one operation run again may tell.)"""
    known = {number: merged(search.accepted, number) for number in search.passes}
    passes = tuple(search.passes.values())
    return blamed_span(passes, search.loss, known, sorted(search.wrong), sign=True) is not None


def _reworked(
    steps: Sequence[Step], search: Search, again: Reworking, current: Verdicts, tolerance: float
) -> tuple[Forced, Verdicts] | None:
    """One altered place of the script after which gradients come out right, where there is one."""
    told = again.best()
    if told is None:
        return None
    hypothesis = hypothesis_of(told, search, current)
    after = judged_under(steps, search, hypothesis)
    return (hypothesis, after) if _gained(after, search, tolerance) else None


def _best_of(
    hypotheses: Iterator[Hypothesis],
    steps: Sequence[Step],
    few: Sequence[Step],
    search: Search,
    tolerance: float,
    until: float,
) -> Found | None:
    """The first of the hypotheses that explain most, as far as so many operations allow."""
    least, best = 0, None
    for hypothesis in hypotheses:
        if effort.over(until) or least == len(search.wrong):
            break
        if count_explained(hypothesis, few, search, tolerance, least) <= least:
            continue
        after = judged_under(steps, search, hypothesis)
        if (gained := _gained(after, search, tolerance)) > least:
            least, best = gained, (hypothesis, after)
    return best


def _better_told(found: Found, given: tuple[Forced, Verdicts], search: Search, tolerance: float) -> Found:
    """A vague rule in the words of the operation behind it, if that explains as much."""
    rule, after = found
    turned = rule.kind == "sign" and (
        given[0].sign < 0 or given[0].kind not in TURNING
    )  # the error itself is right
    if turned or _gained(given[1], search, tolerance) < _gained(after, search, tolerance):
        return found
    text = f"{rule.text} ({given[0].text})"
    return replace(rule, text=text, place=given[0].place, also=given[0].also), after


def _singles(search: Search) -> Iterator[Hypothesis]:
    return chain(signs(search), on_the_way_back(search), of_one_gradient(search))


def count_explained(
    hypothesis: Hypothesis, few: Sequence[Step], search: Search, tolerance: float, least: int
) -> int:
    """How many wrong parameters agree in each of a few steps; the trial ends as soon as it cannot win."""
    hopes = 0
    fitting = set(search.wrong)
    for step in few:
        if not hypothesis.overrides(step.number):
            continue  # it says nothing about this step
        after = judged_under([step], search, hypothesis)
        if any(after.telling(name) and not after.explains(name, tolerance) for name in search.right):
            return 0
        fitting = {name for name in fitting if not after.telling(name) or after.explains(name, tolerance)}
        hopes = len(fitting)
        if hopes <= least:
            break
    return hopes


def judged_under(steps: Sequence[Step], search: Search, hypothesis: Hypothesis) -> Verdicts:
    """The verdicts under a hypothesis together with those accepted before."""
    together = (*search.accepted, hypothesis)
    return search.trials.judge(steps, {step.number: merged(together, step.number) for step in steps})


def _gained(after: Verdicts, search: Search, tolerance: float) -> int:
    """How many wrong parameters now agree; 0 when a right one no longer does.

    A single number agrees with everything of its sign: it counts only if its factor is that of the arrays.
    """
    if any(after.telling(name) and not after.explains(name, tolerance) for name in search.right):
        return 0
    fitting = [name for name in search.wrong if _fits(after, name, tolerance)]
    reference = next(
        (name for name in after.matches if after.is_array(name) and after.explains(name, tolerance)), None
    )
    scales = relative_scales(after, reference) if reference is not None else {}
    return sum(after.is_array(name) or _is_steady(after, scales, name) for name in fitting)


def _fits(after: Verdicts, name: str, tolerance: float) -> bool:
    """Is a gradient that was wrong now as written, even if that is nothing at all in every step?"""
    return after.explains(name, tolerance) or (name in after.matches and not after.telling(name))


def _is_steady(after: Verdicts, scales: Mapping[str, tuple[float, float]], name: str) -> bool:
    return name in scales and scales[name][1] < STEADY and len(after.telling(name)) >= ENOUGH_NUMBERS


def most_telling(steps: Sequence[Step], verdicts: Verdicts, wrong: frozenset[str]) -> list[Step]:
    """The steps with the largest mismatch."""

    def mismatch(step: Step) -> float:
        tables = [verdicts.telling(name) for name in wrong]
        return sum(min(table[step.number].residual, 2.0) for table in tables if step.number in table)

    return sorted(steps, key=mismatch, reverse=True)[:FEW]
