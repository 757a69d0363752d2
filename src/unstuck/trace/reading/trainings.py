"""Everything on a tape that trains: by updates of the script's own, or by gradients handed to an optimiser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from unstuck.autodiff.node import Node
from unstuck.trace.reading.chains import Remembered
from unstuck.trace.reading.handed import handed_steps
from unstuck.trace.reading.steps import Steps, find_steps

LOOKED_AT = 100_000  # nodes: of a program without a training everything is recorded
MOST_TURNED = 20  # steps


def trainings(nodes: Sequence[Node], least: int, known: Remembered | None = None) -> list[Steps]:
    """The trainings of one window, the main one first; each has at least `least` steps.

    known  what earlier looks at the same window have found, and this one adds to
    """
    return [*handed_steps(nodes, least), *find_steps(nodes, least, known)]


def turned_trainings(nodes: Sequence[Node], least: int) -> list[Steps]:
    """The beginnings of trainings whose updates turn the sign of every old value, or double it.

    (`w = rate * g - w`, or `w += w - rate * g`.)  Nothing that is right looks so but what is flipped on purpose, such
    as a mask, so they are looked for only where there is no other training.
    """
    places = Remembered().places  # they are the same whatever share comes back
    looks = (find_steps(nodes[:LOOKED_AT], least, Remembered(places=places), share) for share in (-1.0, 2.0))
    found = next(filter(None, looks), [])
    return [replace(steps, keys=steps.keys[:MOST_TURNED]) for steps in found]
