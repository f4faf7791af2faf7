"""Planted bugs: `python -m tests.fault.mutants` shows which tests find each of them.

Each bug is put into a copy of `src`; the unit tests run against that copy, then campaigns until one
fails. A bug that nothing finds, or whose place in the source is gone, is a failure of this check.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click

import penstock

_UNIT_TESTS = (
    "tests/unit/runtime",
    "tests/unit/checkpoint",
    "tests/unit/connectors",
)


@dataclass(frozen=True)
class Mutant:
    """A bug: `old` becomes `new` in a file of the package; `tests` or campaigns shall find it."""

    name: str
    file: str
    old: str
    new: str
    kind: str = "kills"
    tests: tuple[str, ...] = _UNIT_TESTS


MUTANTS = (
    Mutant(
        "a manifest lists its own epoch only",
        "connectors/starrocks/outbox.py",
        "payloads = [entry.payload() for entry in self.entries]",
        "payloads = [entry.payload() for entry in self.entries if not entry.durable]",
    ),
    Mutant(
        "a label without incarnation",
        "connectors/starrocks/labels.py",
        '{self._prefix}-{incarnation}-{epoch}-{attempt}"',
        '{self._prefix}-{epoch}-{attempt}"',
    ),
    Mutant(
        "commits are sent before the manifest is durable",
        "runtime/epochs.py",
        "        epoch.writing = self._writer.submit(",
        "        for sink in epoch.sinks:\n"
        "            sink.writer.commit(epoch.number)\n"
        "        epoch.writing = self._writer.submit(",
    ),
    Mutant(
        "what a restarted job carries is looked up after the barrier",
        "runtime/epochs.py",
        "{**self.carried_sources, **sources},",
        "sources,",
    ),
    Mutant(
        "a chunk leaves before the stream has passed its high watermark",
        "connectors/mysql_cdc/reader.py",
        "if read.high is not None and file_order(read.high) <= at",
        "if read.high is not None",
    ),
    Mutant(
        "changes between register and read are not set aside",
        "connectors/mysql_cdc/dispatcher.py",
        "            self.reads[chunk].set_aside(rows.filter(pa.array(mask)), kinds[mask])\n"
        "            self._bound_aside(chunk)",
        "            pass",
    ),
    Mutant(
        "a barrier cuts a transaction",
        "connectors/mysql_cdc/reader.py",
        "        if not self._in_transaction:\n            return True\n        return",
        "        if self._position is not None:\n            return True\n        return",
        tests=("tests/e2e/test_mysql_cdc.py", "-k", "barrier"),
    ),
    Mutant(
        "rows of visible labels are loaded again",
        "connectors/starrocks/recovery.py",
        "                return [*lost, *others]\n        return others",
        "                return [*lost, *others]\n        return [*transactions, *others]",
    ),
    Mutant(
        "recovery aborts nothing",
        "connectors/starrocks/recovery.py",
        "            if label not in known:",
        "            if label not in known and not label:",
    ),
    Mutant(
        "an aborted transaction is taken for visible",
        "connectors/starrocks/committer.py",
        "            if state is LoadState.VISIBLE:\n                return\n"
        "            if state in {LoadState.UNKNOWN, LoadState.ABORTED}:",
        "            if state in {LoadState.VISIBLE, LoadState.ABORTED, LoadState.UNKNOWN}:\n"
        "                return\n            if state is None and not label:",
        "servers",
    ),
)


def _plant(mutant: Mutant, folder: Path) -> None:
    source = Path(penstock.__file__).parent
    shutil.copytree(source, folder / "penstock", ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "penstock" / mutant.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise SystemExit(f"mutant '{mutant.name}': its place in {mutant.file} is gone")
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")


def _run(folder: Path, *arguments: str) -> str:
    """Output of a Python module run against the mutated package."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(Path.cwd())])}
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def _unit(folder: Path, tests: tuple[str, ...]) -> str:
    """The tests that find the bug."""
    out = _run(folder, "pytest", "-q", "--maxfail=3", *tests)
    found = [x.split("::")[-1].split(" ")[0] for x in out.splitlines() if x.startswith("FAILED ")]
    return ", ".join(found)


def _campaigns(folder: Path, mutant: Mutant, seed: int, faults: int, attempts: int) -> str:
    """The campaign that finds the bug, and how."""
    for one in range(seed, seed + attempts):
        options = ["--kills", str(faults), "--seed", str(one), "--logs", str(folder / "logs")]
        out = _run(folder, "tests.fault", "--kind", mutant.kind, *options)
        failures = [x for x in out.splitlines() if x.startswith("  FAILED: ")]
        if failures:
            return f"seed {one}: {failures[0].removeprefix('  FAILED: ')[:90]}"
        assert "0 failed" in out, out[-2000:]
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=12)
    parser.add_argument("--seed", type=int, default=500)
    parser.add_argument("--attempts", type=int, default=3, help="campaigns for each; 0 for none")
    parser.add_argument("--only", default="", help="part of the names wanted")
    given = parser.parse_args()
    missed = 0
    click.echo("| planted bug | unit tests | campaign |\n|---|---|---|")
    for mutant in (m for m in MUTANTS if given.only in m.name):
        with tempfile.TemporaryDirectory(prefix="penstock-mutant-") as name:
            folder = Path(name)
            _plant(mutant, folder)
            unit = _unit(folder, mutant.tests)
            campaign = _campaigns(folder, mutant, given.seed, given.faults, given.attempts)
        missed += not (unit or campaign)
        click.echo(f"| {mutant.name} | {unit or '-'} | {mutant.kind}: {campaign or '-'} |")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
