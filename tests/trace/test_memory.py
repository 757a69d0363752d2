"""Arrays are known by the memory that they use, and the tape keeps what they held before they were overwritten."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from unstuck.autodiff.node import Node
from unstuck.trace.tape.layout import flat_indices, is_tracked, owner_of
from unstuck.trace.tape.memory import SMALL, Memory

Layout = st.sampled_from([(0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 2, 1)])
SLICES = st.builds(
    slice, st.none() | st.integers(-4, 4), st.none() | st.integers(-4, 4), st.sampled_from([1, 2, -1, -2])
)
INDEX = st.lists(SLICES | st.integers(-1, 1) | st.just(None), max_size=3).map(tuple)


def owning(layout: tuple[int, ...]) -> NDArray[Any]:
    """An array that owns its memory, with its axes in this order there."""
    shape = (2, 3, 4)
    values = np.arange(24.0).reshape(shape)
    array = np.empty([shape[axis] for axis in layout]).transpose(np.argsort(layout))
    return np.array(array, copy=True, order="K") * 0 + values


@given(Layout, INDEX, st.permutations([0, 1, 2]))
@settings(deadline=None)
def test_positions_of_any_view_in_any_layout(layout: tuple[int, ...], index: Any, axes: list[int]) -> None:
    """`owner.ravel()` at the positions of a view is the view, for C, Fortran and mixed order."""
    owner = owning(layout)
    assert owner.base is None
    if sum(item is not None for item in index) > 3:
        return
    for view in (owner[(*index, ...)], owner.transpose(axes)[(*index, ...)]):
        flat = flat_indices(owner, view)
        assert flat is not None
        np.testing.assert_array_equal(owner.ravel()[flat], view)


def test_other_element_types_have_no_positions() -> None:
    """A view of the same bytes as integers is not a part of the array of floats."""
    array = np.ones(4)
    assert flat_indices(array, array.view(np.int64)) is None


def test_the_owner_is_found_behind_views_of_views() -> None:
    """Through slices, transposes and strided windows, but not through copies."""
    array = np.arange(12.0)
    windows = np.lib.stride_tricks.sliding_window_view(array.reshape(3, 4).T, 2, axis=0)
    assert owner_of(windows[1:]) is array
    assert owner_of(array.copy()) is not array


@pytest.mark.parametrize(
    ("value", "tracked"),
    [
        *[(1.0, True), (np.float32(1), True), (1j, True), (np.ones(2), True), (np.array([1, 2]), True)],
        *[(1, False), (True, False), (np.int64(1), False), ("1", False), (np.array(["a"]), False)],
        (type("Own", (float,), {})(1.0), False),
    ],
)
def test_what_is_followed(value: Any, tracked: bool) -> None:
    """Arrays of numbers and single floats; not integers, which are shared, nor subclasses of float."""
    assert is_tracked(value) is tracked


def double(memory: Memory, array: NDArray[Any]) -> Node:
    """array *= 2, recorded."""
    old = memory.operand(array)
    memory.before_write(array)
    array *= 2
    return memory.written(array, "multiply", np.multiply, (old, 2), {}, None)


def test_a_row_met_by_itself_is_a_part_of_its_array() -> None:
    """A row that nobody announced is gathered from the array whose memory it uses."""
    memory, array = Memory(), np.arange(6.0).reshape(2, 3).copy()
    whole = memory.array(array)
    row = memory.array(array[1])
    assert (row.op, row.args[0]) == ("gather", whole)
    np.testing.assert_array_equal(row.args[1], [3, 4, 5])


def test_a_write_into_a_row_changes_the_array() -> None:
    """After a write into a view, the whole is the old whole with the view scattered into it."""
    memory, array = Memory(), np.arange(6.0).reshape(2, 3).copy()
    old = memory.array(array)
    row = double(memory, array[1])
    new = memory.array(array)
    assert (new.op, new.args[0], new.args[2]) == ("scatter", old, row)
    np.testing.assert_array_equal(old.value, np.arange(6.0).reshape(2, 3))


def test_a_view_that_is_out_of_date_is_read_anew() -> None:
    """A slice kept in a variable shows what was written through another slice."""
    memory, array = Memory(), np.arange(4.0)
    first, second = array[:3], array[1:]
    before = memory.array(first)
    double(memory, second)
    after = memory.array(first)
    assert after is not before
    np.testing.assert_array_equal(before.value, [0, 1, 2])
    np.testing.assert_array_equal(after.value, [0, 2, 4])
    assert memory.array(first) is after


def test_the_whole_of_known_views_depends_on_them() -> None:
    """When only views of a hidden array were made under our eyes, the other views depend on them."""
    memory, hidden = Memory(), np.arange(6.0)
    made = memory.add("tanh", np.tanh, (), {}, hidden.reshape(2, 3), None)
    assert made in set(memory.array(hidden[:2]).args[0].parents())


def test_values_are_copied_when_they_are_overwritten() -> None:
    """A node's value is the array itself until somebody writes into it."""
    memory, array = Memory(), np.arange(3.0)
    node = memory.array(array)
    assert node.value is array
    double(memory, array)
    np.testing.assert_array_equal(node.value, [0, 1, 2])


def test_large_results_that_nobody_read_are_not_copied() -> None:
    """Filling a large array element by element does not copy it for every element."""
    memory, array = Memory(), np.zeros(SMALL + 1)
    memory.array(array)
    versions = []
    for index in range(3):
        old = memory.array(array)
        memory.before_write(array)
        array[index] = 1.0
        versions.append(memory.written(array, "setitem", None, (old, index, 1.0), {}, None))
    assert versions[0].value.base is not None
    assert versions[0].value.strides == (0,)
    assert memory.held == array.nbytes * 2  # the array itself, and its copy from before the first write


def test_a_scalar_is_known_by_identity() -> None:
    """The very object is the key, an equal number is another one."""
    memory = Memory()
    value = float("2.5")
    node = memory.operand(value)
    assert memory.operand(value) is node
    assert memory.operand(float("2.5")) is not node


def test_numbers_in_a_long_list_are_constants() -> None:
    """Unless they were computed under our eyes."""
    memory = Memory()
    known = memory.add("exp", None, (), {}, float("0.5"), None)
    items = [known.value, *map(float, range(5000))]
    operands = memory.operand(items)
    assert operands[0] is known
    assert operands[1:] == items[1:]
    assert len(memory.nodes) == 1


def test_sealing_protects_what_will_be_overwritten() -> None:
    """When recording pauses, values are copied; large data that nobody wrote to are not."""
    memory, weights, data = Memory(), np.ones(3), np.ones(100)
    node, kept = memory.array(weights), memory.array(data)
    double(memory, weights)
    last = memory.array(weights)
    memory.seal(keep=50)
    weights[:] = 7
    np.testing.assert_array_equal(node.value, np.ones(3))
    np.testing.assert_array_equal(last.value, 2 * np.ones(3))
    assert kept.value is data
    assert memory.known(weights) is None


def test_a_new_shape_leaves_the_old_nodes_theirs() -> None:
    """array.shape = ... makes a new node; those of before keep their shape."""
    memory, array = Memory(), np.arange(6.0)
    node = memory.array(array)
    memory.reshaped(array, (2, 3), None)
    assert (node.value.shape, memory.array(array).value.shape) == ((6,), (2, 3))
    assert memory.array(array).args[0] is node
