"""Joins keep the columns that are used, and no others."""

from __future__ import annotations

import pytest
from tests.conformance.streams import Table, folded, planned, run, scripted

from penstock.operators.join import JoinSpec
from penstock.plan import PairNode, SourceNode, TransformNode
from penstock.plan.physical import PlanNode

TABLES = [
    Table(
        "o", "id INT, c INT, x STRING, y STRING, PRIMARY KEY (id) NOT ENFORCED", mode="I,UB,UA,D"
    ),
    Table("c", "id INT, name STRING, z STRING, PRIMARY KEY (id) NOT ENFORCED", mode="I,UB,UA,D"),
    Table("e", "k INT, v STRING, w STRING"),
]


def _joins(node: PlanNode) -> list[JoinSpec]:
    if isinstance(node, SourceNode):
        return []
    children = (node.input,) if isinstance(node, TransformNode) else node.inputs
    own = [node.spec] if isinstance(node, PairNode) and isinstance(node.spec, JoinSpec) else []
    return own + [spec for child in children for spec in _joins(child)]


@pytest.mark.parametrize(
    ("sql", "sides"),
    [
        ("SELECT o.x, c.name FROM o JOIN c ON o.c = c.id", [(["id", "c", "x"], ["id", "name"])]),
        (
            "SELECT o.id FROM o JOIN c ON o.c = c.id AND o.y < c.z",
            [(["id", "c", "y"], ["id", "z"])],
        ),
        ("SELECT COUNT(*) FROM e, c", [(["k"], ["id"])]),
        (
            "SELECT o.x, e.v FROM o JOIN c ON o.c = c.id JOIN e ON c.name = e.v",
            [(["id", "x", "name"], ["v"]), (["id", "c", "x"], ["id", "name"])],
        ),
        ("SELECT v FROM e WHERE k IN (SELECT id FROM c)", [(["k", "v"], ["id"])]),
        ("SELECT e.v FROM e LEFT JOIN o ON e.k = o.c + 1", [(["k", "v"], ["id", "$f4"])]),
    ],
)
def test_columns_nobody_uses_are_dropped_below(
    sql: str, sides: list[tuple[list[str], list[str]]]
) -> None:
    with scripted(TABLES):
        plan = planned(TABLES, sql, {})
    found = [(spec.left.names, spec.right.names) for spec in _joins(plan.sinks[0].input)]
    assert found == sides


def test_rows_that_differ_in_dropped_columns_alone_stay_several() -> None:
    rows = tuple(("+I", (1, "v", w)) for w in ("a", "b", "c"))
    tables = [
        Table("e", TABLES[2].columns, (rows, (("-D", (1, "v", "b")),))),
        Table("f", "k INT", ((("+I", (1,)),), ())),
    ]
    for restore in (False, True):
        _, found = run(tables, "SELECT v FROM e JOIN f ON e.k = f.k", restore=restore)
        assert folded(found[0]) == {"('v',)": 2}
