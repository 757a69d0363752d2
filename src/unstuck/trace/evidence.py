"""What the verdict on a parameter rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unstuck.trace.explaining.account import Account
from unstuck.trace.judging.judge import Verdicts
from unstuck.trace.reading.written import Step


@dataclass(frozen=True)
class Evidence:
    """All that the verdict on a parameter rests on.

    scales  factor of each parameter relative to the reference's, with its relative spread over the steps
    """

    steps: Sequence[Step]
    verdicts: Verdicts
    account: Account
    scales: Mapping[str, tuple[float, float]]
    tolerance: float

    def explains(self, name: str) -> bool:
        """Is the written gradient a positive multiple of the true one in every telling step?"""
        return self.verdicts.explains(name, self.tolerance)

    def reproduces(self, name: str) -> bool:
        """Does an altered rule reproduce so many written numbers that it cannot be an accident?"""
        return name in self.account.explained and self.account.verdicts.proves(name, self.tolerance)
