"""Count false alarms: alter right programs so that they stay right, and ask unstuck about each of them.

    python benchmarks/variants                       # everything: the table is on stdout, progress on stderr
    python benchmarks/variants --out variants.jsonl  # the same, resumable: what is in the file is not done again
    python benchmarks/variants --programs deep lstm

Every variant is first proved right by finite differences (tests/probes.py); one that is not does not count.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [
    str(HERE),
    str(HERE.parent),
    str(HERE.parent / "faults"),
    str(HERE.parents[1] / "src"),
    str(HERE.parents[1] / "tests"),
    str(HERE.parents[1] / "tests" / "trace"),
]

import resumable  # noqa: E402
import sklearn.datasets  # noqa: E402
import sklearn.model_selection  # noqa: E402, F401  (paid once, not by every variant)
from alterations import variants  # noqa: E402
from digest import markdown  # noqa: E402
from generated import networks  # noqa: E402
from programs import PROBES, Program, program  # noqa: E402
from verdicts import Result, tried  # noqa: E402

Task = tuple[str, Program]


def main() -> None:
    """Parse the arguments, do what is not done yet, print the table."""
    asked = _arguments()
    done = _read(asked.out)
    tasks = list(_tasks(asked))
    results = [done[key] for key in map(_key, tasks) if key in done]
    left = [task for task in tasks if _key(task) not in done]
    with get_context("fork").Pool(asked.jobs) as pool:
        for number, result in enumerate(pool.imap_unordered(_tried, left), 1):
            results.append(result)
            resumable.append(asked.out, asdict(result))
            said = result.status if result.counts else f"does not count: {result.proof}"
            print(f"{number}/{len(left)} {result.key}: {said}", file=sys.stderr)
    print(markdown(results))


def _tasks(asked: argparse.Namespace) -> Iterator[Task]:
    """What is to be tried: of the corpus, and generated."""
    for name in sorted(asked.programs or PROBES):
        yield from variants(program(name), asked.seeds)
    if not asked.programs:
        yield from networks(asked.generated, asked.seed)


def _key(task: Task) -> str:
    return f"{task[1].name} {task[0]}"


def _tried(task: Task) -> Result:
    return tried(task[1], task[0])


def _read(path: Path | None) -> dict[str, Result]:
    """The results of an earlier run."""
    return {result.key: result for result in (Result(**row) for row in resumable.read(path))}


def _arguments() -> argparse.Namespace:
    parser = resumable.parser(__doc__, "networks")
    parser.add_argument("--seeds", type=int, default=2, help="other seeds for each program (default: 2)")
    parser.add_argument("--generated", type=int, default=60, help="random networks (default: 60)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
