"""The shared streaming programs: their changes through ours, compared with what Flink's sinks got."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from tests.conformance.cases import read, value_of
from tests.conformance.score import Verdict, judge
from tests.conformance.streams import Change, Table, folded, run

from penstock.catalog import CatalogTable
from penstock.expressions import InputRef, evaluate
from penstock.functions import resolve_cast
from penstock.session import Session
from penstock.sql import tree
from penstock.testing import ManualClock
from penstock.types import DOUBLE, STRING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.types import Schema


def stream_programs() -> Iterator[Verdict]:
    """Programs without Java functions; the tables their sinks hold in the end are compared."""
    for row in read("flink-tests/stream_programs.jsonl"):
        if row["functions"] or not row["sql"] or not row["sinks"]:
            continue
        case = {**row, "sql": "; ".join(row["sql"])}
        yield judge("stream_programs", case, row["cls"], "equal", _compared)


def _compared(row: dict[str, Any]) -> str:
    """ "equal", or what differs, after feeding row by row and all at once, restored and not."""
    script = "; ".join([*row["setupSql"], row["sql"]])
    sinks = {sink["name"]: sink for sink in row["sinks"]}
    schemas = {t["name"]: _schema(t) for t in (*row["sources"], *row["sinks"])}
    given = [_source(source, schemas[source["name"]]) for source in row["sources"]]
    given += [Table(name, ", ".join(sink["schema"])) for name, sink in sinks.items()]
    ways = [(1, True), (1000, False)]
    if row["cls"].startswith("WindowJoin"):
        del ways[1]  # Which rows are late depends on how those of both tables take turns.
    for rows_each, restore in ways:
        plan, found = run(given, script, rows_each=rows_each, restore=restore, clock=ManualClock())
        for node, changes in zip(plan.sinks, found, strict=True):
            sink = sinks.get(node.table.rpartition(".")[2], row["sinks"][0])
            schema = schemas[sink["name"]]
            key = [schema.names.index(name) for name in schema.primary_key]
            got = _folded([f"{kind}{java_text(row)}" for kind, row in changes], key)
            wanted = _folded(_expected(sink, schema), key)
            if got != wanted:
                return f"{dict(got - wanted)} instead of {dict(wanted - got)}"
    return "equal"


def _schema(table: dict[str, Any]) -> Schema:
    session = Session()
    columns = ", ".join(table["schema"])
    list(session.execute_script(f"CREATE TABLE t ({columns}) WITH ('connector' = 'blackhole')"))
    _, found = session.catalog.get(("t",), tree.NO_SPAN)
    assert isinstance(found, CatalogTable)
    return found.physical_schema()


def _source(source: dict[str, Any], schema: Schema) -> Table:
    parts = [source.get(name) or [] for name in ("producedBeforeRestore", "producedAfterRestore")]
    if source.get("producedValues"):
        parts = [source["producedValues"], []]
    changes = tuple(tuple(_change(row, schema) for row in part) for part in parts)
    return Table(source["name"], ", ".join(source["schema"]), changes)


def _change(row: Any, schema: Schema) -> Change:
    kinds = [column.type for column in schema.columns]
    return row.get("kind", "+I"), tuple(
        value_of(v, k) for v, k in zip(row["$row"], kinds, strict=True)
    )


def _expected(sink: dict[str, Any], schema: Schema) -> list[str]:
    """The changes the sink got from Flink, as texts."""
    if sink.get("expectedMaterializedStrings"):
        return list(sink["expectedMaterializedStrings"])
    names = ("consumedValues", "consumedBeforeRestore", "consumedAfterRestore")
    rows = [row for name in names for row in sink.get(name) or []]
    found = []
    for row in rows:
        if isinstance(row, str):
            found.append(row)
        else:
            kind, values = _change(row, schema)
            found.append(f"{kind}{java_text(values)}")
    return found


def _folded(texts: list[str], key: list[int]) -> Counter[str]:
    changes: list[Change] = [(text[:2], tuple(text[3:-1].split(", "))) for text in texts]
    return folded(changes, key)


def java_text(value: Any) -> str:
    """A value as Java's Row prints it."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case float():
            return double_text(value)
        case dt.datetime():
            text = value.replace(tzinfo=None).isoformat()
            text = text.rstrip("0") if value.microsecond else text.removesuffix(":00")
            return f"{text}Z" if value.tzinfo else text
        case tuple() | list():
            return f"[{', '.join(map(java_text, value))}]"
    return str(value)


def double_text(value: float) -> str:
    """A DOUBLE as Java prints it."""
    column = InputRef(index=0, name="x", type=DOUBLE)
    rows = pa.record_batch({"x": pa.array([value], pa.float64())})
    return str(evaluate([resolve_cast(column, STRING)], rows)[0][0].as_py())
