"""Ctrl-C before all statements of a script are submitted."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from penstock.cli import script_run
from penstock.cli.main import cli


def test_ctrl_c_while_a_script_is_started_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "a.sql"
    script.write_text(
        "CREATE TABLE g (id INT) WITH ('connector' = 'datagen');"
        "CREATE TABLE b (id INT) WITH ('connector' = 'blackhole'); INSERT INTO b SELECT id FROM g;"
    )

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(script_run, "run_script", interrupted)
    arguments = ["run", str(script), "--state-dir", str(tmp_path / "state")]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 130
    assert "Stopped while the script was being started" in done.output
