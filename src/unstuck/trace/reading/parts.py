"""Vectors that hold a whole network: the layers are views of them, and each can be judged by itself.

With all parameters in one vector, one wrong number makes the whole gradient wrong, and no loss would explain any of
it.  The views that the network takes of the vector tell which numbers belong together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.trace.reading.readings import of_part
from unstuck.trace.reading.steps import Tracked
from unstuck.trace.reading.written import Step

Parts = dict[str, slice]


def parted(
    steps: Sequence[Step], parameters: Mapping[str, Tracked]
) -> tuple[list[Step], dict[str, Tracked]] | None:
    """The steps and parameters with every such vector taken apart; None where there is none."""
    parts = {name: found for name in parameters if (found := _parts(steps, name, parameters))}
    if not parts:
        return None
    names = {part: name for name, found in parts.items() for part in found}
    apart = {name: tracked for name, tracked in parameters.items() if name not in parts}
    apart |= {part: replace(parameters[name], name=part) for part, name in names.items()}
    return [_with_parts(step, parts) for step in steps], apart


def _parts(steps: Sequence[Step], name: str, others: Mapping[str, object]) -> Parts:
    """The stretches of a vector that are taken as they are, by the name of the view; none unless they make it up."""
    step = next((step for step in steps if name in step.updates), None)
    before = step.updates[name].before if step is not None else None
    if step is None or before is None or np.ndim(before.value) != 1:
        return {}
    views = [taker for taker in step.takers[before] if taker.op == "gather"]
    found: dict[tuple[int, int], str] = {}
    for view in views:
        if (stretch := _stretch(view)) is not None and view.names:
            found.setdefault(stretch, view.names[-1])
    ordered = sorted(found)
    whole = [start for start, _ in ordered] == [0, *(stop for _, stop in ordered[:-1])]
    if len(ordered) < 2 or not whole or ordered[-1][1] != np.size(before.value):
        return {}
    titles = [found[each] for each in ordered]
    if len({*titles}) < len(titles) or not others.keys().isdisjoint(titles):
        titles = [f"{name}[{start}:{stop}]" for start, stop in ordered]
    return {title: slice(*each) for title, each in zip(titles, ordered, strict=True)}


def _stretch(view: Node) -> tuple[int, int] | None:
    """(first, behind the last) of the elements that a view takes, all in a row."""
    index = np.ravel(view.args[1]) if isinstance(view.args[1], np.ndarray) else np.zeros(0)
    if not index.size or not np.array_equal(index, np.arange(index[0], index[0] + index.size)):
        return None
    return int(index[0]), int(index[0]) + index.size


def _with_parts(step: Step, parts: Mapping[str, Parts]) -> Step:
    """The step in which each vector is several parameters: the same update, of which a part is meant."""
    updates, written = dict(step.updates), dict(step.written)
    carried, rates = dict(step.carried), dict(step.rates)
    for name in parts.keys() & step.updates.keys():
        update, readings = updates.pop(name), written.pop(name)
        for part, where in parts[name].items():
            updates[part] = replace(update, part=where)
            written[part] = of_part(readings, where)
            carried[part], rates[part] = step.carried[name], step.rates[name]
        del carried[name], rates[name]
    return replace(step, updates=updates, written=written, carried=carried, rates=rates)
