"""Which variants of a program are trained.

Correctness is not one factor among others.  The wrong gradient is repaired first; the settings are then
crossed with each other among correct programs (2^k variants), and the knobs are turned one at a time on the
repaired program.  The usual advice is tried on the program as written as well, to show what it does there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from unstuck.checks.factors import Factor
from unstuck.engine import shape_of, supports
from unstuck.facts import Data, Recipe

ADVICE = ("bias", "cross-entropy")  # the factors that people are told first
CROSSED = 6  # settings up to which all 2^k combinations are trained
DETAILS = ("everything", "knobs of the same shape", "no knobs", "single changes", "repair only")


@dataclass(frozen=True)
class Variant:
    """One program to train: the factors switched on, in the order of the design, and the resulting recipe."""

    on: tuple[str, ...]
    label: str
    recipe: Recipe


@dataclass(frozen=True)
class Design:
    """The variants of a study and the factors that they are made of.

    `settings` and `knobs` hold what applies to the repaired program; `crossed` says whether the variants
    contain every combination of the settings.
    """

    variants: tuple[Variant, ...]
    repairs: tuple[Factor, ...]
    settings: tuple[Factor, ...]
    knobs: tuple[Factor, ...]
    crossed: bool
    notes: tuple[str, ...] = ()

    @property
    def base(self) -> tuple[str, ...]:
        """What is switched on in the repaired program."""
        return tuple(factor.name for factor in self.repairs)

    def candidates(self) -> tuple[Variant, ...]:
        """The correct programs of the same shape, among which the best one is chosen."""
        settings = {factor.name for factor in self.settings}
        base = set(self.base)
        return tuple(v for v in self.variants if base <= set(v.on) and set(v.on) - base <= settings)


def design(recipe: Recipe, data: Data, factors: Sequence[Factor], detail: str) -> Design:
    """The variants of `recipe` at one of the `DETAILS`.

    Variants that the engine cannot run on these data are left out and named in the notes.
    Raises ValueError when the repaired program itself cannot be run.
    """
    repairs = _applicable(recipe, factors, "repair")
    repaired = _apply(recipe, repairs)
    reason = supports(repaired, data)
    if reason:
        raise ValueError(reason)
    settings = _runnable(repaired, data, _applicable(repaired, factors, "setting"))
    knobs = _runnable(repaired, data, _applicable(repaired, factors, "knob"))
    if detail == "repair only":
        settings = ()
    if detail == "knobs of the same shape":
        knobs = tuple(k for k in knobs if shape_of(_apply(repaired, [k])) == shape_of(repaired))
    elif detail != "everything":
        knobs = ()
    crossed = detail != "single changes" and len(settings) <= CROSSED
    variants = list(_as_written(recipe, repairs, settings))
    subsets = _subsets(settings) if crossed else [(), *((s,) for s in settings)]
    if not crossed and len(settings) > 1:
        subsets.append(settings)
    variants += [_variant(recipe, (*repairs, *subset)) for subset in subsets]
    variants += [_variant(recipe, (*repairs, knob)) for knob in knobs]
    notes = []
    for variant in variants:
        reason = supports(variant.recipe, data)
        if reason:
            notes.append(f"Not measured: {variant.label} ({reason}).")
    kept = tuple(v for v in variants if not supports(v.recipe, data))
    return Design(kept, repairs, settings, knobs, crossed, tuple(notes))


def _as_written(recipe: Recipe, repairs: tuple[Factor, ...], settings: tuple[Factor, ...]) -> list[Variant]:
    """The program as written, each further repair short of the last, and the usual advice on it as it is."""
    if not repairs:
        return []
    partial = [_variant(recipe, repairs[:n]) for n in range(len(repairs))]
    advice = tuple(factor for factor in settings if factor.name in ADVICE)
    return partial + [_variant(recipe, subset) for subset in _subsets(advice) if subset]


def _subsets(factors: Sequence[Factor]) -> list[tuple[Factor, ...]]:
    return [subset for size in range(len(factors) + 1) for subset in combinations(factors, size)]


def _applicable(recipe: Recipe, factors: Sequence[Factor], kind: str) -> tuple[Factor, ...]:
    """The factors of a kind that change this recipe."""
    return tuple(f for f in factors if f.kind == kind and f.remedy(recipe) not in (None, recipe))


def _runnable(recipe: Recipe, data: Data, factors: Sequence[Factor]) -> tuple[Factor, ...]:
    return tuple(factor for factor in factors if not supports(_apply(recipe, [factor]), data))


def _apply(recipe: Recipe, factors: Sequence[Factor]) -> Recipe:
    """The recipe after all remedies; one that has nothing left to change leaves it as it is."""
    for factor in factors:
        recipe = factor.remedy(recipe) or recipe
    return recipe


def _variant(recipe: Recipe, factors: Sequence[Factor]) -> Variant:
    labels = [factor.label for factor in factors]
    if not any(factor.kind == "repair" for factor in factors):
        labels.insert(0, "as written")
    return Variant(tuple(factor.name for factor in factors), " + ".join(labels), _apply(recipe, factors))
