"""The optimisers that people write, and which of them a recorded one is.

What they all have in common: a step goes along a *direction* that is made of the gradients so far, by a rate of its
own in every step (a schedule, a warm-up, a correction of the bias, a norm to which the gradient is cut).  A direction
is the gradient, a mean or sum of gradients that fades, or one with a look ahead; it may be divided by the root of a
mean or sum of squares, or be cut to its sign.  For given gradients all these directions are known arrays.  An optimiser
is one of them when each of its steps is a positive multiple of the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from unstuck.facts import Array

FITS = 1e-5  # share of the largest element by which a step may miss its direction
MOST_NUMBERS = 64  # of a step, which are compared
OVER = " over "  # in the titles of optimisers that divide by a root
SIGN = "the sign of "
Directions = list[Array]  # one per step
Titled = Iterator[tuple[str, Directions]]


@dataclass(frozen=True)
class Family:
    """The directions of all known optimisers for the same gradients.

    directions  of length 1: (title, step, element); not a number where any will do
    lengths     of the directions as they are
    """

    titles: tuple[str, ...]
    directions: Array
    lengths: Array

    def title(self, moves: Sequence[Array], signs: bool = True) -> str:
        """The optimiser against whose directions these steps go, each by a rate of its own; "" for none.

        signs  whether a sign may be among them (one that divides by a root has forgotten the squares of before)
        """
        steps = np.stack([few(move) for move in moves])
        if not np.all(np.isfinite(steps)) or not np.all(np.any(steps, axis=1)):
            return ""
        steps = steps / np.linalg.norm(steps, axis=1, keepdims=True)
        cosines = np.einsum("ktn,tn->kt", self.directions, steps)
        misses = np.abs(steps - cosines[:, :, None] * self.directions).max(axis=2)
        right = np.all(((cosines < 0) & (misses <= FITS)) | np.isnan(cosines), axis=1)
        found = (title for title, fits in zip(self.titles, right, strict=True) if fits)
        return next((title for title in found if signs or not title.startswith(SIGN)), "")

    def rates(self, moves: Sequence[Array]) -> Array:
        """By how much each direction is multiplied, in each step, to make the steps: (title, step)."""
        steps = np.stack([few(move) for move in moves])
        with np.errstate(all="ignore"):
            return np.asarray(-np.einsum("ktn,tn->kt", self.directions, steps) / self.lengths)


def known(gradients: Sequence[Array], shares: Collection[float], first: int) -> Family:
    """The family for these gradients.

    shares  of its past that a memory may keep: plain numbers of the script
    first   how many gradients the optimiser has taken before
    """
    titles, found, lengths = [], [], []
    with np.errstate(all="ignore"):
        for title, directions in _directions([*gradients], sorted(shares), first):
            stacked = np.stack(directions)
            titles.append(title)
            lengths.append(np.linalg.norm(stacked, axis=1))
            found.append(stacked / lengths[-1][:, None])
    return Family(tuple(titles), np.stack(found), np.stack(lengths))


def few(array: Array) -> Array:
    """Elements of an array, spread over it, that are enough to tell directions apart."""
    return np.asarray(array, float).ravel()[:: every(np.size(array))]


def every(count: int) -> int:
    """Which of so many elements are compared: each first, second, third, ..."""
    return -(-count // MOST_NUMBERS)


def _directions(gradients: Directions, shares: Sequence[float], first: int) -> Titled:
    """Every direction with its title; the plainest come first."""
    numerators = dict(_numerators(gradients, shares, first))
    roots = dict(_roots(gradients, shares, first))
    yield from numerators.items()
    yield from (
        (f"{title}{OVER}{below}", _over(each, root))
        for title, each in numerators.items()
        for below, root in roots.items()
    )
    for below, root in roots.items():
        scaled = _over(gradients, root)
        if np.isnan(scaled[0][0]):
            continue
        for share in shares:
            yield from ((f"{title} of steps{OVER}{below}", each) for title, each in _faded(scaled, share))
    mixed = dict(_mixed(gradients, shares))
    yield from mixed.items()
    yield from (
        (f"{SIGN}{title}", [np.sign(part) for part in each]) for title, each in (numerators | mixed).items()
    )
    yield from _surprised(gradients, shares)


def _over(above: Directions, below: Directions) -> Directions:
    return [a / b for a, b in zip(above, below, strict=True)]


# ----- What goes down -----------------------------------------------------------------------------------


def _numerators(gradients: Directions, shares: Sequence[float], first: int) -> Titled:
    yield "the gradient", gradients
    ages = np.arange(first + 1, first + 1 + len(gradients))
    for share in shares:
        yield from _faded(gradients, share)
        sums = _sums(gradients, share)
        weights = 1 - share**ages
        yield f"Nadam {share:g}", _added(sums, share * weights / (1 - share ** (ages + 1)), gradients)
        yield f"Nadam, half corrected, {share:g}", _added(sums, share / weights, gradients)


def _faded(gradients: Directions, share: float) -> Titled:
    """Momentum, and its forms that look ahead."""
    sums = _sums(gradients, share)
    yield f"momentum {share:g}", sums
    for title, weight in (
        ("Nesterov's momentum", share),
        ("Nesterov's momentum of means", share * (1 - share)),
        ("momentum plus the gradient", 1.0),
        ("a mean plus the gradient", 1 - share),
    ):
        yield f"{title} {share:g}", _added(sums, np.full(len(sums), weight), gradients)


def _mixed(gradients: Directions, shares: Sequence[float]) -> Titled:
    """Quasi-hyperbolic momentum, of the mean with this gradient or (Lion) without it."""
    for share in shares:
        sums = _sums(gradients, share)
        older = [np.zeros_like(sums[0]), *sums[:-1]]
        for other in shares:
            weight = np.full(len(sums), other * (1 - share) / (1 - other))
            yield f"quasi-hyperbolic momentum {other:g} {share:g}", _added(sums, weight, gradients)
            yield f"the gradient mixed into older ones {other:g} {share:g}", _added(older, weight, gradients)


def _added(sums: Directions, weights: Array, gradients: Directions) -> Directions:
    return [weight * m + g for weight, m, g in zip(weights, sums, gradients, strict=True)]


def _sums(values: Directions, share: float, mix: Callable[..., Array] = np.add) -> Directions:
    """s = mix(share x s, value), from nothing."""
    result: Directions = []
    for value in values:
        result.append(mix(share * result[-1], value) if result else value)
    return result


# ----- What is divided by -------------------------------------------------------------------------------


def _roots(gradients: Directions, shares: Sequence[float], first: int) -> Titled:
    squares = [gradient**2 for gradient in gradients]
    ages = np.arange(first + 1, first + 1 + len(gradients))
    yield "the root of summed squares", _rooted(_sums(squares, 1.0))
    for share in shares:
        means = _sums(squares, share)
        corrected = [v / w for v, w in zip(means, 1 - share**ages, strict=True)]
        unknown = np.full_like(means[0], np.nan)
        yield f"the root of mean squares {share:g}", _rooted(means)
        yield f"the root of older mean squares {share:g}", _rooted([unknown, *means[:-1]])
        yield f"the largest root {share:g}", _rooted(_sums(means, 1.0, np.maximum))
        yield f"the largest corrected root {share:g}", _rooted(_sums(corrected, 1.0, np.maximum))
        yield f"the root of squares that only grow {share:g}", _rooted(_growing(squares, share))
        yield f"the largest gradient {share:g}", _sums([np.abs(g) for g in gradients], share, np.maximum)
        centred = [
            (1 - share) * v - ((1 - share) * m) ** 2
            for v, m in zip(means, _sums(gradients, share), strict=True)
        ]
        yield f"the spread {share:g}", _rooted(centred)


def _rooted(values: Directions) -> Directions:
    return [np.sqrt(value) for value in values]


def _growing(squares: Directions, share: float) -> Directions:
    """AMSGrad in one array: v = max(v, share x v + (1 - share) x square)."""
    result: Directions = []
    for square in squares:
        fresh = (1 - share) * square
        result.append(np.maximum(result[-1], share * result[-1] + fresh) if result else fresh)
    return result


def _surprised(gradients: Directions, shares: Sequence[float]) -> Titled:
    """AdaBelief: a mean over the root of the mean of its squared errors."""
    for share in shares:
        sums = _sums(gradients, share)
        errors = [(g - (1 - share) * m) ** 2 for g, m in zip(gradients, sums, strict=True)]
        for other in shares:
            yield (
                f"momentum {share:g}{OVER}the root of its errors {other:g}",
                _over(sums, _rooted(_sums(errors, other))),
            )
