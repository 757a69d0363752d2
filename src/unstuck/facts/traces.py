"""What one recorded run taught: the trace, and all that it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from unstuck.facts.arrays import Array
from unstuck.facts.program import Probe, Source, Span
from unstuck.facts.recipes import Data, Recipe

Status = Literal["exact", "scaled", "wrong", "cannot-tell", "not-applicable"]


@dataclass(frozen=True)
class Parameter:
    """An array that the script trains: what it is called, where it is updated, its value before step 1."""

    name: str
    role: Literal["weight", "bias", "other"]
    span: Span
    initial: Array


@dataclass(frozen=True)
class Witness:
    """One element of one gradient that a person can check by hand.

    `difference` is the central finite difference of the inferred loss, the third witness beside the written
    and the automatically derived number; None where the loss cannot be replayed.
    """

    index: tuple[int, ...]
    written: float
    exact: float
    difference: float | None


@dataclass(frozen=True)
class Explanation:
    """Why a written gradient differs: the altered rule of calculus that reproduces the user's numbers.

    `kind` is one of the names that `unstuck.trace` gives (such as "activation-derivative-one"); `span` is the
    expression to blame and `uses` the places where its value enters the backward pass.  `evidence` holds measured
    shares and angles by name.  `exact` says that the altered reverse pass equals the user's numbers in every step.
    """

    kind: str
    text: str
    span: Span
    uses: tuple[Span, ...] = ()
    evidence: Mapping[str, float] = field(default_factory=dict)
    exact: bool = True


@dataclass(frozen=True)
class Gradient:
    """The written against the true gradient of one parameter, over all judged steps.

    `scale` is the best positive factor from the true to the written gradient (under the explanation, where there
    is one), relative to that of the parameter nearest the output; `residual` is the worst relative error left
    after it; `cosine` the mean cosine of the steps that tell anything, `steps` their number.  `written` (without
    the learning rate) and `exact` are the two arrays of the most telling step.  `scale_explanation` says why a
    factor is not 1; `blame` is the first place from which nothing right follows, where nothing explains it, and
    `blame_from` the statements that work out the index at which it stores, the nearest first.
    """

    parameter: str
    span: Span
    status: Status
    cosine: float
    scale: float
    residual: float
    steps: int
    written: Array
    exact: Array
    witness: Witness | None = None
    explanation: Explanation | None = None
    scale_explanation: Explanation | None = None
    blame: Span | None = None
    blame_from: tuple[Span, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Loss:
    """The scalar function whose gradient the script descends, inferred from its updates."""

    kind: str  # squared | cross-entropy | binary-cross-entropy | explicit | maximised | canonical-link | ...
    text: str
    span: Span | None = None


@dataclass(frozen=True)
class Outcome:
    """How the run of the script ended."""

    exit_code: int
    stopped_early: bool
    seconds: float
    tail: tuple[str, ...] = ()  # the last lines that it printed


@dataclass(frozen=True)
class Trace:
    """Everything that one recorded run of a script taught us; saved as JSON and npz.

    `curve` holds (epoch, test accuracy) of the script's own weights, evaluated by us without dropout;
    `printed` the numbers of its last per-epoch report by label, e.g. {"Test-Acc": 0.79}.
    """

    sources: tuple[Source, ...]
    argv: tuple[str, ...]
    framework: str
    status: Status
    reason: str
    parameters: tuple[Parameter, ...] = ()
    steps: int = 0
    loss: Loss | None = None
    gradients: tuple[Gradient, ...] = ()
    recipe: Recipe | None = None
    recipe_reason: str = ""
    recipe_spans: Mapping[str, Span] = field(default_factory=dict)  # dropout, loss, rate, width, activation
    data: Data | None = None
    curve: tuple[tuple[float, float], ...] = ()
    printed: Mapping[str, float] = field(default_factory=dict)
    outcome: Outcome | None = None
    notes: tuple[str, ...] = ()
    forward: tuple[float, ...] = ()  # checksums of what the forward pass computed before the first update
    probes: tuple[Probe, ...] = ()

    @property
    def script(self) -> str:
        """Path of the program as the user typed it."""
        return self.sources[0].path

    def source(self, path: str) -> Source | None:
        """The source file with this path, if the trace holds it."""
        return next((source for source in self.sources if source.path == path), None)
