"""The short form of `make fault`: whatever is killed or broken, nothing is lost or doubled."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fault.campaign import Campaign


@pytest.mark.parametrize(
    ("kind", "server", "seed", "faults", "kills"),
    [
        ("kills", "mariadb", 20, 10, 10),
        ("servers", "mysql", 21, 8, 8),
        ("network", "mariadb", 40, 6, 2),
        ("disk", "mysql", 3, 5, 2),
    ],
)
def test_both_sides_are_equal_after(
    kind: str, server: str, seed: int, faults: int, kills: int, tmp_path: Path
) -> None:
    verdict = Campaign(kind, server, tmp_path, seed, rows=100_000).run(faults)
    assert not verdict.failures, "\n".join(verdict.failures)
    assert (verdict.faults, verdict.kills) == (faults, kills)
    assert verdict.states > 20
    assert verdict.rows > 90_000
