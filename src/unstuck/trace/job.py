"""One order to run the user's program: what to run, how it is edited and seeded, and how much to record."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from unstuck.facts import Edit, Probe, Span

READING = (
    "reading"  # in the folder of a job: a file that is there once the script has ended and its tape is read
)


@dataclass(frozen=True)
class Job:
    """What the worker process has to do.

    path         the script as the user typed it, or the name of a module
    argv         the script's own arguments
    module       start as `python -m path`
    seed         makes all randomness of the script depend on this number; None leaves it alone
    edits        changes of the source text, applied in memory only
    full_run     let the script finish instead of stopping it when enough was seen
    run_seconds  how long the script may run on after the analysis, to reach later epochs
    steps        how many training steps to judge
    explain      look for the altered rule that reproduces a wrong gradient
    purpose      "diagnose", the run that the user sees; "verify", one of many runs of a candidate edit; or
                 "screen", a short run, early steps only, that tells which candidates are worth more
    probes       expressions to evaluate at statements of the program (as edited)
    """

    path: str
    argv: tuple[str, ...] = ()
    module: bool = False
    seed: int | None = None
    edits: tuple[Edit, ...] = ()
    full_run: bool = False
    run_seconds: float = 0.0
    steps: int = 20
    explain: bool = True
    purpose: Literal["diagnose", "verify", "screen"] = "diagnose"
    probes: tuple[Probe, ...] = ()


def to_json(job: Job) -> str:
    """The job as text for the worker."""
    return json.dumps(asdict(job))


def from_json(text: str) -> Job:
    """The job that `to_json` wrote."""
    fields: dict[str, Any] = json.loads(text)
    edits = tuple(Edit(Span(**edit["span"]), edit["text"]) for edit in fields.pop("edits"))
    probes = tuple(
        Probe(Span(**probe["span"]), tuple(probe["texts"]), probe["shape"]) for probe in fields.pop("probes")
    )
    return Job(**fields | {"argv": tuple(fields["argv"]), "edits": edits, "probes": probes})
