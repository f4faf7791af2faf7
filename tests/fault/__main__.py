"""`make fault KILLS=n SEED=s`: campaigns of kills one after another, and a table of what they found.

A campaign's seed alone decides its server, its workload and its kills; `KILLS=12 SEED=<it>` runs
that one again.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import click
from tests.fault.campaign import Campaign, Verdict

from penstock.testing.mysql_servers import MySqlServer, start_mariadb, start_mysql
from penstock.testing.processes import StarRocksProcess

KILLS_PER_CAMPAIGN = 12
SERVERS: dict[str, Callable[[Path], MySqlServer]] = {
    "mariadb": start_mariadb,
    "mysql": start_mysql,
}


def campaign(seed: int, kills: int, folder: Path, server: str = "") -> Verdict:
    """One campaign on servers of its own; its logs stay only where it failed."""
    kind = server or sorted(SERVERS)[seed % len(SERVERS)]
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    click.echo(f"campaign seed={seed} {kind} {kills} kills, logs in {folder}")
    with (
        SERVERS[kind](folder / "mysql") as running,
        StarRocksProcess(folder / "starrocks", folder / "starrocks.log") as starrocks,
    ):
        verdict = Campaign(running, kind, starrocks, folder, seed).run(kills)
    shutil.rmtree(folder / "mysql")
    shutil.rmtree(folder / "starrocks")
    if not verdict.failures:
        shutil.rmtree(folder)
    return verdict


def report(verdicts: list[Verdict]) -> str:
    """The table for `docs/reliability.md`."""
    lines = [
        "| seed | server | kills | s | rows compared | transactions | states judged | verdict |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for v in verdicts:
        said = "equal" if not v.failures else "FAILED: " + v.failures[0].splitlines()[0][:100]
        lines.append(
            f"| {v.seed} | {v.server} | {v.kills} | {v.seconds:.0f} | {v.rows:,} |"
            f" {v.transactions:,} | {v.judged:,} | {said} |"
        )
    phases: Counter[str] = sum((v.phases for v in verdicts), Counter())
    triggers: Counter[str] = sum((v.triggers for v in verdicts), Counter())
    lines.append("")
    lines.append("kills by what they waited for: " + _counted(triggers))
    lines.append("kills by phase: " + _counted(phases))
    failed = [v for v in verdicts if v.failures]
    lines.append(
        f"{sum(v.kills for v in verdicts)} kills, {len(verdicts)} campaigns, {len(failed)} failed"
    )
    lines += [
        f"run again: make fault KILLS={v.kills} SEED={v.seed} SERVER={v.server}" for v in failed
    ]
    return "\n".join(lines)


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--server", choices=["", *SERVERS], default="")
    parser.add_argument("--logs", type=Path, default=Path(".fault"))
    given = parser.parse_args()
    stamp = time.strftime("%Y%m%d-%H%M%S")
    verdicts: list[Verdict] = []
    left, seed = given.kills, given.seed
    while left > 0:
        kills = min(left, KILLS_PER_CAMPAIGN)
        folder = (given.logs / f"{stamp}-{seed}").resolve()
        verdict = campaign(seed, kills, folder, given.server)
        verdicts.append(verdict)
        for failure in verdict.failures:
            click.echo(f"  FAILED: {failure}")
        left, seed = left - kills, seed + 1
    click.echo(report(verdicts))
    sys.exit(any(v.failures for v in verdicts))


if __name__ == "__main__":
    main()
