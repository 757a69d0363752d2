"""unstuck: measured answers for a stuck neural network."""

__version__ = "0.1.0"
