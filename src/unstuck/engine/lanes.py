"""The native engine's loop: trains fleets of networks, in calls of a fraction of a second, and scores them.

The steps, the dropout masks and the scoring happen in the C++ library in `native/`; `fleet` prepares what it
needs.  Between two calls Python asks whether to go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter

from unstuck.engine import binding
from unstuck.engine.fleet import Fleet, pack, size_of
from unstuck.engine.networks import Curve, Network, Work
from unstuck.facts import Recipe

FLEET_BYTES = 256_000_000  # weights that are kept in memory at once
HEAVY = 8_000_000  # multiplications per network and step from which BLAS is as fast as full lanes (measured)
ORDERS = 4_000_000  # row numbers that are prepared at once
CALL_SECONDS = 0.1  # what a call into the library should last
FIRST_CALL = 2e7  # multiplications of a register in the first call, before its speed is known


def reach(recipe: Recipe) -> bool:
    """Whether this recipe is one for the native engine; where it is not, NumPy trains one network at a time."""
    return len(recipe.layers) - 1 <= binding.MOST_MATRICES and recipe.batch * size_of(recipe) < HEAVY


def fleet_size(recipe: Recipe) -> int:
    """Networks of this shape that are trained at once, at most."""
    return max(1, FLEET_BYTES // (4 * size_of(recipe)))


def run(networks: Sequence[Network], work: Work) -> Iterator[tuple[Network, Curve]]:
    """Train networks of one shape; each one's scores at the checkpoints, fleet by fleet.

    Ends early, without the networks at hand, when the work is cancelled.
    """
    backend = binding.backends()[0]
    groups = pack(networks, backend.lanes)
    if len(groups) < work.jobs:  # better every thread some networks than one thread all
        groups = pack(networks, -(-len(networks) // work.jobs))
    most = max(work.jobs, fleet_size(networks[0].recipe) // backend.lanes)
    for start in range(0, len(groups), most):
        curves = _train(Fleet(groups[start : start + most], work, backend), work)
        if curves is None:
            return
        yield from curves


def _train(fleet: Fleet, work: Work) -> list[tuple[Network, Curve]] | None:
    """Each network's scores at the checkpoints; None when cancelled."""
    scores = [fleet.scores()] if 0 in work.checkpoints else []
    epoch, row = 0, 0  # finished epochs, finished rows of the next one
    stride = _first_stride(fleet)  # rows of a call
    while epoch < work.epochs:
        if work.stopped():
            return None
        started = perf_counter()
        if row or stride < fleet.rows:
            last = min(fleet.rows, row + stride)
            fleet.train(range(epoch + 1, epoch + 2), row, last)
            row, done = last % fleet.rows, last // fleet.rows
        else:
            goal = min((c for c in work.checkpoints if c > epoch), default=work.epochs)
            known = max(1, ORDERS // (fleet.rows * len(fleet.seeds)))
            done = min(goal - epoch, stride // fleet.rows, known)
            fleet.train(range(epoch + 1, epoch + 1 + done))
        stride = _next_stride(stride, perf_counter() - started, fleet.recipe.batch)
        epoch += done
        if done:
            work.advance(fleet.networks, done)
            if epoch in work.checkpoints:
                scores.append(fleet.scores())
    return [
        (network, tuple(float(s[i, lane]) for s in scores))
        for i, group in enumerate(fleet.groups)
        for lane, network in enumerate(group)
    ]


def _first_stride(fleet: Fleet) -> int:
    """Rows of the first call: one epoch, or less where that may take long."""
    affordable = FIRST_CALL / (len(fleet.groups) * size_of(fleet.recipe))
    return min(fleet.rows, _whole_batches(int(affordable), fleet.recipe.batch))


def _next_stride(stride: int, seconds: float, batch: int) -> int:
    """Rows of the next call, from the seconds of the last: towards CALL_SECONDS in factors of two."""
    if seconds < CALL_SECONDS:
        return 2 * stride
    return _whole_batches(stride // 2, batch) if seconds > 2 * CALL_SECONDS else stride


def _whole_batches(rows: int, batch: int) -> int:
    return max(batch, rows // batch * batch)
