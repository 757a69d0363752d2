"""The nouns of unstuck: frozen values that travel along the one arrow.

script -> Trace -> Findings -> Fixes + Study -> Report.  Nothing here computes anything beyond a lookup; every
verb lives on a higher floor.  Only the standard library and numpy are imported, so that every other module
can share these names without a cycle.

Lines and columns count from 1, and an end column is one past the last character (the convention of SARIF
and of most editors).  Accuracies are fractions in [0, 1]; effects are accuracy *points* (hundredths).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from numpy.typing import NDArray

Array = NDArray[Any]
Status = Literal["exact", "scaled", "wrong", "cannot-tell", "not-applicable"]
Severity = Literal["error", "warning", "note"]
Safety = Literal["safe", "review", "manual"]
Value = Literal["derivative", "same", "other", "misfit", "fails"]


# ----- Places in the user's program ---------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """One file of the user's program, as it was read."""

    path: str
    text: str

    def line(self, number: int) -> str:
        """Line `number` (from 1) without its line break; empty when there is no such line."""
        lines = self.text.split(
            "\n"
        )  # splitlines() would also split at form feeds, which python does not count
        return lines[number - 1].rstrip("\r") if 0 < number <= len(lines) else ""


@dataclass(frozen=True, order=True)
class Span:
    """A region of a source file; lines and columns from 1, `end_column` exclusive."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int


# ----- What the recorder found --------------------------------------------------------------------------


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
    factor is not 1; `blame` is the first place from which nothing right follows, where nothing explains it.
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
    reason: str = ""


@dataclass(frozen=True)
class Loss:
    """The scalar function whose gradient the script descends, inferred from its updates."""

    kind: str  # squared | cross-entropy | binary-cross-entropy | explicit | maximised | canonical-link | ...
    text: str
    span: Span | None = None


@dataclass(frozen=True)
class Init:
    """How one layer's weights are drawn: uniform in [a, b), normal with mean a and sd b, or constant a."""

    kind: Literal["uniform", "normal", "constant"]
    a: float
    b: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """A feed-forward network and its training, as the engine can run it.

    The hinge of the house: the tracer recognises it, the engine trains it, a check's remedy transforms it.

    layers       units per layer, input and output included, e.g. (5, 10, 4)
    activation   of every hidden layer: relu | leaky-relu | tanh | sigmoid | linear
    output       of the last layer: linear | softmax | sigmoid | tanh | relu
    loss         squared (half the squared error) | cross-entropy | binary-cross-entropy, all summed over outputs
                 and *averaged* over the rows of a batch: `rate` is the step along minus that gradient
    layer_rates  factor on `rate` for each weight matrix (a gradient that is right up to a constant); () = all 1
    dropout      probability that a hidden unit is dropped;  dropout_scale: what survivors are multiplied by
    order        how rows are visited: sequential | shuffled (each epoch) | random (drawn with replacement)
    scaling      of the inputs before training: none | standard (mean 0, sd 1 by the training rows)
    backward     exact, or the kind of the explained fault that the script computes instead
    """

    layers: tuple[int, ...]
    activation: str = "relu"
    output: str = "linear"
    loss: str = "squared"
    bias: bool = True
    dropout: float = 0.0
    dropout_scale: float = 1.0
    optimiser: Literal["sgd", "momentum"] = "sgd"
    momentum: float = 0.0
    rate: float = 0.01
    layer_rates: tuple[float, ...] = ()
    batch: int = 1
    epochs: int = 1
    init: tuple[Init, ...] = ()
    order: str = "shuffled"
    scaling: str = "none"
    backward: str = "exact"

    def with_(self, **changes: Any) -> Recipe:
        """The same recipe with some fields changed."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Data:
    """The rows a script trains and tests on: features (n, d); integer labels (n,) or targets (n, k).

    `test` says where the test rows come from: "script" when the program has its own, "held out" when a part
    of its training rows had to be set aside.
    """

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array
    classes: int  # 0 for regression
    test: Literal["script", "held out"] = "script"


@dataclass(frozen=True)
class Outcome:
    """How the run of the script ended."""

    exit_code: int
    stopped_early: bool
    seconds: float
    tail: tuple[str, ...] = ()  # the last lines that it printed


@dataclass(frozen=True)
class Probe:
    """Expressions that might stand in the place of the value of one statement, evaluated where it stands.

    span   of the statement
    texts  the expressions; the first is the one that the program has
    shape  an expression whose shape all others must fit; empty: none
    found  what each turned out to be, in a Trace: "fails" where it cannot be computed, "misfit" where it has another
           shape than the program's, "derivative" where it is in every step a multiple of a true derivative of the
           loss, and not of what the program has, "same" where it is just that, else "other"; empty where the
           statement never ran
    """

    span: Span
    texts: tuple[str, ...]
    shape: str = ""
    found: tuple[Value, ...] = ()


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


# ----- What the experiments found -----------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One training of one recipe: test accuracy at the checkpoints `epochs` and its final score."""

    recipe: Recipe
    seed: int
    epochs: tuple[int, ...]
    curve: tuple[float, ...]
    score: float


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval over `n` independent seeds (or a proportion over `n` rows)."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Effect:
    """What one change is worth, in accuracy points, paired over seeds."""

    factor: str
    points: float
    low: float
    high: float
    seeds: int
    p: float = 1.0
    d: float = 0.0  # Cohen's d of the paired differences


