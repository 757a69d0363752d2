"""Values that every step makes anew from the last error, and that no update known here accounts for.

A layer may use what the step before has stored, although it is no update as this house reads them: the gradient
has replaced the parameter (`b = -rate * g`), the old value comes back doubled or with its sign turned, or
something else was done to it afterwards.  What is a plain mixture of old value and true gradient is named;
anything else was not compared, and that is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import adjoints, descendants
from unstuck.facts import Array, Explanation, Gradient, Span
from unstuck.trace.explaining.elements import stray_element
from unstuck.trace.explaining.operands import Operand, forward, operands
from unstuck.trace.judging.aliased import shared_text
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.parameters import BOOKKEEPING
from unstuck.trace.reading.terms import terms_of
from unstuck.trace.reading.written import Step

TESTED = 6
LEAST_STEPS = 3
RUN_AWAY = 1e3  # growth of a value after which rounding decides what it seems to be made of
LEAST_PROVEN = 2  # steps, where every number of each is accounted for
ENOUGH = 6  # numbers that prove two factors
SINGULAR = (
    1e-6  # sine of the angle between gradient and old value below which their shares cannot be told apart
)
Mixture = tuple[float, float]  # share of the old value, factor of the gradient


@dataclass(frozen=True)
class Round:
    """One value before and after a step, and the true gradient by it in that step.

    from_error  it was made from errors of which updates were made as well
    """

    before: Operand
    after: Operand
    exact: Array
    from_error: bool


def unread(steps: Sequence[Step], loss: Candidate, tolerance: float) -> list[Gradient]:
    """A Gradient for each such value: wrong where it is proven, else "cannot-tell"."""
    used = [step for step in steps if loss in step.losses]
    follow = [pair for pair in pairwise(used) if _is_next(*pair)][:TESTED]
    rounds: dict[object, list[Round]] = {}
    for step, following in follow:
        for key, found in _renewed(step, following, loss):
            rounds.setdefault(key, []).append(found)
    first_uses: dict[Node, list[Round]] = {}
    for each in rounds.values():
        if len(each) == len(follow) >= LEAST_PROVEN:
            first_uses.setdefault(each[-1].after.base, each)
    told = [(each, _mixture(each, tolerance)) for each in first_uses.values()]
    return [
        _noun(each, mixture) for each, mixture in told if not _is_right(mixture) and _counts(each, mixture)
    ]


def _counts(rounds: Sequence[Round], mixture: Mixture | None) -> bool:
    """May something be said?  (A single number that is not understood proves nothing, nor does a running mean.)"""
    told = len(rounds) >= LEAST_STEPS and all(each.from_error for each in rounds)
    return mixture is not None or (told and np.size(rounds[-1].exact) > 1)


def _is_next(step: Step, following: Step) -> bool:
    """Do these two steps follow each other on one tape?"""
    return step.number + 1 == following.number and step.nodes[-1].id < following.nodes[0].id


def _numbered(step: Step, loss: Candidate) -> dict[tuple[object, int], Operand]:
    """The operands of a step by their place, and the how-many-th there: one line may serve several layers."""
    counts: Counter[object] = Counter()
    found: dict[tuple[object, int], Operand] = {}
    for each in operands(step, loss):
        found[each.place, counts[each.place]] = each
        counts[each.place] += 1
    return found


def _renewed(step: Step, following: Step, loss: Candidate) -> Iterator[tuple[object, Round]]:
    """What the following step uses like a parameter and this one has made from its error, with its place."""
    inside = range(step.nodes[0].id, following.nodes[0].id)
    known = step.ends | following.ends
    fresh = {
        key: each
        for key, each in _numbered(following, loss).items()
        if each.base.id in inside and not _follows(each.base, known, inside.start)
    }
    if not fresh:
        return
    ahead = set(forward(step, loss))
    errors = step.tainted - ahead - step.ends
    made = descendants(errors, step.nodes)
    updating = descendants((errors & step.backward) | step.differences(), step.nodes)
    before = _numbered(step, loss)
    wrt = [*step.wrt(), *(found.base for found in before.values())]
    true = adjoints(step.losses[loss].seeds, wrt, stop={*step.ends, *wrt})
    for key, after in fresh.items():
        old = before.get(key)
        if old is None or after.base in ahead or after.base not in made:
            continue
        exact = true.of(old.base)
        if exact is not None:
            yield key, Round(old, after, exact, after.base in updating)


def _follows(base: Node, known: frozenset[Node], oldest: int) -> bool:
    """Is this a known parameter after something was done to its elements: decayed, masked, clipped, stored?"""
    pending, seen = [base], {base}
    while pending:
        for parent in pending.pop().parents():
            if parent in known and np.shape(parent.value) == np.shape(base.value):
                return True
            if parent not in seen and parent.id >= oldest and parent.op in BOOKKEEPING:
                seen.add(parent)
                pending.append(parent)
    return False


# ----- What has become of the old value -----------------------------------------------------------------


def _mixture(rounds: Sequence[Round], tolerance: float) -> Mixture | None:
    """The share of the old value and the factor of the gradient when the new values are made of these two alone.

    The gradient alone is tried first: a few numbers are always a mixture of any two arrays.  Arrays of a few numbers
    prove something together, if share and factor are constant (the bias of two classes is always along (1, -1)).
    """
    values = [
        tuple(
            np.asarray(a, float).ravel() for a in (each.before.base.value, each.exact, each.after.base.value)
        )
        for each in rounds
    ]
    values = _before_it_runs_away(values)
    if any(not np.all(np.isfinite(np.concatenate(each))) for each in values) or len(values) < LEAST_PROVEN:
        return None
    if values[0][2].size < ENOUGH:
        values = [tuple(np.concatenate(parts) for parts in zip(*values, strict=True))]
    alone = [_factors((exact,), new, tolerance) for _, exact, new in values if np.any(exact) or np.any(new)]
    if alone and all(alone):
        return 0.0, float(np.median([found[0] for found in alone if found]))
    shifted = [_factors((exact, np.ones(new.shape)), new, tolerance) for _, exact, new in values]
    if all(shifted):  # a number has taken the place of the old value
        return 0.0, float(np.median([found[0] for found in shifted]))
    both = [_factors((old, exact), new, tolerance) for old, exact, new in map(_not_set, values)]
    if not all(both):
        return None
    share, factor = np.median([found for found in both if found], axis=0)
    return float(share), float(factor)


def _before_it_runs_away(values: Sequence[tuple[Array, ...]]) -> list[tuple[Array, ...]]:
    """The rounds until the numbers have grown so much that one part of the new value drowns the other."""
    start = max(float(np.abs(values[0][0]).max()), float(np.abs(values[0][2]).max()))
    ran = (
        n for n, (_, _, new) in enumerate(values) if start > 0 and not np.abs(new).max() < RUN_AWAY * start
    )
    return list(values[: next(ran, len(values))])


def _not_set(values: tuple[Array, ...]) -> tuple[Array, ...]:
    """The elements whose new value is no other's: what a mask or a limit sets is the same in several places."""
    new, counts = np.unique(values[2], return_counts=True)
    free = np.isin(values[2], new[counts == 1])
    return tuple(array[free] for array in values)


