"""Experiments on the user's network: what each choice costs, and how far the data go."""

from unstuck.experiment.ceiling import ceiling
from unstuck.experiment.study import study

__all__ = ["ceiling", "study"]