@dataclass(frozen=True)
class Cell:
    """One variant of the design: which factors are switched on, and the runs it got."""

    label: str
    on: tuple[str, ...]
    recipe: Recipe
    estimate: Estimate
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True)
class Advice:
    """One piece of usual advice, tried on the program as written and on the repaired one."""

    change: str
    as_written: tuple[Estimate, Estimate] | None  # before, after
    repaired: tuple[Estimate, Estimate]


@dataclass(frozen=True)
class Validation:
    """Does the engine's run reproduce the script's own accuracy?  `epoch` is where both were read."""

    passed: bool
    text: str
    epoch: int = 0
    script: float = float("nan")
    engine: Estimate | None = None


@dataclass(frozen=True)
class Study:
    """The retrainings and what they say.

    `path` is the order of repairs with exact Shapley values among correct programs; `effects` are single
    changes to the repaired program; `interactions` are sentences with their figures.
    """

    metric: str
    epochs: int
    seeds: int
    trainings: int
    as_written: Estimate | None
    repaired: Estimate | None
    best: Estimate | None
    best_recipe: Recipe | None
    path: tuple[Effect, ...]
    effects: tuple[Effect, ...]
    interactions: tuple[str, ...]
    advice: tuple[Advice, ...]
    cells: tuple[Cell, ...]
    validation: Validation | None
    seconds: float
    notes: tuple[str, ...] = ()
    best_on: tuple[str, ...] = ()  # the factors that the best recipe changes, the repair included


@dataclass(frozen=True)
class Ceiling:
    """How far the data go: the best of several strong models on the same split."""

    estimate: float
    low: float
    high: float
    model: str
    models: tuple[tuple[str, float], ...] = ()
    rows: int = 0


# ----- What the user is told ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Edit:
    """Replace the text of `span` by `text`."""

    span: Span
    text: str


@dataclass(frozen=True)
class Proof:
    """The evidence for a fix: the gradient check on seeds and steps that did not guide the search."""

    seeds: int
    steps: int
    residual_before: float
    residual_after: float
    score_before: Estimate | None = None
    score_after: Estimate | None = None


@dataclass(frozen=True)
class Fix:
    """A change of the source with its unified diff; `proof` is None when nothing verified it."""

    title: str
    safety: Safety
    edits: tuple[Edit, ...] = ()
    diff: str = ""
    proof: Proof | None = None


@dataclass(frozen=True)
class Finding:
    """One statement about the program: what was seen, where, what it costs and what to do."""

    id: str
    slug: str
    severity: Severity
    message: str
    span: Span | None = None
    uses: tuple[Span, ...] = ()
    evidence: tuple[str, ...] = ()
    effect: Effect | None = None
    fix: Fix | None = None


@dataclass(frozen=True)
class Report:
    """The diagnosis; every rendering is a pure function of it.  Its JSON form has `schema` 1."""

    verdict: str
    trace: Trace
    findings: tuple[Finding, ...] = ()
    study: Study | None = None
    study_reason: str = ""
    ceiling: Ceiling | None = None
    passed: tuple[str, ...] = ()
    not_applicable: tuple[tuple[str, str], ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
