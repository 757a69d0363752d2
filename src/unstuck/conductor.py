"""The diagnosis from beginning to end: record, repair, study, ceiling, findings, verdict.

    script -> Trace -> Fix + Study + Ceiling -> Findings -> Report

Every stage works on what the one before left; one that cannot be done leaves its reason in the report, and the
rest goes on.  Ctrl-C ends the running stage and reports what was finished.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from unstuck.facts import Ceiling, Finding, Fix, Report, Study, Trace
from unstuck.problems import Interrupted
from unstuck.trace.job import Job
from unstuck.trace.session import record

Progress = Callable[[str, float | None], None]

TIMEOUT = 120.0  # seconds for the recording before the script is asked to come to an end
RUN_ON, QUICK_RUN_ON = (
    4.0,
    1.0,
)  # seconds that the script may go on after the recording, for its learning curve
REPAIR, QUICK_REPAIR = 15.0, 8.0  # seconds for the search of a patch
RUNS_TO_REPAIR = 12  # recordings of this script that the search may take at least: a slow script needs longer
BUDGET, QUICK_BUDGET = 30.0, 8.0  # seconds for retraining and ceiling
SEEDS, QUICK_SEEDS = 12, 5


@dataclass(frozen=True)
class Effort:
    """How much time the stages may take."""

    study: bool = True
    budget: float = BUDGET
    seeds: int = SEEDS
    jobs: int = 1
    run_on: float = RUN_ON
    repair: float = REPAIR
    timeout: float = TIMEOUT


@dataclass
class _Done:
    """What the stages have left so far."""

    trace: Trace
    fix: Fix | None = None
    study: Study | None = None
    study_reason: str = ""
    ceiling: Ceiling | None = None
    timings: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note the seconds of a stage, also of one that ends early."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.timings[stage] = round(time.perf_counter() - started, 3)


def diagnose(
    path: str,
    args: Sequence[str] = (),
    *,
    module: bool = False,
    study: bool = True,
    quick: bool = False,
    budget: float | None = None,
    seeds: int | None = None,
    jobs: int | None = None,
    full_run: bool = False,
    show_output: bool = False,
    timeout: float | None = None,
    progress: Progress | None = None,
) -> Report:
    """Diagnose the training script at `path`, run with the arguments `args`.

    Parameters
    ----------
    module
        `path` is the name of a module, to be run as `python -m` would.
    study
        Look for a patch, retrain, estimate the ceiling.  False: check the gradients only.
    quick
        Spend less on everything.
    budget
        Seconds for retraining and ceiling.
    seeds
        Independent repetitions per variant.
    jobs
        Processes or threads; all cores by default.
    full_run
        Let the script finish instead of stopping it when enough was seen.
    show_output
        Pass on what the script prints, to stderr.
    timeout
        Seconds after which the recording is ended.
    progress
        Called with the name of the running stage and its finished share (None where unknown).

    Raises
    ------
    Problem
        when the script cannot be read or fails before anything was learnt.
    Interrupted
        on KeyboardInterrupt after the recording, with the report of what was done.
    """
    effort = Effort(
        study=study,
        budget=budget or (QUICK_BUDGET if quick else BUDGET),
        seeds=seeds or (QUICK_SEEDS if quick else SEEDS),
        jobs=jobs or os.cpu_count() or 1,
        run_on=(QUICK_RUN_ON if quick else RUN_ON) if study else 0.0,
        repair=QUICK_REPAIR if quick else REPAIR,
        timeout=timeout or TIMEOUT,
    )
    tell = progress or (lambda stage, share: None)
    job = Job(path, tuple(args), module, run_seconds=effort.run_on, full_run=full_run)
    started = time.perf_counter()
    tell("running the script and recording its training steps", None)
    done = _Done(record(job, timeout=effort.timeout, on_output=_echo if show_output else None))
    done.timings["record"] = round(time.perf_counter() - started, 3)
    try:
        _experiments(done, job, effort, tell)
    except KeyboardInterrupt:
        raise Interrupted(_report(done)) from None
    return _report(done)


def _experiments(done: _Done, job: Job, effort: Effort, tell: Progress) -> None:
    """Everything that runs the script again or trains networks."""
    if not effort.study:
        done.study_reason = "only the gradients were checked"
        return
    if done.trace.status == "wrong":
        with done.timed("repair"):
            tell("looking for a patch and verifying it", None)
            patience = RUNS_TO_REPAIR * done.timings["record"]
            done.fix = _repaired(done.trace, job, replace(effort, repair=max(effort.repair, patience)))
    reason = _why_no_study(done.trace)
    if reason:
        done.study_reason = reason
        return
    with done.timed("ceiling"):
        tell("how far the data go: training strong models", None)
        done.ceiling = _ceiling(done.trace)
    with done.timed("study"):
        tell("retraining", 0.0)
        done.study, done.study_reason = _studied(done.trace, effort, done.timings["ceiling"], tell)


def _repaired(trace: Trace, job: Job, effort: Effort) -> Fix | None:
    from unstuck.fix.repair import repair
    from unstuck.trace.trials import Trials

    with Trials(job, trace.sources, timeout=effort.timeout) as trials:
        return repair(trace, trials.run, budget_seconds=effort.repair, jobs=effort.jobs)


def _why_no_study(trace: Trace) -> str:
    """The reason why nothing can be retrained; empty when it can."""
    if trace.status == "not-applicable":
        return trace.reason
    if trace.recipe is None or trace.data is None:
        return trace.recipe_reason or "the network was not recognised"
    return ""


def _ceiling(trace: Trace) -> Ceiling | None:
    from unstuck.experiment.ceiling import ceiling

    assert trace.data is not None
    return ceiling(trace.data)


def _studied(trace: Trace, effort: Effort, spent: float, tell: Progress) -> tuple[Study | None, str]:
    from unstuck.checks.factors import FACTORS, REPAIR
    from unstuck.experiment.study import study

    assert trace.recipe is not None
    assert trace.data is not None
    try:
        found = study(
            trace.recipe,
            trace.data,
            (REPAIR, *FACTORS),
            seeds=range(effort.seeds),
            budget_seconds=max(effort.budget - spent, 0.5 * effort.budget),
            jobs=effort.jobs,
            script_curve=trace.curve,
            progress=lambda share: tell("retraining", share),
        )
    except ValueError as error:
        return None, str(error)
    return found, ""


# ----- The report ---------------------------------------------------------------------------------------


def _report(done: _Done) -> Report:
    from unstuck.checks.judge import findings
    from unstuck.verdict import verdict

    found, passed, skipped = findings(done.trace, done.study, done.study_reason)
    return Report(
        verdict=verdict(done.trace, done.study, done.ceiling),
        trace=done.trace,
        findings=_with_fix(found, done.fix, done.study),
        study=done.study,
        study_reason=done.study_reason,
        ceiling=done.ceiling,
        passed=passed,
        not_applicable=skipped,
        timings=done.timings,
        environment=_environment(),
    )


def _with_fix(found: tuple[Finding, ...], fix: Fix | None, study: Study | None) -> tuple[Finding, ...]:
    """The verified patch with the first error, and with the proof the accuracies before and after."""
    if fix is None:
        return found
    if fix.proof is not None and study is not None:
        proof = replace(fix.proof, score_before=study.as_written, score_after=study.repaired)
        fix = replace(fix, proof=proof)
    first = next((finding for finding in found if finding.severity == "error"), None)
    return tuple(replace(finding, fix=fix) if finding is first else finding for finding in found)


def _environment() -> dict[str, str]:
    import numpy

    from unstuck import __version__, engine

    return {
        "unstuck": __version__,
        "engine": engine.name(),
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "cores": str(os.cpu_count() or 1),
    }


def _echo(text: str) -> None:
    import sys

    sys.stderr.write(text)
