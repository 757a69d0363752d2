"""What speaks for a gradient that differs from the true one: kinks, and a step bent on purpose.

Neither is a fault.  At a kink any subgradient is right.  An optimiser may multiply the gradient by a matrix (Newton's
method, the natural gradient) or take its sign.  Each acquittal has its own proof on the tape, in every step that says
anything.  (Truncation in time has a file of its own.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from unstuck.autodiff.kinks import EVERY
from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import adjoints, ancestors, descendants
from unstuck.facts import Array
from unstuck.trace.judging.adversaries import parts_of
from unstuck.trace.judging.judge import Verdicts, judge
from unstuck.trace.judging.matching import match
from unstuck.trace.reading.written import Step

TIES = (0.0, 0.5, 1.0, EVERY)
FEW = 6  # steps in which a proof is sought
SOLVERS = {"solve", "lstsq", "inv", "pinv", "cholesky", "eigh", "svd", "cho_solve", "spsolve"}
CONTRACTIONS = {"dot", "matmul", "einsum", "tensordot", "inner", "multi_dot"}
TOGETHER = {"sum", "mean", "norm", "max", "amax", "std", "var", "vdot", "opaque", *SOLVERS, *CONTRACTIONS}


# ----- Kinks --------------------------------------------------------------------------------------------


def right_at_kinks(
    steps: Sequence[Step], verdicts: Verdicts, wrong: Collection[str], tolerance: float
) -> set[str]:
    """Parameters that agree in every step under one choice of subgradient or another."""
    at_worst = {name: {_worst(verdicts, name)} for name in wrong if verdicts.telling(name)}
    tried = {number for numbers in at_worst.values() for number in numbers}
    possible = _right_in([step for step in steps if step.number in tried], verdicts, at_worst, tolerance)
    return _right_in(steps, verdicts, {name: set(verdicts.telling(name)) for name in possible}, tolerance) | {
        name for name in wrong if not verdicts.telling(name)
    }


def _worst(verdicts: Verdicts, name: str) -> int:
    """The step in which a gradient is farthest from the true one."""
    telling = verdicts.telling(name)
    return max(telling, key=lambda number: (telling[number].scale <= 0, telling[number].residual))


def _right_in(
    steps: Sequence[Step], verdicts: Verdicts, numbers: Mapping[str, Collection[int]], tolerance: float
) -> set[str]:
    """Those of the parameters that agree in each of their steps under one choice or another."""
    if not numbers:
        return set()
    choices = [verdicts, *(judge(steps, verdicts.loss, ties=ties) for ties in TIES)]
    return {
        name
        for name, some in numbers.items()
        if all(min(_residual(choice, name, number) for choice in choices) <= tolerance for number in some)
    }


def _residual(verdicts: Verdicts, name: str, number: int) -> float:
    found = verdicts.matches.get(name, {}).get(number)
    return np.inf if found is None or found.scale <= 0 else found.residual


# ----- Steps that leave the gradient's direction on purpose ---------------------------------------------


def bent_at(steps: Sequence[Step], verdicts: Verdicts, name: str, tolerance: float) -> Node | None:
    """The operation that turns a right gradient into another direction on its way into the update, or None."""
    telling = verdicts.telling(name)
    bends = [
        _bend(step, name, telling[step.number].true, tolerance) for step in steps if step.number in telling
    ]
    return bends[0] if bends and all(bend is not None for bend in bends[:FEW]) else None


def _bend(step: Step, name: str, true: Array, tolerance: float) -> Node | None:
    behind = ancestors([step.updates[name].after], oldest=step.nodes[0].id) & step.backward
    right = [
        node
        for node in behind
        if np.size(node.value) == true.size and _fits_either(np.asarray(node.value, float), true, tolerance)
    ]
    if not right:
        return None
    after = descendants(right, sorted(behind, key=lambda node: node.id)) - set(right)
    return next((node for node in _in_order(after) if _bends(node, after, right, step)), None)


def _in_order(nodes: Collection[Node]) -> Iterator[Node]:
    yield from sorted(nodes, key=lambda node: node.id)


def _fits_either(written: Array, true: Array, tolerance: float) -> bool:
    """Is this the gradient, or its negative?"""
    found = match(written, true)
    return not found.vacuous and min(found.residual, found.mirrored) <= tolerance


def _bends(node: Node, after: Collection[Node], right: Collection[Node], step: Step) -> bool:
    """Is the gradient given to a solver here, or multiplied by what a solver made?"""
    if node.op in SOLVERS:
        return True
    others = [parent for parent in node.parents() if parent not in after and parent not in right]
    made = ancestors(others, oldest=step.nodes[0].id)
    return node.op in CONTRACTIONS and any(each.op in SOLVERS for each in made)


def projected_at(steps: Sequence[Step], verdicts: Verdicts, name: str, tolerance: float) -> Node | None:
    """Where a right gradient is freed of its mean, made orthogonal, or multiplied by a matrix, before its update.

    Of several losses, the gradient of one that is right counts as well.
    """
    telling = verdicts.telling(name)
    found = []
    for step in [step for step in steps if step.number in telling][:FEW]:
        truths = [telling[step.number].true, *_of_parts(step, name, verdicts)]
        found.append(_projection(step, name, truths, tolerance))
    return found[0] if found and all(node is not None for node in found) else None


def _of_parts(step: Step, name: str, verdicts: Verdicts) -> Iterator[Array]:
    """The gradients of the single outputs that the loss compares."""
    for seeds in parts_of(step, verdicts.loss):
        found = adjoints(seeds, step.wrt(), stop=step.ends).of(step.updates[name].before)
        if found is not None and np.any(found):
            yield found


def _projection(step: Step, name: str, truths: Sequence[Array], tolerance: float) -> Node | None:
    """The first operation on a right gradient that takes all of it together: a sum, a product, a decomposition."""
    after = step.updates[name].after
    behind = ancestors([after], oldest=step.nodes[0].id, stop=step.ends - {after})
    right = [
        node
        for node in behind
        for true in truths
        if np.size(node.value) == true.size and _fits_either(np.asarray(node.value, float), true, tolerance)
    ]
    later = descendants(right, _in_order(behind)) - {*right} - step.ends
    return next((node for node in _in_order(later) if node.op in TOGETHER), None)
