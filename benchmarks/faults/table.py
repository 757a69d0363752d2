"""The results as Markdown tables: in all, by kind of fault, operator, style and program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from scipy.stats import binomtest

from faults.styles import STYLE

Row = dict[str, Any]
Test = Callable[[Row], bool]

COLUMNS: dict[str, Test] = {
    "detected": lambda row: row["status"] == "wrong",
    "line first": lambda row: row["rank"] == 1,
    "line in first 3": lambda row: 1 <= row["rank"] <= 3,
    "explained": lambda row: bool(row["exact"]),
    "fixed": lambda row: bool(row.get("fixed")),
    "cannot tell": lambda row: row["status"] in ("cannot-tell", "not-applicable", "failed"),
    "judged correct": lambda row: row["status"] in ("exact", "scaled"),
}


def markdown(rows: Sequence[Row]) -> str:
    """Everything that a reader wants to know, as one text."""
    effective = [row for row in rows if row["truth"] == "effective"]
    scales = [row for row in rows if row["truth"] == "scale"]
    aside = Counter(row["truth"] for row in rows if row["truth"] != "right")
    parts = [
        f"{len(effective)} effective mutants of {len({row['program'] for row in effective})} programs; "
        f"set aside: {', '.join(f'{n} {what}' for what, n in sorted(aside.items()) if what != 'effective')}",
        _table("in all", [("effective", effective), *_by_field(effective)], interval=True),
        _table("kind of fault", _by(effective, "kind")),
        _table("operator", _by(effective, "operator")),
        _table("style", _by([row | {"style": STYLE[row["program"]]} for row in effective], "style")),
        _table("program", _by(effective, "program")),
        _scales(scales),
        _costs(rows),
        _originals([row for row in rows if row["truth"] == "right"]),
    ]
    return "\n\n".join(part for part in parts if part)


def share(count: int, total: int) -> tuple[float, float, float]:
    """A share with its 95 % interval (Clopper and Pearson)."""
    found = binomtest(count, total).proportion_ci(0.95, "exact")
    return count / total, float(found.low), float(found.high)


def _by_field(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """The mutants whose step goes down no function at all, and those that go down another one."""
    names = {False: "step is the gradient of nothing", True: "step is the gradient of another function"}
    return [(name, [row for row in rows if row.get("gradient") is value]) for value, name in names.items()]


def _by(rows: Sequence[Row], field: str) -> list[tuple[str, list[Row]]]:
    names = Counter(row[field] for row in rows)
    return [(name, [row for row in rows if row[field] == name]) for name, _ in names.most_common()]


def _table(title: str, groups: Iterable[tuple[str, Sequence[Row]]], interval: bool = False) -> str:
    groups = [(name, rows) for name, rows in groups if rows]
    if not groups:
        return ""
    columns = [name for name in COLUMNS if name != "fixed" or _searched(groups)]
    lines = [
        f"| {title} | mutants | {' | '.join(columns)} |",
        "|---|---:|" + "---:|" * len(columns),
    ]
    for group, rows in groups:
        cells = [_cell(*_counted(name, rows), interval) for name in columns]
        lines.append(f"| {group} | {len(rows)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _searched(groups: Iterable[tuple[str, Sequence[Row]]]) -> bool:
    return any("fixed" in row for _, rows in groups for row in rows)


def _counted(column: str, rows: Sequence[Row]) -> tuple[int, int]:
    """How many rows, of how many; fixes are searched for a sample only."""
    among = [row for row in rows if "fixed" in row] if column == "fixed" else rows
    return sum(map(COLUMNS[column], among)), len(among)


def _cell(count: int, total: int, interval: bool) -> str:
    if not total:
        return ""
    part, low, high = share(count, total)
    return f"{part:.1%} [{low:.1%}, {high:.1%}]" if interval else f"{part:.0%}"


def _scales(rows: Sequence[Row]) -> str:
    """Constant factors are no faults: what the verdict on them is, in one sentence."""
    if not rows:
        return ""
    verdicts = Counter(row["status"] for row in rows)
    told = ", ".join(f"{count} {status}" for status, count in verdicts.most_common())
    return f"{len(rows)} mutants differ by constant factors only (notes, not faults): {told}."


def _costs(rows: Sequence[Row]) -> str:
    """Where the processor's time went, in one sentence."""
    parts = {"the truth": "truth_seconds", "recording and judging": "seconds", "fixes": "fix_seconds"}
    spent = {name: sum(float(row.get(field) or 0.0) for row in rows) for name, field in parts.items()}
    return f"Seconds of the processor: {', '.join(f'{name} {total:.0f}' for name, total in spent.items())}."


def _originals(rows: Sequence[Row]) -> str:
    """The right programs: the verdicts, and whether a recorded run equals a bare one bit by bit."""
    if not rows:
        return ""
    lines = ["| right program | verdict | steps | same output | same parameters |", "|---|---|---:|---|---|"]
    for row in sorted(rows, key=lambda row: str(row["program"])):
        same = ["yes" if row.get(name) else "no" for name in ("same_output", "same_parameters")]
        lines.append(f"| {row['program']} | {row['status']} | {row.get('steps', '')} | {' | '.join(same)} |")
    return "\n".join(lines)
