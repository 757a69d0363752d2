"""What a check is: a page of documentation, a detection function and the factors of the study that it owns.

A check looks at a recorded run and yields sightings.  A sighting of a *fault* (a wrong gradient) is a finding
at once.  A sighting of a *setting* (no bias) is only a suspicion until the study has measured that the remedy
helps.  Nothing heavy is imported here, so that `unstuck explain` can read every page in an instant.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from unstuck.facts import Severity, Span, Trace

Need = Literal["gradients", "recipe", "classes"]


@dataclass(frozen=True)
class Sighting:
    """What a check saw, and where.

    `factor` names the remedy whose measured effect decides whether the sighting matters.  `plain` says that
    it deserves a note even when nothing was measured.
    """

    message: str
    span: Span | None = None
    uses: tuple[Span, ...] = ()
    evidence: tuple[str, ...] = ()
    factor: str = ""
    plain: bool = True


class NotApplicable(Exception):
    """Raised by a check that has nothing to look at; the text is the reason that the user reads."""


Detect = Callable[["Trace"], Iterator[Sighting]]


@dataclass(frozen=True)
class Check:
    """One check: its name, how bad its findings are, what it needs of a trace, and its documentation page."""

    id: str
    slug: str
    severity: Severity
    needs: tuple[Need, ...]
    factors: tuple[str, ...]
    detect: Detect
    doc: str

    @property
    def title(self) -> str:
        """The first sentence of the page, without its full stop."""
        return self.doc.strip().splitlines()[0].rstrip(".")


def check(
    id: str,
    slug: str,
    severity: Severity,
    *,
    needs: tuple[Need, ...] = (),
    factors: tuple[str, ...] = (),
) -> Callable[[Detect], Check]:
    """Turn a detection function into a `Check`; its module's docstring becomes the page."""

    def decorate(detect: Detect) -> Check:
        page = sys.modules[detect.__module__].__doc__ or ""
        return Check(id, slug, severity, needs, factors, detect, page)

    return decorate
