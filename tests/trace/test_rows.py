"""The rows of a script: which of them are set aside where it has no test rows of its own."""

from __future__ import annotations

import numpy as np

from unstuck.trace.recognising.rows import find_rows


def test_rows_that_stand_class_by_class_are_set_aside_from_all_classes() -> None:
    """The last fifth of such rows would be one class alone, and guessing it would look perfect."""
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1, 2], 50)
    rows, targets = rng.normal(size=(150, 4)), np.eye(3)[labels]
    found = find_rows([rows], [targets], [{"X": rows, "Y": targets}])
    assert found is not None
    data = found.data
    assert (data.test, len(data.x_train), len(data.x_test), found.total) == ("held out", 120, 30, 150)
    assert set(data.y_test.tolist()) == {0, 1, 2}
    both = np.concatenate([data.x_train, data.x_test])
    assert np.array_equal(np.sort(both, axis=0), np.sort(rows, axis=0))


def test_rows_of_the_script_s_own_are_not_set_aside() -> None:
    """A table that is called a test set, and shares no rows with the training set, is used as it is."""
    rng = np.random.default_rng(2)
    rows, tested = rng.normal(size=(40, 3)), rng.normal(size=(10, 3))
    labels, expected = rng.integers(0, 2, 40), rng.integers(0, 2, 10)
    space = {"x_train": rows, "y_train": labels, "x_test": tested, "y_test": expected}
    found = find_rows([rows], [np.eye(2)[labels]], [space])
    assert found is not None
    assert (found.data.test, len(found.data.x_train), found.total) == ("script", 40, 40)
    assert np.array_equal(found.data.x_test, tested)
