"""Generated variants: random feed-forward networks with a right backward pass, in four styles of update.

The programs are those of tests/trace/mlp_programs.py; here they get a probe, so that finite differences can prove
them right like those of the corpus.
"""

from __future__ import annotations

import random
import textwrap
from collections.abc import Iterator

from mlp_programs import FORWARD, OUTPUTS
from mlp_programs import Program as Network
from programs import Program

from probes import Probe

STYLES = ("in-place", "rebind", "loop", "momentum")
LOSSES = {
    "softmax": "-np.sum(t * np.log(p))",
    "sigmoid": "-np.sum(t * np.log(p) + (1 - t) * np.log(1 - p))",
    "linear": "0.5 * np.sum((p - t) ** 2)",
    "squared-sigmoid": "0.5 * np.sum((p - t) ** 2)",
}


def networks(count: int, seed: int) -> Iterator[tuple[str, Program]]:
    """So many networks, each with a description of what was drawn."""
    draw = random.Random(seed)
    for number in range(count):
        network = Network(
            layers=tuple(draw.choice((3, 4, 6, 9)) for _ in range(draw.randint(1, 3))),
            activation=draw.choice(sorted(FORWARD)),
            output=OUTPUTS[number % len(OUTPUTS)],
            bias=draw.random() < 0.7,
            batch=draw.choice((0, 1, 8, 16)),
            style=draw.choice(STYLES),
            mean=draw.random() < 0.5,
            dropout=draw.random() < 0.3,
            decay=draw.random() < 0.3,
            seed=draw.randrange(10**6),
        )
        yield f"{number}-{network.activation}-{network.output}", _program(network)


def _program(network: Network) -> Program:
    return Program("generated", "network.py", {"network.py": network.text()}, _probe(network))


def _probe(network: Network) -> Probe:
    """Where things are in the text of such a network; its generator is replaced by one that the probe can seed."""
    names = [
        f"{kind}{i}" for kind in ("Wb" if network.bias else "W") for i in range(1, len(network.layers) + 2)
    ]
    weights = [name for name in names if name.startswith("W")]
    loss = LOSSES[network.output] + (" / len(x)" if network.mean else "")
    if network.decay:
        loss += f" + 0.005 * ({' + '.join(f'np.sum({name} ** 2)' for name in weights)})"
    return Probe(
        " ".join(names),
        loss,
        "rate",
        forward=_forward(network.text()),
        setup="rng = np.random",
        state=" ".join(f"v{name}" for name in names) if network.style == "momentum" else "",
        depth=2 if network.batch else 1,
    )


def _forward(text: str) -> str:
    """The statements of the innermost training loop before the first gradient."""
    head = text[: text.index("\n    g")]
    return textwrap.dedent(head[head.rindex(":\n") + 2 :])
