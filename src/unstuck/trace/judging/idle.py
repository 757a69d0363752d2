"""Memories of an optimiser that take in a gradient and are used by nothing: the update looks at something else."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Collection, Iterator, Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors, descendants
from unstuck.facts import Explanation
from unstuck.trace.judging.matching import match
from unstuck.trace.judging.memories import SAME, Kept, Memory, carrying, in_every_step, parts
from unstuck.trace.reading.parameters import BOOKKEEPING
from unstuck.trace.reading.steps import Update
from unstuck.trace.reading.written import Step


def idle_memories(steps: Sequence[Step], kept: Kept) -> Iterator[tuple[str, Explanation]]:
    """Parameters whose gradients a memory takes in of which nothing comes."""
    for name in dict.fromkeys(name for step in steps for name in step.updates):
        explanation = _not_used(name, [step for step in steps if name in step.updates], kept)
        if explanation is not None:
            yield name, explanation


def _not_used(name: str, steps: Sequence[Step], kept: Kept) -> Explanation | None:
    """In every step a memory takes in the gradient of a parameter, or its square, and nothing comes of it.

    What a numerator alone takes in counts only where something is made of the memory, such as its correction.
    """
    found = in_every_step(name, steps, kept, _idle)
    if not found or found[-1].new.span is None or _is_read_elsewhere(found[-1].new, steps):
        return None
    title = found[-1].new.names[-1] if found[-1].new.names else "a memory"
    text = f"{title} takes in the gradient of {name} in every step, but no update uses it"
    after = steps[-1].updates[name].after.span
    return Explanation("optimiser", text, after or found[-1].new.span, (found[-1].new.span,))


def _idle(update: Update, step: Step, kept: Sequence[Memory]) -> Memory | None:
    used: set[Node] | None = None
    for memory in kept:
        if np.shape(memory.new.value) != np.shape(update.after.value):
            continue
        behind = descendants([memory.new], (node for node in step.nodes if node.id > memory.new.id))
        taken = parts(memory.new, step)
        corrected = len(behind) > 1 and any(_serves(part.node, update, step) for part in taken)
        if not corrected and not any(_is_of(part.node, update) for part in taken):
            continue
        if used is None:
            ends = {other.after for other in step.updates.values()}
            used = ancestors(ends, oldest=step.nodes[0].id, stop=step.ends - ends)
        seen = any(node.op not in BOOKKEEPING for node in behind)
        own = {memory.new, *carrying(memory)}
        if not seen and used.isdisjoint(own) and not _is_used_before(memory, own, used):
            return memory
    return None


def _serves(node: Node, update: Update, step: Step) -> bool:
    """Is this value, of the parameter's shape and made from parameters, also what the update itself is made of?"""
    alike = np.shape(node.value) == np.shape(update.after.value) and node in step.tainted
    return alike and node in ancestors([update.after], oldest=node.id, stop=step.ends - {update.after})


def _is_used_before(memory: Memory, own: Collection[Node], used: Collection[Node]) -> bool:
    """Does an update use the memory as the step before has left it?"""
    return any(memory.old in node.parents() and node not in own for node in used)


def _is_of(node: Node, update: Update) -> bool:
    """Is this what the update adds, or the square of it, up to a factor?"""
    value = np.asarray(node.value, float)
    for term in update.terms:
        gradient = np.asarray(term.node.value, float)
        if term.node is update.before or gradient.shape != value.shape or not np.any(gradient):
            continue
        for like in (gradient, gradient**2):
            found = match(value, like)
            if not found.vacuous and np.size(value) > 1 and min(found.residual, found.mirrored) <= SAME:
                return True
    return False


def _is_read_elsewhere(memory: Node, steps: Sequence[Step]) -> bool:
    """Does a statement that did not run in these steps read a variable of this name (a plot at the end, say)?"""
    if memory.span is None or not memory.names:
        return True
    try:
        tree = ast.parse("".join(linecache.getlines(memory.span.path)))
    except SyntaxError:
        return True
    ran = {node.span.line for step in steps for node in step.nodes if node.span is not None}
    for statement in ast.walk(tree):
        if not isinstance(statement, ast.stmt) or hasattr(statement, "body") or statement.lineno in ran:
            continue
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name):
            continue  # another name for it
        reads = (part for part in ast.walk(statement) if isinstance(getattr(part, "ctx", None), ast.Load))
        if any(ast.unparse(part) in memory.names for part in reads):
            return True
    return False
