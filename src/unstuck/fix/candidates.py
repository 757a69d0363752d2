"""Which edits are worth a trial, and in which order.

Every family of edits is tried on the blamed expression, on the rest of its statement, on the places where its
value is used, and then on the statements around.  What the words of the explanation spell out comes first, then what
agrees with its kind, then what is near, then the smallest change.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from unstuck.facts import Edit, Source, Span, Trace
from unstuck.fix.changes import FAMILIES, Change, Node, applied, distance
from unstuck.fix.code import Code, walk
from unstuck.fix.telling.told import told
from unstuck.trace.running.sources import parsed

# Families that answer an explanation, by the words that its kind contains; the first row that fits counts.
AGREES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("derivative-omitted", "derivative-missing"), ("sibling", "factor")),
    (("softmax",), ("slope", "drop")),
    (("derivative-one",), ("comparison", "constant", "factor", "formula")),
    (("derivative-squared",), ("slope", "drop")),
    (("derivative-reversed",), ("comparison", "slope")),
    (("derivative-of-another",), ("slope", "formula", "constant", "name", "comparison")),
    (("derivative",), ("comparison", "slope", "formula", "name", "index", "drop", "factor")),
    (("mask-redrawn",), ("name", "move")),
    (("mask", "dropout"), ("factor",)),
    (("outside-loop",), ("nest",)),
    (("never-updated",), ("target", "analogy")),
    (("updated", "stale"), ("move",)),
    (("overwritten",), ("assignment", "nest")),
    (("not-cleared",), ("clear",)),
    (("duplicate",), ("scatter",)),
    (("optimiser",), ("power", "remove", "nest", "sign")),
    (("transpose",), ("transpose",)),
    (("sign", "ascent"), ("sign", "swap")),
    (("not-summed", "broadcast"), ("summed",)),
    (("axis", "sum"), ("axis",)),
    (("factor-missing", "gradient-missing"), ("sibling", "factor")),
    (("factor-extra", "term-extra"), ("drop", "slope")),
    (("term-missing",), ("term",)),
    (("statement-extra",), ("remove",)),
    (("not-kept", "replaced"), ("assignment", "swap", "sign")),
    (("number",), ("constant", "power")),
    (("operator",), ("product", "sign", "swap")),
    (("gradient-of-another",), ("name", "index", "target")),
    (("operand", "input", "value", "weights", "error", "layer"), ("sibling", "name", "index")),
)
MANY = ("factor", "term", "constant", "clear", "power")  # too many to try early when they are not asked for
TOLD, AND = "told", "; and "  # edits that words spell out; how an explanation joins two faults
MOST_PAIRED = 6  # told edits of which pairs are made
LIMIT, LIMIT_AROUND = 400, 1000  # candidates: at what is blamed, and in all that stands around


@dataclass
class Cause:
    """What is wrong at one place: where it is used, and all that explanations say about it."""

    uses: dict[Span, None] = field(default_factory=dict)
    words: dict[str, None] = field(default_factory=dict)


Causes = Mapping[tuple[Span, str], Cause]  # by the blamed place and the kind


@dataclass(frozen=True)
class Candidate:
    """Edits that might repair the program.

    size    characters that change
    agrees  is this the kind of change that the explanation asks for, where it asks for it?
    place   0 the blamed expression, 1 the rest of its statement, 2 where its value is used; 3 more is for
            the same without regard to the explanation and for all that stands around, 4 more for kinds of change
            that no explanation asks for
    """

    edits: tuple[Edit, ...]
    title: str
    size: int
    family: str = field(default="", compare=False)
    agrees: bool = False
    place: int = 0

    @property
    def told(self) -> bool:
        """Do the words of an explanation spell it out?"""
        return self.family == TOLD

    @property
    def rank(self) -> tuple[bool, bool, int, int]:
        """Candidates are tried in this order."""
        return not self.told, not self.agrees, self.place, self.size


def together(one: Candidate, other: Candidate) -> Candidate | None:
    """Both edits as one; None where they touch the same lines."""
    for a in one.edits:
        for b in other.edits:
            same = a.span.path == b.span.path
            if same and a.span.line <= b.span.end_line and b.span.line <= a.span.end_line:
                return None
    family = one.family if one.family == other.family else ""
    title, size = f"{one.title}; {other.title}", one.size + other.size
    agrees, place = one.agrees and other.agrees, max(one.place, other.place)
    return Candidate((*one.edits, *other.edits), title, size, family, agrees, place)


def proposals(trace: Trace) -> Iterator[list[Candidate]]:
    """The candidate edits for all wrong gradients of a trace, each once, in two waves, the best of each first.

    The first wave follows the explanations; the second one takes none at its word and looks further around.
    """
    wrong = [gradient for gradient in trace.gradients if gradient.status == "wrong"]
    unmoved = tuple(
        word
        for gradient in wrong
        if gradient.explanation is not None and "never" in gradient.explanation.kind
        if (word := _last_word(gradient.parameter))
    )
    causes: dict[tuple[Span, str], Cause] = {}
    for gradient in wrong:
        reason = gradient.explanation
        place = (reason.span, reason.kind) if reason else (gradient.blame or gradient.span, "")
        cause = causes.setdefault(place, Cause())
        cause.uses |= dict.fromkeys((*(reason.uses if reason else ()), gradient.span))
        cause.words |= {reason.text: None} if reason is not None and reason.exact else {}
    tried: set[tuple[Edit, ...]] = set()
    for wave in (_explained, _around):
        found = sorted(wave(trace, causes, unmoved), key=lambda item: item.rank)
        yield [item for item in found if item.edits not in tried]
        tried |= {item.edits for item in found}


def _explained(trace: Trace, causes: Causes, unmoved: Sequence[str]) -> Iterator[Candidate]:
    """The candidates that the explanations point at: at their places, and where the values are used."""
    for (blamed, kind), cause in causes.items():
        for path in dict.fromkeys(span.path for span in (blamed, *cause.uses)):
            source = trace.source(path)
            if source is not None:
                words = "\n".join(cause.words)
                found = candidates(source, [blamed], kind, tuple(cause.uses), unmoved, words=words)
                yield from _pairs(found) if AND in words else ()
                yield from found


def _pairs(found: Sequence[Candidate]) -> Iterator[Candidate]:
    """Two edits at once, where the explanation names two faults that spoil the same gradients."""
    told_ones = [each for each in found if each.told][:MOST_PAIRED]
    for one, other in combinations(told_ones, 2):
        both = together(one, other)
        if both is not None:
            yield replace(both, size=0, place=0)


def _around(trace: Trace, causes: Causes, unmoved: Sequence[str]) -> Iterator[Candidate]:
    """The candidates without regard to the explanations, in everything around the places that they name."""
    blamed = [blamed for blamed, _ in causes]
    asked = {family for _, kind in causes for family in agreeing_families(kind)}
    uses = list(dict.fromkeys(span for cause in causes.values() for span in cause.uses))
    for path in dict.fromkeys(span.path for span in (*blamed, *uses)):
        source = trace.source(path)
        if source is not None:
            code = Code(source)
            scopes = [code.around(span) for span in (*blamed, *uses) if span.path == path]
            found = candidates(source, blamed, "", (*uses, *scopes), unmoved, LIMIT_AROUND)
            for item in found:
                yield replace(item, place=item.place + (3 if item.family in asked else 4))


def _last_word(path: str) -> str:
    """What people call a parameter: W1 for net.params['W1'], W for net.W[1]; empty where it has no name."""
    words: list[str] = re.findall(r"\b[^\W\d]\w*", path)
    return words[-1] if words else ""


def candidates(
    source: Source,
    spans: Sequence[Span],
    kind: str,
    uses: Sequence[Span] = (),
    unmoved: Sequence[str] = (),
    limit: int = LIMIT,
    words: str = "",
) -> list[Candidate]:
    """Candidate edits of `source` for a fault of this kind blamed on `spans`, best first, at most `limit`.

    Spans of other files are ignored; `unmoved` names parameters that nothing updates; `words` explain the fault.
    Every candidate parses, means something else than the original, and no two give the same text.  Raises
    SyntaxError when the source itself does not parse.
    """
    code = Code(source, unmoved)
    found: dict[str, Candidate] = {}
    for item, change in sorted(_generated(code, spans, kind, uses, words), key=lambda pair: pair[0].rank):
        text = applied(code.text, change.pieces)
        if text not in found and _means_something_else(code, change, text):
            found[text] = item
            if len(found) == limit:
                break
    return list(found.values())


def _generated(
    code: Code, spans: Sequence[Span], kind: str, uses: Sequence[Span], words: str
) -> Iterator[tuple[Candidate, Change]]:
    """All changes that the words spell out and that the families know, as candidates."""
    preferred = agreeing_families(kind)
    for node, place in _places(code, spans, uses):
        for change in told(code, node, words):
            yield candidate_of(code, change, TOLD, True, place), change
        for family, generate in FAMILIES.items():
            if kind and family in MANY and family not in preferred:
                continue
            for change in generate(code, node):
                yield candidate_of(code, change, family, family in preferred and place < 2, place), change


def agreeing_families(kind: str) -> tuple[str, ...]:
    """The families of edits that answer an explanation of this kind; empty for an unknown kind."""
    return next((families for words, families in AGREES if any(word in kind for word in words)), ())


def _places(code: Code, spans: Sequence[Span], uses: Sequence[Span]) -> Iterator[tuple[Node, int]]:
    """The nodes to change with the priority of their place; each node once."""
    blamed = [node for span in spans if span.path == code.source.path for node in code.inside(span)]
    used = [node for span in uses if span.path == code.source.path for node in code.inside(span)]
    around = [node for item in blamed if (statement := code.statement(item)) for node in _below(statement)]
    called = [node for item in blamed for node in _bodies(code, item)]
    lines = [node for item in used if (statement := code.statement(item)) for node in _below(statement)]
    seen: set[Node] = set()
    for place, nodes in ((0, blamed), (1, called + around), (2, used + lines)):
        for node in nodes:
            if node not in seen and not isinstance(node, ast.Constant):
                seen.add(node)
                yield node, place


def _below(statement: ast.stmt) -> list[Node]:
    """A statement and its expressions, without the statements of its body."""
    if isinstance(
        statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.For | ast.While | ast.If
    ):
        return []
    return [node for node in walk(statement) if isinstance(node, ast.expr | ast.stmt)]


def _bodies(code: Code, node: ast.AST) -> list[Node]:
    """What the user's own functions called by `node` return."""
    if not (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in code.functions
    ):
        return []
    returns = [item for item in walk(code.functions[node.func.id]) if isinstance(item, ast.Return)]
    return [below for item in returns for below in _below(item)]


def _means_something_else(code: Code, change: Change, text: str) -> bool:
    """Does the changed text parse, and not to the same program (with other parentheses, say)?"""
    low, high = min(piece[0] for piece in change.pieces), max(piece[1] for piece in change.pieces)
    statement = code.simple_statement(low, high)
    try:
        if statement is None:
            return bool(parsed(text).body) and text != code.text
        first, last = code.range(statement)
        longer = len(text) - len(code.text)
        after = parsed(text[first : last + longer])
        return ast.dump(after) != code.meaning(statement)
    except (SyntaxError, ValueError):
        return False


def candidate_of(code: Code, change: Change, family: str, agrees: bool = False, place: int = 0) -> Candidate:
    """A change of a file as a candidate."""
    pieces = [piece for piece in change.pieces if piece[0] < piece[1] or piece[2]]
    edits = tuple(Edit(code.span(low, high), new) for low, high, new in pieces)
    size = sum(distance(code.text[low:high], new) for low, high, new in pieces)
    return Candidate(edits, change.title, change.size or size, family, agrees, place)
