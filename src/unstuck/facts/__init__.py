"""The nouns of unstuck: frozen values that travel along the one arrow.

script -> Trace -> Findings -> Fixes + Study -> Report.  Nothing here computes anything beyond a lookup; every
verb lives on a higher floor.  Only the standard library and numpy are imported, so that every other module
can share these names without a cycle.
"""

from __future__ import annotations

from unstuck.facts.arrays import Array
from unstuck.facts.program import Edit, Probe, Source, Span, Value
from unstuck.facts.recipes import Data, Init, Recipe
from unstuck.facts.reports import Finding, Fix, Proof, Report, Safety, Severity
from unstuck.facts.studies import Advice, Ceiling, Cell, Effect, Estimate, Run, Study, Validation
from unstuck.facts.traces import Explanation, Gradient, Loss, Outcome, Parameter, Status, Trace, Witness

__all__ = [
    "Advice",
    "Array",
    "Ceiling",
    "Cell",
    "Data",
    "Edit",
    "Effect",
    "Estimate",
    "Explanation",
    "Finding",
    "Fix",
    "Gradient",
    "Init",
    "Loss",
    "Outcome",
    "Parameter",
    "Probe",
    "Proof",
    "Recipe",
    "Report",
    "Run",
    "Safety",
    "Severity",
    "Source",
    "Span",
    "Status",
    "Study",
    "Trace",
    "Validation",
    "Value",
    "Witness",
]
