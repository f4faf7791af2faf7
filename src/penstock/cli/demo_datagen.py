"""The part of the demo that needs no MySQL: datagen into the embedded StarRocks, every row once."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_TABLE = "datagen"
_SCRIPT = """
CREATE TABLE numbers (id INT, name STRING, score INT) WITH ('connector' = 'datagen',
  'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '{rows}',
  'fields.name.length' = '10', 'fields.score.min' = '1', 'fields.score.max' = '10');
CREATE TABLE copied (id INT, name STRING, score INT, PRIMARY KEY (id) NOT ENFORCED) WITH (
  'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://127.0.0.1:{query_port}',
  'load-url' = '127.0.0.1:{http_port}', 'database-name' = 'shop', 'table-name' = 'datagen',
  'username' = '{user}', 'password' = '${{SR_PASSWORD}}');
INSERT INTO copied SELECT id, name, score FROM numbers;
"""
_LIMIT_S = 120.0


def run(folder: Path, rows: int, target: Any) -> dict[str, int]:
    """Write `rows` rows; how many are missing or too many in the end, by a plain client.

    Raises:
        PenstockError: The job failed.
    """
    from penstock.cli.script_file import ScriptFile
    from penstock.cli.script_run import ScriptJobs, run_script

    cursor = target.cursor()
    cursor.execute("CREATE DATABASE shop")
    cursor.execute(
        f"CREATE TABLE shop.{_TABLE} (id INT NOT NULL, name STRING, score INT) PRIMARY KEY (id) "
        "DISTRIBUTED BY HASH (id)"
    )
    path = folder / "datagen.sql"
    path.write_text(
        _SCRIPT.format(
            rows=rows,
            query_port=os.environ["SR_QUERY_PORT"],
            http_port=os.environ["SR_HTTP_PORT"],
            user=os.environ["SR_USER"],
        )
    )
    script = ScriptFile.read(path)
    jobs = ScriptJobs(script, "datagen", folder / "state", fresh=True, announce=False)
    for _ in run_script(script, {}, jobs):
        pass
    assert jobs.local is not None
    group = jobs.local.group
    group.seal()
    group.join(_LIMIT_S)
    for job in group.jobs:
        if job.error is not None:
            raise job.error
    started = time.monotonic()
    while True:
        cursor.execute(
            f"SELECT COUNT(*), COUNT(DISTINCT id), MIN(id), MAX(id) FROM shop.{_TABLE} "
            "WHERE LENGTH(name) = 10 AND score BETWEEN 1 AND 10"
        )
        count, distinct, least, most = (int(value or 0) for value in cursor.fetchone())
        whole = (count, distinct, least, most) == (rows, rows, 1, rows)
        if whole or time.monotonic() - started > _LIMIT_S:
            return {
                "rows": count,
                "missing": rows - distinct,
                "unexpected": count - distinct,
            }
        time.sleep(0.2)
