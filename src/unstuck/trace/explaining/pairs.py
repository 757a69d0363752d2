"""Two faults in a row: pairs of altered rules between one gradient and the next.

Faults in different layers are found one after the other, because the gradients between them tell them apart.
Two faults that spoil the same gradients can only be found together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from unstuck.trace.explaining.catalogue import on_the_way_back
from unstuck.trace.explaining.formation import of_one_gradient
from unstuck.trace.explaining.hypotheses import Altered, Hypothesis, Search, merged


def pairs(search: Search) -> Iterator[Hypothesis]:
    """Every rule on the way back together with a later one of its kind, then with one of a single gradient."""
    firsts = list(on_the_way_back(search))
    for second_kind in (on_the_way_back, of_one_gradient):
        for index, first in enumerate(firsts):
            yield from _with(
                search, first, second_kind, skip=index + 1 if second_kind is on_the_way_back else 0
            )


def _with(
    search: Search, first: Hypothesis, generate: Callable[[Search], Iterator[Hypothesis]], skip: int
) -> Iterator[Hypothesis]:
    after = replace(search, accepted=(*search.accepted, first))
    for index, second in enumerate(generate(after)):
        if index >= skip:
            yield _together(first, second)


def _together(first: Hypothesis, second: Hypothesis) -> Hypothesis:
    """Both rules at once; told as the first, with the second in the text."""

    def alter(number: int) -> Altered:
        one, other = first.overrides(number), second.overrides(number)
        return merged((first, second), number) if one and other else {}

    return Hypothesis(
        first.kind,
        f"{first.text}; and {second.text}",
        alter,
        activated={**second.activated, **first.activated},
        dropped={**second.dropped, **first.dropped},
        parts=(first, second),
    )
