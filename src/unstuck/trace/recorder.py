"""From one run of a script to a Trace: the conductor of this floor.

It gives the runner the means to record (a syntax-tree transformation and the object `__u__`) and, when the
run has ended, reads the tape: parameters and steps, the loss, verdicts, explanations, the recipe and the data.
Each stage that cannot follow says why, and the Trace carries that sentence instead of a result.
"""

from __future__ import annotations

import ast
import gc
import linecache
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from unstuck.autodiff import effort
from unstuck.facts import Gradient, Loss, Outcome, Parameter, Source, Span, Status, Trace
from unstuck.trace.analysis import Analysis, analyses
from unstuck.trace.fingerprint import fingerprint
from unstuck.trace.gradients import gradients
from unstuck.trace.job import Job
from unstuck.trace.judging.best import best_loss
from unstuck.trace.judging.judge import TOLERANCE
from unstuck.trace.judging.lossless import faults_without_loss
from unstuck.trace.patience import MOST_BYTES, MOST_NODES
from unstuck.trace.probed import answered
from unstuck.trace.reading.names import parameter_names, paths_of, user_namespaces
from unstuck.trace.reading.steps import Steps
from unstuck.trace.recognising.layers import Unrecognised
from unstuck.trace.recognising.recipe import Recognised, passes_under, recognise, refuse_kernels
from unstuck.trace.schedule import Clock, Plan, Window
from unstuck.trace.statuses import why_unknown
from unstuck.trace.tape.instrument import Instrumenter
from unstuck.trace.tape.probes import Probing
from unstuck.trace.tape.runtime import Runtime
from unstuck.trace.unreached import unreached

NO_MEETING = "no place was found where an output meets a target, so the loss is unknown"
HURRIED = "time was up before the faults were searched to the end; a longer --timeout may explain more"
COMPLEX = "the parameters are complex numbers, whose derivatives are not worked out here"
UNSETTLED = 1e-3  # residual of a gradient about which nothing can be told, but which is not what it should be
EXPLAINING = (
    200_000  # operations to differentiate or run again for each network's wrong gradients: some seconds
)


