"""One step under one loss, judged again and again under altered rules of calculus.

A search tries hundreds of hypotheses on the same few steps.  Most of them alter the gradients of some parameters only:
what they leave as it is has been differentiated and matched once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unstuck.autodiff import effort
from unstuck.autodiff.node import Node
from unstuck.autodiff.reversal import Reversal
from unstuck.autodiff.reverse import Adjoints, NoRule, Overrides
from unstuck.facts import Array
from unstuck.trace.judging.judge import Judged, Verdicts, matches, verdicts_of
from unstuck.trace.judging.matching import Match
from unstuck.trace.judging.numbers import numbers_of
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.written import Step


class Trials:
    """The steps of a program under one loss, each with its true reverse pass, which is run when it is first needed."""

    def __init__(self, loss: Candidate) -> None:
        self.loss = loss
        self._trials: dict[int, Trial] = {}

    def judge(self, steps: Sequence[Step], overrides: Mapping[int, Overrides]) -> Verdicts:
        """The verdicts on these steps when overrides, by step number, alter the reverse pass."""
        trials = {step.number: self._trial(step) for step in steps if self.loss in step.losses}
        judged = {number: trial.judged(overrides.get(number, {})) for number, trial in trials.items()}
        return verdicts_of(self.loss, judged, {number: trial.numbers for number, trial in trials.items()})

    def cotangents(self, step: Step, overrides: Overrides) -> Mapping[Node, Array]:
        """The derivative of the loss by every value of the forward pass of one step."""
        return self._trial(step).reversal.altered(overrides).cotangents

    def _trial(self, step: Step) -> Trial:
        if step.number not in self._trials:
            self._trials[step.number] = Trial(step, self.loss)
        return self._trials[step.number]


class Trial:
    """One step, and its reverse pass."""

    def __init__(self, step: Step, loss: Candidate) -> None:
        self._step = step
        self.numbers = numbers_of(step, loss)
        self.reversal = Reversal(step.losses[loss].seeds, step.wrt(), stop=step.ends)
        self._true: dict[str, Mapping[str, Match] | NoRule] = {}

    def judged(self, overrides: Overrides) -> Judged:
        """The matches of all parameters under overrides; to match one takes as long as an operation."""
        effort.spend(len(self._step.updates))
        try:
            found = self.reversal.altered(overrides)
        except ValueError:  # an altered rule whose result does not fit says nothing
            found = self.reversal.true
        return {name: self._matches(name, found) for name in self._step.updates}

    def _matches(self, name: str, found: Adjoints) -> Mapping[str, Match] | NoRule:
        node, true = self._step.updates[name].before, self.reversal.true
        if found.cotangents.get(node) is not true.cotangents.get(node) or node in found.unknown:
            return matches(self._step, name, found)
        if name not in self._true:
            self._true[name] = matches(self._step, name, true)
        return self._true[name]
