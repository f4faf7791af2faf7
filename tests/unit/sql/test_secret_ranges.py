"""Secrets are found in any text that is or was to be a script, and nothing else is."""

from __future__ import annotations

import random
import time

import pytest

from penstock.config import is_secret_key, shown_value
from penstock.sql.secrets import mask_secrets, secret_ranges, starred


@pytest.mark.parametrize(
    "text",
    [
        "'password' = 'hunter2'",
        "'PassWord'='hunter2'",
        "'password' /* it's */ = -- don't\n 'hunter2'",
        "-- 'x' = '\n'password' = 'hunter2'",
        "/* 'a' = 'it */ 'password'='hunter2'",
        "// 'x' = '\n'password' = 'hunter2'",
        "-- 'password' = 'hunter2'\n'port' = '1'",
        "/* old:\n 'password' = 'hunter2'\n*/",
        "/*+ OPTIONS('password'='hunter2') */",
        "'password' = 'two\nlines hunter2'",
        "'password' = 'two''hunter2'",
        "'password' = 'first'\n  'hunter2'",
        "'pass'\n'word' = 'hunter2'",
        "U&'pass\\0077ord' = 'hunter2'",
        "'password' = U&'hunter2'",
        "'password' = n'hunter2'",
        "'password' = hunter2, 'port' = '1'",
        "'password' = hunter2-and-more, 'port' = '1'",
        "'password' = 'hunter2",
        "'hostname' = 'h,\n 'password' = 'hunter2',\n 'port' = '1'",
        '"password" = "hunter2"',
        '"password": "hunter2"',
        "SET sink.password = hunter2;",
        "SET 'sink.password' = 'hunter2';",
        "SET sink.password = 'hunter2';",
        "sink.password = 'hunter2'",
        "'url' = 'jdbc:mysql://h/db?user=u&password=hunter2'",
        "'url' = 'jdbc:mysql://h/db?user=u&password=hunter2&x=1'",
        "'url' = 'jdbc:mysql://u:hunter2@h:3306/db'",
        "'url' = 'http://u:hunter2@h;http://u:hunter2@i'",
        "-- see http://u:hunter2@h",
        "'properties' = 'login required password=\"hunter2\";'",
        "WHERE token = 'hunter2'",
        "'pasword' = 'hunter2'",
        "'passwrd' = 'hunter2'",
        "'passwd' = 'hunter2'",
        "'pwd' = 'hunter2'",
        "'private-key' = 'hunter2'",
        "'my.token' = 'hunter2'",
        "'my.secret.id' = 'hunter2'",
        "'s3_access_key_id' = 'hunter2'",
        "'s3.access-key' = 'hunter2'",
    ],
)
def test_a_secret_is_masked_and_its_place_kept(text: str) -> None:
    assert "hunter2" not in mask_secrets(text)
    shown = starred(text, secret_ranges(text))
    assert "hunter2" not in shown
    assert [len(line) for line in shown.split("\n")] == [len(line) for line in text.split("\n")]
    # The rest of the script, before and behind, is no other text for it.
    around = f"CREATE TABLE t (id INT) WITH (\n{text}\n);\nSELECT 'shown';"
    assert "hunter2" not in mask_secrets(around)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 'password', '=', 'shown'",
        "SELECT * FROM a JOIN b ON a.token = b.token AND a.x = b.x",
        "'username' = 'root', 'jdbc-url' = 'jdbc:mysql://h:9030/db?useSSL=false'",
        "'scan.incremental.snapshot.chunk.key-column' = 'id'",
        "'load-url' = 'a:8030;b:8030'",
        "'sink.properties.format' = 'json' -- the password: none",
        "CREATE TABLE t (password STRING, token STRING NOT NULL)",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask_secrets(text) == text


def test_common_keys_are_no_secrets() -> None:
    keys = """connector hostname port username database-name table-name server-id server-time-zone
    scan.startup.mode scan.incremental.snapshot.chunk.key-column load-url jdbc-url sink.semantic
    sink.label-prefix sink.buffer-flush.interval-ms sink.properties.partial_update sink.parallelism
    pipeline.name fields.id.kind rows-per-second heartbeat.interval connect.timeout key.fields
    primary-key sink.connect.timeout-ms debezium.snapshot.mode sink.properties.columns path task
    case class sector taken stock credit"""
    assert [key for key in keys.split() if is_secret_key(key)] == []


def test_an_address_is_shown_without_its_password() -> None:
    assert shown_value("url", "jdbc:mysql://u:p@h/db?token=t&x=1") == (
        "jdbc:mysql://u:******@h/db?token=******&x=1"
    )


@pytest.mark.parametrize(
    ("part", "count"),
    [
        ("'password'=", 200),
        ("/* ", 2_000),
        ("a=b;", 2_000),
        ("'\"", 2_000),
        ("http://u:", 2_000),
        ("a.b-", 2_000),
        ("\n'", 2_000),
    ],
)
def test_the_time_it_takes_does_not_explode(part: str, count: int) -> None:
    """Eight times the text takes eight times as long, not 64 times."""

    def seconds(text: str) -> float:
        before = time.process_time()
        assert len(starred(text, secret_ranges(text))) == len(text)
        return time.process_time() - before

    short, long = part * count, part * count * 8
    assert min(seconds(long) for _ in range(2)) < 24 * min(seconds(short) for _ in range(5))


def test_any_text_is_read_to_its_end() -> None:
    """Whatever a script holds, masking ends, keeps places and hides what follows on a new line."""
    chance = random.Random(4)
    parts = ["'", '"', "`", "--", "/*", "*/", "//", "\n", "=", "password", " ", "x", ";", "\\", "é"]
    for _ in range(300):
        noise = "".join(chance.choices(parts, k=chance.randint(0, 30)))
        text = f"{noise}\n'password' = 'hunter2'\n{noise}"
        shown = starred(text, secret_ranges(text))
        assert "hunter2" not in shown, text
        assert len(shown) == len(text)
        assert "hunter2" not in mask_secrets(text)