def _factors(parts: Sequence[Array], whole: Array, tolerance: float) -> tuple[float, ...]:
    """The factors with which the parts add up to the whole; none where they do not, or are not unique."""
    sizes = [float(np.linalg.norm(part)) for part in parts]
    if whole.size < (2 if len(parts) == 1 else ENOUGH) or not all(sizes):
        return ()
    columns = np.stack([part / size for part, size in zip(parts, sizes, strict=True)], axis=1)
    if np.linalg.svd(columns, compute_uv=False)[-1] < SINGULAR:
        return ()
    found = np.linalg.lstsq(columns, whole, rcond=None)[0]
    if np.abs(whole - columns @ found).max() > tolerance * np.abs(whole).max() or not np.all(found):
        return ()
    return tuple(float(factor / size) for factor, size in zip(found, sizes, strict=True))


def _is_right(mixture: Mixture | None) -> bool:
    """Is this the old value, decayed or not, moved against the gradient?"""
    return mixture is not None and 0 < mixture[0] <= 1 + SINGULAR and mixture[1] < 0


def _noun(rounds: Sequence[Round], mixture: Mixture | None) -> Gradient:
    last = rounds[-1]
    place = last.after.base.span or last.after.y.span
    assert place is not None
    fault = _explained(rounds, mixture, place)
    return Gradient(
        parameter=_name(last.after),
        span=place,
        status="wrong" if fault else "cannot-tell",
        cosine=float("nan"),
        scale=float("nan"),
        residual=1.0,
        steps=len(rounds),
        written=_array(last.before) - _array(last.after),
        exact=last.exact,
        explanation=fault,
        reason="" if fault else "it changes in every step, in a way that is no update as far as can be read",
    )


