"""What can go wrong in the telling, not in the network: problems that a user can act on.

A `Problem` carries one plain sentence, a hint and the exit code; the command line prints it without a
traceback.  An analysis that cannot be done is not a problem: it is a result ("not applicable, because ...").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unstuck.facts import Report


class Problem(Exception):
    """Something the user can put right: a missing file, a script that failed, a report that is too old.

    `message` says what happened, `hint` what to do about it (may be empty), `exit_code` how the process ends:
    2 for usage, or the script's own code when the script failed first.
    """

    def __init__(self, message: str, hint: str = "", exit_code: int = 2) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


class Interrupted(Exception):
    """The user stopped the diagnosis; `report` holds what was done until then, or None."""

    def __init__(self, report: Report | None = None) -> None:
        super().__init__("interrupted")
        self.report = report
