"""One variant: first the proof that it is right, by finite differences, then what unstuck says about it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from forks import Failed, forked
from judged import judged
from programs import Program, on_disk, quietly

from probes import judge

CPU_SECONDS = 60
RIGHT, SAME = 1e-5, 1e-4  # residual of a right gradient; how far the factors of two parameters may be apart


@dataclass(frozen=True)
class Result:
    """One line of the record.

    proof    "right", or why the variant does not count
    status   what unstuck says: exact | scaled | wrong | cannot-tell | not-applicable | failed
    wrong    the parameters whose gradients it calls wrong
    unsure   the parameters of which it cannot tell
    """

    program: str
    altered: str
    proof: str
    status: str = ""
    reason: str = ""
    wrong: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Its name in the record."""
        return f"{self.program} {self.altered}"

    @property
    def counts(self) -> bool:
        """Is it a right program, so that calling it wrong is a false alarm?"""
        return self.proof == "right"

    @property
    def alarm(self) -> bool:
        """Is something of a right program called wrong?"""
        return self.counts and (self.status == "wrong" or bool(self.wrong))


def tried(program: Program, altered: str) -> Result:
    """Prove that the variant is right, then ask unstuck."""
    proof = proved(program)
    if proof != "right":
        return Result(program.name, altered, proof)
    try:
        with on_disk(program.texts) as folder:
            trace = forked(lambda: judged(folder / program.main), CPU_SECONDS)
    except Failed as failure:
        return Result(program.name, altered, proof, "failed", str(failure).strip().splitlines()[-1])
    by_status = {
        status: tuple(g.parameter for g in trace.gradients if g.status == status)
        for status in ("wrong", "cannot-tell")
    }
    return Result(
        program.name, altered, proof, trace.status, trace.reason, by_status["wrong"], by_status["cannot-tell"]
    )


def proved(program: Program) -> str:
    """ "right" when every update is minus one common rate times the finite differences; otherwise why not."""

    def verdicts() -> dict[str, tuple[float, float]]:
        with quietly():
            found = judge(folder / program.main, program.probe)
        return {name: (verdict.residual, verdict.factor) for name, verdict in found.items()}

    try:
        with on_disk(program.texts) as folder:
            found = forked(verdicts, CPU_SECONDS)
    except Failed as failure:
        return f"the probe failed: {str(failure).strip().splitlines()[-1]}"
    for name, (residual, factor) in found.items():
        if not residual < RIGHT or not factor > 0:
            return f"{name} is off by {residual:.1e}"
    factors = [factor for _, factor in found.values()]
    return "right" if math.isclose(min(factors), max(factors), rel_tol=SAME) else "the factors differ"
