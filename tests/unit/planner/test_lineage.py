"""Columns of sinks are traced to the columns of sources they are, not to those of like names."""

from __future__ import annotations

from tests.conformance.streams import Table, planned, scripted

from penstock.planner.lineage import origins


def traced(query: str, columns: str, source: str = "") -> list[str]:
    first = Table("t", source) if source else Table("t", "k STRING, v BIGINT", mode="I,UB,UA,D")
    given = [first, Table("s", columns)]
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


def test_what_windows_and_unnest_add_comes_from_nowhere() -> None:
    timed = "k STRING, ts TIMESTAMP(3), a ARRAY<INT>, WATERMARK FOR ts AS ts"
    window = "TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' SECOND))"
    rows = f"SELECT k, window_start, window_time FROM {window}"
    assert traced(rows, "k STRING, a TIMESTAMP(3), b TIMESTAMP(3)", timed) == ["k", "-", "-"]
    grouped = f"SELECT window_end, k, COUNT(*) FROM {window} GROUP BY k, window_start, window_end"
    assert traced(grouped, "e TIMESTAMP(3), k STRING, n BIGINT", timed) == ["-", "k", "-"]
    elements = "SELECT e, k FROM t CROSS JOIN UNNEST(a) AS u (e)"
    assert traced(elements, "e INT, k STRING", timed) == ["-", "k"]
