"""Truncated back-propagation through time: an error that goes back a constant number of rounds, on purpose.

Each output of a recurrent network sends its error through its own round of the forward loop and the latest ones before
it; what earlier rounds have computed counts as constant.  The proof is the sum: with one number of rounds for all
outputs, it is the written gradient of every parameter in question, in every step that is looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import Seeds, adjoints, ancestors
from unstuck.facts import Array
from unstuck.trace.judging.judge import Verdicts
from unstuck.trace.judging.matching import match
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.written import Step

FEW = 6  # steps in which the proof is sought
DEEPEST = 64  # rounds of a loop in the forward pass that are told apart
ASSEMBLING = {
    "array", "concatenate", "copy", "expand_dims", "gather", "getitem", "hstack", "ravel", "reshape", "scatter",
    "setitem", "squeeze", "stack", "transpose", "vstack",
}  # fmt: skip


Agreement: TypeAlias = Literal["agrees", "cut", "uncut"]  # else: was anything cut off?
AGREES: Agreement = "agrees"
CUT: Agreement = "cut"
UNCUT: Agreement = "uncut"


@dataclass(frozen=True)
class Unrolled:
    """The derivative of a loss by what the rounds of a loop handed out.

    by_round  seeds of the reverse pass, by the round in which their nodes were made
    outside   what reaches each parameter's value without any round
    """

    by_round: Mapping[int, Seeds]
    outside: Mapping[Node, Array]


def rounds_back(
    steps: Sequence[Step], verdicts: Verdicts, wrong: Collection[str], tolerance: float
) -> int | None:
    """How many rounds of the forward loop the error goes back, where that makes all gradients agree; or None.

    One round is no truncation: there the recurrent term is missing altogether.
    """
    used = [step for step in steps if any(step.number in verdicts.telling(name) for name in wrong)][:FEW]
    losses = [verdicts.loss] if verdicts.loss.by_pairs else []
    losses += [loss for loss in (used[0].losses if used else ()) if loss.by_pairs and loss not in losses]
    for loss in losses:
        unrolled = [each for each in (_unrolled(step, loss) for step in used) if each is not None]
        if unrolled and len(unrolled) == len(used) and all(len(each.by_round) > 2 for each in unrolled):
            for rounds in range(2, min(DEEPEST, max(len(each.by_round) for each in unrolled))):
                pairs = zip(used, unrolled, strict=True)
                told = (_agrees(step, each, wrong, rounds, tolerance) for step, each in pairs)
                failed = next((each for each in told if each != AGREES), AGREES)
                if failed == AGREES:
                    return rounds
                if failed == UNCUT:
                    break  # more rounds make no difference
    return None


def _unrolled(step: Step, loss: Candidate) -> Unrolled | None:
    """The loss by what leaves the loop: an array that the rounds have filled is taken apart again."""
    if loss not in step.losses:
        return None
    seeds, ends = step.losses[loss].seeds, set(step.wrt())
    made = _made_inside(step, [node for node, _ in seeds], ends)
    found = adjoints(seeds, [*made, *ends], stop=made | ends)
    if any(node in found.unknown for node in made | ends):
        return None
    by_round: dict[int, list[tuple[Node, Array]]] = defaultdict(list)
    for node in made & found.cotangents.keys():
        by_round[node.context[-1][1]].append((node, found.cotangents[node]))
    return Unrolled(dict(by_round), {node: found.cotangents[node] for node in ends & found.cotangents.keys()})


def _made_inside(step: Step, outputs: Sequence[Node], ends: Collection[Node]) -> set[Node]:
    """The values that the rounds of a loop inside the step have computed, and not only put together, for the loss."""
    made: set[Node] = set()
    pending, seen = [*outputs], set(outputs)
    while pending:
        node = pending.pop()
        if node in ends:
            continue
        if len(node.context) > len(step.key) and node.op not in ASSEMBLING:
            made.add(node)
            continue
        fresh = [parent for parent in node.parents() if parent in step.tainted and parent not in seen]
        seen.update(fresh)
        pending += fresh
    return made


def _agrees(
    step: Step, unrolled: Unrolled, names: Collection[str], rounds: int, tolerance: float
) -> Agreement:
    """Does the written gradient sum what each output contributes through its own and the latest rounds?

    Where no error reaches an earlier round, more rounds make no other gradient.
    """
    wrt = {name: update.before for name, update in step.updates.items()}
    nothing = {name: np.zeros(np.shape(node.value)) for name, node in wrt.items()}
    total = {name: nothing[name] + unrolled.outside.get(node, 0.0) for name, node in wrt.items()}
    cut, made = False, cache(lambda depth, loop: _rounds_of(step, depth, loop))
    ends = {*wrt.values()}
    for number, some in unrolled.by_round.items():
        context = some[0][0].context
        depth, loop = len(context) - 1, context[-1][0]
        early = {node for round_, node in made(depth, loop) if round_ <= number - rounds}
        found = adjoints(some, [*wrt.values()], stop=early | ends)
        if early and not cut:
            roots = [node for node, _ in some]
            cut = not early.isdisjoint(ancestors(roots, oldest=step.nodes[0].id, stop=early | ends))
        for name, node in wrt.items():
            part = found.of(node)
            if part is None:
                return CUT
            total[name] += part
    agree = all(
        any(_fits(written, total[name], tolerance) for written in step.written[name].values())
        for name in names
        if name in wrt
    )
    return AGREES if agree else CUT if cut else UNCUT


def _rounds_of(step: Step, depth: int, loop: int) -> list[tuple[int, Node]]:
    """What a loop has made in a step, with the rounds."""
    return [
        (node.context[depth][1], node)
        for node in step.nodes
        if len(node.context) > depth and node.context[depth][0] == loop
    ]


def _fits(written: Array, true: Array, tolerance: float) -> bool:
    found = match(written, true)
    return found.vacuous or (found.scale > 0 and found.residual <= tolerance)
