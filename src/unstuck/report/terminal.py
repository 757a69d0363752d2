"""The report as text for a terminal: the answer first, then the line to change, then what everything costs.

`render` is a pure function of the report.  It reads well at 80 columns, without colour, without Unicode and
in a pipe.  Every number carries its interval or the count behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from rich.text import Text

from unstuck import __version__
from unstuck.cells import lines_in_words
from unstuck.checks.catalogue import lookup
from unstuck.checks.factors import label_of
from unstuck.checks.judge import ALPHA, helps
from unstuck.facts import Ceiling, Effect, Finding, Fix, Report, Span, Study, Trace
from unstuck.report.advice import advice_table
from unstuck.report.charts import number_line, path_bars
from unstuck.report.frame import code_frame
from unstuck.report.pen import Pen
from unstuck.wording import counted, limit, points, score, seconds, thousands

COLOURS = {"error": "bold red", "warning": "yellow", "note": "cyan"}
FRAMEWORKS = {"numpy": "NumPy, hand-written backprop"}
DIFF_LINES = 12
NARROWEST = 72
HEADERS = ("--- a/", "+++ b/")
GRADIENTS_ONLY = "only the gradients were checked"  # the reason that a check without retraining gives


def render(report: Report, *, width: int, colour: bool, ascii: bool) -> str:
    """The whole report as one string, ending in a line break.

    No line is wider than `width` columns; below 72 columns the tables would lose figures, so that the lines
    keep 72 there and the terminal wraps them.
    """
    pen = Pen(max(width, NARROWEST), colour, ascii)
    sections = (
        _header(pen, report.trace),
        _answer(pen, report),
        *(_error(pen, report, finding) for finding in report.findings if finding.severity == "error"),
        chain.from_iterable(
            _brief(pen, report, finding) for finding in report.findings if finding.severity != "error"
        ),
        _path(pen, report),
        _tried(pen, report),
        _ceiling(pen, report.ceiling),
        _remarks(pen, report),
        _footer(pen, report),
    )
    filled = [lines for section in sections if (lines := list(section))]
    return pen.write(chain.from_iterable([*lines, Text()] for lines in filled)).rstrip("\n") + "\n"


# ----- The answer ---------------------------------------------------------------------------------------


def _header(pen: Pen, trace: Trace) -> list[Text]:
    """Program, framework, network and rows, as the tool understood them."""
    parts = [f"unstuck {__version__}", trace.script, FRAMEWORKS.get(trace.framework, trace.framework)]
    if trace.recipe is not None:
        parts.append("→".join(str(units) for units in trace.recipe.layers))
    if trace.data is not None:
        train, test = len(trace.data.x_train), len(trace.data.x_test)
        parts.append(f"{thousands(train)}/{thousands(test)} rows")
    return pen.hang(Text(), pen.text(" · ".join(part for part in parts if part)))


def _answer(pen: Pen, report: Report) -> list[Text]:
    lines = pen.hang(Text("  "), pen.text((report.verdict, "bold")))
    validation = report.study.validation if report.study is not None else None
    if validation is not None and not validation.passed:
        lines += [Text(), *pen.hang(pen.text(("  Careful: ", COLOURS["warning"])), pen.text(validation.text))]
    if report.study is not None:
        picture = number_line(pen, report.trace.data, report.study, report.ceiling)
        return [*lines, Text(), *picture] if picture else lines
    return lines


# ----- Findings -----------------------------------------------------------------------------------------


def _brief(pen: Pen, report: Report, finding: Finding) -> Iterator[Text]:
    """A warning or a note: what, and what it costs; where, and why."""
    yield from pen.apart(_title(pen, finding), pen.text(_worth(finding)))
    yield from _beneath(pen, report.trace, finding)


def _error(pen: Pen, report: Report, finding: Finding) -> Iterator[Text]:
    """An error in full: the code, what was measured, what it costs, the patch."""
    yield from pen.apart(_title(pen, finding), Text())
    if finding.span is not None:
        yield from code_frame(pen, report.trace, finding.span, finding.uses, COLOURS["error"])
    for evidence in finding.evidence[:1]:
        yield from _labelled(pen, "measured", evidence)
    for evidence in finding.evidence[1:]:
        yield from _labelled(pen, "", evidence)
    yield from _labelled(pen, "worth", _cost(report, finding))
    if finding.fix is None and _is_mended(finding, report):
        yield from _labelled(pen, "patch", "part of the verified one above")
    else:
        yield from _fix(pen, finding.fix, report.study_reason)
    if finding == _first_error(report):
        yield from _order(pen, report.study)


def _title(pen: Pen, finding: Finding) -> Text:
    label = f"{finding.severity}[{finding.id}]"
    return pen.text((label, COLOURS[finding.severity]), f" {finding.slug}: {finding.message}")


def _labelled(pen: Pen, label: str, words: str) -> list[Text]:
    lead = f"     = {label:<9} " if label else " " * 17
    return pen.hang(pen.text(lead), pen.text(words))


def _beneath(pen: Pen, trace: Trace, finding: Finding) -> list[Text]:
    """Where, and why; one line if it fits."""
    spans = [span for span in (finding.span, *finding.uses) if span is not None]
    where = "; ".join(_where(trace, path, spans) for path in dict.fromkeys(span.path for span in spans))
    why = "; ".join(finding.evidence)
    if not where and not why:
        return []
    return pen.hang(pen.text(f"  {where}{'  ' if where and why else ''}"), pen.text(why))


def _where(trace: Trace, path: str, spans: Sequence[Span]) -> str:
    """The lines of one file, with its name where it is not that of the program itself."""
    lines = lines_in_words(trace.source(path), {span.line for span in spans if span.path == path})
    return lines if path == trace.sources[0].path else f"{path}, {lines}"


def _worth(finding: Finding) -> str:
    if finding.effect is not None:
        return f"{points(finding.effect)} points"
    check = lookup(finding.id)
    return "not measured" if check is not None and check.factors else ""


def _cost(report: Report, finding: Finding) -> str:
    if finding.effect is not None:
        return f"{points(finding.effect)} accuracy points ({counted(finding.effect.seeds, 'seed')})"
    return f"not measured{f': {report.study_reason}' if report.study_reason else ''}"


def _fix(pen: Pen, fix: Fix | None, skipped: str) -> Iterator[Text]:
    """The proof, then the changed lines."""
    if fix is None:
        looked = (
            "not looked for; `unstuck` without `check` does" if skipped == GRADIENTS_ONLY else "none verified"
        )
        yield from _labelled(pen, "patch", looked)
        return
    yield from _labelled(pen, "fix", f"{fix.title} ({fix.safety} · {_proof(fix)})")
    changed = [line for line in fix.diff.split("\n") if line[:1] in ("+", "-") and line[:6] not in HEADERS]
    for line in changed[:DIFF_LINES]:
        yield pen.text(" " * 17, (f"{line[0]} {line[1:]}", "green" if line[0] == "+" else "red"))
    if len(changed) > DIFF_LINES:
        yield from _labelled(pen, "", f"and {len(changed) - DIFF_LINES} more lines; see unstuck fix")


def _is_mended(finding: Finding, report: Report) -> bool:
    """Does the verified patch of another finding change, or add, a line where this one points?"""
    fixes = (each.fix for each in report.findings if each.fix is not None and each.fix.proof is not None)
    edits = [edit.span for fix in fixes for edit in fix.edits]
    places = [span for span in (finding.span, *finding.uses) if span is not None]
    return any(
        edit.path == place.path and place.line <= edit.line <= place.end_line + 1
        for edit in edits
        for place in places
    )


def _proof(fix: Fix) -> str:
    proof = fix.proof
    if proof is None:
        return "not verified"
    gradient = (
        f"verified on {counted(proof.seeds, 'seed')} and {counted(proof.steps, 'step')}: "
        f"relative error {proof.residual_before:.1g} → {proof.residual_after:.1g}"
    )
    if proof.score_before is None or proof.score_after is None:
        return gradient
    return f"{gradient}, accuracy {score(proof.score_before)} → {score(proof.score_after)}"


def _first_error(report: Report) -> Finding | None:
    return next((finding for finding in report.findings if finding.severity == "error"), None)


def _order(pen: Pen, study: Study | None) -> list[Text]:
    """What the usual advice does before and after the repair."""
    table = advice_table(pen, study.advice) if study is not None else []
    if not table:
        return []
    return [*_labelled(pen, "order", "fix this first; the usual advice, before and after:"), Text(), *table]


# ----- What the study measured --------------------------------------------------------------------------


def _path(pen: Pen, report: Report) -> Iterator[Text]:
    study = report.study
    bars = path_bars(pen, study, report.ceiling) if study is not None else []
    if study is None or not bars:
        return
    gained = sum(effect.points for effect in study.path)
    yield from pen.hang(
        Text(),
        pen.text(f"Where {gained:.1f} points went ({counted(study.seeds, 'seed')}, 95% intervals)"),
    )
    yield from bars
    for sentence in study.interactions:
        yield from pen.hang(Text("  "), pen.text(sentence))


def _tried(pen: Pen, report: Report) -> Iterator[Text]:
    """Changes that no finding recommends, with their figures: better, no different, worse."""
    if report.study is None:
        return
    told = {finding.effect.factor for finding in report.findings if finding.effect is not None}
    told |= {effect.factor for effect in report.study.path if helps(effect)}
    rest = [effect for effect in report.study.effects if effect.factor not in told]
    groups = (
        ("Tried, helps too", [effect for effect in rest if helps(effect)]),
        ("Tried, made no difference", [e for e in rest if not helps(e) and not _hurts(e)]),
        ("Tried, made it worse", [effect for effect in rest if _hurts(effect)]),
    )
    for title, effects in groups:
        if effects:
            figures = " · ".join(f"{label_of(effect.factor)} {points(effect)}" for effect in effects)
            count = counted(max(effect.seeds for effect in effects), "seed")
            yield from pen.hang(pen.text(f"{title}  "), pen.text(f"{figures} ({count})"))


def _hurts(effect: Effect) -> bool:
    return effect.points < 0 and effect.p < ALPHA


def _ceiling(pen: Pen, ceiling: Ceiling | None) -> list[Text]:
    if ceiling is None:
        return []
    rows = f"{thousands(ceiling.rows)} test rows" if ceiling.rows else "95% interval"
    others = ", ".join(f"{name} {value:.3f}" for name, value in ceiling.models if name != ceiling.model)
    rest = f"; {others}" if others else ""
    return pen.hang(pen.text("Ceiling  "), pen.text(f"{limit(ceiling)} by {ceiling.model} ({rows}){rest}"))


# ----- The small print ----------------------------------------------------------------------------------


def _remarks(pen: Pen, report: Report) -> Iterator[Text]:
    """What else the recorder and the study have to say, and why something is missing."""
    study, trace = report.study, report.trace
    remarks = [*trace.notes, *(study.notes if study else ())]
    if study is not None and study.validation is not None and study.validation.passed:
        remarks.append(study.validation.text)
    if study is None and report.study_reason:
        remarks.append(f"nothing was retrained: {report.study_reason}")
    for remark in remarks:
        for number, line in enumerate(remark.splitlines()):
            yield from pen.hang(pen.text("  " if number else "- "), pen.text(line))


def _footer(pen: Pen, report: Report) -> Iterator[Text]:
    yield from pen.hang(Text(), pen.text(_summary(report)))
    reasons: dict[str, list[str]] = {}
    for id, reason in report.not_applicable:
        reasons.setdefault(reason, []).append(id)
    for reason, ids in reasons.items():
        yield from pen.hang(pen.text(f"  {', '.join(ids)}: "), pen.text(reason))
    for command, purpose in _commands(report):
        yield from pen.hang(pen.text(f"{command:<22}  "), pen.text(purpose))


def _summary(report: Report) -> str:
    parts = [f"passed {counted(len(report.passed), 'check')}"]
    if report.not_applicable:
        parts.append(f"not applicable {len(report.not_applicable)}")
    tally = [
        counted(count, severity)
        for severity in ("error", "warning", "note")
        if (count := sum(finding.severity == severity for finding in report.findings))
    ]
    parts.append(", ".join(tally) or "no findings")
    if report.study is not None:
        parts.append(f"{thousands(report.study.trainings)} trainings in {seconds(report.study.seconds)}")
    return " · ".join(parts)


def _commands(report: Report) -> Iterator[tuple[str, str]]:
    """What to type next."""
    patches = [f.fix for f in report.findings if f.fix is not None and f.fix.proof is not None]
    if patches:
        yield "unstuck fix --write", f"apply the verified {'patch' if len(patches) == 1 else 'patches'}"
    if report.findings:
        yield f"unstuck explain {report.findings[0].id}", "why this matters, with an example"
    yield "unstuck show --json", "everything, for programs"
