"""The prompt: statements over several lines, errors in what was typed, queries that are ended."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from penstock.cli.prompt import PromptJobs, Transcript, prompt
from penstock.session import Session

DATAGEN = "CREATE TABLE g (id INT) WITH ('connector' = 'datagen', 'rows-per-second' = '10');"


def typed(text: str) -> None:
    with create_pipe_input() as keys:
        keys.send_text(text)
        with create_app_session(input=keys, output=DummyOutput()):
            prompt("", {}, None)


def test_a_statement_ends_with_a_semicolon_and_quit_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    typed("SELECT id\nFROM (VALUES (7)) AS t (id);\nQUIT;\n")
    shown = capsys.readouterr()
    assert "|                    7 |" in shown.out
    assert shown.err == ""
    assert list(tmp_path.iterdir()) == []


def test_errors_point_into_earlier_lines(capsys: pytest.CaptureFixture[str]) -> None:
    transcript = Transcript(Session())
    assert transcript.execute("CREATE TABLE t (id INT)\nWITH ('connector' = 'nothing');")
    assert not transcript.execute("SELECT 'a;")
    assert transcript.execute("SELECT idd FROM t;")
    assert "--> prompt:2:7" in capsys.readouterr().err
    assert transcript.execute("SELEC 1;")
    assert "--> prompt:4:1" in capsys.readouterr().err


def test_a_job_can_be_ended_and_the_others_go_on(tmp_path: Path) -> None:
    jobs = PromptJobs(None)
    session = Session(submitter=jobs)
    text = f"{DATAGEN} CREATE TABLE b (id INT) WITH ('connector' = 'blackhole');"
    *_, first = session.execute_script(f"{text} INSERT INTO b SELECT id FROM g;")
    (query,) = session.execute_script("SELECT id FROM g;")
    rows = iter(query.rows)
    next(rows)
    assert first.job is not None
    assert query.job is not None
    jobs.stop_latest()
    assert query.job.status() == "CANCELED"
    deadline = time.monotonic() + 10
    while first.job.status() != "RUNNING" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert first.job.status() == "RUNNING"
    jobs.stop_all()
    assert first.job.status() == "CANCELED"


def test_help_says_what_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert Transcript(Session()).execute("HELP;")
    said = "".join(capsys.readouterr())
    assert "SHOW TABLES" in said
    assert "QUIT" in said
    assert "succeeded" not in said
