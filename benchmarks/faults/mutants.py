"""All mutants of a program: every operator at every line that a training step executes, each text once."""

from __future__ import annotations

import ast
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from faults import expressions, operands, roles, statements  # noqa: F401  (they fill the table of operators)
from faults.changes import OPERATORS, Change, Scope, called
from faults.programs import Program
from faults.source import Edit, File, applied
from faults.truth import Reference


@dataclass(frozen=True)
class Mutant:
    """One mutated program.

    lines         the mutated lines of `file`; where something is gone, its neighbours
    kind          of the fault;  explained_by: the explanations that describe it truly
    before/after  the lines that differ
    """

    program: str
    file: str
    operator: str
    kind: str
    explained_by: tuple[str, ...]
    lines: tuple[int, ...]
    before: str
    after: str
    text: str

    @property
    def key(self) -> str:
        """What tells it from every other mutant."""
        return f"{self.program}/{self.file}:{self.lines} {self.operator}: {self.before} -> {self.after}"

    def texts(self, program: Program) -> Mapping[str, str]:
        """The files of the mutated program."""
        return {**program.texts, self.file: self.text}


def mutants(program: Program, known: Reference, seed: int) -> list[Mutant]:
    """All mutants in an order in which every operator comes early, drawn with the seed."""
    by_operator: dict[str, list[Mutant]] = defaultdict(list)
    seen = {ast.dump(ast.parse(text)) for text in program.texts.values()}
    for mutant in _all(program, known):
        try:
            meaning = ast.dump(ast.parse(mutant.text))
        except SyntaxError:
            continue
        if meaning not in seen:
            seen.add(meaning)
            by_operator[mutant.operator].append(mutant)
    chance = random.Random(f"{seed} {program.name}")
    for some in by_operator.values():
        chance.shuffle(some)
    rounds = range(max(map(len, by_operator.values()), default=0))
    turns = [(number, name) for number in rounds for name in sorted(by_operator)]
    return [by_operator[name][number] for number, name in turns if number < len(by_operator[name])]


def _all(program: Program, known: Reference) -> Iterator[Mutant]:
    written = frozenset(text.partition("[")[0] for text in program.parameters)
    for name, text in program.texts.items():
        file = File(name, text)
        functions: dict[int, tuple[str, ...]] = defaultdict(tuple)
        own = {node.name for node in ast.walk(file.tree) if isinstance(node, ast.FunctionDef)}
        for node in ast.walk(file.tree):
            if isinstance(node, ast.FunctionDef):
                functions[len(node.args.args)] += (node.name,)
        for node in ast.walk(file.tree):
            line = getattr(node, "lineno", None)
            if line is None or not _executed(file, node, known) or _is_given(file, node, own):
                continue
            shapes = known.shapes.get((name, file.function(node)), {})
            scope = Scope(file, shapes, functions, written)
            for operator, generate in OPERATORS.items():
                for change in generate(scope, node):
                    yield _mutant(program, file, operator, change)


def _executed(file: File, node: ast.AST, known: Reference) -> bool:
    statement = file.statement(node)
    last = (
        statement.lineno
        if isinstance(statement, ast.For | ast.While | ast.If | ast.With)
        else statement.end_lineno
    )
    return any((file.name, line) in known.lines for line in range(statement.lineno, (last or 0) + 1))


def _is_given(file: File, node: ast.AST, own: set[str]) -> bool:
    """Does a node choose the rows that a function of the program works on?

    Other rows are other data, not another gradient; the derivative of an activation is another matter.
    """
    for above in (node, *file.around(node)):
        call = file.parent(above)
        if isinstance(above, ast.Subscript) and isinstance(call, ast.Call) and above in call.args:
            return called(call) in own and roles.role(file.of(call)) != "slope"
    return False


def _mutant(program: Program, file: File, operator: str, change: Change) -> Mutant:
    text = applied(file.text, change.edits)
    before, after = _differing(file.text, text)
    return Mutant(
        program.name,
        file.name,
        operator,
        change.kind,
        change.explained_by,
        tuple(sorted(_with_twins(text, _lines(file.text, text, change.edits)))),
        before,
        after,
        text,
    )


def _lines(old: str, new: str, edits: tuple[Edit, ...]) -> set[int]:
    """The lines of the new text that an edit wrote; the neighbours of lines that are gone."""
    found: set[int] = set()
    lines = new.split("\n")
    shift = 0
    for low, high, text in sorted(edits):
        first = new.count("\n", 0, low + shift) + 1
        if text and not (old[low:high].endswith("\n") and not text.strip()):
            found |= {
                first + number
                for number in range(text.rstrip("\n").count("\n") + 1)
                if lines[first + number - 1].strip()
            }
        else:
            found |= _neighbours(lines, first)
        shift += len(text) - (high - low)
    return found


def _with_twins(text: str, numbers: set[int]) -> set[int]:
    """The lines, and those just before or after that are the same: of two equal lines either is one too many."""
    lines = text.split("\n")
    near = {number + shift for number in numbers for shift in (-1, 1) if 0 < number + shift <= len(lines)}
    words = {lines[number - 1] for number in numbers}
    return numbers | {number for number in near if lines[number - 1] in words and lines[number - 1].strip()}


def _neighbours(lines: list[str], gone: int) -> set[int]:
    """The code lines before and after a line that is no longer there."""
    code = [n for n, line in enumerate(lines, 1) if line.strip() and not line.strip().startswith("#")]
    before, after = [n for n in code if n < gone], [n for n in code if n >= gone]
    return {*before[-1:], *after[:1]}


def _differing(old: str, new: str) -> tuple[str, str]:
    """The lines in which the two texts differ."""
    a, b = old.split("\n"), new.split("\n")
    while a and b and a[0] == b[0]:
        a, b = a[1:], b[1:]
    while a and b and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    return "\n".join(a).rstrip(), "\n".join(b).rstrip()
