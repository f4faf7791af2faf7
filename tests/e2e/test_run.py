"""`penstock run` and `sql` as processes: how they end, what they print, what they leave behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymysql
import pytest

from penstock.embedded.starrocks.server import EmbeddedStarRocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JOB_ID = re.compile(r"^Job ID: [0-9a-f]{32}$", re.MULTILINE)
BOUNDED = """CREATE TABLE g (id INT) WITH ('connector' = 'datagen', 'number-of-rows' = '50');
CREATE TABLE b (id INT) WITH ('connector' = 'blackhole');
INSERT INTO b SELECT id FROM g;
"""


@pytest.fixture(scope="module")
def starrocks() -> Iterator[EmbeddedStarRocks]:
    server = EmbeddedStarRocks(
        fe_http_port=0, be_http_port=0, query_port=0, user="root", password="geheim"
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(starrocks: EmbeddedStarRocks) -> Iterator[Any]:
    connection = pymysql.connect(
        host="127.0.0.1", port=starrocks.query_port, user="root", password="geheim", autocommit=True
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS test")
        cursor.execute("CREATE DATABASE test")
        cursor.execute(
            "CREATE TABLE test.t (id BIGINT) DUPLICATE KEY (id) DISTRIBUTED BY HASH (id)"
        )
        yield cursor


def endless(starrocks: EmbeddedStarRocks) -> str:
    return (
        "CREATE TABLE g (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000',\n"
        " 'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '100000000');\n"
        "CREATE TABLE t (id BIGINT) WITH ('connector' = 'starrocks',\n"
        f" 'jdbc-url' = 'jdbc:mysql://127.0.0.1:{starrocks.query_port}',\n"
        f" 'load-url' = '127.0.0.1:{starrocks.fe_http_port}', 'database-name' = 'test',\n"
        " 'table-name' = 't', 'username' = 'root', 'password' = 'geheim');\n"
        "INSERT INTO t SELECT id FROM g;\n"
    )


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "penstock.cli", *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={key: value for key, value in os.environ.items() if key != "NO_COLOR"},
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert "Traceback" not in err
    assert "\x1b" not in out + err
    return process.returncode, out, err


def run(folder: Path, text: str, *arguments: str) -> tuple[int, str, str]:
    (folder / "a.sql").write_text(text)
    return finish(start(folder, "run", "a.sql", *arguments))


def count(client: Any) -> int:
    client.execute("SELECT COUNT(*) FROM test.t")
    return int(client.fetchall()[0][0])


def until(done: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 30
    while not done():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_bounded_job_ends_and_runs_again(tmp_path: Path) -> None:
    ids = set()
    for _ in range(2):
        returned, out, err = run(tmp_path, BOUNDED)
        assert returned == 0, err
        assert "FINISHED" in err
        assert "Resuming" not in err
        ids.add(JOB_ID.findall(out)[0])
    assert len(ids) == 2


def test_ctrl_c_commits_what_was_read_and_the_next_run_goes_on_from_there(
    tmp_path: Path, starrocks: EmbeddedStarRocks, client: Any
) -> None:
    script = tmp_path / "a.sql"
    script.write_text(endless(starrocks))
    process = start(tmp_path, "run", "a.sql")
    until(lambda: count(client) > 0, process)
    process.send_signal(signal.SIGINT)
    returned, _, err = finish(process)
    assert returned == 130
    row = int(re.findall(r"Savepoint: /.*/.penstock/a, epoch \d+, .*\.g at row (\d+)", err)[0])
    assert count(client) == row
    client.execute("SHOW PROC '/transactions/test/running'")
    assert client.fetchall() == ()

    returned, _, err = run(tmp_path, script.read_text().replace("SELECT id", "SELECT id + 0"))
    assert returned == 1
    assert "error[changed-script]" in err
    assert "-INSERT INTO t SELECT id FROM g" in err
    assert "+INSERT INTO t SELECT id + 0 FROM g" in err
    assert "geheim" not in err
    assert count(client) == row

    script.write_text(endless(starrocks))
    process = start(tmp_path, "run", "a.sql", "--json")
    until(lambda: count(client) > row, process)
    process.send_signal(signal.SIGTERM)
    returned, out, err = finish(process)
    told = json.loads(out)
    assert returned == told["exit_code"] == 143
    assert told["resumed"]["positions"] == {"default_catalog.default_database.g": f"row {row}"}
    assert [job["state"] for job in told["jobs"]] == ["CANCELED"]
    last = int(told["savepoint"]["positions"]["default_catalog.default_database.g"].split()[1])
    client.execute("SELECT COUNT(*), COUNT(DISTINCT id), MAX(id) FROM test.t")
    assert client.fetchall() == ((last, last, last),)

    assert "--fresh reads" not in err
    process = start(tmp_path, "run", "a.sql", "--fresh")
    until(lambda: count(client) > last, process)
    process.send_signal(signal.SIGINT)
    _, _, err = finish(process)
    assert "Resuming" not in err
    assert err.count("--fresh reads again and does not delete what is in test.t; TRUNCATE") == 1
    client.execute("SELECT COUNT(*) FROM test.t WHERE id = 1")
    assert client.fetchall() == ((2,),)


def test_ctrl_c_twice_stops_now_and_the_next_run_settles_what_was_open(
    tmp_path: Path, starrocks: EmbeddedStarRocks, client: Any
) -> None:
    (tmp_path / "a.sql").write_text(endless(starrocks))
    process = start(tmp_path, "run", "a.sql")
    until(lambda: count(client) > 0, process)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    returned, _, err = finish(process)
    assert returned == 130
    assert time.monotonic() - began < 10
    assert "Savepoint" in err
    process = start(tmp_path, "run", "a.sql")
    before = count(client)
    until(lambda: count(client) > before, process)
    process.send_signal(signal.SIGINT)
    finish(process)
    client.execute("SHOW PROC '/transactions/test/running'")
    assert client.fetchall() == ()
    client.execute("SELECT COUNT(*), COUNT(DISTINCT id), MAX(id) FROM test.t")
    ((rows, distinct, last),) = client.fetchall()
    assert rows == distinct == last


def test_json_is_one_object_and_errors_are_in_it(tmp_path: Path) -> None:
    returned, out, _ = run(tmp_path, BOUNDED + "SELECT id FROM g;", "--json")
    told = json.loads(out)
    assert (returned, told["exit_code"], told["errors"]) == (0, 0, [])
    assert [job["state"] for job in told["jobs"]] == ["FINISHED", "FINISHED"]
    returned, out, err = run(tmp_path, BOUNDED.replace("SELECT id", "SELECT idd"), "--json")
    (error,) = json.loads(out)["errors"]
    assert (returned, error["code"], error["file"], error["line"]) == (
        1,
        "unknown-column",
        "a.sql",
        3,
    )
    returned, out, err = run(tmp_path, BOUNDED.replace("blackhole", "${NO_SUCH}"), "--json")
    (error,) = json.loads(out)["errors"]
    assert (returned, error["code"]) == (1, "unset-variable")
    assert "error[unset-variable]" in err


def test_settings_come_from_files_and_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "pipeline:\n  name: from file\nexecution:\n  checkpointing:\n    interval: 1 s\nrest.port: 1\n"
    )
    returned, _, err = run(tmp_path, BOUNDED, "--conf", "config.yaml")
    assert returned == 0
    assert f"State directory: {tmp_path}/.penstock/from_file" in err
    assert "'rest.port' has no effect here" in err
    returned, _, err = run(
        tmp_path,
        BOUNDED,
        "--conf",
        "config.yaml",
        "-D",
        "pipeline.name=given",
        "-D",
        "pipelin.nam=x",
    )
    assert returned == 0
    assert f"State directory: {tmp_path}/.penstock/given" in err
    assert "unknown setting 'pipelin.nam'; did you mean 'pipeline.name'?" in err
    returned, _, err = run(tmp_path, BOUNDED, "-D", "execution.checkpointing.interval=soon")
    assert (returned, "error[invalid-setting]" in err) == (1, True)


def test_sql_takes_a_file_a_statement_and_standard_input(tmp_path: Path) -> None:
    (tmp_path / "first.sql").write_text(BOUNDED.partition("INSERT")[0])
    query = "SELECT COUNT_ME.id FROM (VALUES (1), (2)) AS COUNT_ME (id)"
    returned, out, err = finish(start(tmp_path, "sql", "-e", query))
    assert returned == 0, err
    assert "Received a total of 2 rows" in out
    assert not (tmp_path / ".penstock").exists()
    returned, out, _ = finish(start(tmp_path, "sql", "-i", "first.sql", "-e", "SHOW TABLES"))
    assert (returned, "| table name |" in out) == (0, True)
    done = subprocess.run(
        [sys.executable, "-m", "penstock.cli", "sql"],
        input="SELECT 1 AS a; SELEC 2;",
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "stdin:1:16" in done.stderr


def test_help_and_version_are_quick_and_load_no_engine() -> None:
    code = (
        "import sys; sys.argv = ['penstock', {0!r}]\n"
        "from penstock.cli.main import main\n"
        "try:\n    main()\nfinally:\n"
        "    print([m for m in ('pyarrow', 'numpy', 'pymysql', 'rich', 'duckdb') if m in sys.modules])"
    )
    for argument in ("--version", "--help"):
        began = os.times()
        done = subprocess.run(
            [sys.executable, "-c", code.format(argument)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.splitlines()[-1] == "[]", done
        ended = os.times()
        cpu_s = ended.children_user + ended.children_system
        assert cpu_s - began.children_user - began.children_system < 0.3
