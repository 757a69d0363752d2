"""Training by an optimiser of SciPy: the callbacks that it is given are watched.

`minimize(cost, x0, jac=True)` hides the update of the parameters inside SciPy; what the script wrote is the gradient
that it returns.  Each evaluation becomes one round of a loop, and the returned gradient a node of its own, "what
descent would make of x", so that the later rooms find a parameter, its written gradient and the loss at once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array
from unstuck.trace.tape.layout import is_tracked
from unstuck.trace.tape.memory import Memory

if TYPE_CHECKING:
    from unstuck.trace.tape.runtime import Runtime

MOST_POINTS = 16  # a line search looks at several points before it asks for the gradient at one of them


@dataclass(frozen=True)
class Signature:
    """Where an optimiser takes the derivative.

    position, keyword  of the derivative among the arguments; the objective comes first
    joint              the objective returns value and gradient together when the derivative is this
    residuals          the objective returns residuals whose squares are summed, the derivative their Jacobian
    """

    position: int
    keyword: str
    joint: bool | None = True
    residuals: bool = False


OPTIMISERS: Mapping[str, Signature] = {
    "minimize": Signature(4, "jac"),
    "basinhopping": Signature(4, "jac"),
    "fmin_cg": Signature(2, "fprime"),
    "fmin_bfgs": Signature(2, "fprime"),
    "fmin_ncg": Signature(2, "fprime"),
    "fmin_tnc": Signature(2, "fprime", joint=None),
    "fmin_l_bfgs_b": Signature(2, "fprime", joint=None),
    "least_squares": Signature(2, "jac", residuals=True),
}


def handed(x: Array, gradient: Array) -> Array:
    """A full step of descent: the function of the nodes that stand for a gradient handed to an optimiser."""
    return x - gradient


def run(recorder: Runtime, site: int, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The call of an optimiser with its callbacks watched."""
    signature = OPTIMISERS[function.__name__]
    values = list(args)
    place: Any = values if len(values) > signature.position else kwargs
    key: Any = signature.position if place is values else signature.keyword
    derivative = place[key] if place is values else kwargs.get(key)
    joint = derivative is signature.joint and not kwargs.get("approx_grad")
    if not values or not (joint or callable(derivative)):
        return function(*args, **kwargs)  # SciPy takes differences itself: no gradient was written
    watch = Watch(recorder, site, signature.residuals)
    values[0] = watch.objective(values[0], joint)
    if callable(derivative):
        place[key] = watch.derivative(derivative)
    recorder.enter(watch.loop)
    try:
        return function(*values, **kwargs)
    finally:
        recorder.leave(watch.loop)


def is_optimiser(function: Any) -> bool:
    """Is this a function of SciPy that trains by callbacks?"""
    module = getattr(function, "__module__", None) or ""
    return module.startswith("scipy.optimize") and getattr(function, "__name__", "") in OPTIMISERS


class Watch:
    """The evaluations of one call of an optimiser.  Its rounds are told to the clock as those of a loop."""

    def __init__(self, recorder: Runtime, site: int, residuals: bool) -> None:
        self.loop = -2 - site  # loops of the source count from 0, and -1 means none
        self._recorder, self._site, self._residuals = recorder, site, residuals
        self._memory: Memory | None = None
        self._points: dict[
            bytes, list[Node | None]
        ] = {}  # the node of x and that of the value, by the bytes of x
        self._name = ""

    def objective(self, function: Callable[..., Any], joint: bool) -> Callable[..., Any]:
        """The objective, watched; `joint` if it returns value and gradient."""
        self._name = _first_parameter(function)

        def evaluated(x: Any, *args: Any, **kwargs: Any) -> Any:
            point = self._enter(x)
            result = function(x, *args, **kwargs)
            if point is not None and self._recorder.on:
                value, gradient = result if joint else (result, None)
                point[1] = self._recorder.memory.operand(value) if is_tracked(value) else None
                if joint:
                    self._returned(point, gradient)
            self._recorder.memory.forget(x)
            return result

        return evaluated

    def derivative(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The gradient (or the Jacobian of residuals), watched."""

        def evaluated(x: Any, *args: Any, **kwargs: Any) -> Any:
            point = self._enter(x)
            result = function(x, *args, **kwargs)
            if point is not None and self._recorder.on:
                self._returned(point, result)
            self._recorder.memory.forget(x)
            return result

        return evaluated

    def _enter(self, x: Any) -> list[Node | None] | None:
        """A callback is called at x: a new round if x is new; x is the same parameter in all of its round."""
        recorder, key = self._recorder, np.asarray(x).tobytes()
        if key not in self._points:
            recorder.tick(self.loop)
            self._points[key] = [None, None]
            if len(self._points) > MOST_POINTS:
                del self._points[next(iter(self._points))]
        if not recorder.on or not isinstance(x, np.ndarray):
            return None
        if self._memory is not recorder.memory:
            self._points, self._memory = {key: [None, None]}, recorder.memory
        point = self._points[key]
        recorder.memory.forget(x)
        if point[0] is None:
            node = recorder.memory.leaf(x)
        else:
            node = recorder.memory.add("copy", None, (point[0],), {}, x, recorder.sites[self._site].span)
        node.value = x.copy()
        node.names.append(self._name)
        point[0] = point[0] or node
        return point

    def _returned(self, point: list[Node | None], gradient: Any) -> None:
        """The gradient that the optimiser gets, as a node."""
        memory, span = self._recorder.memory, self._recorder.sites[self._site].span
        x, value = point
        assert x is not None
        node = memory.operand(np.asarray(gradient)) if not isinstance(gradient, list | tuple) else None
        if node is None:
            node = memory.add("array", None, (memory.operand(gradient),), {}, np.array(gradient, float), span)
        if self._residuals and value is not None:
            moved = memory.add("transpose", np.transpose, (node,), {}, node.value.T, span)
            node = memory.add("dot", np.dot, (moved, value), {}, moved.value @ value.value, span)
        if np.size(node.value) != np.size(x.value):
            return
        if np.shape(node.value) != np.shape(x.value):
            shape = np.shape(x.value)
            node = memory.add("reshape", np.reshape, (node, shape), {}, np.reshape(node.value, shape), span)
        after = memory.add("subtract", handed, (x, node), {"objective": value}, x.value - node.value, span)
        after.names.append(self._name)


def _first_parameter(function: Callable[..., Any]) -> str:
    """What the objective calls the array that it is given."""
    try:
        return next(iter(inspect.signature(function).parameters), "x")
    except (TypeError, ValueError):
        return "x"
