"""What unstuck says about a mutant, as a reader of its report would see it, and the fix that it offers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from faults.forks import Failed, cpu, forked
from faults.mutants import Mutant
from faults.programs import Program, on_disk, quietly
from unstuck.checks.judge import findings
from unstuck.facts import Edit, Fix, Outcome, Probe, Span, Trace
from unstuck.fix.apply import apply_edits
from unstuck.fix.repair import repair
from unstuck.trace.job import Job
from unstuck.trace.recorder import Recorder
from unstuck.trace.running import runner
from unstuck.trace.running.modules import Territory
from unstuck.trace.running.seeding import seed_everything
from unstuck.trace.worker import edited_texts

NEAR = 3  # lines: a longer span names no line
CPU_SECONDS = 40


@dataclass(frozen=True)
class Saying:
    """The verdict, and what a reader of the report learns.

    named         the lines in the order of reading: file, first and last line
    explanations  kind, whether it is exact, and text
    parameters    name, status and reason
    seconds       of the processor, for recording and judging
    """

    status: str
    reason: str
    named: tuple[tuple[str, int, int], ...]
    explanations: tuple[tuple[str, bool, str], ...]
    parameters: tuple[tuple[str, str, str], ...]
    seconds: float


def recorded(job: Job) -> Trace:
    """The trace of one run of a program in the current folder, inside this process."""
    if job.seed is not None:
        seed_everything(job.seed, Territory(runner.home(job.path, job.module)).owns)
    recorder = Recorder(job)
    code, stopped = 0, False
    with quietly():
        try:
            code = runner.run(
                job.path,
                job.argv,
                module=False,
                transform=recorder.transform,
                namespace=recorder.namespace,
                edited=edited_texts(job.edits),
            )
        except runner.Stop:
            stopped = True
        return recorder.finish(Outcome(code, stopped, 0.0))


def asked(program: Program, texts: Mapping[str, str]) -> tuple[Trace, Saying]:
    """Record and judge these texts, in a process of its own."""

    def judged() -> tuple[Trace, Saying]:
        started = cpu()
        trace = recorded(Job(program.main, purpose="verify"))
        return trace, saying(trace, started)

    with on_disk(texts):
        return forked(judged, CPU_SECONDS)


def saying(trace: Trace, started: float) -> Saying:
    """The trace as its reader sees it; `started` is the processor's time before the recording."""
    errors = [finding for finding in findings(trace, None)[0] if finding.severity == "error"]
    wrong = [gradient for gradient in trace.gradients if gradient.status == "wrong"]
    spans = [span for finding in errors for span in (finding.span, *finding.uses) if span is not None]
    spans += [gradient.span for gradient in wrong]
    explained = {
        g.explanation.kind: (g.explanation.kind, g.explanation.exact, g.explanation.text)
        for g in wrong
        if g.explanation is not None
    }
    return Saying(
        trace.status,
        trace.reason,
        tuple(dict.fromkeys(map(_place, spans))),
        tuple(explained.values()),
        tuple((g.parameter, g.status, g.reason) for g in trace.gradients),
        cpu() - started,
    )


def _place(span: Span) -> tuple[str, int, int]:
    last = span.end_line if span.end_line - span.line < NEAR else span.line
    return Path(span.path).name, span.line, last


# ----- Against the truth --------------------------------------------------------------------------------


def rank(said: Saying, mutant: Mutant) -> int:
    """The place of the true line among the lines that the report names, from 1; 0 when it is not named."""
    for place, (file, first, last) in enumerate(said.named, 1):
        if file == mutant.file and any(first <= line <= last for line in mutant.lines):
            return place
    return 0


def exact(said: Saying, mutant: Mutant) -> bool:
    """Is an explanation exact, and one of those that describe the mutant truly?"""
    return any(exact and kind in mutant.explained_by for kind, exact, _ in said.explanations)


# ----- The fix ------------------------------------------------------------------------------------------


def fix_for(program: Program, texts: Mapping[str, str], trace: Trace, seconds: float) -> Fix | None:
    """The fix that unstuck verifies in so many seconds of the processor; every trial is a fork of this process."""

    def rerun(
        edits: tuple[Edit, ...],
        *,
        seed: int,
        steps: int,
        brief: bool = False,
        explain: bool = False,
        cancelled: Callable[[], bool] = lambda: False,
        probes: tuple[Probe, ...] = (),
    ) -> Trace | None:
        purpose = "screen" if brief else "verify"
        job = Job(
            program.main,
            seed=seed,
            edits=edits,
            steps=steps,
            explain=explain,
            purpose=purpose,
            probes=probes,
        )
        try:
            return None if cancelled() else forked(lambda: recorded(job), CPU_SECONDS)
        except Failed:
            return None

    with on_disk(texts):
        return repair(trace, rerun, budget_seconds=seconds, jobs=1, clock=cpu)


def mended(texts: Mapping[str, str], fix: Fix) -> dict[str, str]:
    """The texts after the fix."""
    return {
        name: apply_edits(text, [edit for edit in fix.edits if os.path.basename(edit.span.path) == name])
        for name, text in texts.items()
    }
