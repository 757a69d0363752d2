"""Break right programs on purpose, in every way that the field knows, and count what unstuck finds.

    python benchmarks/faults                      # everything: the table is on stdout, progress on stderr
    python benchmarks/faults --out faults.jsonl   # the same, resumable: what is in the file is not done again
    python benchmarks/faults --list --programs deep

Every mutant is first judged without unstuck (truth.py); only effective ones and constant scales are counted.
"""

from __future__ import annotations

import argparse
import os
import sys
from multiprocessing import get_context
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import resumable  # noqa: E402

from faults import table  # noqa: E402
from faults.programs import PROBES, program  # noqa: E402
from faults.trials import Options, Row, tried  # noqa: E402

Task = tuple[str, Options, Path | None]


def main() -> None:
    """Parse the arguments, do what is not done yet, print the table."""
    asked = _arguments()
    options = Options(asked.seed, asked.per_program, asked.fix, asked.every, asked.list)
    tasks = [(name, options, asked.out) for name in sorted(asked.programs or PROBES)]
    rows: list[Row] = []
    with get_context("fork").Pool(asked.jobs, maxtasksperchild=1) as pool:
        for name, some in pool.imap_unordered(_rows, tasks):
            rows += some
            effective = sum(row["truth"] == "effective" for row in rows)
            print(f"{name}: {len(some)} mutants; {effective} effective so far", file=sys.stderr)
            if asked.limit and effective >= asked.limit:
                break
    print("\n".join(row["key"] for row in rows) if asked.list else table.markdown(rows))


def _rows(task: Task) -> tuple[str, list[Row]]:
    """All rows of one program: those in the file, and new ones, which are added to the file at once."""
    name, options, path = task
    done = {row["key"]: row for row in resumable.read(path) if row["program"] == name}
    rows = list(done.values())
    for row in tried(program(name), options, done):
        rows.append(row)
        if not options.only_list:
            resumable.append(path, row)
    return name, rows


def _arguments() -> argparse.Namespace:
    parser = resumable.parser(__doc__, "mutants")
    parser.add_argument("--per-program", type=int, default=45, help="effective mutants of each (default: 45)")
    parser.add_argument("--limit", type=int, default=0, help="stop after so many effective mutants")
    parser.add_argument(
        "--fix",
        type=float,
        default=5.0,
        metavar="SECONDS",
        help="of the processor for each search (default: 5)",
    )
    parser.add_argument(
        "--fix-every", dest="every", type=int, default=4, help="search for one fix in so many (default: 4)"
    )
    parser.add_argument("--no-fix", dest="fix", action="store_const", const=0.0, help="search for no fixes")
    parser.add_argument("--list", action="store_true", help="only say what the mutants are")
    return parser.parse_args()


if __name__ == "__main__":
    main()
