"""What an expression or a statement is for in a training program, by its form and its names.

The role decides under which kind of fault a mutant is counted, and which explanations are right for it.
"""

from __future__ import annotations

import ast
import re

SLOPE = re.compile(
    r"prime|deriv|slope|_grad\(|\bd_?(sig|tanh|relu|act|soft)\w*\(|gradient_of|step_function|[<>]=? ?0\b"
    r"|1(\.0)? - np\.exp\(-|1(\.0)? - np\.(square|power)\(|subtract\(1, |/ \(1 \+ np\.exp\(-|\bdf\d*\("
    r"|1(\.0)? - (?P<a>[\w.\[\]'\"-]+) ?(\*\* ?2|\* (?P=a)(?!\w))|(?P<b>[\w.\[\]'\"-]+) \* \(1(\.0)? - (?P=b)\)"
)
MASK = re.compile(r"mask|drop|keep(?!dims)", re.I)
SIZE = re.compile(r"^(len\(.*\)|[\w.]*(size|shape\[\d\])|m|n|N|count|batch\w*|[\d.]+)$")
RATE = re.compile(r"^[\w.]*(rate|lr|eta|alpha|step_size)\w*$", re.I)
STATE = re.compile(r"veloc|moment|cache|^(self\.)?[mvs](_\w+|\[\w+\])?$|_hat|beta|^mu$|memory")


def role(text: str) -> str:
    """slope | mask | size | rate | state | other, for the text of an expression."""
    flat = " ".join(text.split())
    if MASK.search(flat):
        return "mask"
    if SLOPE.search(flat):
        return "slope"
    if RATE.search(flat):
        return "rate"
    if SIZE.search(flat):
        return "size"
    return "state" if STATE.search(flat) else "other"


def target(statement: ast.stmt) -> str:
    """The text of what an assignment sets; empty for other statements."""
    if isinstance(statement, ast.AugAssign):
        return ast.unparse(statement.target)
    if isinstance(statement, ast.Assign):
        return ast.unparse(statement.targets[0])
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        out = [word.value for word in statement.value.keywords if word.arg == "out"]
        return ast.unparse(out[0]) if out else ""
    return ""