def _explained(rounds: Sequence[Round], mixture: Mixture | None, place: Span) -> Explanation | None:
    """What has become of the old value, where that is proven and no update."""
    last = rounds[-1]
    if mixture is None:
        if all(_of_itself(each.after.base) and _goes_up(each) for each in rounds):
            return _shared(rounds, place)
        if last.after.role != "element":
            return None
        moves = [(_array(each.before), _array(each.after), each.exact) for each in rounds]
        return stray_element(_name(last.after), moves, last.after.base)
    told = _fault(_name(last.after), *mixture, last.after.base)
    if told is None:
        return None
    shared = last.before.base.bound[-1:] if told[0] == "aliasing" else []
    used = [last.after.y.span] if last.after.y.span is not None else []
    places = tuple(dict.fromkeys((*shared, place, *used)))
    return Explanation(*told, places[0], places[1:])


def _goes_up(each: Round) -> bool:
    """Was the gradient added to the value before it was taken off itself?  (What goes down and decays is moved.)"""
    made = np.asarray(each.after.base.args[0].value, float)
    return float(np.vdot(made - _array(each.before), each.exact)) > 0


def _shared(rounds: Sequence[Round], place: Span) -> Explanation:
    """The sum that should become the gradient is the array itself, under another name."""
    old = rounds[-1].before.base
    text = shared_text(_name(rounds[-1].before))
    places = dict.fromkeys([*old.bound[-1:], place])
    return Explanation("aliasing", text, next(iter(places)), tuple(places)[1:])


def _name(operand: Operand) -> str:
    """What the script calls the array, of which a single element may be read."""
    array = operand.title.rpartition("[")[0] if operand.role == "element" else ""
    return array or operand.title


def _array(operand: Operand) -> Array:
    return np.asarray(operand.base.value, float)


def _fault(name: str, share: float, factor: float, made: Node) -> tuple[str, str] | None:
    """(kind, text) of a mixture that no optimiser makes; None where it may be a strong decay."""
    if share == 0:
        text = f"{name} becomes a multiple of its gradient in every step, instead of moving along it"
        return "parameter-replaced", text
    if not 0 < share <= 1 + SINGULAR:
        text = f"each update of {name} multiplies the old value by {share:.4g}, which should be kept"
        return "parameter-not-kept", text
    if factor > 0 and _of_itself(made):
        text = f"the gradient is written into {name} itself, which shares its memory, before {name} is updated by it"
        return "aliasing", text
    return None


def _of_itself(made: Node) -> bool:
    """Is the new value one array less, or plus, a multiple of the same array?"""
    old = made.args[0] if made.op in ("add", "subtract") else None
    return isinstance(old, Node) and {
        part.node for part in terms_of(made, stop=lambda node: node is old)
    } == {old}
