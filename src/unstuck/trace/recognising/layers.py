"""Read a recorded forward pass as a chain of dense layers.

Samples may stand in rows (x @ W) or in columns (W @ x), come one by one or in batches; weights may be used
through .T.  What comes out is one Layer per weight matrix, in order, with weights always (inputs, outputs).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.facts import Array, Span
from unstuck.trace.explaining.macros import Forward
from unstuck.trace.explaining.pieces import Activated, Dropped, Linear
from unstuck.trace.reading.steps import Update
from unstuck.trace.reading.written import Step

KNOWN = {"relu", "leaky-relu", "tanh", "sigmoid", "linear"}


class Unrecognised(Exception):
    """The network is not one that the engine can express; the message says why."""


@dataclass(frozen=True)
class Layer:
    """One dense layer.

    parameter   name of the weight matrix;  bias  name of its bias or None
    transposed  the script stores (outputs, inputs) and not (inputs, outputs)
    columns     samples stand in columns
    keep        probability that a unit survives dropout after this layer, None without dropout
    scale       what the survivors are multiplied by
    """

    parameter: str
    bias: str | None
    inputs: int
    outputs: int
    transposed: bool
    columns: bool
    activation: str
    keep: float | None
    scale: float
    span: Span | None

    def weights(self, step: Step) -> Array:
        """The weights (inputs, outputs) that the forward pass of this step used."""
        return self._oriented(np.asarray(_update(step, self.parameter).before.value, float))

    def biases(self, step: Step) -> Array:
        """The bias (outputs,), zeros where there is none."""
        if self.bias is None:
            return np.zeros(self.outputs)
        value = np.asarray(_update(step, self.bias).before.value, float)
        if value.size not in (1, self.outputs):
            raise Unrecognised(f"the bias {self.bias} has shape {value.shape} for {self.outputs} units")
        return np.broadcast_to(value.ravel(), (self.outputs,)).copy()

    def written(self, step: Step) -> tuple[Array, Array | None]:
        """The written gradients of weights and bias, without a decay that is no part of them."""
        weights = self._oriented(step.written[self.parameter]["whole"])
        return weights, None if self.bias is None else step.written[self.bias]["whole"].ravel()

    def moved(self, step: Step) -> tuple[Array, Array]:
        """By how much the weights (inputs, outputs) and the bias (outputs,) were moved in this step."""
        weights = self._oriented(increment(_update(step, self.parameter)))
        if self.bias is None:
            return weights, np.zeros(self.outputs)
        return weights, np.broadcast_to(increment(_update(step, self.bias)).ravel(), (self.outputs,))

    def initial(self, forward: Forward) -> Array:
        """The first recorded weights; a few steps of training have hardly moved them."""
        return self.weights(forward.step)

    def mask(self, forward: Forward, rows: int) -> Array:
        """The recorded dropout masks (rows, outputs) after this layer, 1 where a unit was kept."""
        found = [
            np.asarray(dropped.mask.value, float) != 0
            for dropped in forward.dropped
            if self._owns(forward, dropped)
        ]
        if not found:
            return np.ones((rows, self.outputs))
        parts = [
            part.T if self.columns and part.ndim == 2 else part.reshape(-1, self.outputs) for part in found
        ]
        return np.concatenate(parts).astype(float)

    def _owns(self, forward: Forward, dropped: Dropped) -> bool:
        mine = [linear for linear in forward.linear if linear.parameter == self.parameter]
        return any(_above(forward, linear, dropped.h) for linear in mine)

    def _oriented(self, value: Array) -> Array:
        return value.T if self.transposed else value


def increment(update: Update) -> Array:
    """By how much an update moved its parameter."""
    after, before = (np.asarray(node.value, float) for node in (update.after, update.before))
    return np.asarray(after - before)


def _update(step: Step, name: str) -> Update:
    if name not in step.updates:
        raise Unrecognised(f"{name} is not updated in every step")
    return step.updates[name]


def read_layers(passes: Sequence[Forward]) -> tuple[Layer, ...]:
    """The layers of the network, by the last recorded step; dropout rates are pooled over all steps.

    Raises Unrecognised for anything but a chain of dense layers.
    """
    if not passes:
        raise Unrecognised("no step was recorded whole")
    forward = max(passes, key=lambda each: (len(each.linear), len(each.activated), len(each.dropped)))
    first: dict[str, Linear] = {}
    for linear in forward.linear:
        first.setdefault(linear.parameter, linear)
    order = list(first)
    if not order:
        raise Unrecognised("no weight matrix is multiplied with data, as a dense layer would")
    uses = [sum(linear.parameter == name for linear in forward.linear) for name in order]
    if len(set(uses)) > 1:
        raise Unrecognised(
            "some weights are used more often than others in one step (shared or recurrent weights)"
        )
    layers = tuple(_layer(forward, first[name], passes, last=name == order[-1]) for name in order)
    for left, right in pairwise(layers):
        if left.outputs != right.inputs:
            raise Unrecognised(f"{left.parameter} and {right.parameter} do not follow one another")
    known = {layer.parameter for layer in layers} | {layer.bias for layer in layers}
    extra = [name for name in forward.step.updates if name not in known]
    if extra:
        raise Unrecognised(f"{', '.join(extra)} is neither the weights nor the bias of a dense layer")
    return layers


def _layer(forward: Forward, linear: Linear, passes: Sequence[Forward], last: bool) -> Layer:
    columns = linear.y.args[0] is linear.w
    used = np.shape(linear.w.value)
    stored = np.shape(forward.step.updates[linear.parameter].before.value)
    if len(used) != 2 or len(stored) != 2:
        raise Unrecognised(f"{linear.parameter} has shape {stored}, which is no weight matrix")
    inputs, outputs = used[::-1] if columns else used
    through_t = linear.w is not forward.step.updates[linear.parameter].before
    bias, z = _bias(forward, linear, outputs)
    activation = _activation(forward, z, last)
    keep, scale = _dropout(passes, linear.parameter) if not last else (None, 1.0)
    return Layer(
        linear.parameter,
        bias,
        inputs,
        outputs,
        columns != through_t,
        columns,
        activation,
        keep,
        scale,
        linear.y.span,
    )


def _bias(forward: Forward, linear: Linear, outputs: int) -> tuple[str | None, Node]:
    """The parameter that is added to the product, and the sum."""
    parameters = {update.before: name for name, update in forward.step.updates.items()}
    for node in sorted(forward.nodes, key=lambda item: item.id):
        if node.op == "add" and linear.y in node.parents():
            for parent in node.parents():
                source = parent
                while source not in parameters and source.op in (
                    "transpose",
                    "reshape",
                    "copy",
                    "gather",
                    "getitem",
                ):
                    inner = source.args[0]
                    if not isinstance(inner, Node):
                        break
                    source = inner
                if source in parameters and np.size(source.value) in (1, outputs):
                    return parameters[source], node
    return None, linear.y


def _activation(forward: Forward, z: Node, last: bool) -> str:
    for piece in forward.activated:
        if piece.z is z:
            return _known(piece)
    for before, _ in forward.softmax:
        if before is z:
            if not last:
                raise Unrecognised("a hidden layer ends in a softmax")
            return "softmax"
    if not last and any(child.op not in ("dot", "matmul", "multiply") for child in _consumers(forward, z)):
        raise Unrecognised(
            "the activation of a hidden layer was not recognised as one of " + ", ".join(sorted(KNOWN))
        )
    return "linear"


def _known(piece: Activated) -> str:
    name = piece.activation.name
    if name not in KNOWN:
        raise Unrecognised(f"the engine does not know the activation {name}")
    if name == "leaky-relu" and abs((piece.activation.parameter or 0) - 0.01) > 1e-6:
        raise Unrecognised(f"the engine knows leaky ReLU with slope 0.01, not {piece.activation.parameter:g}")
    return name


def _consumers(forward: Forward, node: Node) -> list[Node]:
    return [other for other in forward.nodes if node in other.parents()]


def _dropout(passes: Sequence[Forward], parameter: str) -> tuple[float | None, float]:
    """Share of survivors after a layer over all steps, as a script would write it, and the scale."""
    kept, total, scale = 0, 0, 1.0
    for forward in passes:
        for dropped in forward.dropped:
            if any(lin.parameter == parameter and _above(forward, lin, dropped.h) for lin in forward.linear):
                mask = np.asarray(dropped.mask.value, float)
                kept, total, scale = kept + int((mask != 0).sum()), total + mask.size, dropped.scale
    if not total:
        return None, 1.0
    return _roundest(kept / total, total, scale), scale


def _roundest(share: float, draws: int, scale: float) -> float:
    """The probability that a script most likely means by this share of survivors.

    Inverted dropout tells it by its scale; else it is a half, a tenth or a twentieth, if chance allows.
    """
    error = np.sqrt(max(share * (1 - share), 1e-9) / draws) + 1e-9
    if scale > 1 and abs(1 / scale - share) <= 5 * error:
        return 1 / scale
    meant = [round(share * parts) / parts for parts in (2, 10, 20)]
    return next((value for value in meant if abs(value - share) <= 2.6 * error and 0 < value < 1), share)


def _above(forward: Forward, linear: Linear, node: Node) -> bool:
    """Does the node follow this linear piece without another one in between?"""
    between = [other for other in forward.linear if linear.y.id < other.y.id < node.id]
    return linear.y.id < node.id and not between


def batch_of(forward: Forward, layer: Layer) -> Array:
    """The rows (B, inputs) that entered the network in this step."""
    parts = []
    for linear in forward.linear:
        if linear.parameter == layer.parameter:
            value = np.asarray(linear.x.value, float)
            if value.size % layer.inputs:
                raise Unrecognised(f"{layer.parameter} is multiplied by something that is not its input")
            parts.append(value.T if layer.columns and value.ndim == 2 else value.reshape(-1, layer.inputs))
    return np.concatenate(parts)
