"""`make interop`: the real Flink connector and JDBC drivers against the embedded StarRocks.

Needs Java 17 and Maven; no part of `make test`. `--short` runs a few cases and changes no page.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.interop import jdbc, recording
from tests.interop.cases import CASES
from tests.interop.compare import differences
from tests.interop.jars import missing_tools
from tests.interop.real_flink import RealFlink
from tests.interop.report import Report
from tests.interop.world import World

PAGE = Path(__file__).parents[2] / "docs" / "interop.md"
SHORT = ("append-csv", "exactly-once-json", "wide-json")


def main(arguments: list[str]) -> int:
    """Runs the cases; 1 if something is different without a reason."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop", description=__doc__)
    parser.add_argument("--short", action="store_true", help="three cases, no JDBC, no page")
    parser.add_argument("--case", action="append", default=[], help="only this case")
    parser.add_argument("--record", action="store_true", help="renew what `make test` sends")
    options = parser.parse_args(arguments)
    missing = missing_tools()
    if missing:
        sys.stdout.write(f"interop was not run: {missing}\n")
        return 0 if options.short else 1
    names = options.case or (SHORT if options.short else [case.name for case in CASES])
    report = run(names)
    failed = 0
    if len(names) == len(CASES):
        report.failures += [f"a reason nothing needed: {why}" for why in report.unused()]
        PAGE.write_text(report.markdown())
        failed = jdbc.main()
    if options.record:
        recording.write(report.recordings)
    for failure in report.failures:
        sys.stdout.write(f"FAILED {failure}\n")
    passed = len(names) - len({failure.split(":")[0] for failure in report.failures})
    sys.stdout.write("\n".join(["", *report.lines, ""]) + "\n")
    sys.stdout.write(f"{passed} of {len(names)} scripts alike\n")
    return 1 if report.failures or failed else 0


def run(names: list[str] | tuple[str, ...]) -> Report:
    """Runs cases on both clients."""
    report = Report()
    with tempfile.TemporaryDirectory(prefix="penstock-interop-") as text:
        folder = Path(text)
        with World(folder) as world, RealFlink(folder / "flink.log") as flink:
            for case in CASES:
                if case.name not in names:
                    continue
                began = time.monotonic()
                real = world.on_flink(case, flink)
                ours = world.on_penstock(case)
                report.add(case, real, ours, differences(case, real, ours))
                took = time.monotonic() - began
                sys.stdout.write(f"{case.name}: {took:.1f} s\n")
                sys.stdout.flush()
    return report


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
