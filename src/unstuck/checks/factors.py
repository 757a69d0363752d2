"""The remedies: what each piece of usual advice changes in a recipe.

A factor of the study is a name, a label for people, and a function from a recipe to the changed recipe, or to
None where the change has no meaning (a network that has biases cannot be given biases).  Settings are the
choices that a check may suspect; knobs are sizes that have no right value and are only tried.  Every remedy
is a plain module-level function, so that it travels to worker processes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from unstuck.facts import Recipe

Remedy = Callable[["Recipe"], "Recipe | None"]


@dataclass(frozen=True)
class Factor:
    """One change to try: `name` in the study, `label` in the report, `remedy` on the recipe."""

    name: str
    label: str
    remedy: Remedy
    kind: Literal["repair", "setting", "knob"]


# ----- The remedies -------------------------------------------------------------------------------------


def exact_backward(recipe: Recipe) -> Recipe | None:
    """The true gradient in place of the one that the script computes."""
    return None if recipe.backward == "exact" else recipe.with_(backward="exact")


def add_bias(recipe: Recipe) -> Recipe | None:
    """A bias on every layer."""
    return None if recipe.bias else recipe.with_(bias=True)


def use_cross_entropy(recipe: Recipe) -> Recipe | None:
    """The likelihood of a class in place of squared error: softmax, or a sigmoid where there is one output.

    The gradient at the pre-activation of the output is p - y in both cases, the same size as the error
    y - output that squared error sends back from a linear layer; the rate can therefore stay.
    """
    if recipe.loss != "squared":
        return None
    if recipe.layers[-1] == 1:
        return recipe.with_(output="sigmoid", loss="binary-cross-entropy")
    return recipe.with_(output="softmax", loss="cross-entropy")


def standardise(recipe: Recipe) -> Recipe | None:
    """Inputs with mean 0 and standard deviation 1 over the training rows."""
    return recipe.with_(scaling="standard") if recipe.scaling == "none" else None


def remove_dropout(recipe: Recipe) -> Recipe | None:
    """All hidden units on, in every step."""
    return recipe.with_(dropout=0.0, dropout_scale=1.0) if recipe.dropout > 0 else None


def equal_rates(recipe: Recipe) -> Recipe | None:
    """The same learning rate for every layer, where a gradient carries a constant factor."""
    return recipe.with_(layer_rates=()) if len(set(recipe.layer_rates)) > 1 else None


def rate_tenth(recipe: Recipe) -> Recipe | None:
    """A tenth of the learning rate."""
    return recipe.with_(rate=recipe.rate / 10)


def rate_tenfold(recipe: Recipe) -> Recipe | None:
    """Ten times the learning rate."""
    return recipe.with_(rate=recipe.rate * 10)


def width_doubled(recipe: Recipe) -> Recipe | None:
    """Twice the units in every hidden layer."""
    return _widened(recipe, 2)


def width_fourfold(recipe: Recipe) -> Recipe | None:
    """Four times the units in every hidden layer."""
    return _widened(recipe, 4)


def _widened(recipe: Recipe, times: int) -> Recipe | None:
    first, *hidden, last = recipe.layers
    if not hidden:
        return None
    return recipe.with_(layers=(first, *(units * times for units in hidden), last))


# ----- The factors --------------------------------------------------------------------------------------

REPAIR = Factor("derivative", "right derivative", exact_backward, "repair")

SETTINGS = (
    Factor("bias", "bias", add_bias, "setting"),
    Factor("cross-entropy", "cross-entropy", use_cross_entropy, "setting"),
    Factor("standardise", "standardised inputs", standardise, "setting"),
    Factor("no-dropout", "no dropout", remove_dropout, "setting"),
)

KNOBS = (
    Factor("equal-rates", "equal layer rates", equal_rates, "knob"),
    Factor("rate-x0.1", "learning rate ×0.1", rate_tenth, "knob"),
    Factor("rate-x10", "learning rate ×10", rate_tenfold, "knob"),
    Factor("width-x2", "width ×2", width_doubled, "knob"),
    Factor("width-x4", "width ×4", width_fourfold, "knob"),
)

FACTORS = (*SETTINGS, *KNOBS)


def label_of(name: str) -> str:
    """The label of a factor by its name; the name itself where it is not one of ours."""
    return next((factor.label for factor in (REPAIR, *FACTORS) if factor.name == name), name)
