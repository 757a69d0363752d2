"""Values that every step makes anew from the last error, and that no update known here accounts for.

A layer may use what the step before has stored, although it is no update as this house reads them: the gradient
has replaced the parameter (`b = -rate * g`), the old value comes back doubled or with its sign turned, or
something else was done to it afterwards.  What is a plain mixture of old value and true gradient is named;
anything else was not compared, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import adjoints, descendants
from unstuck.facts import Array, Explanation, Gradient
from unstuck.trace.explaining.operands import Operand, forward, operands
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.written import Step

TESTED = 6
LEAST_STEPS = 3
ENOUGH = 6  # numbers that prove two factors
SINGULAR = (
    1e-6  # sine of the angle between gradient and old value below which their shares cannot be told apart
)


@dataclass(frozen=True)
class Round:
    """One value before and after a step, and the true gradient by it in that step."""

    before: Operand
    after: Operand
    exact: Array


def unread(steps: Sequence[Step], loss: Candidate, tolerance: float) -> list[Gradient]:
    """A Gradient for each such value: wrong where it is proven, else "cannot-tell"."""
    used = [step for step in steps if loss in step.losses]
    follow = [pair for pair in pairwise(used) if _is_next(*pair)][:TESTED]
    rounds: dict[object, list[Round]] = {}
    for step, following in follow:
        for found in _renewed(step, following, loss):
            rounds.setdefault(found.after.place, []).append(found)
    first_uses: dict[Node, list[Round]] = {}
    for each in rounds.values():
        if len(each) >= min(LEAST_STEPS, len(follow)) > 1:
            first_uses.setdefault(each[-1].after.base, each)
    return [_noun(each, tolerance) for each in first_uses.values()]


def _is_next(step: Step, following: Step) -> bool:
    """Do these two steps follow each other on one tape?"""
    return step.number + 1 == following.number and step.nodes[-1].id < following.nodes[0].id


def _renewed(step: Step, following: Step, loss: Candidate) -> Iterator[Round]:
    """What the following step uses like a parameter and this one has made from its error."""
    inside = range(step.nodes[0].id, following.nodes[0].id)
    fresh = [found for found in operands(following, loss) if found.base.id in inside]
    if not fresh:
        return
    ahead = set(forward(step, loss))
    errors = [node for node in step.nodes if node in step.backward and node in step.tainted - ahead]
    made = descendants(errors, step.nodes)
    before = {found.place: found for found in operands(step, loss)}
    wrt = [*step.wrt(), *(found.base for found in before.values())]
    true = adjoints(step.losses[loss].seeds, wrt, stop={*step.ends, *wrt})
    for after in fresh:
        old = before.get(after.place)
        if old is None or after.base in ahead or after.base not in made:
            continue
        exact = true.of(old.base)
        if exact is not None:
            yield Round(old, after, exact)


# ----- What has become of the old value -----------------------------------------------------------------


def _mixture(rounds: Sequence[Round], tolerance: float) -> float | None:
    """The share of the old value when every new value is made of it and the gradient alone; else None.

    The gradient alone is tried first: a few numbers are always a mixture of any two arrays.
    """
    values = [
        tuple(
            np.asarray(array, float).ravel()
            for array in (each.before.base.value, each.exact, each.after.base.value)
        )
        for each in rounds
    ]
    if any(not np.all(np.isfinite(np.concatenate(each))) or each[0].size != each[2].size for each in values):
        return None
    alone = [_factors((exact,), new, tolerance) for _, exact, new in values if np.any(exact) or np.any(new)]
    if len(alone) >= LEAST_STEPS and all(found is not None and found[0] != 0 for found in alone):
        return 0.0
    if values[0][0].size < ENOUGH:
        return None
    both = [
        found for old, exact, new in values if (found := _factors((old, exact), new, tolerance)) is not None
    ]
    if len(both) < len(values) or any(factor == 0 for _, factor in both):
        return None
    return float(np.median([share for share, _ in both]))


def _factors(parts: Sequence[Array], whole: Array, tolerance: float) -> tuple[float, ...] | None:
    """The factors with which the parts add up to the whole; None where they do not, or where they are not unique."""
    sizes = [float(np.linalg.norm(part)) for part in parts]
    if whole.size < 2 or not all(sizes):
        return None
    columns = np.stack([part / size for part, size in zip(parts, sizes, strict=True)], axis=1)
    if np.linalg.svd(columns, compute_uv=False)[-1] < SINGULAR:
        return None
    found = np.linalg.lstsq(columns, whole, rcond=None)[0]
    if np.abs(whole - columns @ found).max() > tolerance * np.abs(whole).max():
        return None
    return tuple(float(factor / size) for factor, size in zip(found, sizes, strict=True))


def _noun(rounds: Sequence[Round], tolerance: float) -> Gradient:
    last = rounds[-1]
    name, place = last.after.title, last.after.base.span or last.after.y.span
    assert place is not None
    found = _mixture(rounds, tolerance)
    told = _fault(name, found) if found is not None else None
    uses = (last.after.y.span,) if last.after.y.span is not None else ()
    return Gradient(
        parameter=name,
        span=place,
        status="wrong" if told else "cannot-tell",
        cosine=float("nan"),
        scale=float("nan"),
        residual=1.0,
        steps=len(rounds),
        written=np.asarray(last.before.base.value, float) - np.asarray(last.after.base.value, float),
        exact=last.exact,
        explanation=Explanation(*told, place, uses) if told else None,
        reason="" if told else "it changes in every step, in a way that is no update as far as can be read",
    )


def _fault(name: str, share: float) -> tuple[str, str] | None:
    """(kind, text) of a mixture that no optimiser makes; None where it may be a strong decay."""
    if share == 0:
        text = f"{name} becomes a multiple of its gradient in every step, instead of moving along it"
        return "parameter-replaced", text
    if not 0 < share <= 1:
        text = f"each update of {name} multiplies the old value by {share:.4g}, which should be kept"
        return "parameter-not-kept", text
    return None
