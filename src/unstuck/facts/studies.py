"""What the experiments found.  Accuracies are fractions in [0, 1]; effects are accuracy *points* (hundredths)."""

from __future__ import annotations

from dataclasses import dataclass

from unstuck.facts.recipes import Recipe


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
