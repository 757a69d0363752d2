"""The outcome of all variants as Markdown: false alarms with their upper bound, and where nothing could be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from scipy.stats import beta
from verdicts import Result

ORDER = ("exact", "scaled", "cannot-tell", "not-applicable", "failed", "wrong")


def markdown(results: Sequence[Result]) -> str:
    """The table, then the lists behind it."""
    counted = [result for result in results if result.counts]
    alarms = [result for result in counted if result.alarm]
    statuses = Counter(result.status for result in counted)
    lines = [
        f"{len(counted)} right variants of {len({result.program for result in counted})} programs: "
        f"{len(alarms)} false alarms; with 95 % confidence the rate is below "
        f"{upper_bound(len(alarms), len(counted)):.2%}.",
        "",
        "| verdict | variants |",
        "|---|---|",
        *(f"| {status} | {statuses[status]} |" for status in ORDER if statuses[status]),
        "",
        *_listed("False alarms", alarms),
        *_listed("No verdict", [r for r in counted if r.status not in ("exact", "scaled", "wrong")]),
        *_listed(
            "A verdict, but not on every parameter",
            [r for r in counted if r.unsure and r.status in ("exact", "scaled")],
        ),
        *_listed("Not proved right, so not counted", [result for result in results if not result.counts]),
    ]
    return "\n".join(lines)


def upper_bound(events: int, trials: int) -> float:
    """The one-sided 95 % bound of Clopper and Pearson on a proportion."""
    return 1.0 if events >= trials else float(beta.ppf(0.95, events + 1, trials - events))


def _listed(title: str, results: Sequence[Result]) -> list[str]:
    if not results:
        return []
    return [
        f"{title}:",
        "",
        *(f"- {result.key}: {_said(result)}" for result in sorted(results, key=_key)),
        "",
    ]


def _key(result: Result) -> str:
    return result.key


def _said(result: Result) -> str:
    if not result.counts:
        return result.proof
    names = ", ".join(result.wrong or result.unsure)
    return "; ".join(part for part in (result.status, names, result.reason) if part)
