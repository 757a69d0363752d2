"""What a forward pass computed, as numbers that tell whether another run computed the same.

An edit of the backward pass must leave the forward pass as it is.  Which arrays the reader takes for parameters
may change with the edit, so the numbers do not depend on that: every place that the loss was computed from in
one training step counts, with what it computed when it ran for the first time.
"""

from __future__ import annotations

import zlib

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.trace.analysis import Analysis
from unstuck.trace.judging.judge import PICKING


def fingerprint(analysis: Analysis) -> tuple[float, ...]:
    """One number for each place of the forward pass, comparable between runs with the same seed.

    Empty when no loss is known.
    """
    loss = analysis.verdicts.loss if analysis.verdicts else None
    step = next((step for step in analysis.steps if loss in step.losses), None)
    if step is None or loss is None:
        return ()
    behind = ancestors([node for node, _ in step.losses[loss].seeds], oldest=step.nodes[0].id)
    wanted = {(node.span, node.op) for node in behind if _is_computed(node)}
    numbers: list[float] = []
    for node in analysis.window.nodes:
        if (node.span, node.op) in wanted:
            wanted.discard((node.span, node.op))
            numbers.append(_number(node))
    return tuple(numbers)


def _is_computed(node: Node) -> bool:
    """Is this a result of arithmetic, and not a constant or a row of the data, which is picked as others are?"""
    computed = node.op not in PICKING and any(True for _ in node.parents())
    return computed and np.asarray(node.value).dtype.kind == "f"


def _number(node: Node) -> float:
    """A checksum of a value."""
    return float(zlib.crc32(np.ascontiguousarray(node.value).tobytes()))
