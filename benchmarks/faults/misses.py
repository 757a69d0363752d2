"""The mutants that unstuck does not find, place or explain, as a text for those who mend it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

Row = dict[str, Any]
GROUPS = {
    "judged correct": lambda row: row["status"] in ("exact", "scaled"),
    "failed": lambda row: row["status"] == "failed",
    "no training found": lambda row: row["status"] == "not-applicable",
    "cannot tell": lambda row: row["status"] == "cannot-tell",
    "wrong line": lambda row: row["status"] == "wrong" and not 0 < row["rank"] <= 3,
    "right line, but not first": lambda row: row["status"] == "wrong" and row["rank"] in (2, 3),
    "no right explanation": lambda row: row["status"] == "wrong" and row["rank"] == 1 and not row["exact"],
}


def digest(rows: Iterable[Row], title: str) -> str:
    """The effective mutants that were missed in some way, grouped by the way, one paragraph for each."""
    effective = [row for row in rows if row["truth"] == "effective"]
    parts = [f"# {title}\n", f"{len(effective)} effective mutants\n"]
    for name, belongs in GROUPS.items():
        group = [row for row in effective if belongs(row)]
        parts.append(f"\n## {name}: {len(group)}\n")
        parts += [paragraph for row in group for paragraph in _paragraph(row)]
    return "\n".join(parts)


def _paragraph(row: Row) -> Iterator[str]:
    places = ", ".join(map(str, row["lines"]))
    yield f"### {row['file']} line {places}: {row['operator']} ({row['kind']})"
    yield "```diff"
    yield from (f"-{line}" for line in row["before"].split("\n"))
    yield from (f"+{line}" for line in row["after"].split("\n"))
    yield "```"
    yield f"truly wrong: {', '.join(row['wrong'])} (residual {row['residual']:.2g})"
    if row["reason"]:
        yield f"reason: {row['reason']}"
    for name, status, reason in row.get("parameters", ()):
        yield f"* {name}: {status}{f' ({reason})' if reason else ''}"
    if row.get("named"):
        yield "named lines: " + ", ".join(str(first) for _, first, _ in row["named"])
    for kind, exact, text in row.get("explanations", ()):
        yield f"explained: {kind} ({'exact' if exact else 'approximate'}): {text}"
    if row["explained_by"]:
        yield f"right would be: {', '.join(row['explained_by'])}"
    yield ""
