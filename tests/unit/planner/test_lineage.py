"""Columns of sinks are traced to the columns of sources they are, not to those of like names."""

from __future__ import annotations

from tests.conformance.streams import Table, planned, scripted

from penstock.planner.lineage import origins


def traced(query: str, columns: str) -> list[str]:
    given = [Table("t", "k STRING, v BIGINT", mode="I,UB,UA,D"), Table("s", columns)]
    with scripted(given):
        sink = planned(given, f"INSERT INTO s {query}", {}).sinks[0]
    return [
        "".join(origin.column.name for origin in origins(sink.input, index)) or "-"
        for index in range(len(sink.schema.columns))
    ]


def test_keys_are_passed_on_and_results_are_not() -> None:
    grouped = "SELECT k, SUM(v) AS v FROM t GROUP BY k"
    assert traced(grouped, "k STRING, v BIGINT") == ["k", "-"]
    top = (
        "SELECT v, k, rn FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY v) AS rn FROM t) WHERE rn < 3"
    )
    assert traced(top, "v BIGINT, k STRING, rn BIGINT") == ["v", "k", "-"]
    sets = "SELECT k, v, COUNT(*) FROM t GROUP BY CUBE (k, v)"
    assert traced(sets, "k STRING, v BIGINT, n BIGINT") == ["k", "v", "-"]
