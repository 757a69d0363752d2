"""Sums of gradients that are the parameter itself: `db = b`, `db += ...` in a loop, and then `b -= rate * db`.

What is added up moves the parameter, as it is and upwards, and the update takes off it a share of itself.  The proof is
that the share is the rate by which other parameters are moved in the same step: no weight decay is as large as that.
"""

from __future__ import annotations

from collections.abc import Sequence

from unstuck.autodiff.node import Node
from unstuck.facts import Explanation
from unstuck.trace.reading.terms import terms_of
from unstuck.trace.reading.written import Step

LEAST_STEPS = 2
SAME_RATE = 1e-9


def aliased(name: str, steps: Sequence[Step]) -> Explanation | None:
    """The explanation of a gradient that is collected in the array of the parameter; None without that proof."""
    mine = [step for step in steps if name in step.updates]
    if len(mine) < LEAST_STEPS or not all(_takes_off_itself(name, step) for step in mine):
        return None
    update = mine[-1].updates[name]
    made = update.after.args[0]
    added = made.span if isinstance(made, Node) else None
    places = [each for each in (*update.before.bound[-1:], added, update.after.span) if each is not None]
    places = list(dict.fromkeys(places))
    return Explanation("aliasing", shared_text(name), places[0], tuple(places[1:])) if places else None


def shared_text(name: str) -> str:
    """What to say of a sum of gradients that is the parameter."""
    return (
        f"{name} is the array that the network computes with, under another name: what is added up in it changes "
        "that array, and is then taken off itself"
    )


def _takes_off_itself(name: str, step: Step) -> bool:
    """Is the new value a sum that was made in this step less, at the rate of others, that very sum?"""
    update = step.updates[name]
    made = update.after.args[0] if update.after.op == "subtract" else None
    if not isinstance(made, Node) or made is update.before or made.id < step.nodes[0].id:
        return False
    terms = terms_of(update.after, stop=lambda node: node is made)
    share = 1.0 - sum(term.coefficient for term in terms)
    rates = [rate for other, rate in step.rates.items() if other != name]
    return all(term.node is made for term in terms) and any(abs(share - rate) < SAME_RATE for rate in rates)
