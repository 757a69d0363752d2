"""How figures are written: accuracies as fractions, effects in points, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unstuck.facts import Ceiling, Effect, Estimate

MOST_NAMES = 4  # in one list, before the others are only counted
WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def score(estimate: Estimate) -> str:
    """A mean with half the width of its interval: `0.794 ±0.004`."""
    return _with_margin(estimate.mean, estimate.low, estimate.high)


def limit(ceiling: Ceiling) -> str:
    """The ceiling with half the width of its interval."""
    return _with_margin(ceiling.estimate, ceiling.low, ceiling.high)


def points(effect: Effect) -> str:
    """An effect with half the width of its interval, signed: `+7.6 ±0.2`."""
    margin = (effect.high - effect.low) / 2
    return f"{signed(effect.points)} ±{margin:.1f}" if math.isfinite(margin) else signed(effect.points)


def signed(value: float) -> str:
    """One decimal, with a true minus sign; a rounded zero carries no sign of its own."""
    rounded = round(value, 1)
    return f"{'−' if rounded < 0 else '+'}{abs(rounded):.1f}"


def thousands(count: int) -> str:
    """An integer with a space between thousands, from five digits on."""
    return f"{count:,}".replace(",", " ") if count >= 10_000 else str(count)


def counted(count: int, noun: str) -> str:
    """A number and its noun: `1 error`, `3 warnings`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def in_words(count: int) -> str:
    """Small numbers as words, as prose has them."""
    return WORDS[count] if 0 <= count < len(WORDS) else str(count)


def listed(names: Sequence[str]) -> str:
    """Names in a row; of many the first, and how many more there are."""
    shown = names if len(names) <= MOST_NAMES else names[: MOST_NAMES - 1]
    more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
    return ", ".join(shown) + more


def seconds(value: float) -> str:
    """A duration that a person reads at a glance."""
    return f"{value:.1f} s" if value < 10 else f"{value:.0f} s" if value < 120 else f"{value / 60:.1f} min"


def _with_margin(mean: float, low: float, high: float) -> str:
    margin = (high - low) / 2
    return f"{mean:.3f} ±{margin:.3f}" if math.isfinite(margin) else f"{mean:.3f}"
