"""What an edited program must show before its edit counts as a repair, or as a step towards one.

The oracle is the gradient check itself: an edit is accepted only when, on seeds and steps that did not guide the
search, every judged gradient is right and the forward pass gives the values it gave before.  Five steps are not
enough: wrong edits pass while no hidden unit happens to be switched off.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from unstuck.facts import Gradient, Trace

STEPS = 10
RIGHT = ("exact", "scaled")
JUDGED = (*RIGHT, "wrong")
SAME_SCALE = 1e-3


def at_length(original: Trace, edited: Trace) -> bool:
    """Does every gradient that was wrong show in so many steps of the edited program that they prove something?

    (Under some seeds a network diverges at once, repaired or not.)
    """
    after = (
        counterpart(before, original, edited) for before in original.gradients if before.status == "wrong"
    )
    return edited.steps >= STEPS and all(now is not None and now.steps >= STEPS for now in after)


def settled(original: Trace, edited: Trace) -> bool:
    """Is every gradient that could be judged right now, and the forward pass the same?"""
    if edited.status not in RIGHT or not same_forward(original, edited):
        return False
    for before in original.gradients:
        now = counterpart(before, original, edited)
        if before.status in JUDGED and (now is None or now.status not in RIGHT):
            return False
    return all(gradient.status != "wrong" for gradient in edited.gradients)


def repaired(original: Trace, edited: Trace) -> frozenset[str]:
    """The wrong gradients that an edit made right; none when it spoilt or lost another or touched the forward pass."""
    if not same_forward(original, edited):
        return frozenset()
    pairs = [(before, counterpart(before, original, edited)) for before in original.gradients]
    right = {before.parameter for before, now in pairs if now is not None and now.status in RIGHT}
    known = {now.parameter for _, now in pairs if now is not None}
    lost = [before for before, now in pairs if before.status in JUDGED and now is None]
    spoilt = [before for before, _ in pairs if before.status in RIGHT and before.parameter not in right]
    fresh = [now for now in edited.gradients if now.status == "wrong" and now.parameter not in known]
    if lost or spoilt or fresh:
        return frozenset()
    return frozenset(before.parameter for before, _ in pairs if before.status == "wrong") & right


def scale_kept(original: Trace, edited: Trace) -> bool:
    """Does no gradient get a constant factor that it did not have?  A right edit leaves the step size alone."""
    for before in original.gradients:
        now = counterpart(before, original, edited)
        if now is not None and now.status == "scaled":
            known = math.isfinite(before.scale) and before.scale > 0
            if not known or abs(now.scale / before.scale - 1) > SAME_SCALE:
                return False
    return True


def counterpart(before: Gradient, original: Trace, edited: Trace) -> Gradient | None:
    """The same parameter in another run: by its name, or, where an edit has changed the names, by shape and order."""
    named = {now.parameter: now for now in edited.gradients}
    if before.parameter in named:
        return named[before.parameter]
    known, shape = {gradient.parameter for gradient in original.gradients}, np.shape(before.exact)
    lost = [
        each.parameter
        for each in original.gradients
        if each.parameter not in named and np.shape(each.exact) == shape
    ]
    fresh = [now for now in edited.gradients if now.parameter not in known and np.shape(now.exact) == shape]
    place = lost.index(before.parameter)
    return fresh[place] if place < len(fresh) else None


def same_forward(original: Trace, edited: Trace) -> bool:
    """Are the values of the first forward pass known and the same in both runs?

    One run may show more of them than the other: a network that it judges besides, a loss that it finds further on.
    """
    fewer, more = sorted((Counter(run.forward) for run in (original, edited)), key=Counter.total)
    return bool(fewer) and not fewer - more
