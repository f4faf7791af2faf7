"""The short form of `make fault`: whatever is killed or broken, nothing is lost or doubled."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fault.campaign import Campaign, Verdict


def campaign(kind: str, server: str, folder: Path, seed: int, faults: int) -> Verdict:
    verdict = Campaign(kind, server, folder, seed, rows=100_000).run(faults)
    assert not verdict.failures, "\n".join(verdict.failures)
    assert verdict.faults == faults
    assert verdict.states > 20
    assert verdict.rows > 90_000
    return verdict


def test_a_job_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    assert campaign("kills", "mariadb", tmp_path, 20, 10).kills == 10


def test_killed_servers_lose_and_double_nothing(tmp_path: Path) -> None:
    assert campaign("servers", "mysql", tmp_path, 21, 8).kills == 8


@pytest.mark.parametrize(
    ("kind", "server", "seed"), [("network", "mariadb", 40), ("disk", "mysql", 3)]
)
def test_broken_networks_and_full_disks_lose_and_double_nothing(
    kind: str, server: str, seed: int, tmp_path: Path
) -> None:
    assert campaign(kind, server, tmp_path, seed, 6).kills == 2
