"""The state directory of a script's jobs: what it remembers, and what a crash may leave in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.backends.local.jobs import LocalJobs
from penstock.backends.local.kept_script import KeptScript
from penstock.checkpoint import CheckpointStore, Manifest
from penstock.errors import CheckpointError, JobError


def open_and_close(directory: Path, *statements: str, fresh: bool = False) -> LocalJobs:
    jobs = LocalJobs(directory, KeptScript(statements), {}, fresh=fresh)
    jobs.group.stop_now()
    assert jobs.group.join(20)
    return jobs


def leave_unfinished(directory: Path, *statements: str) -> None:
    open_and_close(directory, *statements)
    store = CheckpointStore(directory)
    store.write(Manifest(3, 1, {"0/orders": {"position": "binlog.1:4"}}))
    store.close()


def test_an_unfinished_job_of_the_same_statements_is_resumed(tmp_path: Path) -> None:
    leave_unfinished(tmp_path, "INSERT 1")
    resumed = open_and_close(tmp_path, "INSERT 1").resumed
    assert resumed is not None
    assert (resumed.epoch, resumed.positions) == (3, {"orders": "binlog.1:4"})


def test_other_statements_are_refused_with_the_difference(tmp_path: Path) -> None:
    leave_unfinished(tmp_path, "INSERT 1")
    with pytest.raises(JobError, match="unfinished job of other statements") as caught:
        open_and_close(tmp_path, "INSERT 2")
    assert "-INSERT 1" in caught.value.detail
    assert open_and_close(tmp_path, "INSERT 2", fresh=True).resumed is None


def test_the_remembered_statements_are_never_written_over_in_place(tmp_path: Path) -> None:
    """A process killed while it starts must not leave half a file, which nothing could resume."""
    leave_unfinished(tmp_path, "INSERT 1")
    before = (tmp_path / "script.json").stat().st_ino
    open_and_close(tmp_path, "INSERT 1")
    assert (tmp_path / "script.json").stat().st_ino == before
    open_and_close(tmp_path, "INSERT 1", fresh=True)
    assert (tmp_path / "script.json").stat().st_ino != before


def test_damaged_statements_are_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    leave_unfinished(tmp_path, "INSERT 1")
    (tmp_path / "script.json").write_text('["INS')
    with pytest.raises(CheckpointError, match="could not read") as caught:
        open_and_close(tmp_path, "INSERT 1")
    assert "--fresh" in caught.value.hint


def test_a_damaged_manifest_does_not_start_the_job(tmp_path: Path) -> None:
    leave_unfinished(tmp_path, "INSERT 1")
    path = next(tmp_path.glob("manifest-*.json"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CheckpointError, match="damaged"):
        open_and_close(tmp_path, "INSERT 1")
    assert open_and_close(tmp_path, "INSERT 1", fresh=True).resumed is None


def table(options: str, connector: str = "starrocks") -> str:
    return (
        f"CREATE TABLE t (id INT) WITH ('connector' = '{connector}', 'table-name' = 't'{options})"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ", 'sink.dead-letter.path' = 'bad.jsonl'"),
        (", 'sink.max-retries' = '3'", ", 'sink.max-retries' = '4'"),
        (", 'sink.buffer-flush.interval-ms' = '1000'", ""),
        (", 'username' = 'a', 'sink.semantic' = 'x'", ", 'sink.semantic' = 'x', 'username' = 'b'"),
        (", 'password' = '******'", "\n, 'password' = '******', 'sink.dead-letter.table' = 'd'"),
    ],
)
def test_options_that_change_no_result_may_change_when_a_job_goes_on(
    tmp_path: Path, before: str, after: str
) -> None:
    leave_unfinished(tmp_path, table(before), "INSERT 1")
    assert open_and_close(tmp_path, table(after), "INSERT 1").resumed is not None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (table(""), table(", 'sink.semantic' = 'at-least-once'")),
        (table(", 'database-name' = 'a'"), table(", 'database-name' = 'b'")),
        (table(""), table(", 'sink.max-retries' = '4'", "blackhole")),
        (table("", "print"), table(", 'sink.max-retries' = '4'", "print")),
        (table(", 'load-url' = 'a:1'"), table(", 'load-url' = 'b:1'")),
        ("SET 'sink.max-retries' = '1'", "SET 'sink.max-retries' = '2'"),
    ],
)
def test_other_options_make_another_job(tmp_path: Path, before: str, after: str) -> None:
    leave_unfinished(tmp_path, before)
    with pytest.raises(JobError, match="unfinished job of other statements") as caught:
        open_and_close(tmp_path, after)
    assert "TRUNCATE" in caught.value.hint
