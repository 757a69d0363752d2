"""Where in the source does the backward pass leave the right path?

Every value that a right backward pass computes is, up to a factor, the derivative of the loss by some value of
the forward pass, what one operation passes back to one operand, or an unfinished product on the way to one.
The first value from which nothing right follows any more, and from which no right gradient is computed, is the
place to look at.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import Overrides, adjoints, ancestors
from unstuck.facts import Array, Span
from unstuck.trace.explaining.directions import RightValues
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.explaining.rights import aligned, comparable, right_signs
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.steps import Update
from unstuck.trace.reading.views import untransposed
from unstuck.trace.reading.written import Step

# ----- The first wrong value ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Path:
    """The error's way through one written backward pass.

    nodes      the values that carry the error, in order of time
    children   who uses whom among them
    signs      of every value: +1 or -1 where it is a multiple of a true derivative, else 0
    reaching   the parameters whose update each value leads to
    """

    nodes: tuple[Node, ...]
    children: Mapping[Node, Sequence[Node]]
    signs: Mapping[Node, int]
    reaching: Mapping[Node, frozenset[str]]


def error_path(step: Step, right: Mapping[Node, int], forward: Mapping[Node, Array]) -> Path:
    """Find the values that carry the error: multiples of a derivative, and what is computed from them."""
    ends = {update.after: name for name, update in step.updates.items()}
    children: dict[Node, list[Node]] = defaultdict(list)
    signs: dict[Node, int] = {}
    written = ancestors(ends, oldest=step.nodes[0].id)
    for node in sorted(written, key=lambda item: item.id):
        carried = [
            parent for parent in dict.fromkeys(node.parents()) if parent in signs and parent not in ends
        ]
        sign = right.get(node, 0)
        if (node not in forward and carried) or sign or node in ends:
            signs[node] = sign
            for parent in carried:
                children[parent].append(node)
    reaching: dict[Node, frozenset[str]] = {}
    for node in sorted(signs, key=lambda item: -item.id):
        own = frozenset({ends[node]}) if node in ends else frozenset()
        reaching[node] = own.union(*(reaching[child] for child in children[node]))
    inner = sorted((node for node in signs if node not in ends), key=lambda item: item.id)
    return Path(tuple(inner), children, signs, reaching)


def first_wrong(path: Path, wrong: Iterable[str]) -> Node | None:
    """The earliest value that leads to wrong gradients only and from which nothing right follows.

    One whose sign is turned is not right either.
    Where all values are right by themselves, one is used in a wrong place: the earliest that leads to wrong
    gradients only.
    """
    blamed = frozenset(wrong)
    turned = -_usual_sign(path, blamed, next((path.signs[n] for n in path.nodes if path.signs[n]), 1))
    hopeful: set[Node] = set()
    for node in reversed(path.nodes):
        if path.signs[node] or (
            np.any(node.value) and any(child in hopeful for child in path.children[node])
        ):  # nothing follows from zeros, whatever they are added to
            hopeful.add(node)
    suspects = [
        n for n in path.nodes if path.reaching[n] and path.reaching[n] <= blamed and n.span is not None
    ]
    hopeless = (
        node
        for node in suspects
        if np.any(node.value) and (node not in hopeful or path.signs[node] == turned)
    )
    return next(hopeless, suspects[0] if suspects else None)


def _usual_sign(path: Path, blamed: frozenset[str], otherwise: int) -> int:
    """The sign that most of the values have which lead to right gradients, and best to nothing else.

    (Before a minus of the forward pass, what leads to both has the other sign.)
    """
    signed = [node for node in path.nodes if path.signs[node]]
    right = [node for node in signed if path.reaching[node] and not path.reaching[node] & blamed]
    shared = [node for node in signed if not path.reaching[node] <= blamed]
    others = Counter(path.signs[node] for node in right or shared)
    return others.most_common(1)[0][0] if others else otherwise


def first_flip(
    forward: Forward, path: Path, wrong: Iterable[str], derivatives: Mapping[Node, Array]
) -> Node | None:
    """Where a sign turns that should not, or the statement that adds where others subtract.

    Of several turns it is the last one that leads to all that is wrong: where the forward pass has a minus, a right
    error turns as well, and turns back.  A value with the sign of what
    follows a minus in the forward pass lacks that minus.  Where all errors have the right sign and several statements
    add them, the one place where they begin is the smaller change.
    """
    step, blamed = forward.step, frozenset(wrong)
    usual = _usual_sign(path, blamed, 1)  # where all climb, that of the derivative itself
    turns = [
        node
        for node in path.nodes
        if path.signs[node] == -usual
        and path.reaching[node]
        and path.reaching[node] <= blamed
        and _turns(node, path)
    ]
    if turns:
        most = max(len(path.reaching[node]) for node in turns)
        node = [each for each in turns if len(path.reaching[each]) == most][-1]
        return _lacking_minus(node, forward, derivatives) or _turned_slope(node, path, forward) or node
    ends = [step.updates[name] for name in wrong if name in step.updates]
    if blamed >= {*step.updates} and len({update.after.span for update in ends}) > 1 and path.nodes:
        return path.nodes[0]
    others = Counter(_arriving(update, path) for name, update in step.updates.items() if name not in blamed)
    as_usual = others.most_common(1)[0][0] if others else 0
    turning = (
        None
        if as_usual and {_arriving(update, path) for update in ends} == {as_usual}
        else _turning(path, blamed)
    )
    return turning or _joined_at(step, path, ends)


def _arriving(update: Update, path: Path) -> int:
    """The sign of the error that is added to or subtracted from a parameter; 0 where several are, or none."""
    signs = [path.signs[parent] for parent in update.after.parents() if parent in path.signs]
    return signs[0] if len(signs) == 1 else 0


def _turns(node: Node, path: Path, first: bool = True) -> bool:
    """Has a value the other sign than all that it is made of?  (The first error is made of none: `first`.)

    Unfinished products have no sign; there it is what they are made of that counts.
    """
    before, pending, seen = [], [*node.parents()], {node}
    while pending:
        parent = pending.pop()
        if parent in path.signs and parent not in seen:
            seen.add(parent)
            if path.signs[parent]:
                before.append(path.signs[parent])
            else:
                pending += parent.parents()
    turned = all(sign == -path.signs[node] for sign in before)
    return turned and bool(before or first) and path.signs[node] != 0


def _lacking_minus(node: Node, forward: Forward, derivatives: Mapping[Node, Array]) -> Node | None:
    """The minus of the forward pass behind which the true error is what this value is before it."""
    value = np.asarray(node.value, float)
    minus = (each for each in derivatives if each.op == "negative" and each not in forward.interior)
    return next((each for each in minus if RightValues([derivatives[each]]).sign(value) > 0), None)


def _turned_slope(node: Node, path: Path, forward: Forward) -> Node | None:
    """The factor of this product that is a derivative of an activation with the wrong sign, where there is one."""
    for factor in node.parents() if node.op == "multiply" else ():
        for piece in forward.activated if factor not in path.signs and np.size(factor.value) > 1 else ():
            slope = piece.activation.derivative(np.asarray(piece.z.value, float))
            alike = np.shape(slope) == np.shape(factor.value)
            if alike and RightValues([slope]).sign(np.asarray(factor.value, float)) < 0:
                return factor
    return None


def _joined_at(step: Step, path: Path, ends: Sequence[Update]) -> Node | None:
    """Where the error is added, to the parameter or to what an optimiser remembers, with an unusual sign.

    A memory of gradients takes them as they are, and the step is subtracted; a memory that is itself the step takes
    them with a minus, and is added.
    """
    parameters, blamed = {update.before for update in ends}, {update.after for update in ends}
    later = sorted({*path.nodes, *blamed}, key=lambda item: item.id)
    joins = [node for node in later if _joins(node, path, step, parameters) and path.reaching[node]]
    for node in [node for node in joins if node in blamed]:
        parts = {untransposed(parent) for parent in node.parents()}
        memories = [
            other for other in joins if other not in blamed and path.reaching[node] <= path.reaching[other]
        ]
        unusual = (each for each in memories if _enters(each, path) == (1 if each in parts else -1))
        return next(unusual, node)
    return joins[0] if joins else None


def _enters(node: Node, path: Path) -> int:
    """The sign with which the error enters a sum."""
    first, second = (path.signs.get(arg, 0) if isinstance(arg, Node) else 0 for arg in node.args[:2])
    return first or (-second if node.op == "subtract" else second)


def _turning(path: Path, blamed: frozenset[str]) -> Node | None:
    """What turns the sign of the error wherever it runs: once on the way to what is wrong, twice to what is right."""
    turned = [node for node in path.nodes if _turns(node, path, first=False)]
    for node in turned:
        if path.reaching[node] & blamed and not path.reaching[node] <= blamed:
            factors = [
                parent for parent in node.parents() if parent not in path.signs and node.op == "multiply"
            ]
            if all(
                each in turned
                for each in path.nodes
                if any(_same(f, p) for f in factors for p in each.parents())
            ):
                return (factors or [node])[0]
    return None


def _same(one: Node, other: Node) -> bool:
    return (one.span, one.op) == (other.span, other.op)


def _joins(node: Node, path: Path, step: Step, parameters: set[Node]) -> bool:
    """Is the error added here to a parameter, or to what an optimiser remembers?"""
    operands = [arg for arg in node.args if isinstance(arg, Node)]
    carried = [arg for arg in operands if arg in path.signs]
    others = [arg for arg in operands if arg in parameters or (arg not in step.tainted and np.any(arg.value))]
    return node.op in ("add", "subtract") and len(carried) == 1 == len(others) and np.size(node.value) > 1


def blamed_span(
    passes: Sequence[Forward],
    loss: Candidate,
    overrides: Mapping[int, Overrides],
    wrong: Sequence[str],
    sign: bool = False,
) -> Span | None:
    """The place that most of these steps blame for wrong gradients, given the faults that are known already."""
    votes: Counter[Span] = Counter()
    alike = {step.number for step in comparable([forward.step for forward in passes], loss)}
    shown = [forward for forward in passes if forward.step.number in alike]
    right = right_signs(shown, loss, overrides) if shown else {}
    for forward in shown:
        step = forward.step
        names = [name for name in wrong if name in step.updates]
        derivatives = adjoints(step.losses[loss].seeds, step.wrt(), stop=step.ends).cotangents
        path = error_path(step, right, derivatives)
        node = first_flip(forward, path, names, derivatives) if sign else first_wrong(path, names)
        if node is not None and node.span is not None:
            votes[node.span] += 1
    return votes.most_common(1)[0][0] if votes else None


def first_like(
    steps: Sequence[Step], loss: Candidate, overrides: Mapping[int, Overrides], targets: Mapping[int, Node]
) -> Node | None:
    """The first written value that is the (altered) derivative by the targets, up to one factor in all these steps.

    overrides, targets  by step number; the value is given in the first of the steps
    """
    shown = comparable([step for step in steps if step.number in targets], loss)
    wanted = []
    for step in shown:
        seeds, altered = step.losses[loss].seeds, overrides.get(step.number, {})
        found = adjoints(seeds, step.wrt(), stop=step.ends, overrides=altered).cotangents
        wanted.append(found.get(targets[step.number]))
    known = [derivative for derivative in wanted if derivative is not None]
    if not known or len(known) < len(wanted):
        return None
    right = RightValues([known])
    later = [
        [node for node in step.nodes if node.id > targets[step.number].id and node in step.backward]
        for step in shown
    ]
    same = (
        nodes for nodes in aligned(later) if right.sign([np.asarray(node.value, float) for node in nodes])
    )
    return next((nodes[0] for nodes in same), None)
