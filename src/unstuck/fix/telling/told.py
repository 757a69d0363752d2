"""Edits that the words of an explanation spell out: what stands in the text, and what belongs there.

An explanation such as "h stands where dz belongs" needs no search, only the place in the text where `h` stands.
Where the words name something that the text has no name for ("the error of a0"), nothing is made of them here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from unstuck.fix.changes.change import Change, Node
from unstuck.fix.changes.operands import axis, index
from unstuck.fix.changes.operators import swap
from unstuck.fix.changes.statements import assignment, move
from unstuck.fix.code import Code
from unstuck.fix.telling import statements, values
from unstuck.fix.telling.values import Reading

START = r"(?m:^)(?:in the gradient of \S+ alone, )?|(?:; and |\()"


def told(code: Code, node: Node, words: str) -> Iterator[Change]:
    """The changes of one node that an explanation in these words asks for by name."""
    for pattern, reading in READINGS:
        for match in re.finditer(pattern, words):
            yield from reading(code, node, match)


def _of(family: Callable[[Code, Node], Iterator[Change]]) -> Reading:
    """All that a family of edits has for a node."""
    return lambda code, node, _: family(code, node)


TITLE = r"([^;(\n]+?)"
NUMBER = r"(-?\d[\d.]*(?:e[-+]?\d+)?)"
READINGS: tuple[tuple[str, Reading], ...] = (
    (r"`(\S+)` stands where `(\S+)` is right", values.other_operator),
    (rf"the number {NUMBER} stands where {NUMBER} belongs", values.number),
    (rf"{NUMBER} is subtracted at the target of each row, where {NUMBER} belongs", values.number),
    (rf"the slope {NUMBER} instead of {NUMBER}", values.number),
    (rf"a minus sign is missing in front of {TITLE}(?=$|[;)\n])", values.negated),
    (rf"(?:{START})(?!the number ){TITLE} stands where ([^;\n]+?) belongs", values.value),
    (rf"(?:{START}){TITLE} stands where (\w+)\(\1(, [^)\n]+)?\) belongs", values.wrapped),
    (rf"the error goes back through {TITLE} instead of (?!its )([^;)\n]+)", values.value),
    (rf"is formed with {TITLE} instead of ([^;)\n]+)", values.value),
    (rf"(?:{START}){TITLE} should be multiplied by ([^;\n]+?): this factor", values.put_in("*")),
    (rf"(?:{START}){TITLE} should be divided by ([^;)\n]+)", values.put_in("/")),
    (rf"(?:{START}){TITLE} should be subtracted from ([^;)\n]+)", values.put_in("-", flipped=True)),
    (rf"(?:{START}){TITLE} should be added to ([^;)\n]+)", values.put_in("+", flipped=True)),
    (rf"in front of {TITLE} does not belong here", values.minus),
    (rf"(?:{START})(?!the minus sign ){TITLE} does not belong here", values.left_out),
    (rf"`\w+` of {TITLE} stands where \1 itself belongs", values.alone),
    (rf"(?:{START}){TITLE} is raised to a power", values.alone),
    (rf"(?:{START}){TITLE} should be transposed here", values.turned),
    (rf"goes back through {TITLE} instead of its transpose", values.turned),
    (r"the operands of `.` are swapped", _of(swap)),
    (r"stands where its neighbour belongs|where the target belongs|goes towards the class", _of(index)),
    (r"should run over axis|summed over (?:all elements|axis)", _of(axis)),
    (r"the sign is wrong", values.reversed_sign),
    (r"something else than the (\S+) derivative$", statements.of_its_own),
    (r"something else than the (\S+) derivative$", statements.another_slope),
    (r"(?:activation itself|activations themselves|pre-activations?), not by", statements.derived),
    (r"is not corrected for its start from zeros", statements.corrected),
    (r"moves by the same amount whatever the error is", statements.with_gradient),
    (r"multiplies the old value by|adds to the old value that value again", statements.kept),
    (r"is given another value here: what was in it before is lost", _of(assignment)),
    (r"is bound to the name \S+ and to nothing else", statements.in_place),
    (r"this overwrites what earlier rounds have stored", _of(assignment)),
    (r"what is added to (\S+) is made of (\S+) itself alone", values.own_gradient),
    (r"takes (\S+) itself where the gradient of (\S+) belongs", values.own_gradient),
    (r"is made anew in every round of its loop", statements.before_loop),
    (r"only the (?:last|first) contribution|outside of the loop in which", statements.into_loop),
    (r"the error goes back through \S+ after (?:it was|they were) updated", _of(move)),
    (r"starts from \S+ instead of 0", statements.zeros),
    (r"starts from \S+ in every step, instead of 0", statements.zeros),
    (r"the gradient is written into (\S+) itself", statements.unshared),
    (r"is the array that the network computes with, under another name", statements.zeros_like),
    (r"the (\S+) derivative is 1 everywhere: nothing multiplies", statements.missing_slope),
)  # fmt: skip
