"""`make fault KILLS=n SEED=s`: campaigns of faults one after another, and a table of their verdicts.

A campaign's seed alone decides its server, its kind, its workload and its faults; `KILLS=12
SEED=<it>` runs that one again. KIND and SERVER override what the seed says.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

import click
from tests.fault.campaign import SERVERS, Campaign, Verdict
from tests.fault.plan import KINDS

FAULTS_PER_CAMPAIGN = 12


def campaign(
    seed: int, faults: int, folder: Path, kind: str = "", server: str = "", *, keep: bool = False
) -> Verdict:
    """One campaign on servers of its own; its logs stay only where it failed."""
    server = server or sorted(SERVERS)[seed % len(SERVERS)]
    kind = kind or KINDS[seed // len(SERVERS) % 3]
    click.echo(f"campaign seed={seed} {kind} {server}, {faults} faults, logs in {folder}")
    verdict = Campaign(kind, server, folder, seed).run(faults)
    if verdict.failures or keep:
        for data in ("mysql", "starrocks"):
            shutil.rmtree(folder / data)
    else:
        shutil.rmtree(folder)
    return verdict


def report(verdicts: list[Verdict]) -> str:
    """The table for `docs/reliability.md`."""
    lines = [
        "| seed | kind | server | faults | kills | s | rows compared | transactions | sums judged |"
        " verdict |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for v in verdicts:
        said = "equal" if not v.failures else "FAILED: " + v.failures[0].split("\n")[0][:100]
        lines.append(
            f"| {v.seed} | {v.kind} | {v.server} | {v.faults} | {v.kills} | {v.seconds:.0f} | {v.rows:,} |"
            f" {v.transactions:,} | {v.judged:,} | {said} |"
        )
    phases: Counter[str] = sum((v.phases for v in verdicts), Counter())
    triggers: Counter[str] = sum((v.triggers for v in verdicts), Counter())
    lines.append("")
    lines.append("kills of the job by what they waited for: " + _counted(triggers))
    lines.append("faults by phase: " + _counted(phases))
    failed = [v for v in verdicts if v.failures]
    lines.append(
        f"{sum(v.faults for v in verdicts)} faults, {sum(v.kills for v in verdicts)} of them kills,"
        f" {len(verdicts)} campaigns, {len(failed)} failed"
    )
    lines += [
        f"run again: make fault KILLS={v.faults} SEED={v.seed} KIND={v.kind} SERVER={v.server}"
        for v in failed
    ]
    return "\n".join(lines)


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--server", choices=["", *SERVERS], default="")
    parser.add_argument("--kind", choices=["", *KINDS], default="")
    parser.add_argument("--logs", type=Path, default=Path(".fault"))
    parser.add_argument("--keep", action="store_true", help="keep the logs where all held, too")
    given = parser.parse_args()
    stamp = time.strftime("%Y%m%d-%H%M%S")
    verdicts: list[Verdict] = []
    left, seed = given.kills, given.seed
    while left > 0:
        faults = min(left, FAULTS_PER_CAMPAIGN)
        folder = (given.logs / f"{stamp}-{seed}").resolve()
        verdict = campaign(seed, faults, folder, given.kind, given.server, keep=given.keep)
        verdicts.append(verdict)
        for failure in verdict.failures:
            click.echo(f"  FAILED: {failure}")
        left, seed = left - faults, seed + 1
    click.echo(report(verdicts))
    sys.exit(any(v.failures for v in verdicts))


if __name__ == "__main__":
    main()