class Recorder:
    """Records one run: `transform` and `namespace` go to the runner, `finish` makes the Trace."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._folder = ""  # where the user started
        self.instrumenter = Instrumenter({probe.span: number for number, probe in enumerate(job.probes)})
        self.clock = Clock(_plan(job), self._found, self.instrumenter.loops)
        self.runtime = Runtime(self.instrumenter.sites, self.clock, self.instrumenter.files)
        self.probing = Probing(job.probes, self.runtime, self.instrumenter.loops)
        if job.probes:
            self.runtime.probe = self.probing  # type: ignore[method-assign]
        self.namespace: dict[str, object] = {"__u__": self.runtime}
        self.paths: dict[int, str] = {}
        self.namespaces: list[Mapping[str, Any]] = []
        self._sources: list[Source] = []
        self._live: dict[tuple[int, Span, int, int], str] = {}  # names in the running program: see `_places`
        self.clock.start(self.runtime)

    def transform(self, tree: ast.Module, filename: str) -> ast.Module:
        """The instrumented form of one of the user's modules."""
        self._folder = self._folder or os.getcwd()
        text = "".join(linecache.getlines(filename))
        shown = self.job.path if not self._sources and not self.job.module else self._shown(filename)
        linecache.cache[shown] = linecache.cache[filename]  # by this name the analysis asks for lines
        self._sources.append(Source(shown, text))
        return self.instrumenter.transform(tree, filename, text, shown)

    def _shown(self, filename: str) -> str:
        """The path as seen from where the user started; the program may have gone elsewhere."""
        relative = os.path.relpath(filename, self._folder)
        return os.path.normpath(filename) if relative.startswith("..") else relative

    def _found(self, steps: Steps) -> None:
        """The training loop was just found: the arrays are alive, so ask what the script calls them."""
        namespaces = user_namespaces(self.instrumenter.files.__contains__)
        self.namespaces = self.namespaces or namespaces
        latest = {id(u.after.value): u.after.value for p in steps.parameters for u in p.updates.values()}
        self.paths = paths_of(latest, namespaces, self.instrumenter.loop_variables)
        for place, parameter in zip(_places(steps), steps.parameters, strict=True):
            after = [id(update.after.value) for update in parameter.updates.values()]
            name = next((self.paths[each] for each in after if each in self.paths), "")
            self._live[self.clock.progress.training, *place] = name

    # ----- After the run ------------------------------------------------------------------------------------

    def finish(self, outcome: Outcome) -> Trace:
        """Read the tape."""
        self.clock.end()
        with _uncollected(), np.errstate(all="ignore"):  # a network that has diverged overflows here as well
            trace = self._read(outcome)
        notes = [*trace.notes, *([HURRIED] if effort.stopped() and trace.status != "exact" else [])]
        if outcome.stopped_early and trace.status != "not-applicable":
            missed = [
                span for number, span in enumerate(self.instrumenter.loops) if not self.clock.met(number)
            ]
            notes += unreached(trace.sources, missed)
        return replace(trace, notes=tuple(notes))

    def _read(self, outcome: Outcome) -> Trace:
        base = Trace(
            sources=tuple(self._sources),
            argv=self.job.argv,
            framework="numpy",
            status="not-applicable",
            reason="",
            outcome=outcome,
        )
        if self.clock.progress.failure is not None:
            raise self.clock.progress.failure
        found = analyses(self.clock.progress.windows, self._names, EXPLAINING if self.job.explain else 0)
        if not found:
            return replace(base, reason=self._nothing_found())
        if any(map(_is_complex, found)):
            return replace(base, status="cannot-tell", reason=COMPLEX)
        answers = answered(self.job.probes, self.probing.events, found) if self.job.probes else ()
        return replace(self._judged(base, found), probes=answers)

    def _names(self, window: Window, steps: Steps) -> tuple[str, ...]:
        """The path of each parameter in the running program, else the text of its assignment."""
        live = self._live
        paths = [live.get((window.training, *place), "") for place in _places(steps)]
        return parameter_names([p.name for p in steps.parameters], paths)

    def _judged(self, base: Trace, found: Sequence[Analysis]) -> Trace:
        main = found[0]
        parameters = [_parameter(name, p) for each in found for name, p in each.parameters.items()]
        trace = replace(base, parameters=tuple(parameters), steps=max(len(each.steps) for each in found))
        known = [(each, each.verdicts.loss) for each in found if each.verdicts is not None]
        if not known:
            return _unjudged(trace, main)
        told = _of_all(found)
        status, reason = _overall(told, {each.name: each.initial.size for each in trace.parameters})
        loss = known[0][1]
        trace = self._with_recipe(trace, main) if self.job.purpose == "diagnose" else trace
        return replace(
            trace,
            status=status,
            reason=reason,
            gradients=told,
            loss=Loss(loss.kind, loss.text(), loss.span),
            forward=tuple(number for each in found for number in fingerprint(each)),
        )

    def _with_recipe(self, trace: Trace, analysis: Analysis) -> Trace:
        """Add the recipe, the data and the curve, or the reason why there are none."""
        try:
            found = self._recognised(analysis)
        except Unrecognised as why:
            return replace(trace, recipe_reason=str(why))
        notes = (*trace.notes, *found.notes)
        return replace(
            trace,
            recipe=found.recipe,
            data=found.data,
            recipe_spans=found.spans,
            curve=found.curve,
            notes=notes,
        )

    def _recognised(self, analysis: Analysis) -> Recognised:
        if analysis.account is None:
            raise Unrecognised("the loss is unknown")
        refuse_kernels(analysis.parameters)
        pairs = analysis.verdicts
        if pairs is not None and pairs.loss.kind == "returned":
            raise Unrecognised("an optimiser of SciPy takes the steps, which the engine does not know")
        if pairs is None or not pairs.loss.by_pairs:
            pairs = best_loss(analysis.steps, analysis.tolerance, pairs_only=True)
        if pairs is None:
            raise Unrecognised("no place was found where outputs meet targets")
        used = passes_under(pairs.loss, analysis.account.passes, analysis.opening)
        targets = {
            forward.step.number: [
                (pair.output, pair.target) for pair in forward.step.losses[pairs.loss].pairs
            ]
            for forward in used
        }
        single = analysis.tolerance > TOLERANCE
        return recognise(used, targets, self.namespaces, self._rounds(analysis), single)

    def _rounds(self, analysis: Analysis) -> int | None:
        """Steps of the whole run: the product of the lengths of the loops around a step; None if one is unknown."""
        lengths = self.clock.progress.lengths
        loops = [number for number, _ in analysis.first.keys[0]]
        if any(number not in lengths for number in loops):
            return None
        return math.prod(lengths[number] for number in loops)

    def _nothing_found(self) -> str:
        """What was seen instead of training, for a program in which no parameter was updated repeatedly."""
        count = self.clock.progress.nodes
        loops = f"{len(self.instrumenter.loops)} loop{'' if len(self.instrumenter.loops) == 1 else 's'}"
        if not count:
            return "no training loop found: the program computed nothing with NumPy arrays or floats"
        if count > MOST_NODES or self.clock.progress.held > MOST_BYTES:
            return (
                f"no two training steps ended within the first {count:,} operations on single numbers and arrays; "
                "with fewer samples in a step it can be followed"
            )
        return (
            f"no training loop found: {count:,} array operations and {loops} were seen, "
            "but no array that a network uses was updated step by step"
        )


