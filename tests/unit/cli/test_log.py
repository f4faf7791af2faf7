"""What is logged where: standard error, a file, from which level on."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from penstock.cli.hidden import HiddenValues
from penstock.cli.log import LineFormatter, LogFileHandler, StderrHandler
from penstock.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = (
    "CREATE TABLE g (id INT) WITH ('connector' = 'datagen', 'number-of-rows' = '3');"
    "CREATE TABLE b (id INT) WITH ('connector' = 'blackhole'); INSERT INTO b SELECT id FROM g;"
)


@pytest.fixture(autouse=True)
def quiet_again() -> Iterator[None]:
    yield
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, StderrHandler | LogFileHandler):
            root.removeHandler(handler)
            handler.close()
    logging.getLogger("penstock").setLevel(logging.NOTSET)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.sql").write_text(SCRIPT)
    return Run(monkeypatch, capsys)


class Run:
    """Runs the script."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *options: str) -> tuple[int, str]:
        """Exit code and standard error."""
        self._monkeypatch.setattr(sys, "argv", ["penstock", "run", "s.sql", "--quiet", *options])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return code, self._capsys.readouterr().err


def test_only_warnings_are_shown_unless_asked(run: Run) -> None:
    assert "job is" not in run()[1]
    assert "[INFO] job is RUNNING (job=insert-into_" in run("--log-level", "info")[1]
    assert "job is" not in run("--log-level", "ERROR")[1]


def test_a_file_takes_more_and_grows(run: Run, tmp_path: Path) -> None:
    code, shown = run("--log-file", "p.log")
    assert (code, "job is" in shown) == (0, False)
    first = (tmp_path / "p.log").read_text()
    assert "[INFO] job is RUNNING" in first
    assert "[INFO] job is FINISHED" in first
    assert (tmp_path / "p.log").stat().st_mode & 0o777 == 0o600
    run("--log-file", "p.log", "--log-level", "error")
    assert (tmp_path / "p.log").read_text() == first
    run("--log-file", "p.log")
    assert len((tmp_path / "p.log").read_text()) > len(first)


def test_a_file_that_cannot_be_written_is_wrong_usage(run: Run) -> None:
    code, shown = run("--log-file", "missing/p.log")
    assert code == 2
    assert "could not open log file missing/p.log: No such file" in shown
    assert "Traceback" not in shown


def test_messages_name_the_state_directory_in_full(run: Run, tmp_path: Path) -> None:
    assert f"State directory: {tmp_path}/.penstock/s" in run()[1]
    assert f"State directory: {tmp_path}/there" in run("--state-dir", "there")[1]


def test_a_record_of_several_lines_is_shown_as_one() -> None:
    record = logging.LogRecord("a", logging.WARNING, "", 1, "down:\nrefused.\n", None, None)
    record.reason = "one\ntwo"
    shown = LineFormatter(HiddenValues()).format(record)
    assert shown.endswith("[WARNING] down: refused. (reason=one two)")
    assert "\n" not in shown
