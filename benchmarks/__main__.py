"""`python -m benchmarks [NAME ...] [--repeat N] [--scale X] [--json FILE]`.

Servers are started here. Sizes fit a machine of two cores; `--scale 10` is ten times the data.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks import datagen, embedded, encode, freshness, mysql
from benchmarks.decoder import decoder
from benchmarks.harness import as_json

if TYPE_CHECKING:
    from benchmarks.harness import Benchmark, Result

ALL: dict[str, Benchmark] = {
    "start": datagen.start,
    "blackhole": datagen.blackhole,
    "starrocks": datagen.starrocks,
    "embedded": embedded.embedded,
    "encode": encode.encode,
    "mysql": mysql.snapshot_and_binlog,
    "wide": mysql.wide_rows,
    "decoder": decoder,
    "freshness": freshness.freshness,
}
_HEAD = "| Benchmark | Goal | Median | Min | Max | Unit | Wall s | CPU s | Peak MB |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *ALL], metavar="NAME", help=", ".join(ALL))
    parser.add_argument("--repeat", type=int, default=3, help="runs of each benchmark")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the numbers of rows")
    parser.add_argument("--json", type=Path, help="file for all runs")
    arguments = parser.parse_args()
    print(f"{_HEAD}\n|{'---|' * 9}", flush=True)
    everything: list[list[Result]] = []
    for name in arguments.names or ALL:
        runs = []
        for _ in range(arguments.repeat):
            with tempfile.TemporaryDirectory() as folder:
                runs.append(ALL[name](Path(folder), arguments.scale))
        everything += runs
        for several in zip(*runs, strict=True):
            print(_row(several), flush=True)
    if arguments.json:
        arguments.json.write_text(as_json(everything))


def _row(runs: tuple[Result, ...]) -> str:
    values = sorted(run.value for run in runs)
    first = runs[0]
    cells = [first.name, first.goal, *map(_text, (median(values), values[0], values[-1]))]
    cells += [first.unit, *(_middle([getattr(r, key) for r in runs]) for key in _COSTS)]
    return "| " + " | ".join(cells) + " |"


_COSTS = ("wall_s", "cpu_s", "pss_mb")


def _middle(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return _text(median(known)) if known else ""


def _text(value: float) -> str:
    return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"


if __name__ == "__main__":
    main()
