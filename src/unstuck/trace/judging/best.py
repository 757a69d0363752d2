"""Which loss do the steps descend?  Of all candidates the one that explains most weights exactly in every step.

Every candidate is tried on a few steps over the whole run, and the best of them on all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from unstuck.trace.judging.judge import Verdicts, judge
from unstuck.trace.judging.matching import STEADY, Table
from unstuck.trace.judging.penalties import is_penalty_alone
from unstuck.trace.reading.losses import HELD, MOST_PLACES, PREFERENCE, Candidate
from unstuck.trace.reading.written import Step

LONG = 60_000  # nodes in the steps on which every loss is tried
FEWER = 10  # times as many numbers tell where a few agree by accident
FINALISTS = 3  # losses that are judged on all steps, besides equals of the best


def best_loss(steps: Sequence[Step], tolerance: float, *, pairs_only: bool = False) -> Verdicts | None:
    """The candidate that explains most weights in every step; ties go to the simpler loss.

    Every candidate is tried on a few steps, and the best of them on all, until one explains everything.
    `pairs_only` leaves out the scalars that the script computes itself.  That a target is held constant although
    it depends on the parameters is believed only where it explains all, and no other loss more than a few of many
    numbers, as may happen; a penalty is taken for the loss only where there is no other; and a sum of losses only
    if it shows in every step in which its first part does.
    """
    losses = {loss for step in steps for loss in step.losses if loss.by_pairs or not pairs_only}
    losses = {loss for loss in losses if not is_penalty_alone(steps, loss)} or losses
    counts = Counter(loss for step in steps for loss in step.losses)
    losses = {loss for loss in losses if counts[loss] > 1} or losses
    losses = {loss for loss in losses if not loss.more or counts[loss] >= counts[replace(loss, more=())]}
    found = None
    for places in range(MOST_PLACES):  # a sum is believed only where it explains more than its parts
        more = [loss for loss in losses if loss.kind not in HELD and len(loss.more) == places]
        best = _best_of(more, steps, tolerance)
        if best is not None and (
            found is None or _numbers(best, steps, tolerance) > _numbers(found, steps, tolerance)
        ):
            found = best
        if found is not None and found.explains_all(tolerance):
            return found
    explained = [name for name in found.matches if found.explains(name, tolerance)] if found else []
    if found is None or all(found.size(name) == 1 for name in explained):
        guessed = _best_of([loss for loss in losses if loss.kind in HELD], steps, tolerance)
        if guessed is not None and guessed.explains_all(tolerance):
            few = FEWER * len(explained) <= _numbers(guessed, steps, tolerance)
            return guessed if few or found is None else found
    return found


def _best_of(losses: Sequence[Candidate], steps: Sequence[Step], tolerance: float) -> Verdicts | None:
    """The first of these losses that explains everything, or else the one that explains most."""
    few, long = _few(steps)
    ranks = {loss: _rank(judge(few, loss), few, tolerance) for loss in losses}
    ranked = sorted(losses, key=lambda loss: (ranks[loss], loss.span), reverse=True)
    finalists: list[Verdicts] = []
    for loss in ranked:
        if len(finalists) >= FINALISTS and (long or ranks[loss][0] < ranks[ranked[0]][0]):
            break
        if long and any(ranks[loss][0] < _numbers(best, steps, tolerance) for best in finalists):
            break  # what explains less in few steps explains no more in all
        finalists.append(judge(steps, loss))
        if finalists[-1].explains_all(tolerance):
            break
    return max(finalists, key=lambda verdicts: _rank(verdicts, steps, tolerance), default=None)


def _few(steps: Sequence[Step]) -> tuple[list[Step], bool]:
    """Some steps over the whole run, on which every loss is tried; of long steps fewer, and that they are long."""
    chosen = list(steps[:: max(1, len(steps) // 3)])[:4]
    long = sum(len(step.nodes) for step in chosen) > LONG
    while len(chosen) > 1 and sum(len(step.nodes) for step in chosen) > LONG:
        chosen.pop()
    return chosen, long


def _numbers(verdicts: Verdicts, steps: Sequence[Step], tolerance: float) -> int:
    return _rank(verdicts, steps, tolerance)[0]


def _rank(
    verdicts: Verdicts, steps: Sequence[Step], tolerance: float
) -> tuple[int, bool, int, int, int, float, bool, int]:
    """Numbers explained (in arrays: a single number proves nothing), from the output on, how, then derivable, ...

    Then follow how many take part, similar, steady, and preferred.

    What is explained upside down counts as well, for a layer may climb what the others descend; but of a value that
    the script computes only beside something that is explained, and if that is nearer to the output.  Such a value may
    be maximised, but only where nothing else explains as much.  For one sample with one
    output several losses differ by a factor only: then it is the one whose factor is the same in every step.
    """
    arrays = [name for name in verdicts.matches if verdicts.is_array(name)]
    sizes = {name: verdicts.size(name) for name in arrays}
    right = [name for name in arrays if verdicts.explains(name, tolerance)]
    turned = [name for name in arrays if verdicts.climbs(name, tolerance)]
    explained, mirrored = (sum(sizes[name] for name in names) for names in (right, turned))
    from_output = True
    if verdicts.loss.by_pairs:
        how, explained = (1 if mirrored and not explained else 2), explained + mirrored
    else:
        how = 0 if verdicts.loss.kind == "maximised" else 2
        if right and turned:
            explained += mirrored
            from_output = max(right + turned, key=lambda name: first_use(steps, name)) in right
    cosines = [
        match.cosine for table in verdicts.matches.values() for match in table.values() if not match.vacuous
    ]
    similar = float(np.mean(cosines)) if cosines else -1.0
    judged = arrays or list(verdicts.matches)
    steady = any(verdicts.explains(name, tolerance) and verdicts.spread(name) < STEADY for name in judged)
    preferred = -PREFERENCE.index(verdicts.loss.kind)
    apart = sum(_takes_no_part(table) for table in verdicts.matches.values())
    return explained, from_output, how, -len(verdicts.unknown), -apart, round(similar, 6), steady, preferred


def first_use(steps: Sequence[Step], name: str) -> int:
    """When the network first takes this parameter: the id of the node, in the first step that updates it."""
    step = next(step for step in steps if name in step.updates)
    return min((node.id for node in step.takers[step.updates[name].before]), default=-1)


def _takes_no_part(table: Table) -> bool:
    """Is a gradient written in some step, and the true one zero in all of them?"""
    told = [match for match in table.values() if not match.vacuous]
    return bool(told) and not any(np.any(match.true) for match in told)
