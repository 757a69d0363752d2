"""Values that a network uses like parameters, whose gradient the script works out, and that never move.

A constant that is added to a layer or multiplied with its input is no fault by itself: it may be frozen, or be
data.  It becomes one when the backward pass computes exactly the derivative of the loss by this value and then
lets it go: the update was meant, and misses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import adjoints, ancestors, descendants
from unstuck.facts import Array, Explanation, Gradient, Span
from unstuck.trace.explaining.directions import RightValues
from unstuck.trace.judging.outside import update_after_loop
from unstuck.trace.judging.statements import is_conditional, side_by_side, statement_about
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.terms import terms_of
from unstuck.trace.reading.views import CONTRACTIONS, LOOKUPS, untransposed
from unstuck.trace.reading.written import Step
from unstuck.trace.running.sources import line_in_words

TESTED = 6  # steps in which the lost derivative must show
LEAST_STEPS = 3
SAME = 1e-6  # relative spread of factors that are one
JOINS = {"add", "subtract"}


@dataclass(frozen=True, eq=False)
class Constant:
    """A value from before the step in the forward pass: y = x + base, x - base, x @ base, or base[rows]."""

    base: Node
    y: Node
    position: int

    @property
    def place(self) -> tuple[Span | None, int]:
        """What identifies it from step to step: the operation, and which of its two operands it is."""
        return self.y.span, self.position


def untouched(steps: Sequence[Step], loss: Candidate) -> list[Gradient]:
    """A Gradient, with the status "wrong", for every value that should be updated and is not."""
    used = [step for step in steps if loss in step.losses]
    found: dict[Node, Gradient] = {}
    for first in _constants(used[0], loss) if len(used) >= LEAST_STEPS else ():
        rounds = [(step, same) for step in used if (same := _again(step, loss, first)) is not None]
        if first.base not in found and len(rounds) >= LEAST_STEPS:
            gradient = _judged(first, rounds, loss)
            if gradient is not None:
                found[first.base] = gradient
    return list(found.values())


def _constants(step: Step, loss: Candidate) -> Iterator[Constant]:
    """The candidates of one step."""
    start = step.nodes[0].id
    roots = [node for node, _ in step.losses[loss].seeds]
    parameters = {update.before for update in step.updates.values()}
    for y in sorted(ancestors(roots, oldest=start), key=lambda item: item.id):
        if (table := _table(y)) is not None and table not in parameters and table not in step.tainted:
            yield Constant(table, y, 0)
        operands = [arg for arg in y.args if isinstance(arg, Node)]
        if len(operands) != 2 or y.op not in CONTRACTIONS | JOINS:
            continue
        for position, (own, other) in enumerate((operands, operands[::-1])):
            base = untransposed(own)
            known = own in step.tainted or base in parameters or np.ndim(base.value) == 0
            if known or untransposed(other) in parameters or np.ndim(base.value) > 2:
                continue
            if _takes_part(base, other, y):
                yield Constant(base, y, position)


def _table(y: Node) -> Node | None:
    """The table of which rows are looked up here.  (Of data that are all taken, the gradient is of no interest.)"""
    if y.op not in LOOKUPS or not isinstance(y.args[0], Node) or np.size(y.value) == np.size(y.args[0].value):
        return None
    table = untransposed(y.args[0])
    is_float = np.issubdtype(np.asarray(table.value).dtype, np.floating)
    return table if np.ndim(table.value) == 2 and is_float else None


def _takes_part(base: Node, other: Node, y: Node) -> bool:
    """Like a bias that is added to a layer, or like a matrix that its input is multiplied with."""
    if y.op in CONTRACTIONS:
        return np.ndim(base.value) == 2
    return np.size(base.value) <= np.size(y.value) == np.size(other.value)


def _again(step: Step, loss: Candidate, first: Constant) -> Constant | None:
    """The same value in another step."""
    shape = np.shape(first.base.value)
    same = (c for c in _constants(step, loss) if c.place == first.place and np.shape(c.base.value) == shape)
    return next(same, None)


def _judged(first: Constant, rounds: Sequence[tuple[Step, Constant]], loss: Candidate) -> Gradient | None:
    """The verdict on one value, from the steps in which it was met."""
    steady = [step for step, same in rounds if same.base is first.base]
    if len(steady) < LEAST_STEPS:
        return None  # a batch, a mask or noise: something new in every step
    elsewhere = _updated_elsewhere(first)
    if _held_back(steady[0], elsewhere) or _goes_forward(elsewhere, steady[0], loss):
        return None
    moved = any(not np.array_equal(same.base.value, first.base.value) for _, same in rounds)
    if first.y.op in LOOKUPS and (moved or elsewhere is not None):
        return None  # rows are often moved later than those that they meet
    lost = [
        _lost(step, following, same, loss, moved or elsewhere is not None)
        for (step, same), (following, _) in pairwise(rounds[: TESTED + 1])
    ]
    proofs = [proof for proof in lost if proof is not None]
    if len(proofs) < len(lost) or not _is_one_multiple(proofs):
        return None
    return _noun(first, steady[0], *proofs[0], moved, elsewhere, len(rounds))


def _is_one_multiple(proofs: Sequence[tuple[Node, Array]]) -> bool:
    """Is what is let go the true derivative times one number in all steps?  (One number alone is a multiple of any.)"""
    if any(exact.size > 1 for _, exact in proofs):
        return True
    ratios = [float(np.sum(node.value)) / float(np.sum(exact)) for node, exact in proofs if np.any(exact)]
    places = {(node.span, node.op) for node, _ in proofs}
    return len(places) == 1 and len(ratios) >= LEAST_STEPS and np.ptp(ratios) <= SAME * abs(ratios[0])


def _updated_elsewhere(constant: Constant) -> Span | None:
    """The statement of the source that would update this value, though it did not run in these steps."""
    if not constant.base.names or constant.y.span is None:
        return None
    return statement_about(constant.y.span, constant.base.names[-1], changing=True)


def _goes_forward(place: Span | None, step: Step, loss: Candidate) -> bool:
    """Does the statement belong to the forward pass, so that what it moves is a value on the way to the output?"""
    ahead = ancestors([node for node, _ in step.losses[loss].seeds], oldest=step.nodes[0].id, stop=step.ends)
    spans = (node.span for node in ahead & step.tainted if node.span is not None)
    return place is not None and any((span.path, span.line) == (place.path, place.line) for span in spans)


def _held_back(step: Step, elsewhere: Span | None) -> bool:
    """Is it left out on purpose: does a condition stand before its update, or in the loop that makes all updates?"""
    if elsewhere is not None:
        return is_conditional(elsewhere)
    places = [u.after.span for u in step.updates.values() if len(u.after.context) > len(step.key)]
    return len(places) == len(step.updates) and all(
        place is None or is_conditional(place) for place in places
    )


def _lost(
    step: Step, following: Step, constant: Constant, loss: Candidate, moved: bool
) -> tuple[Node, Array] | None:
    """(the derivative that the script computes and lets go, the true one).

    Of a value that is updated elsewhere, the error that its derivative is made of is enough.
    """
    wrt = [*step.wrt(), constant.base]
    found = adjoints(step.losses[loss].seeds, wrt, stop=step.ends).cotangents
    exact = found.get(constant.base)
    if exact is None:
        return None
    wanted = RightValues([exact, *([found[constant.y]] if moved and constant.y in found else [])])
    alive = ancestors([update.after for update in step.updates.values()], oldest=step.nodes[0].id)
    for node in step.nodes:
        if node in alive or node in found or node not in step.tainted:
            continue
        if wanted.sign(np.asarray(node.value, float)) and not _kept(node, step, following):
            return node, exact
    return None


def _kept(node: Node, step: Step, following: Step) -> bool:
    """Does an update of the next step use what this one made of the value (a sum over several steps)?"""
    made = descendants([node], (each for each in step.nodes if each.id > node.id))
    updated = [update.after for update in following.updates.values()]
    return not made.isdisjoint(ancestors(updated, oldest=node.id, stop=following.ends - {*updated}))


def _noun(
    first: Constant, step: Step, dead: Node, exact: Array, moved: bool, elsewhere: Span | None, count: int
) -> Gradient | None:
    name = first.base.names[-1] if first.base.names else ""
    title = name or (f"the value used at {line_in_words(first.y.span)}" if first.y.span else "a value")
    after_loop = update_after_loop(step, dead)
    in_vain = not moved and elsewhere is not None and _is_reached(elsewhere, step)
    if in_vain:
        kind, span = "parameter-never-updated", elsewhere
        text = (
            f"the gradient of {title} is computed in every step, but this statement leaves {title} as it is"
        )
    elif moved or elsewhere is not None or after_loop is not None:
        kind, span = "update-outside-loop", after_loop or elsewhere or dead.span
        text = f"{title} is updated outside of the loop in which its gradient is computed: most gradients are lost"
    else:
        kind = "parameter-never-updated"
        text = f"the gradient of {title} is computed in every step, but {title} itself never changes"
        span = _missing_at(step, first, dead)
    if span is None:
        return None
    uses = (dead.span,) if dead.span is not None and dead.span != span else ()
    return Gradient(
        parameter=title,
        span=span,
        status="wrong",
        cosine=float("nan"),
        scale=0.0,
        residual=1.0,
        steps=count,
        written=np.zeros(np.shape(exact)),
        exact=exact,
        explanation=Explanation(kind, text, span, uses),
    )


def _missing_at(step: Step, constant: Constant, dead: Node) -> Span | None:
    """Where the update belongs: where it is worked out, beside that of its layer or another, or by the derivative."""
    worked_out = (node.span for node in step.nodes if _joins(node, dead, constant.base))
    layer = {*constant.y.parents()}
    layer |= {parent for node in step.nodes if constant.y in node.parents() for parent in node.parents()}
    layer |= {parent for node in constant.y.parents() for parent in node.parents()}
    known = {update.before: update.after.span for update in step.updates.values()}
    beside = (known[base] for node in layer if (base := untransposed(node)) in known)
    places = (*worked_out, *beside, _among_updates(step, constant))
    return next((place for place in places if place is not None), dead.span)


def _among_updates(step: Step, constant: Constant) -> Span | None:
    """Where all updates stand together, line by line: that of the one alike which the network uses before."""
    places = [update.after.span for update in step.updates.values()]
    lines = sorted({place.line for place in places if place is not None})
    files = {place.path for place in places if place is not None}
    if len(lines) < 2 or len(files) > 1 or lines[-1] - lines[0] > len(lines):
        return None
    users = [(node.id, parent) for node in step.nodes for parent in node.parents()]
    used = {parent: number for number, parent in reversed(users)}
    alike = [u for u in step.updates.values() if np.ndim(u.before.value) == np.ndim(constant.base.value)]
    place_of = {used.get(update.before, 0): update.after.span for update in alike}
    before = [number for number in place_of if number <= constant.y.id]
    if not place_of:
        return None
    return place_of[max(before) if before else min(place_of)]


def _is_reached(statement: Span, step: Step) -> bool:
    """Is the statement carried out in every step, beside the updates of other parameters?"""
    places = [update.after.span for update in step.updates.values()]
    return any(place is not None and side_by_side(statement, place) for place in places)


def _joins(node: Node, dead: Node, base: Node) -> bool:
    """Is this the value plus a multiple of its gradient: what should have been stored?"""
    if node.op not in JOINS or node.id < dead.id:
        return False
    parts = [term.node for term in terms_of(node, stop=lambda other: other is dead or other is base)]
    return dead in parts and base in parts
