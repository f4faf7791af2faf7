"""The short form of `make fault`: the job is killed twenty times, nothing is lost or doubled."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fault.campaign import Campaign


@pytest.mark.parametrize(("server", "seed"), [("mariadb", 20), ("mysql", 21)])
def test_a_job_killed_again_and_again_loses_and_doubles_nothing(
    server: str, seed: int, tmp_path: Path
) -> None:
    verdict = Campaign("kills", server, tmp_path, seed).run(10)
    assert not verdict.failures, "\n".join(verdict.failures)
    assert verdict.kills == 10
    assert verdict.states > 20
    assert verdict.rows > 100_000
