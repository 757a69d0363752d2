"""From sightings to findings: faults stand as they are, settings stand only when their remedy was measured.

A remedy *helps* when its effect, paired over seeds, is positive with p < 0.05 and Cohen's d of at least 0.5.
A suspicion whose remedy was tried and does not help has passed; the report lists the figures.  A suspicion
that nobody could measure is a note that says so.
"""

from __future__ import annotations

from collections.abc import Iterable

from unstuck.checks.catalogue import catalogue
from unstuck.checks.registry import Check, Need, NotApplicable, Sighting
from unstuck.facts import Effect, Finding, Severity, Study, Trace

Judged = tuple[tuple[Finding, ...], tuple[str, ...], tuple[tuple[str, str], ...]]

ALPHA = 0.05
SMALLEST_D = 0.5
SMALLEST_POINTS = 0.1  # paired seeds can tell less from zero, but no report shows it
WORTH_A_WARNING = 0.5  # points; a smaller help is real but nobody would see it in the per-epoch report
ORDER: tuple[Severity, ...] = ("error", "warning", "note")


def findings(
    trace: Trace, study: Study | None, reason: str = "", checks: Iterable[Check] | None = None
) -> Judged:
    """Run every check: (findings, ids of passed checks, (id, reason) of those that did not apply).

    `reason` says why there is no study.  A check that raises is a result ("the check failed"), not a crash.
    Findings come worst first: by severity, then by measured points.
    """
    found: list[Finding] = []
    passed: list[str] = []
    skipped: list[tuple[str, str]] = []
    for check in catalogue() if checks is None else checks:
        try:
            stated = _state(check, trace, study, reason)
        except NotApplicable as no:
            skipped.append((check.id, str(no)))
        except Exception as error:  # a faulty check must not cost the user the rest of the report
            skipped.append((check.id, f"the check failed: {type(error).__name__}: {error}"))
        else:
            found += stated
            if not stated:
                passed.append(check.id)
    return tuple(sorted(found, key=_rank)), tuple(passed), tuple(skipped)


def helps(effect: Effect) -> bool:
    """Whether a measured change is worth recommending."""
    return effect.points >= SMALLEST_POINTS and effect.p < ALPHA and effect.d >= SMALLEST_D


def effect_of(study: Study | None, factor: str) -> Effect | None:
    """What a factor is worth: its share of the path of repairs, else alone on the repaired program."""
    if study is None or not factor:
        return None
    return next((effect for effect in study.path + study.effects if effect.factor == factor), None)


def _state(check: Check, trace: Trace, study: Study | None, reason: str) -> list[Finding]:
    """The findings of one check."""
    for need in check.needs:
        _require(need, trace)
    sightings = list(check.detect(trace))
    if check.severity != "warning" or not check.factors:
        return [
            _finding(check, check.severity, sighting, effect_of(study, sighting.factor))
            for sighting in sightings
        ]
    return _weigh(check, sightings, study, reason)


def _weigh(check: Check, sightings: list[Sighting], study: Study | None, reason: str) -> list[Finding]:
    """Suspicions against measurements: the remedy that helps most, or notes for what was not measured."""
    measured = [(s, effect) for s in sightings if (effect := effect_of(study, s.factor)) is not None]
    helping = [(s, effect) for s, effect in measured if helps(effect)]
    if helping:
        sighting, effect = max(helping, key=lambda pair: pair[1].points)
        return [_finding(check, "warning" if effect.points >= WORTH_A_WARNING else "note", sighting, effect)]
    if measured or not sightings:
        return []
    notes = [_finding(check, "note", sighting, None) for sighting in sightings if sighting.plain]
    if not notes:
        raise NotApplicable(f"not tried: {reason}" if reason else "not tried: nothing was retrained")
    return notes


def _require(need: Need, trace: Trace) -> None:
    if need == "gradients" and trace.status in ("cannot-tell", "not-applicable"):
        raise NotApplicable(trace.reason or "no gradient could be judged")
    if need == "recipe" and trace.recipe is None:
        raise NotApplicable(trace.recipe_reason or "the network was not recognised")
    if need == "classes" and (trace.data is None or trace.data.classes < 2):
        raise NotApplicable("not a classification" if trace.data else "the training rows were not found")


def _finding(check: Check, severity: Severity, sighting: Sighting, effect: Effect | None) -> Finding:
    return Finding(
        id=check.id,
        slug=check.slug,
        severity=severity,
        message=sighting.message,
        span=sighting.span,
        uses=sighting.uses,
        evidence=sighting.evidence,
        effect=effect,
    )


def _rank(finding: Finding) -> tuple[int, float]:
    points = finding.effect.points if finding.effect else 0.0
    return ORDER.index(finding.severity), -points
