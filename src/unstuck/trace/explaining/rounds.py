"""One step's written backward pass, run again with an operation altered in all the rounds in which it runs.

The tape of a step is a pure function of its leaves.  So a statement that runs for every instant, every layer or every
sample can be altered in all of them at once, and the updates that would have come out can be read as gradients again:
what the program would do if that one line were another.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from operator import attrgetter
from typing import Any

import numpy as np

from unstuck.autodiff.effort import BYTES
from unstuck.autodiff.node import Node
from unstuck.autodiff.rerun import run
from unstuck.autodiff.reverse import ancestors, descendants
from unstuck.facts import Array, Span
from unstuck.trace.explaining.alteration import Alteration
from unstuck.trace.explaining.beside import Placed, at_hand, of_round
from unstuck.trace.explaining.hypotheses import label
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.explaining.pool import BEFORE, Item, Key, Pool
from unstuck.trace.judging.statements import statement_of
from unstuck.trace.reading.losses import Candidate
from unstuck.trace.reading.numerators import CLIPS
from unstuck.trace.reading.readings import Readings
from unstuck.trace.reading.written import Step, reread

Site = tuple[Span | None, str]  # a place in the source, and the operation
ALTERED = "altered"
NAMED = "named"  # in the place of an operation: a value that gets a name there
MOST_HELD = (
    300_000_000  # bytes of what is made again at once: tables that every round writes to hold too much
)
MANY_ROUNDS = 1000  # of one place, from which on what is at hand in each of them counts as work
FAILURES = (TypeError, ValueError, AttributeError, KeyError, IndexError, ZeroDivisionError, OverflowError)


class Rounds:
    """The operations of one step from which the updates of some parameters were made, by their places.

    sites  the operations of the backward pass by place, in order of time
    right  parameters whose gradients must stay as they are: what they are made of is not altered
    """

    def __init__(
        self,
        forward: Forward,
        cotangents: Mapping[Node, Array],
        loss: Candidate,
        names: Collection[str],
        right: Collection[str],
    ) -> None:
        self.forward, self.step = forward, forward.step
        self._sound = {*_made(self.step, right)}
        self.names = [name for name in names if name in self.step.updates]
        self._nodes = _with_lost(self.step, _made(self.step, self.names))
        self._plain = {name for name in self.names if _is_plain(self.step, name)}
        self._cotangents, self._loss = cotangents, loss
        self._behind: dict[Site, list[Node]] = {}
        self._pools: dict[tuple[Site, Node], Pool] = {}
        self._placed: dict[Site, Placed[Node]] = {}
        self.sites = self._places()
        self.runs = 0  # operations that were run again

    def _places(self) -> dict[Site, list[Node]]:
        """The operations by place; in functions that make right values too, by the statement that names the result."""
        found: dict[Site, list[Node]] = defaultdict(list)
        sound = {(node.span, node.op) for node in self._sound}
        for node in self._nodes:
            if node.span is None or node in self.step.ends:
                continue
            if (node.span, node.op) not in self.forward.sites:
                found[node.span, node.op].append(node)
            elif node in self.forward.nodes:
                continue
            named = statement_of(node)
            if named != node.span and (node.span, node.op) in self.forward.sites | sound:
                found[named, NAMED].append(node)
        return found

    def suspects(self) -> list[Site]:
        """The places from which no right gradient is made."""
        sound = {(node.span, node.op) for node in self._sound}
        return [site for site in self.sites if site not in sound]

    def operation(self, site: Site, number: int = 0) -> Node:
        """One of the operations of a place; of a value that is only named there, its copy."""
        node = self.sites[site][number]
        return _copy(node, node.value) if site[1] == NAMED else node

    def named_before(self, site: Site) -> tuple[Key, Item] | None:
        """What has had the name of the last value of a place before it."""
        return self._before(self.sites[site][-1])

    def behind(self, site: Site) -> list[Node]:
        """The operations of a place and all that is computed from them, in order of time."""
        if site not in self._behind:
            made = descendants(self.sites.get(site, ()), self._nodes)
            self._behind[site] = [node for node in self._nodes if node in made]
        return self._behind[site]

    def gradients(self, site: Site, alteration: Alteration) -> dict[str, Readings]:
        """The readings of all updates when a place is altered in every round; empty where it cannot be."""
        own = {*self.sites.get(site, ())} - self._sound
        values: dict[Node, Any] = {}
        held = 0
        try:
            with np.errstate(all="ignore"):
                for node in self.behind(site):
                    again = any(parent in values for parent in node.parents())
                    if node in own:
                        pool = self.pool(site, node) if alteration.item is not None else {}
                        standing = _at(node, values) if again else node
                        standing = _copy(standing, standing.value) if site[1] == NAMED else standing
                        value = alteration.value(standing, _Later(pool, values))
                        if value is None:
                            return {}
                        if again or not np.array_equal(value, node.value):
                            values[node] = value
                    elif again:
                        values[node] = run(node, values)
                    made = getattr(values.get(node), "nbytes", 0)
                    held += made
                    if held > MOST_HELD:
                        return {}
                    self.runs += 1 + made // BYTES
                return {name: self._read(name, values, own) for name in self.names}
        except FAILURES:
            return {}

    def _read(self, name: str, values: Mapping[Node, Any], own: Collection[Node]) -> Readings:
        """The readings of one update when these values are others."""
        after = self.step.updates[name].after
        if after not in values:
            return self.step.written[name]
        if name in self._plain:
            moved = np.asarray(values[after], float) - np.asarray(after.value, float)
            return {kind: written - moved for kind, written in self.step.written[name].items()}
        fresh: dict[Node, Node] = {}
        for node, value in values.items():
            op, args = (ALTERED, ()) if node in own else (node.op, _with(node.args, fresh))
            fresh[node] = Node(node.id, op, node.fn, args, node.kwargs, value, node.span, [], node.context)
        return reread(self.step, name, fresh[after], {*fresh.values()})

    # ----- What is at hand ----------------------------------------------------------------------------------

    @cached_property
    def _at_hand(self) -> Mapping[tuple[str, Span | None, str], Placed[Item]]:
        return at_hand(self.forward, self._cotangents, self._loss)

    def pool(self, site: Site, node: Node) -> Pool:
        """What is at hand for one of the operations of a place, in the round in which it runs."""
        if (site, node) not in self._pools:
            if site not in self._placed:
                self._placed[site] = Placed(self.sites[site], lambda each: each)
            pool = self._pools[site, node] = dict(self._beside(node, self._placed[site]))
            self.runs += len(pool) if len(self.sites[site]) > MANY_ROUNDS else 0
        return self._pools[site, node]

    def _beside(self, node: Node, rounds: Placed[Node]) -> Iterator[tuple[Key, Item]]:
        if (before := self._before(node)) is not None:
            yield before
        yield from self._variables(node)
        for (role, span, op), found in self._at_hand.items():
            for way, item in of_round(found, node, rounds):
                if item.node is None or role == "error" or item.node.id < node.id:
                    yield (role, span, op, way), item

    def _before(self, node: Node) -> tuple[Key, Item] | None:
        """What had the last name of a value when it was made, if the value is not made of it."""
        name = node.names[-1] if node.names else None
        same = _last_before(self._named.get(name, ()), node) if name else None
        if same is None or same in ancestors([node], oldest=same.id):
            return None
        return (BEFORE, node.span, node.op, 0), Item(label(node), np.asarray(same.value, float), same)

    def _variables(self, node: Node) -> Iterator[tuple[Key, Item]]:
        """What every name of the step stands for when the operation runs."""
        parameters = {*self.step.wrt()}
        for name, listed in self._named.items():
            last = _last_before(listed, node)
            if last is not None and np.ndim(last.value) and name not in node.names:
                role = (
                    "weights"
                    if last in parameters
                    else "activation"
                    if last in self.forward.nodes
                    else "other"
                )
                yield (role, None, name, 0), Item(name, np.asarray(last.value, float), last)

    @cached_property
    def _named(self) -> Mapping[str, Sequence[Node]]:
        found: dict[str, list[Node]] = defaultdict(list)
        for node in self.step.nodes:
            for name in node.names:
                found[name].append(node)
        return found


def _last_before(ordered: Sequence[Node], node: Node) -> Node | None:
    """The last of these nodes, in order of time, that is older than another one."""
    place = bisect_left(ordered, node.id, key=attrgetter("id"))
    return ordered[place - 1] if place else None


def _made(step: Step, names: Collection[str]) -> list[Node]:
    """What the updates of some parameters are made of in a step, in order of time."""
    ends = [step.updates[name].after for name in names if name in step.updates]
    made = ancestors(ends, oldest=step.nodes[0].id, stop=step.ends - {*ends})
    return sorted(made, key=lambda node: node.id)


def _with_lost(step: Step, made: Sequence[Node]) -> list[Node]:
    """The nodes, and what has had the name of one of them before it and was let go."""
    alive = {*made}
    names = {node.names[-1] for node in made if node.names}
    lost = [
        node
        for node in step.nodes
        if node not in alive and node in step.tainted and not names.isdisjoint(node.names)
    ]
    again = ancestors(lost, oldest=step.nodes[0].id, stop=step.ends) & step.tainted
    return sorted(alive | again, key=lambda node: node.id)


def _is_plain(step: Step, name: str) -> bool:
    """Is the gradient, as it is read, what the update takes away, apart from what older steps left behind?

    Where something cuts it off it need not stay so.
    """
    if any(node.op in CLIPS for node in _made(step, [name])):
        return False
    update = step.updates[name]
    older = sum(term.coefficient * np.asarray(term.node.value, float) for term in step.carried[name])
    taken = np.asarray(update.before.value, float) - np.asarray(update.after.value, float) + older
    whole = step.written[name].get("whole")
    return whole is not None and np.shape(whole) == np.shape(taken) and np.allclose(whole, taken, rtol=1e-6)


def _copy(node: Node, value: Any) -> Node:
    """A value as it is named."""
    return Node(node.id, "copy", None, (node,), {}, value, statement_of(node), node.names, node.context)


class _Later(Mapping[Key, Item]):
    """A pool in which some values have come to be others."""

    def __init__(self, pool: Pool, values: Mapping[Node, Any]) -> None:
        self._pool, self._values = pool, values

    def __getitem__(self, key: Key) -> Item:
        item = self._pool[key]
        if item.node is None or item.node not in self._values:
            return item
        return replace(item, value=self._values[item.node])

    def __iter__(self) -> Iterator[Key]:
        return iter(self._pool)

    def __len__(self) -> int:
        return len(self._pool)


def _at(node: Node, values: Mapping[Node, object]) -> Node:
    """The operation as it stands in its round, with what earlier rounds have come to."""
    if not any(parent in values for parent in node.parents()):
        return node
    leaves = {
        each: Node(each.id, "leaf", None, (), {}, values[each], each.span, each.names)
        for each in node.parents()
        if each in values
    }
    args = _with(node.args, leaves)
    return Node(node.id, node.op, node.fn, args, node.kwargs, run(node, values), node.span, node.names)


def _with(args: tuple[object, ...], instead: Mapping[Node, Node]) -> tuple[object, ...]:
    def put(item: object) -> object:
        if isinstance(item, Node):
            return instead.get(item, item)
        return [put(part) for part in item] if isinstance(item, list) else item

    return tuple(map(put, args))
