from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from penstock.catalog import CatalogStore
from penstock.changelog import ChangelogBatch, ChangelogMode
from penstock.connectors.base import Connector, find_connector
from penstock.connectors.blackhole import BlackholeOptions, BlackholeSink
from penstock.errors import ValidationError
from penstock.operators import OperatorContext
from penstock.operators.drop_update_before import DropUpdateBeforeSpec
from penstock.plan import PhysicalPlan, SourceNode, TransformNode
from penstock.plan.physical import PlanNode
from penstock.planner import explain_plan
from penstock.planner.bind import tables
from penstock.session import Session
from penstock.sql import parse_script
from penstock.types import BIGINT, TIMESTAMP_LTZ, Column, Schema

TABLES = """
CREATE TABLE cdc (id BIGINT, name STRING, op_at TIMESTAMP_LTZ(3) METADATA FROM 'op_ts' VIRTUAL,
  PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'changes');
CREATE TABLE up (id BIGINT, name STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'blackhole');
CREATE TABLE ins (id BIGINT, name STRING) WITH ('connector' = 'inserts');
"""


@dataclass
class Changes:
    schema: Schema


@pytest.fixture(autouse=True)
def _connectors(monkeypatch: pytest.MonkeyPatch) -> None:
    real = find_connector
    made = {
        "changes": Connector(
            "changes",
            BlackholeOptions,
            source=lambda table: Changes(table.schema),  # type: ignore[arg-type, return-value]
            source_mode=lambda _: ChangelogMode.all(),
            metadata={"op_ts": TIMESTAMP_LTZ(3)},
        ),
        "inserts": Connector("inserts", BlackholeOptions, sink=BlackholeSink),
    }
    monkeypatch.setattr(tables, "find_connector", lambda name: made.get(name) or real(name))


def plan(insert: str) -> PhysicalPlan:
    session = Session()
    list(session.execute_script(TABLES))
    return session.planner.inserts([parse_script(insert).statements[0]])  # type: ignore[list-item]


def operators(node: PlanNode) -> list[str]:
    if isinstance(node, TransformNode):
        return [node.spec.explain(), *operators(node.input)]
    return []


def test_update_before_is_dropped_where_the_keys_agree() -> None:
    found = operators(plan("INSERT INTO up SELECT id, name FROM cdc").sinks[0].input)
    assert found[-1] == "DropUpdateBefore", "right above the source"


def test_a_filter_or_another_key_keeps_update_before() -> None:
    for insert in (
        "INSERT INTO up SELECT id, name FROM cdc WHERE name = 'a'",
        "INSERT INTO up SELECT id + 1, name FROM cdc",
    ):
        assert "DropUpdateBefore" not in operators(plan(insert).sinks[0].input)


def test_an_insert_only_sink_refuses_updates() -> None:
    with pytest.raises(
        ValidationError, match="doesn't support consuming update and delete changes"
    ) as caught:
        plan("INSERT INTO ins SELECT id, name FROM cdc")
    assert (
        "TableSourceScan(table=[[default_catalog, default_database, cdc]]" in caught.value.message
    )


def test_metadata_columns_are_delivered_behind_the_physical_ones() -> None:
    node = plan("INSERT INTO up SELECT id, CAST(op_at AS STRING) FROM cdc").sinks[0].input
    while isinstance(node, TransformNode):
        node = node.input
    assert isinstance(node, SourceNode)
    assert node.schema.names == ["id", "name", "op_at"]
    assert node.schema.primary_key == ("id",)


def test_unknown_metadata_keys_are_refused() -> None:
    session = Session()
    list(
        session.execute_script(
            "CREATE TABLE t (a STRING METADATA FROM 'op_tz') WITH ('connector' = 'changes')"
        )
    )
    with pytest.raises(ValidationError, match="Invalid metadata key 'op_tz'") as caught:
        list(session.execute_script("EXPLAIN SELECT a FROM t"))
    assert "op_ts" in caught.value.hint


def test_union_is_explained_as_a_tree() -> None:
    text = explain_plan(
        plan("INSERT INTO up SELECT id, name FROM cdc UNION ALL SELECT id, 'x' FROM cdc")
    )
    assert ":- TableSourceScan" in text or ":- Calc" in text
    assert "+- Calc(select=[id" in text


def test_update_before_rows_are_dropped() -> None:
    rows = pa.record_batch({"id": pa.array([1, 1, 2])})
    found: list[ChangelogBatch] = []
    out = SimpleNamespace(emit=found.append)
    operator = DropUpdateBeforeSpec(Schema((Column("id", BIGINT),))).create(OperatorContext())
    operator.process(ChangelogBatch(rows, np.array([1, 2, 3], np.int8)), out)
    assert found[0].kinds is not None
    assert found[0].kinds.tolist() == [2, 3]


def test_names_are_resolved_in_the_current_database_and_temporary_ones_first() -> None:
    session = Session()
    list(
        session.execute_script(
            "CREATE DATABASE d; CREATE TABLE d.t (a INT) WITH ('connector' = 'x');"
            "CREATE TEMPORARY TABLE d.t (b INT) WITH ('connector' = 'y'); USE d;"
        )
    )
    path, table = session.catalog.get(("t",))
    assert str(path) == "default_catalog.d.t"
    assert [c.name for c in table.columns] == ["b"]  # type: ignore[union-attr]
    with pytest.raises(ValidationError, match="not found") as caught:
        CatalogStore().get(("no", "such", "t"))
    assert not caught.value.hint
