"""Runs the expressions of `cases/*.jsonl` on real Flink and writes what it says.

    python -m tests.conformance.record [file ..]

Needs Java 17 and the packages apache-flink-libraries (2.2) and py4j in the interpreter that runs
it; CI needs none of them. Prints what differs from the recordings there were.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent / "cases"
TOGETHER = 12  # expressions in one query; one that fails is found by halving
OPENED = ("lang", "util", "time", "nio", "net", "util.concurrent", "util.concurrent.atomic")


class Oracle:
    """A Flink in a JVM of its own, with a table environment per session zone."""

    def __init__(self) -> None:
        py4j: Any = importlib.import_module("py4j.java_gateway")
        spec = importlib.util.find_spec("pyflink")
        if spec is None or not spec.submodule_search_locations:
            raise SystemExit("apache-flink-libraries is not installed in this interpreter")
        jars = Path(next(iter(spec.submodule_search_locations))) / "lib"
        options = [f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in OPENED]
        port = py4j.launch_gateway(
            classpath=os.pathsep.join(str(jar) for jar in jars.glob("*.jar")),
            javaopts=["-Xmx1500m", "-XX:TieredStopAtLevel=1", *options],
            die_on_exit=True,
        )
        parameters = py4j.GatewayParameters(port=port, auto_convert=True)
        self._gateway = py4j.JavaGateway(gateway_parameters=parameters)
        self._failure = importlib.import_module("py4j.protocol").Py4JJavaError
        self._environments: dict[str, Any] = {}

    def close(self) -> None:
        """Ends the JVM."""
        self._gateway.shutdown()

    def _environment(self, zone: str) -> Any:
        if zone not in self._environments:
            flink = self._gateway.jvm.org.apache.flink
            conf = flink.configuration.Configuration()
            settings = {
                "execution.runtime-mode": "STREAMING",
                "execution.target": "local",
                "parallelism.default": "1",
                "table.local-time-zone": zone,
            }
            for key, value in settings.items():
                conf.setString(key, value)
            made = flink.table.api.EnvironmentSettings.newInstance().withConfiguration(conf).build()
            self._environments[zone] = flink.table.api.TableEnvironment.create(made)
        return self._environments[zone]

    def record(self, exprs: list[str], zone: str) -> list[dict[str, Any]]:
        """What Flink says of some expressions, in one query where none fails."""
        text = ", ".join(f"{expr} AS c{i}" for i, expr in enumerate(exprs))
        types: list[str] = []
        try:
            result = self._environment(zone).executeSql(f"SELECT {text}")
            columns = result.getResolvedSchema().getColumns()
            types = [_short(c.getDataType().getLogicalType().asSummaryString()) for c in columns]
            convert, rows = result.getRowDataToStringConverter(), result.collectInternal()
            rows.hasNext()  # waits, and raises what failed; py4j's next() would hide it
            row = rows.next()
            values = convert.convert(row)
            nulls = [row.isNullAt(i) for i in range(len(exprs))]
            rows.close()
        except self._failure as error:
            if len(exprs) > 1:
                half = len(exprs) // 2
                return self.record(exprs[:half], zone) + self.record(exprs[half:], zone)
            return [_failed(error, types)]
        return [
            {"type": kind, "value": None if null else value}
            for kind, value, null in zip(types, values, nulls, strict=True)
        ]


def _short(text: str) -> str:
    text = text.replace("VARCHAR(2147483647)", "STRING").replace(" *PROCTIME*", "")
    return text.replace("VARBINARY(2147483647)", "BYTES")


def _failed(error: Any, types: list[str]) -> dict[str, Any]:
    """The innermost cause; at run time when the query's types were known already."""
    cause = error.java_exception
    while cause.getCause() is not None:
        cause = cause.getCause()
    name = cause.getClass().getSimpleName()
    words = (cause.getMessage() or "").split("\nWas exp")[0]
    found: dict[str, Any] = {"type": types[0]} if types else {}
    return found | {
        "error": "runtime" if types else "validation",
        "message": f"{name}: {words}"[:200],
    }


def record_file(oracle: Oracle, path: Path) -> int:
    """Records one file anew; returns how many lines differ."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    written: list[dict[str, Any]] = []
    for start in range(0, len(rows), TOGETHER):
        part = rows[start : start + TOGETHER]
        for zone in dict.fromkeys(row.get("zone", "UTC") for row in part):
            asked = [row for row in part if row.get("zone", "UTC") == zone]
            answers = oracle.record([row["expr"] for row in asked], zone)
            head = [{k: row[k] for k in ("expr", "zone") if k in row} for row in asked]
            written += [h | a for h, a in zip(head, answers, strict=True)]
    lines = [json.dumps(row, ensure_ascii=False) for row in written]
    changed = 0
    for old, new in zip(path.read_text(encoding="utf-8").splitlines(), lines, strict=True):
        if old != new:
            changed += 1
            sys.stdout.write(f"- {old}\n+ {new}\n")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return changed


def main(names: list[str]) -> None:
    """Records the named files, or all."""
    oracle = Oracle()
    try:
        for path in sorted(CASES.glob("*.jsonl")):
            if not names or path.stem in names:
                sys.stdout.write(f"{path.name}: {record_file(oracle, path)} differ\n")
    finally:
        oracle.close()


if __name__ == "__main__":
    main(sys.argv[1:])
