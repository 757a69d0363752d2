"""Is what becomes of a right gradient one of the known optimisers?  If not, which one operation is in the way?

A gradient may be right, and the step that is made of it may not be: a square is missing, a sign is turned, a mean is
used before it has taken in this step's gradient.  The recorded optimiser is played again with random gradients, which
leaves nothing to chance, and its steps are looked for in the family of all known ones.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array
from unstuck.trace.optimising.family import MOST_NUMBERS, Family, every, known
from unstuck.trace.optimising.machine import Change, Machine, Place

HUGE, TINY = (
    1e6,
    1e-3,
)  # times what was recorded: no epsilon, and no earlier memory, counts; or nothing is cut
CUTTING = {"clip", "nan_to_num", "maximum", "minimum", "where"}
LEAST_SHARE = 5e-3  # of its past that a memory keeps; what is smaller may be an epsilon
LEAST_INTAKE = 5e-4  # of what is new that a memory takes in: of v += 0.001 * (g ** 2 - v), no 0.999 is seen


def title_of(machine: Machine, altered: Mapping[Place, Change] | None = None) -> str:
    """Which known optimiser this is, with some operations altered; "" for none.

    Raises
    ------
    NotRun
        where it cannot be played again.
    """
    cuts = any(node.op in CUTTING for node in machine.region)
    signs = not machine.divides
    found = (
        family(machine).title(answers(machine, altered, size), signs) for size in (HUGE, TINY)[: 1 + cuts]
    )
    return next((title for title in found if title), "")


def pull(machine: Machine) -> list[Array]:
    """What each step adds to the parameter whatever the gradient is: its decay, if there is one."""
    return machine.pull(_probes(machine))


def answers(
    machine: Machine, altered: Mapping[Place, Change] | None = None, size: float = HUGE
) -> list[Array]:
    """The steps of a machine for the gradients for which the directions of its family are known."""
    return machine.answers([size * each for each in _probes(machine)], altered)


def is_balanced(machine: Machine, altered: Mapping[Place, Change]) -> bool:
    """Does nothing of an altered machine vanish beside something else only because the gradients are huge?"""
    return machine.is_balanced([HUGE * each for each in _probes(machine)], altered)


def family(machine: Machine) -> Family:
    """All known optimisers, for the same gradients, up to their size, and with the numbers of this one."""
    count = int(np.prod(machine.shape))
    few = -(-count // every(count))
    return _known(len(machine.updates), few, tuple(sorted(constants(machine))), machine.age)


def _probes(machine: Machine) -> list[Array]:
    """Random gradients of many sizes, one for each step, about as large as those that were recorded."""
    usual = max(_largest(node) / abs(each) for inlets in machine.inlets for node, each in inlets.items())
    count = int(np.prod(machine.shape))
    which = np.arange(count) // every(count)
    return [usual * each[which].reshape(machine.shape) for each in _random(len(machine.updates))]


def _largest(node: Node) -> float:
    return float(np.abs(np.asarray(node.value, float)).max(initial=0.0))


@lru_cache(maxsize=8)
def _random(steps: int) -> Array:
    rng, shape = np.random.default_rng(0), (steps, MOST_NUMBERS)
    return np.asarray(10.0 ** rng.uniform(-2.0, 2.0, shape) * rng.choice([-1.0, 1.0], shape))


@lru_cache(maxsize=16)
def _known(steps: int, few: int, shares: Collection[float], age: int) -> Family:
    return known([*_random(steps)[:, :few]], shares, age)


def constants(machine: Machine) -> set[float]:
    """The plain numbers between 0 and 1 that every step uses, and what they lack of 1."""
    counts: dict[float, int] = {}
    inside = set(machine.region)
    for node in machine.region:
        for argument in node.args:
            value = argument.value if isinstance(argument, Node) and argument not in inside else argument
            if isinstance(value, int | float | np.number) and LEAST_INTAKE < float(value) < 1:
                counts[float(value)] = counts.get(float(value), 0) + 1
    used = {value for value, count in counts.items() if count >= len(machine.updates) - 1}
    return {share for value in used for share in (value, 1 - value) if share > LEAST_SHARE}
