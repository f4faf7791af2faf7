"""Joins and windows give what real Flink gave, however their rows arrive."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.recorded_streams import texts
from tests.conformance.recordings import CASES
from tests.conformance.streams import Table, folded, run

from penstock.errors import SqlError

if TYPE_CHECKING:
    from penstock.plan import PhysicalPlan

CONTENT = json.loads((CASES / "time_streams.json").read_text(encoding="utf-8"))
RECORDED = CONTENT["cases"]
WAYS = ((1, False), (3, True), (1000, False))
SETTINGS = {"table.local-time-zone": "UTC"}


def _tables() -> list[Table]:
    return [
        Table(name, table["columns"], _parts([_row(row) for row in table["rows"]]))
        for name, table in CONTENT["tables"].items()
    ]


def _row(values: list[Any]) -> tuple[str, tuple[Any, ...]]:
    return "+I", tuple(
        dt.datetime.fromisoformat(v) if isinstance(v, str) and v[:2] == "20" else v for v in values
    )


def _parts(changes: list[Any]) -> tuple[tuple[Any, ...], ...]:
    return tuple(changes[:4]), tuple(changes[4:])


def _run(sql: str, rows_each: int, *, restore: bool) -> tuple[PhysicalPlan, list[Any]]:
    script = ";".join([*CONTENT["views"], sql])
    plan, found = run(_tables(), script, rows_each=rows_each, restore=restore, settings=SETTINGS)
    return plan, found[0]


@pytest.mark.parametrize("case", [c for c in RECORDED if "error" not in c], ids=lambda c: c["sql"])
def test_rows_are_those_of_flink(case: dict[str, Any]) -> None:
    wanted = folded([(kind, tuple(row)) for kind, row in case["changes"]])
    types = [text.replace(" *ROWTIME*", "") for text in case["types"]]
    for rows_each, restore in WAYS:
        plan, found = _run(case["sql"], rows_each, restore=restore)
        schema = plan.sinks[0].schema
        assert [column.type.sql() for column in schema.columns] == types
        assert folded(texts(found, schema)) == wanted, (rows_each, restore)


@pytest.mark.parametrize("case", [c for c in RECORDED if "error" in c], ids=lambda c: c["sql"])
def test_what_flink_refuses_is_refused_in_its_words(case: dict[str, Any]) -> None:
    with pytest.raises(SqlError) as failed:
        _run(case["sql"], 1, restore=False)
    assert case["message"].partition(": ")[2].startswith(failed.value.message.split("\n")[0])
