"""Several edits, one after the other, as one set of edits of the files that the user has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile

from unstuck.facts import Edit, Source
from unstuck.fix.code import span_of
from unstuck.trace.running.sources import apply_edits, line_starts


@dataclass(frozen=True)
class Version:
    """The program with some edits applied; `originals` are the texts on disk, by path."""

    originals: Mapping[str, str]
    edits: tuple[Edit, ...] = ()
    titles: tuple[str, ...] = ()

    def text(self, path: str) -> str:
        """A file as it reads in this version."""
        return apply_edits(self.originals[path], [edit for edit in self.edits if edit.span.path == path])

    def then(self, edits: Sequence[Edit], title: str) -> Version:
        """This version changed further by edits of *its* text."""
        if not self.edits:
            return Version(self.originals, tuple(edits), (title,))
        paths = dict.fromkeys(edit.span.path for edit in (*self.edits, *edits))
        changed: list[Edit] = []
        for path in paths:
            after = apply_edits(self.text(path), [edit for edit in edits if edit.span.path == path])
            changed += difference(path, self.originals[path], after)
        return Version(self.originals, tuple(changed), (*self.titles, title))


def first_version(sources: Iterable[Source]) -> Version:
    """The program as it stands on disk."""
    return Version({source.path: source.text for source in sources})


def difference(path: str, before: str, after: str) -> Iterator[Edit]:
    """The edits that make `after` of `before`: in each group of changed lines only the characters that differ."""
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    starts = [0]
    for line in old:
        starts.append(starts[-1] + len(line))
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            was, now = before[starts[a] : starts[b]], "".join(new[c:d])
            head = _shared(was, now)
            tail = _shared(was[head:][::-1], now[head:][::-1])
            span = span_of(path, line_starts(before), starts[a] + head, starts[b] - tail)
            yield Edit(span, now[head : len(now) - tail])


def _shared(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
