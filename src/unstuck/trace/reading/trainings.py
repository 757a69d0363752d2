"""Everything on a tape that trains: by updates of the script's own, or by gradients handed to an optimiser."""

from __future__ import annotations

from collections.abc import Sequence

from unstuck.autodiff.node import Node
from unstuck.trace.reading.chains import OldValues
from unstuck.trace.reading.handed import handed_steps
from unstuck.trace.reading.steps import Steps, find_steps


def trainings(nodes: Sequence[Node], least: int, known: OldValues | None = None) -> list[Steps]:
    """The trainings of one window, the main one first; each has at least `least` steps.

    known  what earlier looks at the same window have found, and this one adds to
    """
    return [*handed_steps(nodes, least), *find_steps(nodes, least, known)]
