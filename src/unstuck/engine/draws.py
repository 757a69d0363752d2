"""Random numbers with an address: every draw is named by (seed, purpose, layer or epoch).

All variants of one seed see the same row order, the same dropout draws and the same initial draws (common
random numbers), so that differences between variants are paired.  Because a draw depends on its address
alone, a result does not depend on which other networks are trained with it, in which process or group.
"""

from __future__ import annotations

import numpy as np

from unstuck.facts import Array, Init, Recipe

_INITIAL, _ORDER, _DROPOUT = range(3)


def _generator(seed: int, *address: int) -> np.random.Generator:
    """The counter-based generator that belongs to an address."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, *address))))


def default_init(recipe: Recipe) -> tuple[Init, ...]:
    """For each weight matrix: He's normal draws before a relu, Glorot's uniform draws otherwise."""
    inits = []
    for layer, (fan_in, fan_out) in enumerate(zip(recipe.layers, recipe.layers[1:], strict=False)):
        hidden = layer < len(recipe.layers) - 2
        if hidden and recipe.activation in ("relu", "leaky-relu"):
            inits.append(Init("normal", 0.0, (2 / fan_in) ** 0.5))
        else:
            limit = (6 / (fan_in + fan_out)) ** 0.5
            inits.append(Init("uniform", -limit, limit))
    return tuple(inits)


def draw_weights(recipe: Recipe, seed: int) -> list[Array]:
    """Initial weight matrices, shape (inputs, outputs) each, float64; biases start at zero.

    Draws are made output unit by output unit, so a wider first layer contains the narrower one.
    """
    weights = []
    inits = recipe.init or default_init(recipe)
    for layer, (fan_in, fan_out) in enumerate(zip(recipe.layers, recipe.layers[1:], strict=False)):
        init, random = inits[layer], _generator(seed, _INITIAL, layer)
        if init.kind == "uniform":
            drawn = init.a + (init.b - init.a) * random.random((fan_out, fan_in))
        elif init.kind == "normal":
            drawn = init.a + init.b * random.standard_normal((fan_out, fan_in))
        else:
            drawn = np.full((fan_out, fan_in), init.a)
        weights.append(np.ascontiguousarray(drawn.T))
    return weights


def row_order(order: str, rows: int, seed: int, epoch: int) -> Array:
    """The rows that one epoch visits, in turn: integers, shape (rows,)."""
    if order == "sequential":
        return np.arange(rows)
    random = _generator(seed, _ORDER, epoch)
    return random.permutation(rows) if order == "shuffled" else random.integers(rows, size=rows)


def dropout_key(seed: int, layer: int, epoch: int) -> Array:
    """What names the dropout draws of one hidden layer in one epoch: a Philox key, two 64-bit integers."""
    return np.random.SeedSequence((seed, _DROPOUT, layer, epoch)).generate_state(2, np.uint64)


def dropout_draws(key: Array, start: int, count: int) -> Array:
    """Draws start, start + 1, ... of a key: 16-bit integers, shape (count,).

    The units of a row draw in turn, then those of the next row.  Any place of the stream can be computed at
    once: Philox turns a counter into four 64-bit words, which are sixteen draws, the lowest bits first.
    """
    words = np.random.Philox(key=key, counter=start // 16).random_raw(-(-(start % 16 + count) // 4))
    return words.astype("<u8").view("<u2")[start % 16 : start % 16 + count]


def least_kept(dropout: float) -> int:
    """A unit is kept where its draw is at least this: its share of the 2^16 draws is `dropout`, rounded."""
    return int(dropout * 65536 + 0.5)
