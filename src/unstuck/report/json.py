"""The report for programs: one JSON object with documented keys, and the report itself for a later look.

The keys above `report` are the public format (schema 1): plain names, accuracies as fractions, effects in
points, NaN as null.  `report` holds the nouns as `unstuck.codec` writes them, so that `unstuck show` renders
the same report again without running anything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from unstuck import __version__
from unstuck.checks.factors import label_of
from unstuck.codec import decode, encode
from unstuck.facts import Array, Ceiling, Data, Finding, Fix, Gradient, Report, Study, Trace

SCHEMA = 1
LARGEST = 4096  # elements of an array that the stored report keeps

JSON = dict[str, Any]


def to_json(report: Report) -> JSON:
    """The report as plain JSON values; `json.dumps(..., allow_nan=False)` accepts it."""
    trace = report.trace
    public = {
        "schema": SCHEMA,
        "tool": {"name": "unstuck", "version": __version__},
        "script": {"path": trace.script, "argv": list(trace.argv), "framework": trace.framework},
        "verdict": report.verdict,
        "gradient": _gradient_check(trace),
        "recipe": asdict(trace.recipe) if trace.recipe else None,
        "recipe_reason": trace.recipe_reason,
        "findings": [_finding(finding) for finding in report.findings],
        "study": _study(report.study) if report.study else None,
        "study_reason": report.study_reason,
        "ceiling": _ceiling(report.ceiling) if report.ceiling else None,
        "passed": list(report.passed),
        "not_applicable": [{"id": id, "reason": reason} for id, reason in report.not_applicable],
        "timings": dict(report.timings),
        "environment": dict(report.environment),
    }
    plain: JSON = _plain(public)
    return {**plain, "report": encode(slim(report))}


def from_json(stored: Any) -> Report:
    """The report in what `to_json` made.

    Raises ValueError when it is no such object, or of another schema, or damaged.
    """
    if not isinstance(stored, dict) or "schema" not in stored or "report" not in stored:
        raise ValueError("not a report of unstuck")
    if stored["schema"] != SCHEMA:
        raise ValueError(f"a report of schema {stored['schema']}; this version reads schema {SCHEMA}")
    report = decode(stored["report"])
    if not isinstance(report, Report):
        raise ValueError("not a report of unstuck")
    return report


def slim(report: Report) -> Report:
    """The report without what no rendering needs: the rows of the data, and most of each large array."""
    trace = report.trace
    return replace(
        report,
        trace=replace(
            trace,
            data=_without_rows(trace.data) if trace.data else None,
            parameters=tuple(replace(p, initial=_sample(p.initial)) for p in trace.parameters),
            gradients=tuple(
                replace(g, written=_sample(g.written), exact=_sample(g.exact)) for g in trace.gradients
            ),
        ),
    )


def _sample(array: Array) -> Array:
    """The array, or evenly spaced elements of a large one: the same ones for arrays of the same size."""
    array = np.asarray(array)  # NumPy turns arrays without dimensions into plain numbers
    if array.size <= LARGEST:
        return array
    chosen: Array = array.ravel()[np.linspace(0, array.size - 1, LARGEST).astype(int)]
    return chosen


def _without_rows(data: Data) -> Data:
    """As many rows as before, with no columns; the test labels stay, as integers."""
    labels = data.y_test
    if data.classes and labels.ndim == 2:
        labels = labels.argmax(axis=1) if labels.shape[1] > 1 else labels[:, 0]
    return replace(
        data,
        x_train=np.empty((len(data.x_train), 0)),
        y_train=np.empty((len(data.y_train), 0)),
        x_test=np.empty((len(data.x_test), 0)),
        y_test=labels.astype(int) if data.classes else np.empty((len(labels), 0)),
    )


# ----- The public keys ----------------------------------------------------------------------------------


def _gradient_check(trace: Trace) -> JSON:
    return {
        "status": trace.status,
        "reason": trace.reason,
        "steps": trace.steps,
        "loss": trace.loss.kind if trace.loss else None,
        "parameters": [_gradient(gradient) for gradient in trace.gradients],
    }


def _gradient(gradient: Gradient) -> JSON:
    return {
        "name": gradient.parameter,
        "path": gradient.span.path,
        "line": gradient.span.line,
        "status": gradient.status,
        "cosine": gradient.cosine,
        "scale": gradient.scale,
        "residual": gradient.residual,
        "steps": gradient.steps,
        "reason": gradient.reason,
        "explanation": gradient.explanation.kind if gradient.explanation else None,
        "witness": asdict(gradient.witness) if gradient.witness else None,
    }


def _finding(finding: Finding) -> JSON:
    span = finding.span
    return {
        "id": finding.id,
        "slug": finding.slug,
        "severity": finding.severity,
        "path": span.path if span else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "end_line": span.end_line if span else None,
        "end_column": span.end_column if span else None,
        "uses": [asdict(use) for use in finding.uses],
        "message": finding.message,
        "evidence": list(finding.evidence),
        "effect": asdict(finding.effect) if finding.effect else None,
        "fix": _fix(finding.fix) if finding.fix else None,
    }


def _fix(fix: Fix) -> JSON:
    return {
        "title": fix.title,
        "safety": fix.safety,
        "diff": fix.diff,
        "edits": [asdict(edit) for edit in fix.edits],
        "proof": asdict(fix.proof) if fix.proof else None,
    }


def _study(study: Study) -> JSON:
    factors = dict.fromkeys(effect.factor for effect in study.path + study.effects)
    return {
        "metric": study.metric,
        "epochs": study.epochs,
        "seeds": study.seeds,
        "trainings": study.trainings,
        "seconds": study.seconds,
        "as_written": asdict(study.as_written) if study.as_written else None,
        "repaired": asdict(study.repaired) if study.repaired else None,
        "best": asdict(study.best) if study.best else None,
        "best_recipe": asdict(study.best_recipe) if study.best_recipe else None,
        "factors": [{"name": name, "label": label_of(name)} for name in factors],
        "path": [asdict(effect) for effect in study.path],
        "effects": [asdict(effect) for effect in study.effects],
        "interactions": list(study.interactions),
        "advice": [asdict(piece) for piece in study.advice],
        "runs": [
            {
                "variant": cell.label,
                "on": list(cell.on),
                "seed": run.seed,
                "score": run.score,
                "epochs": list(run.epochs),
                "curve": list(run.curve),
            }
            for cell in study.cells
            for run in cell.runs
        ],
        "validation": asdict(study.validation) if study.validation else None,
        "notes": list(study.notes),
    }


def _ceiling(ceiling: Ceiling) -> JSON:
    return {**asdict(ceiling), "models": dict(ceiling.models)}


def _plain(value: Any) -> Any:
    """JSON values only: tuples as lists, numpy numbers as numbers, NaN and infinities as null."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
