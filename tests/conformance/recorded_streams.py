"""Our own statements over scripted tables with what real Flink said: types, changes or error.

`cases/streams.json` holds the statements, `cases/stream_tables.json` the tables; `record_streams`
writes the recordings anew.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from tests.conformance.recordings import CASES
from tests.conformance.streams import Change, Table, folded, run

from penstock.errors import DataError, PenstockError
from penstock.expressions import InputRef, arrow_type, evaluate
from penstock.functions import resolve_cast
from penstock.types import STRING, TypeRoot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.types import Schema

R = TypeRoot


@dataclass(frozen=True, slots=True)
class RecordedStream:
    """A statement and what Flink said of it."""

    sql: str
    types: tuple[str, ...]
    changes: tuple[Change, ...]
    error: str
    message: str


def recorded_streams() -> list[RecordedStream]:
    """All recordings."""
    rows = json.loads((CASES / "streams.json").read_text(encoding="utf-8"))
    return [
        RecordedStream(
            row["sql"],
            tuple(row.get("types", ())),
            tuple(
                (kind, _members(values, row["types"])) for kind, values in row.get("changes", ())
            ),
            row.get("error", ""),
            row.get("message", "").partition(": ")[2],
        )
        for row in rows
    ]


def _members(values: list[str | None], types: list[str]) -> tuple[str | None, ...]:
    pairs = zip(values, types, strict=True)
    return tuple(sorted_sets([v])[0] if t.startswith("MULTISET") else v for v, t in pairs)


def stream_tables(*, parts: int = 1) -> list[Table]:
    """The tables, their changes cut into parts."""
    found = []
    tables = json.loads((CASES / "stream_tables.json").read_text(encoding="utf-8"))
    for name, table in tables.items():
        changes = [(kind, tuple(_values(row))) for kind, row in table["changes"]]
        size = len(changes) // parts
        cuts = [0]
        for part in range(1, parts):
            cuts.append(part * size + (changes[part * size - 1][0] == "-U"))
        ends = [*cuts[1:], len(changes)]
        key = f", PRIMARY KEY ({table['key']}) NOT ENFORCED" if table["key"] else ""
        cut = tuple(tuple(changes[a:b]) for a, b in zip(cuts, ends, strict=True))
        found.append(Table(name, table["columns"] + key, cut))
    return found


def _values(row: Sequence[Any]) -> list[Any]:
    """JSON's values as Arrow takes them."""
    found = list(row)
    for place in (7, 8):
        found[place] = None if row[place] is None else Decimal(row[place])
    found[11] = None if row[11] is None else dt.date.fromisoformat(row[11])
    found[12] = None if row[12] is None else dt.datetime.fromisoformat(row[12])
    return found


def compare(case: RecordedStream, *, rows_each: int, restore: bool) -> str:
    """What differs from the recording; empty where nothing does."""
    given = stream_tables(parts=3 if restore else 1)
    try:
        plan, found = run(given, case.sql, rows_each=rows_each, restore=restore)
    except PenstockError as error:
        return _error_differs(case, error)
    if case.error:
        return f"no error, Flink: {case.message}"
    schema = plan.sinks[0].schema
    types = tuple(column.type.sql() for column in schema.columns)
    if types != case.types:
        return f"types {types}, Flink: {case.types}"
    changes = texts(found[0], schema)
    exact = rows_each == 1 and _one_step(case.sql)
    if exact and changes != list(case.changes):
        return f"changes {changes}, Flink: {list(case.changes)}"
    got, wanted = folded(changes), folded(case.changes)
    return "" if got == wanted else f"{dict(got - wanted)}, Flink: {dict(wanted - got)}"


def _one_step(sql: str) -> bool:
    """Whether every row is one step for Flink too: over added rows, with one operator that keeps
    state and one input. Elsewhere -U and +U are two steps for it, and one for us.
    """
    nested = "(SELECT k, COUNT" in sql
    return " FROM t" in sql and not nested and "UNION" not in sql


def _error_differs(case: RecordedStream, error: PenstockError) -> str:
    if not case.error:
        return f"error: {error.message}"
    if isinstance(error, DataError) != (case.error == "runtime"):
        return f"{type(error).__name__}, Flink: {case.error}"
    said, wanted = error.message.split("\n")[0], case.message.split("\n")[0]
    return "" if said[:60] == wanted[:60] else f"error {said!r}, Flink: {wanted!r}"


def texts(changes: Sequence[Change], schema: Schema) -> list[Change]:
    """The values of changes as Flink prints them."""
    columns = []
    for place, column in enumerate(schema.columns):
        array = pa.array([row[place] for _, row in changes], arrow_type(column.type))
        ref = InputRef(index=0, name=column.name, type=column.type)
        rows = pa.RecordBatch.from_arrays([array], ["x"])
        found = evaluate([resolve_cast(ref, STRING)], rows)[0].to_pylist()
        columns.append(sorted_sets(found) if column.type.root is R.MULTISET else found)
    rows_of = zip(*columns, strict=True)
    return [(kind, row) for (kind, _), row in zip(changes, rows_of, strict=True)]


def sorted_sets(found: list[str | None]) -> list[str | None]:
    """Texts of multisets with their members in order; Java's order is that of its hashes."""
    return [text and "{" + ", ".join(sorted(text[1:-1].split(", "))) + "}" for text in found]


def summary(*, rows_each: int = 1, restore: bool = False) -> Counter[str]:
    """How many statements differ."""
    found: Counter[str] = Counter()
    for case in recorded_streams():
        found["differs" if compare(case, rows_each=rows_each, restore=restore) else "equal"] += 1
    return found
