"""Claims about the random numbers with an address."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from unstuck.engine.draws import dropout_draws, dropout_key, least_kept


@given(st.integers(0, 10**6), st.integers(0, 200), st.integers(0, 200))
def test_any_piece_of_the_dropout_draws_is_a_piece_of_the_whole(first: int, start: int, count: int) -> None:
    """Draws from some place on are those that one long stream has at that place."""
    key = dropout_key(1, 0, 2)
    whole = dropout_draws(key, first, 400)
    assert dropout_draws(key, first + start, count).tolist() == whole[start : start + count].tolist()


def test_the_dropout_draws_are_numpys_philox() -> None:
    """The stream is that of NumPy's own generator with the same seed, sixteen bits at a time."""
    words = np.random.Philox(np.random.SeedSequence((3, 2, 1, 5))).random_raw(5)
    expected = [int(word) >> shift & 0xFFFF for word in words for shift in (0, 16, 32, 48)]
    assert dropout_draws(dropout_key(3, 1, 5), 0, 20).tolist() == expected


@given(st.floats(0, 1))
def test_a_share_of_the_units_is_dropped(dropout: float) -> None:
    """Of 65,536 draws that are all different, the share below the threshold is the dropout."""
    assert abs(least_kept(dropout) / 65536 - dropout) <= 0.5 / 65536


def test_draws_are_uniform() -> None:
    """Each sixteenth of the range gets its share of the draws, within what chance allows (chi squared, 15 df)."""
    counts = np.bincount(dropout_draws(dropout_key(0, 0, 1), 0, 160_000) // 4096, minlength=16)
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 44.3  # the upper 1e-4 quantile
