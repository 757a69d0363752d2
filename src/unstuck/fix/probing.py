"""Evaluate hundreds of candidates in one run of the program, each where its statement stands.

Most candidates give one simple statement another value.  They need no run of their own to be ruled out: what
cannot be computed, and what computes the number that is there already, repairs nothing.  And what computes a
multiple of a derivative of the loss, where the program computes none, is tried before anything else.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from unstuck.facts import Edit, Probe, Trace
from unstuck.fix.candidates import MANY, TOLD, Candidate, candidate_of
from unstuck.fix.changes.change import Piece, applied, assigned, rebound
from unstuck.fix.code import Code
from unstuck.fix.compositions import compositions
from unstuck.trace.running.sources import expression, offsets

MOVING = re.compile(r"\b(shuffle|next|pop|seed)\b")  # calls that leave something else behind
METHODS = {"dot", "sum", "mean", "max", "min", "reshape", "copy", "transpose", "astype", "clip", "ravel", "flatten",
           "item", "matmul"}  # fmt: skip
BUILTINS = {"sum", "abs", "max", "min", "len", "float", "int", "range", "zip", "list", "tuple"}
MISFIT = 1  # of another shape than the value that is there
LEVELS = {"derivative": -1, "misfit": MISFIT, "same": 2, "fails": 2}  # the order; from 2 on nothing is tried
MOST_LIKELY = (
    12  # edits at the blamed place, of the kind that is asked for, before what else computes a derivative
)
MOST_TOLD = 3  # edits that words spell out, and that compute no new derivative: they may turn a sign
MOST_TEXTS = 3000  # of one statement
STEPS_BACK = 2  # from what is blamed to the values that it uses, and to those that they are made of
COMPOSED = 4  # statements that get products of the values at hand
Probed = Callable[[tuple[Probe, ...]], Trace | None]  # one run that evaluates these
Place = tuple[str, int, int]  # a file, and the range of a statement


@dataclass
class _Statement:
    """A statement whose value may be another, and the candidates by the text of that value."""

    code: Code
    node: ast.stmt
    candidates: dict[str, list[Candidate]]

    def probe(self) -> Probe:
        """What is to be evaluated there."""
        value = assigned(self.node)
        assert value is not None
        own = self.code.words(value)
        texts = (own, *list(self.candidates)[:MOST_TEXTS])
        added = rebound(self.node)
        change = "" if added is None else f" - ({self.code.words(added)})"
        target = self.node.target if isinstance(self.node, ast.AugAssign) else added
        shape = "" if target is None else self.code.words(target)
        span = self.code.span(*self.code.range(self.node))
        return Probe(span, tuple(f"({text}){change}" for text in texts), shape)


def ordered(
    trace: Trace, found: Sequence[Candidate], run: Probed, composed: int = COMPOSED
) -> Iterator[Candidate]:
    """The candidates in a better order, without those that cannot be right, and with products of the values at hand.

    What an explanation asks for comes first where it computes a derivative or cannot be evaluated, then what else
    computes a derivative.  Products are made for the first `composed` statements.
    """
    every = _by_statement(trace, found, composed)
    probes = tuple(item.probe() for item in every)
    answer = run(probes) if probes else None
    told = answer.probes if answer is not None else ()
    level: dict[tuple[Edit, ...], int] = {}
    derivatives: list[Candidate] = []
    for item, probe in zip(every, told, strict=False):
        if probe.found and probe.found[0] != "fails":
            for kind, some in zip(probe.found[1:], item.candidates.values(), strict=False):
                derivatives += some if kind == "derivative" else []
                level |= dict.fromkeys((one.edits for one in some), LEVELS.get(kind, 0))
    asked = [item for item in found if item.agrees and level.get(item.edits, MISFIT) == MISFIT]
    asked += [item for item in found if item.told and level.get(item.edits) == 0][:MOST_TOLD]
    asked += [item for item in found if _is_likely(item) and level.get(item.edits) == 0][:MOST_LIKELY]
    derivatives.sort(key=lambda item: (not item.told, not item.agrees, item.size))
    first = [*(item for item in derivatives if item.agrees), *asked, *derivatives]
    yield from dict.fromkeys(first)
    for wanted in (0, MISFIT):
        yield from (item for item in found if level.get(item.edits, 0) == wanted and item not in asked)


def _is_likely(candidate: Candidate) -> bool:
    """Is this one of a few edits that an explanation asks for at its very place?"""
    return candidate.agrees and not candidate.place and candidate.family not in (*MANY, TOLD)


def _by_statement(trace: Trace, found: Iterable[Candidate], composed: int) -> list[_Statement]:
    """The statements whose values candidates change, the blamed ones first and with compositions besides."""
    codes = {source.path: Code(source) for source in trace.sources}
    statements: dict[Place, _Statement] = {}
    for code, node in _blamed(trace, codes):
        statements.setdefault((code.source.path, *code.range(node)), _Statement(code, node, {}))
    near = list(statements.values())[:composed]
    for candidate in found:
        path = candidate.edits[0].span.path
        code = codes[path]
        pieces = [(*offsets(code.text, edit.span), edit.text) for edit in candidate.edits]
        changed = code.simple_statement(min(low for low, *_ in pieces), max(high for _, high, _ in pieces))
        text = _new_value(code, changed, pieces)
        if changed is not None and text is not None and _is_pure(code, text):
            place = path, *code.range(changed)
            statement = statements.setdefault(place, _Statement(code, changed, {}))
            statement.candidates.setdefault(text, []).append(candidate)
    for item in near:
        for change in compositions(item.code, item.node):
            text = _new_value(item.code, item.node, change.pieces)
            if text is not None and text not in item.candidates:
                item.candidates[text] = [candidate_of(item.code, change, "composition")]
    return [item for item in statements.values() if item.candidates]


def _blamed(trace: Trace, codes: Mapping[str, Code]) -> Iterator[tuple[Code, ast.stmt]]:
    """The statements that the wrong gradients point at and whose value can be evaluated alone."""
    wrong = [gradient for gradient in trace.gradients if gradient.status == "wrong"]
    reasons = [gradient.explanation for gradient in wrong if gradient.explanation is not None]
    spans = [reason.span for reason in reasons]
    spans += [gradient.blame or gradient.span for gradient in wrong if gradient.explanation is None]
    spans += [span for reason in reasons for span in reason.uses]
    spans += [gradient.span for gradient in wrong]
    found = [
        (codes[span.path], statement)
        for span in spans
        if span.path in codes
        for node in codes[span.path].inside(span)[:1]
        if (statement := codes[span.path].statement(node)) is not None
    ]
    for _ in range(STEPS_BACK):
        found += [(code, origin) for code, node in found for origin in _origins(code, node)]
        found = list(dict.fromkeys(found))
    for code, node in found:
        value = assigned(node)
        if value is not None and _is_pure(code, code.words(value)):
            yield code, node


def _origins(code: Code, node: ast.stmt) -> Iterator[ast.stmt]:
    """The statements of the same function or loop that make the values which a statement uses."""
    used = {code.words(item) for item in ast.walk(node) if isinstance(item, ast.Name | ast.Attribute)}
    for other in ast.walk(code.scope(node)):
        if isinstance(other, ast.Assign) and any(code.words(target) in used for target in other.targets):
            yield other


def _new_value(code: Code, node: ast.stmt | None, pieces: Sequence[Piece]) -> str | None:
    """The text of the value that the statement would have; None where something else changes than one value."""
    value = assigned(node) if node is not None else None
    if value is None or isinstance(value, ast.Tuple | ast.List | ast.Dict):
        return None
    low, high = code.range(value)
    if not all(low <= first and last <= high for first, last, _ in pieces):
        return None
    return applied(code.text[low:high], [(first - low, last - low, new) for first, last, new in pieces])


def _is_pure(code: Code, text: str) -> bool:
    """Can this be evaluated without any effect on the program?"""
    try:
        tree = expression(f"({text})")
    except (SyntaxError, ValueError):
        return False
    if MOVING.search(text):
        return False
    return all(_harmless(code, item) for item in ast.walk(tree))


def _harmless(code: Code, node: ast.AST) -> bool:
    if isinstance(node, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom):
        return False
    if not isinstance(node, ast.Call):
        return True
    if any(keyword.arg == "out" for keyword in node.keywords):
        return False
    function = node.func
    if isinstance(function, ast.Name):
        own = code.functions.get(function.id)
        return function.id in BUILTINS if own is None else _without_effects(own)
    if not isinstance(function, ast.Attribute):
        return False
    root = function.value
    while isinstance(root, ast.Attribute):
        root = root.value
    return function.attr in METHODS or (isinstance(root, ast.Name) and root.id in code.imported)


def _without_effects(function: ast.FunctionDef) -> bool:
    """Does a function only bind names of its own?"""
    for node in ast.walk(function):
        if isinstance(node, ast.Global | ast.Nonlocal | ast.AugAssign | ast.Delete):
            return False
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            return False
    return not MOVING.search(ast.unparse(function))
