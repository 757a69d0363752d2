"""What the user is told: findings, their fixes with the proof, and the report that holds everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from unstuck.facts.program import Edit, Span
from unstuck.facts.studies import Ceiling, Effect, Estimate, Study
from unstuck.facts.traces import Trace

Severity = Literal["error", "warning", "note"]
Safety = Literal["safe", "review", "manual"]


@dataclass(frozen=True)
class Proof:
    """The evidence for a fix: the gradient check on seeds and steps that did not guide the search."""

    seeds: int
    steps: int
    residual_before: float
    residual_after: float
    score_before: Estimate | None = None
    score_after: Estimate | None = None


@dataclass(frozen=True)
class Fix:
    """A change of the source with its unified diff; `proof` is None when nothing verified it."""

    title: str
    safety: Safety
    edits: tuple[Edit, ...] = ()
    diff: str = ""
    proof: Proof | None = None


@dataclass(frozen=True)
class Finding:
    """One statement about the program: what was seen, where, what it costs and what to do."""

    id: str
    slug: str
    severity: Severity
    message: str
    span: Span | None = None
    uses: tuple[Span, ...] = ()
    evidence: tuple[str, ...] = ()
    effect: Effect | None = None
    fix: Fix | None = None


@dataclass(frozen=True)
class Report:
    """The diagnosis; every rendering is a pure function of it.  Its JSON form has `schema` 1."""

    verdict: str
    trace: Trace
    findings: tuple[Finding, ...] = ()
    study: Study | None = None
    study_reason: str = ""
    ceiling: Ceiling | None = None
    passed: tuple[str, ...] = ()
    not_applicable: tuple[tuple[str, str], ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