def _places(steps: Steps) -> Iterator[tuple[Span, int, int]]:
    """Where each parameter is updated, which of those of one place it is, and how many there are."""
    counts = Counter(parameter.span for parameter in steps.parameters)
    seen: Counter[Span] = Counter()
    for parameter in steps.parameters:
        yield parameter.span, seen[parameter.span], counts[parameter.span]
        seen[parameter.span] += 1


def _is_complex(analysis: Analysis) -> bool:
    updates = (update for step in analysis.steps for update in step.updates.values())
    return any(np.iscomplexobj(update.before.value) for update in updates)


def _unjudged(trace: Trace, main: Analysis) -> Trace:
    """The trace of a network whose loss is unknown: only what needs none can be said."""
    reason = why_unknown(main.steps, main.tolerance, NO_MEETING)
    faults = faults_without_loss(main.steps, main.spans, reason)
    if faults:
        return replace(trace, status="wrong", reason="", gradients=faults)
    return replace(trace, status="cannot-tell", reason=reason)


@contextmanager
def _uncollected() -> Iterator[None]:
    """The tape is no garbage, and to look through it again and again would cost more than to read it."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _plan(job: Job) -> Plan:
    if job.purpose == "screen":
        return Plan(steps=job.steps, later=())
    if job.purpose == "verify":
        return Plan(steps=job.steps, later=(100, 300), patience=500_000)
    return Plan(steps=max(job.steps, 20), run_seconds=job.run_seconds, full_run=job.full_run)


def _of_all(found: Sequence[Analysis]) -> tuple[Gradient, ...]:
    """The gradients of all networks; what one leaves alone may be a parameter of another."""
    told = {
        gradient.parameter: gradient
        for each in reversed(found)
        if each.verdicts is not None and each.account is not None
        for gradient in gradients(
            each.steps, each.verdicts.loss, each.verdicts, each.account, each.spans, each.tolerance
        )
    }
    trained = [name for each in found for name in each.parameters]
    return tuple(told[name] for name in [*trained, *(told.keys() - trained)] if name in told)


def _parameter(name: str, tracked: Any) -> Parameter:
    value = np.asarray(next(iter(tracked.updates.values())).before.value)
    long_sides = sum(side > 1 for side in value.shape)
    role = "weight" if long_sides >= 2 else "bias" if long_sides == 1 else "other"
    return Parameter(name, role, tracked.span, value)  # type: ignore[arg-type]


def _overall(found: Sequence[Gradient], sizes: Mapping[str, int]) -> tuple[Status, str]:
    """The word on all gradients together; `sizes` says how many numbers each parameter holds."""
    statuses = {gradient.status for gradient in found}
    if "wrong" in statuses:
        return "wrong", ""
    unsettled = next((g for g in found if g.status == "cannot-tell" and g.residual > UNSETTLED), None)
    if unsettled is not None:
        return "cannot-tell", f"{unsettled.parameter}: {unsettled.reason}"
    told = [gradient for gradient in found if gradient.status in ("exact", "scaled")]
    if not told:
        return "cannot-tell", next((g.reason for g in found if g.reason), "no gradient could be compared")
    silent = [gradient for gradient in found if gradient.status == "cannot-tell" and not gradient.steps]
    if sum(sizes.get(each.parameter, 0) for each in silent) > sum(
        sizes.get(each.parameter, 0) for each in told
    ):
        names = ", ".join(gradient.parameter for gradient in silent)
        return "cannot-tell", f"most of the network says nothing: {names}: {silent[0].reason}"
    return ("scaled" if "scaled" in statuses else "exact"), ""
