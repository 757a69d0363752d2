"""Updates outside of the loop that works out their gradients: only those of its last round are ever used.

On the tape the gradient of such an update comes from the last round of a loop alone, while earlier rounds have
computed the same from other data, or for the other layers, and let it go.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors, descendants
from unstuck.facts import Explanation, Span
from unstuck.trace.judging.source_loops import uses_finished_loop
from unstuck.trace.judging.statements import statement_of
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.steps import Key, Update
from unstuck.trace.reading.views import CONTRACTIONS, LOOKUPS, untransposed
from unstuck.trace.reading.written import Step

LEAST_STEPS = 2


def outside_of_loop(name: str, steps: Sequence[Step], loss: Candidate) -> Explanation | None:
    """The explanation of an update that takes the gradient of the last round only; None without that proof."""
    mine = [step for step in steps if name in step.updates and loss in step.losses]
    found = [_lost_rounds(step, step.updates[name], loss) for step in mine]
    if len(found) < LEAST_STEPS or not all(found):
        return None
    after, lost = mine[-1].updates[name].after, found[-1]
    places = [_left_at(mine[-1], after, lost[-1]), after.span, lost[0].span]
    told = list(dict.fromkeys(place for place in places if place is not None))
    text = (
        f"{name} is updated outside of the loop in which its gradient is computed: "
        f"of {len(found[-1]) + 1} rounds only the last one counts"
    )
    return Explanation("update-outside-loop", text, told[0], tuple(told[1:])) if told else None


def _left_at(step: Step, after: Node, lost: Node) -> Span | None:
    """The statement after the loop that first takes what its last round has made, if that is not the update."""
    depth = len(step.key)
    inside = lost.context[depth][0]
    made = ancestors([after], oldest=step.nodes[0].id, stop=step.ends - {after})
    for node in sorted(made - {after}, key=lambda each: each.id):
        own = [each for each in node.parents() if each in step.tainted and _runs_in(each, inside, depth)]
        if own and not _runs_in(node, inside, depth):
            return statement_of(node)
    return None


def _runs_in(node: Node, loop: int, depth: int) -> bool:
    return len(node.context) > depth and node.context[depth][0] == loop


def _lost_rounds(step: Step, update: Update, loss: Candidate) -> list[Node]:
    """The last output of each earlier round that is like the one that the update is made from, and is let go."""
    start, depth = step.nodes[0].id, len(step.key)
    made = ancestors([update.after], oldest=start, stop=step.ends - {update.after})
    outputs = [node for node, _ in step.losses[loss].seeds if len(node.context) > depth]
    ahead = ancestors(outputs, oldest=start, stop=step.ends) & step.tainted - step.ends
    inner = {node.context[: depth + 1] for node in ahead if len(node.context) > depth}
    uses = [node for node in ahead if _uses(node, update.before)]
    if len(inner) != 1 or not uses:
        return []
    last = inner.pop()
    if update.after.context[depth : depth + 1] and update.after.context[depth][0] == last[depth][0]:
        return []  # the update is inside
    earlier = [node for node in step.nodes if _is_earlier(node.context, last, depth)]
    behind = [
        node
        for node in made - ahead - step.ends
        if node.context[: depth + 1] == last and node in step.tainted
    ]
    places = {(node.span, node.op) for node in earlier}
    if any((node.span, node.op) not in places for node in behind):
        return []
    output = outputs[-1]
    if not behind and output not in made:
        return []
    same = [node for node in earlier if node.span == output.span and node.op == output.op]
    if (
        not behind
    ):  # the error is made after the loop: what earlier rounds have put out must be lost altogether
        consumed = {parent for node in step.nodes for parent in node.parents()}
        same = [node for node in same if node not in consumed]
    return [node for node in same if _is_another(node, output, uses[0], update, step)]


def _is_earlier(context: Key, last: Key, depth: int) -> bool:
    """Does this belong to an earlier round of the loop whose last round is given?"""
    same_loop = (
        len(context) > depth and context[:depth] == last[:depth] and context[depth][0] == last[depth][0]
    )
    return same_loop and context[depth][1] < last[depth][1]


def _uses(node: Node, parameter: Node) -> bool:
    """Is the parameter itself an operand of a layer here (not a trial value made of it)?"""
    parents = node.parents()
    if not any(untransposed(parent) is parameter for parent in parents):
        return False
    layer = node.op == "add" and any(untransposed(parent).op in CONTRACTIONS for parent in parents)
    return layer or node.op in CONTRACTIONS | LOOKUPS


def _is_another(node: Node, output: Node, use: Node, update: Update, step: Step) -> bool:
    """Was this output made by the same value of the parameter from other data?"""
    behind = ancestors([node], oldest=step.nodes[0].id, stop=step.ends)
    again = any(other.span == use.span and _uses(other, update.before) for other in behind)
    return again and not np.array_equal(node.value, output.value)


# ----- Gradients of other layers ------------------------------------------------------------------------


def update_after_loop(step: Step, dead: Node) -> Span | None:
    """The update, after a loop, that takes in its last round what this unused value is in an earlier one."""
    lost = {(node.span, node.op): node.context for node in descendants([dead], step.nodes)}
    for update in step.updates.values():
        depth = len(update.after.context)
        live = ancestors([update.after], oldest=step.nodes[0].id)
        for node in live - step.ends:
            context = lost.get((node.span, node.op), ())
            in_loop = len(node.context) > depth and node.context[:depth] == update.after.context
            if in_loop and _is_earlier(context, node.context, depth) and _is_last(node, step, depth):
                return update.after.span
    places = (update.after.span for update in step.updates.values())
    return next((place for place in places if place is not None and uses_finished_loop(place)), None)


def _is_last(node: Node, step: Step, depth: int) -> bool:
    """Is this the last value made at its place, and the only one of all rounds that an update uses?"""
    rounds = {
        each.context[depth] for each in step.nodes if each.span == node.span and len(each.context) > depth
    }
    live = ancestors([update.after for update in step.updates.values()], oldest=step.nodes[0].id)
    used = {each.context[depth] for each in live if each.span == node.span and len(each.context) > depth}
    return used == {node.context[depth]} == {max(rounds)}
