"""Runs the statements of `cases/streams.json` on real Flink and writes what it says.

    python -m tests.conformance.record_streams [--new]

With --new only those that have no recording. Needs what `record` needs. The tables are files: debezium-json for changes, json for rows. Of every
statement the types, and the changes as texts, or the innermost error are recorded.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.conformance.record import CASES, Oracle, _failed, _short

FILE = CASES / "streams.json"
TABLES = CASES / "stream_tables.json"


def _declare(environment: Any, folder: Path) -> None:
    for name, table in json.loads(TABLES.read_text(encoding="utf-8")).items():
        columns = [text.split(" ")[0] for text in _parts(table["columns"])]
        lines = list(_lines(table["changes"], columns, envelope=bool(table["key"])))
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        key = f", PRIMARY KEY ({table['key']}) NOT ENFORCED" if table["key"] else ""
        form = "debezium-json" if table["key"] else "json"
        environment.executeSql(
            f"CREATE TEMPORARY TABLE {name} ({table['columns']}{key}) WITH ("
            f"'connector' = 'filesystem', 'path' = '{folder / name}', 'format' = '{form}')"
        )


def _parts(columns: str) -> list[str]:
    return columns.replace(", 2)", ";2)").replace(", 4)", ";4)").split(", ")


def _lines(changes: Any, columns: list[str], *, envelope: bool) -> Any:
    before = None
    for kind, values in changes:
        row = dict(zip(columns, values, strict=True))
        if not envelope:
            yield json.dumps(row)
        elif kind == "-U":
            before = row
        else:
            op = {"+I": "c", "+U": "u", "-D": "d"}[kind]
            old = row if op == "d" else before if op == "u" else None
            yield json.dumps({"before": old, "after": None if op == "d" else row, "op": op})


def record(environment: Any, failure: Any, sql: str) -> dict[str, Any]:
    """What Flink says of one statement."""
    types: list[str] = []
    try:
        result = environment.executeSql(sql)
        columns = result.getResolvedSchema().getColumns()
        types = [_short(c.getDataType().getLogicalType().asSummaryString()) for c in columns]
        convert, rows = result.getRowDataToStringConverter(), result.collectInternal()
        changes = []
        while rows.hasNext():
            row = rows.next()
            texts = convert.convert(row)
            values = [None if row.isNullAt(i) else texts[i] for i in range(len(types))]
            changes.append([row.getRowKind().shortString(), values])
        rows.close()
    except failure as error:
        return _failed(error, types)
    return {"types": types, "changes": changes}


def main() -> None:
    """Records all statements anew; prints those that differ from before."""
    oracle = Oracle()
    environment = oracle._environment("UTC")
    cases = json.loads(FILE.read_text(encoding="utf-8"))
    try:
        with tempfile.TemporaryDirectory() as folder:
            _declare(environment, Path(folder))
            for case in cases:
                if "--new" in sys.argv and len(case) > 1:
                    continue
                found = {"sql": case["sql"]}
                found |= record(environment, oracle._failure, case["sql"])
                if found != case:
                    sys.stdout.write(f"differs: {case['sql']}\n")
                case.clear()
                case.update(found)
                # One by one: a run that is broken off loses nothing.
                lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
                FILE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    finally:
        oracle.close()


if __name__ == "__main__":
    main()
