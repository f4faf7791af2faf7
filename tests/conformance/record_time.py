"""Runs the statements of `cases/time_streams.json` on real Flink and writes what it says.

    python -m tests.conformance.record_time

Needs what `record` needs. Its tables are files of JSON rows: joins and windows over them, with
watermarks where a table declares one. The same is recorded as by `record_streams`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.conformance.record import CASES, Oracle
from tests.conformance.record_streams import record

FILE = CASES / "time_streams.json"


def main() -> None:
    """Records all statements anew; prints those that differ from before."""
    oracle = Oracle()
    environment = oracle._environment("UTC")
    content = json.loads(FILE.read_text(encoding="utf-8"))
    try:
        with tempfile.TemporaryDirectory() as folder:
            for name, table in content["tables"].items():
                _declare(environment, Path(folder), name, table)
            for sql in content["views"]:
                environment.executeSql(sql)
            for case in content["cases"]:
                found = {"sql": case["sql"]}
                found |= record(environment, oracle._failure, case["sql"])
                if found != case:
                    sys.stdout.write(f"differs: {case['sql']}\n")
                case.clear()
                case.update(found)
    finally:
        oracle.close()
    lines = ",\n".join(f"    {json.dumps(c, ensure_ascii=False)}" for c in content.pop("cases"))
    head = json.dumps(content, indent=2, ensure_ascii=False)[:-2]
    FILE.write_text(f'{head},\n  "cases": [\n{lines}\n  ]\n}}\n', encoding="utf-8")


def _declare(environment: Any, folder: Path, name: str, table: dict[str, Any]) -> None:
    rows = (dict(zip(table["fields"], row, strict=True)) for row in table["rows"])
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    environment.executeSql(
        f"CREATE TEMPORARY TABLE {name} ({table['columns']}) WITH ("
        f"'connector' = 'filesystem', 'path' = '{path}', 'format' = 'json')"
    )


if __name__ == "__main__":
    main()
