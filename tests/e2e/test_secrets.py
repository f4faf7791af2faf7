"""Planted secrets, several hundred of them: none is ever said, logged or kept on disk.

Commands run in this process, from the entry point; each test gathers what they print, what they
leave in the state directory, and their bug files.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from penstock.checkpoint import CheckpointStore, Manifest
from penstock.cli.main import main
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.session import Session
from penstock.testing.mysql_servers import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

# Every way a script may hold a secret; `{}` is the secret. All are allowed in a CREATE TABLE that
# nothing reads: the options of a connector are looked at where a table is used.
FORMS = [
    "'password' = '{}'",
    "'PASSWORD' = '{}'",
    "'debezium.database.password' = '{}'",
    "'password' /* it's = 'new' */ = -- don't\n '{}'",
    "-- 'x' = '\n'password' = '{}'",
    "/* 'a' = 'it */ 'password'='{}'",
    "'password' = 'two\n{}'",
    "'password' = 'o''{}'",
    "'password' = 'first'\n '{}'",
    "'x' = '1' -- was: 'password' = '{}'\n",
    "'pasword' = '{}'",
    "'passwd' = '{}'",
    "'pwd' = '{}'",
    "'private-key' = '{}'",
    "'my.token' = '{}'",
    "'my.secret.id' = '{}'",
    "'aws.s3.access-key-id' = '{}'",
    "'url' = 'jdbc:mysql://h:3306/d?user=u&password={}&useSSL=false'",
    "'url' = 'jdbc:mysql://u:{}@h:3306/d'",
    "'load-url' = 'http://u:{}@h:8030;http://u:{}@i:8030'",
    "'sink.properties.jaas.config' = 'login required password=\"{}\";'",
]
JOB = (
    "CREATE TABLE g (id INT) WITH ('connector' = 'datagen', 'number-of-rows' = '3');\n"
    "CREATE TABLE b (id INT) WITH ('connector' = 'blackhole');\n"
    "INSERT INTO b SELECT id FROM g WHERE CAST(id AS STRING) <> '${{{name}}}';\n"
)


@dataclass
class Penstock:
    """Runs commands, plants secrets, and looks for them in all that comes of it."""

    home: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    planted: list[str] = field(default_factory=list)
    said: str = ""

    def secret(self) -> str:
        """A new secret."""
        self.planted.append(f"plant{self.chance.getrandbits(64):016x}")
        return self.planted[-1]

    def in_variable(self) -> str:
        """The name of a new variable whose value is a secret."""
        name = f"{self.chance.choice(['HOST', 'PW', 'MY_TOKEN', 'X'])}_{len(self.planted)}"
        self.monkeypatch.setenv(name, self.secret())
        return name

    def tables(self, *, variables: bool) -> str:
        """Tables with a secret of every form."""
        texts = []
        for number, form in enumerate(FORMS):
            value = f"${{{self.in_variable()}}}" if variables else self.secret()
            options = form.replace("{}", value)
            texts.append(
                f"CREATE TABLE t{number} (id INT) WITH (\n'connector' = 'c',\n{options}\n);\n"
            )
        return "".join(texts)

    def run(self, *arguments: str) -> int:
        """A command; its exit code."""
        self.monkeypatch.setattr(sys, "argv", ["penstock", *arguments])
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        shown = self.capsys.readouterr()
        self.said = shown.out + shown.err
        return code

    def script(self, text: str, name: str = "s.sql") -> str:
        """A script on disk: the one place where secrets stand."""
        path = self.home.parent / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def leaks(self) -> set[str]:
        """What was planted and can be read."""
        texts = [self.said]
        texts += [
            path.read_bytes().decode("utf-8", "replace")
            for path in self.home.rglob("*")
            if path.is_file()
        ]
        return {secret for secret in self.planted for text in texts if secret in text}


@pytest.fixture
def penstock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Penstock:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setattr(tempfile, "tempdir", str(home))
    return Penstock(home, monkeypatch, capsys)


def leave_unfinished(directory: Path) -> None:
    store = CheckpointStore(directory)
    store.write(Manifest(3, 1, {"0/orders": {"position": "binlog.1:4"}}))
    store.close()


@pytest.mark.parametrize("variables", [False, True])
def test_a_script_that_succeeds_keeps_its_secrets(penstock: Penstock, *, variables: bool) -> None:
    text = penstock.tables(variables=variables) + JOB.format(name=penstock.in_variable())
    script = penstock.script(text)
    for command in (("explain",), ("explain", "--json"), ("check",), ("check", "--json")):
        assert penstock.run(command[0], script, *command[1:]) in {0, 1}, penstock.said
        assert not penstock.leaks(), penstock.said
    for options in ((), ("--json",)):
        assert penstock.run("run", script, "--fresh", *options) == 0, penstock.said
        assert not penstock.leaks(), penstock.said
    kept = json.loads((penstock.home / ".penstock/s/script.json").read_text())
    assert len(kept["statements"]) == len(FORMS) + 3


def test_a_changed_script_shows_its_difference_without_secrets(penstock: Penstock) -> None:
    job = JOB.format(name=penstock.in_variable())
    tables = penstock.tables(variables=True)
    assert penstock.run("run", penstock.script(tables + job)) == 0
    leave_unfinished(penstock.home / ".penstock/s")
    changed = penstock.tables(variables=False).replace("id INT", "id BIGINT") + job
    assert penstock.run("run", penstock.script(changed)) == 1
    assert "unfinished job of other statements" in penstock.said
    assert "+CREATE TABLE t0 (id BIGINT)" in penstock.said
    assert not penstock.leaks(), penstock.said


def test_a_new_password_resumes_and_another_table_does_not(penstock: Penstock) -> None:
    """What a variable stands for is part of the job, but for passwords, and is never kept."""
    text = (
        "CREATE TABLE t (id INT) WITH ('connector' = 'c', 'password' = '${PW}', 'table' = '${T}');"
        + JOB.format(name="T")
    )
    script = penstock.script(text)
    values = {"PW": penstock.secret(), "T": penstock.secret()}
    for name, value in values.items():
        penstock.monkeypatch.setenv(name, value)
    assert penstock.run("run", script) == 0
    leave_unfinished(penstock.home / ".penstock/s")
    penstock.monkeypatch.setenv("T", penstock.secret())
    assert penstock.run("run", script) == 1
    assert "not what their variables stand for" in penstock.said
    penstock.monkeypatch.setenv("T", values["T"])
    penstock.monkeypatch.setenv("PW", penstock.secret())
    penstock.run("run", script)
    assert "Resuming after epoch 3" in penstock.said
    assert not penstock.leaks(), penstock.said


@pytest.mark.parametrize("form", FORMS)
def test_a_mistake_beside_a_secret_does_not_show_it(penstock: Penstock, form: str) -> None:
    good = "CREATE TABLE t (id INT) WITH ('connector' = 'blackhole', @); SELECT * FROM t;"
    around = [
        good,
        good.replace(", @", " @"),
        good.replace("@)", "@"),
        good.replace("@", "'hostname' = 'h,\n @"),
        good.replace("@", "'hostname' = h', @"),
    ]
    mistakes = [text.replace("@", form) for text in around]
    # A quote too few before, behind or around the secret.
    cut = [form.replace("'{}'", "'{}"), form.replace("'{}'", "{}'"), form.replace("'{}'", "{}")]
    mistakes += [good.replace("@", piece) for piece in cut if piece != form]
    for text in mistakes:
        script = penstock.script(text.replace("{}", penstock.secret()))
        for command in ("run", "check", "explain"):
            assert penstock.run(command, script, "--json") == 1, penstock.said
            assert not penstock.leaks(), (text, penstock.said)
            assert penstock.run(command, script) == 1, penstock.said
            assert not penstock.leaks(), (text, penstock.said)


def test_statements_that_show_statements_show_no_secret(penstock: Penstock) -> None:
    tables = penstock.tables(variables=False)
    shows = "".join(f"SHOW CREATE TABLE t{number};\n" for number in range(len(FORMS)))
    hint = f"/*+ OPTIONS('password' = '{penstock.secret()}') */"
    more = (
        "CREATE TABLE h (id INT) WITH ('connector' = 'datagen');\n"
        f"SET 'my.password' = '{penstock.secret()}'; SET my.token = {penstock.secret()};\nSET;\n"
    )
    assert penstock.run("sql", "-e", tables + more + shows) == 0, penstock.said
    assert "'password' = '******'" in penstock.said
    assert not penstock.leaks(), penstock.said
    explained = f"{more}EXPLAIN SELECT * FROM h {hint}"
    assert penstock.run("sql", "-e", explained) == 1, penstock.said
    assert not penstock.leaks(), penstock.said


def test_a_bug_file_holds_no_secret(penstock: Penstock) -> None:
    secret = penstock.secret()
    penstock.planted += (name := penstock.in_variable()) and []
    text = f"CREATE TABLE t (id INT) WITH ('password' = '{secret}', 'token' = '${{{name}}}');"

    def broken(*_: object) -> Iterator[object]:
        raise RuntimeError(" ".join(penstock.planted))

    penstock.monkeypatch.setattr(Session, "explain_script", broken)
    assert penstock.run("explain", penstock.script(text)) == 1
    assert "traceback is in" in penstock.said
    assert "RuntimeError: ****** ******" in next(penstock.home.glob("penstock-bug-*")).read_text()
    assert not penstock.leaks(), penstock.said


def test_a_refusing_server_does_not_make_us_tell(penstock: Penstock) -> None:
    """A wrong password and a server that is not there, secrets given openly and in variables."""
    source = "CREATE TABLE g (id INT) WITH ('connector' = 'datagen', 'number-of-rows' = '3');\n"
    sink = (
        "CREATE TABLE s (id INT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'starrocks',"
        "'jdbc-url' = 'jdbc:mysql://127.0.0.1:{query}', 'load-url' = '127.0.0.1:{load}',"
        "'database-name' = 'd', 'table-name' = 't', 'username' = 'root', 'password' = '{secret}');\n"
    )
    job = "SET 'restart-strategy.type' = 'none';\nINSERT INTO s SELECT id FROM g;"
    server = EmbeddedStarRocks(
        fe_http_port=0, be_http_port=0, query_port=0, user="root", password=penstock.secret()
    )
    server.start()
    try:
        there = (server.query_port, server.fe_http_port)
        for query, load in (there, (free_port(), free_port())):
            for secret in (penstock.secret(), f"${{{penstock.in_variable()}}}"):
                text = source + sink.format(query=query, load=load, secret=secret) + job
                script = penstock.script(text)
                for command in (("run",), ("run", "--json"), ("check",), ("check", "--json")):
                    assert penstock.run(command[0], script, *command[1:]) == 1, penstock.said
                    assert not penstock.leaks(), penstock.said
    finally:
        server.stop()
