"""One step under one loss, judged again and again under altered rules of calculus.

A search tries hundreds of hypotheses on the same few steps.  Most of them alter the gradients of some parameters only:
what they leave as it is has been differentiated and matched once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unstuck.autodiff.node import Node
from unstuck.autodiff.reversal import Reversal
from unstuck.autodiff.reverse import Adjoints, NoRule, Overrides
from unstuck.facts import Array
from unstuck.trace.judging.judge import Judged, Verdicts, matches, roundings, summed, taken_by, verdicts_of
from unstuck.trace.judging.matching import Match
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.written import Step


class Trials:
    """The steps of a program under one loss, each with its true reverse pass, which is run when it is first needed."""

    def __init__(self, loss: Candidate) -> None:
        self.loss = loss
        self._trials: dict[int, Trial] = {}

    def judge(self, steps: Sequence[Step], overrides: Mapping[int, Overrides]) -> Verdicts:
        """The verdicts on these steps when overrides, by step number, alter the reverse pass."""
        return verdicts_of(
            self.loss,
            {
                step.number: self._trial(step).judged(overrides.get(step.number, {}))
                for step in steps
                if self.loss in step.losses
            },
        )

    def _trial(self, step: Step) -> Trial:
        if step.number not in self._trials:
            self._trials[step.number] = Trial(step, self.loss)
        return self._trials[step.number]


class Trial:
    """One step; `judged` is all that it can be asked."""

    def __init__(self, step: Step, loss: Candidate) -> None:
        self._step = step
        self._reversal = Reversal(step.losses[loss].seeds, step.wrt(), stop=step.ends)
        self._true: dict[str, Mapping[str, Match] | NoRule] = {}
        self._sums: dict[Node, float] = {}
        self._roundings: dict[Node, dict[Node, float]] = {node: {} for node in step.wrt()}
        for node in self._reversal.true.cotangents:
            for parameter in taken_by(node) & self._roundings.keys():
                self._roundings[parameter][node] = roundings(node, parameter)

    def judged(self, overrides: Overrides) -> Judged:
        """The matches of all parameters under overrides."""
        found = self._reversal.altered(overrides)
        return {name: self._matches(name, found) for name in self._step.updates}

    def _matches(self, name: str, found: Adjoints) -> Mapping[str, Match] | NoRule:
        node, true = self._step.updates[name].before, self._reversal.true.cotangents
        anew = found.cotangents.get(node) is not true.get(node) or node in found.unknown
        if anew:
            return matches(self._step, name, found, self._floor(node, found.cotangents))
        if name not in self._true:
            self._true[name] = matches(self._step, name, found, self._floor(node, true))
        return self._true[name]

    def _floor(self, parameter: Node, cotangents: Mapping[Node, Array]) -> float:
        """What rounding alone can leave of a gradient; see `rounding_floors`."""
        table = self._roundings[parameter]
        return max((share * self._sum(node, cotangents) for node, share in table.items()), default=0.0)

    def _sum(self, node: Node, cotangents: Mapping[Node, Array]) -> float:
        g = cotangents.get(node)
        if g is None:
            return 0.0
        if g is not self._reversal.true.cotangents.get(node):
            return summed(g)
        if node not in self._sums:
            self._sums[node] = summed(g)
        return self._sums[node]
