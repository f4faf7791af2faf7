"""The directory the embedded StarRocks keeps its data in."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.errors import ConnectorError

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import sys
from penstock.embedded.starrocks.duck import open_duckdb
connection = open_duckdb(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_directory_in_use_by_another_process_is_refused_with_its_id(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "store.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(ConnectorError, match=f"in use by process {other.pid}$") as caught:
            EmbeddedStarRocks(tmp_path)
        other.stdin.close()
    assert caught.value.code == "data-directory-in-use"
    assert str(tmp_path) in caught.value.message
    assert "--data-dir" in caught.value.hint


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.duckdb").write_text("no database " * 1000)
    with pytest.raises(ConnectorError, match="could not open") as caught:
        EmbeddedStarRocks(tmp_path)
    assert caught.value.code == "data-directory"
