"""GROUP BY over random changes: the folded result is that of the folded input, however it is fed."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from tests.conformance.streams import Change, Table, folded, planned, run, scripted

from penstock.changelog import ChangelogBatch
from penstock.clock import SystemClock
from penstock.errors import PenstockError
from penstock.operators.accumulators import AggregateCall, GroupState
from penstock.planner import physical_text
from penstock.testing import ManualClock
from penstock.types import INT, STRING, Column, Schema

COLUMNS = "id INT NOT NULL, k STRING, v INT, d DECIMAL(10, 2), f DOUBLE"
QUERY = """
INSERT INTO s SELECT k, COUNT(*), COUNT(v), SUM(v), AVG(v), MIN(v), MAX(d), SUM(d), AVG(d),
  COUNT(DISTINCT v), SUM(DISTINCT v), SUM(v) FILTER (WHERE v > 2), MAX(k), MIN(f), LISTAGG(k, '+'),
  COUNT(DISTINCT d) FILTER (WHERE v < 8)
FROM t GROUP BY k"""
RESULT = """k STRING, n BIGINT, nv BIGINT, sv INT, av INT, mi INT, mx DECIMAL(10, 2), sd DECIMAL(38, 2),
  ad DECIMAL(38, 6), dv BIGINT, sdv INT, sf INT, mk STRING, mf DOUBLE, l STRING, dd BIGINT"""


def row(seed: random.Random) -> tuple[Any, ...]:
    return (
        seed.randrange(1000),
        seed.choice(["a", "b", "c", "a longer key than eight bytes", None]),
        seed.choice([None, *range(-3, 12)]),
        seed.choice([None, Decimal(seed.randrange(-500, 500)).scaleb(-2)]),
        seed.choice([None, 0.5, 1.5, -2.0]),
    )


def changes(seed: random.Random, count: int) -> list[Change]:
    there: list[tuple[Any, ...]] = []
    found: list[Change] = []
    for _ in range(count):
        what = seed.random()
        if there and what < 0.3:
            found.append(("-D", there.pop(seed.randrange(len(there)))))
        elif there and what < 0.6:
            place = seed.randrange(len(there))
            new = row(seed)
            found += [("-U", there[place]), ("+U", new)]
            there[place] = new
        else:
            there.append(row(seed))
            found.append(("+I", there[-1]))
    return found


def rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.000001"), "ROUND_HALF_UP")


def expected(parts: list[list[Change]]) -> Counter[str]:
    rows: list[tuple[Any, ...]] = []
    for kind, values in (change for part in parts for change in part):
        if kind in {"+I", "+U"}:
            rows.append(values)
        else:
            rows.remove(values)
    groups: dict[Any, list[tuple[Any, ...]]] = defaultdict(list)
    for values in rows:
        groups[values[1]].append(values)
    found: Counter[str] = Counter()
    for key, members in groups.items():
        v = [m[2] for m in members if m[2] is not None]
        d = [m[3] for m in members if m[3] is not None]
        f = [m[4] for m in members if m[4] is not None]
        big = [x for x in v if x > 2]
        few = {m[3] for m in members if m[2] is not None and m[2] < 8 and m[3] is not None}
        some = bool(v)
        found[
            repr(
                (
                    key,
                    len(members),
                    len(v),
                    sum(v) if some else None,
                    int(sum(v) / len(v)) if some else None,
                    min(v, default=None),
                    max(d, default=None),
                    sum(d) if d else None,
                    rounded(sum(d, Decimal()) / len(d)) if d else None,
                    len(set(v)),
                    sum(set(v)) if some else None,
                    sum(big) if big else None,
                    key,
                    min(f, default=None),
                    None if key is None else "+".join([key] * len(members)),
                    len(few),
                )
            )
        ] += 1
    return found


@pytest.mark.parametrize("number", range(2))
@pytest.mark.parametrize(("rows_each", "restore"), [(1, False), (7, True), (1000, True)])
def test_random_changes(number: int, rows_each: int, restore: bool) -> None:
    seed = random.Random(number)
    script = changes(seed, 160)
    cut = [i for i in range(0, 160, 40) if script[i - 1][0] != "-U"]
    parts = [script[a:b] for a, b in zip(cut, [*cut[1:], len(script)], strict=True)]
    given = Table("t", COLUMNS, tuple(map(tuple, parts)))
    _, found = run([given, Table("s", RESULT)], QUERY, rows_each=rows_each, restore=restore)
    assert folded(found[0]) == expected(parts)


def test_rows_that_are_only_added() -> None:
    seed = random.Random(5)
    part = [("+I", row(seed)) for _ in range(300)]
    for rows_each in (1, 50):
        _, found = run(
            [Table("t", COLUMNS, (tuple(part),)), Table("s", RESULT)], QUERY, rows_each=rows_each
        )
        assert folded(found[0]) == expected([part])


COUNTS = "INSERT INTO s SELECT k, COUNT(*) FROM t GROUP BY k"


def counted(*kinds_and_keys: str, **options: Any) -> list[str]:
    part = [(text[:2], (text[2:],)) for text in kinds_and_keys]
    given = [Table("t", "k STRING", (tuple(part),)), Table("s", "k STRING, n BIGINT")]
    _, found = run(given, COUNTS, **options)
    return [f"{kind}[{', '.join(map(str, values))}]" for kind, values in found[0]]


def test_changes_are_flinks_where_rows_come_one_by_one() -> None:
    assert counted("+Ix", "+Iy", "+Ix") == ["+I[x, 1]", "+I[y, 1]", "-U[x, 1]", "+U[x, 2]"]
    assert counted("+Ix", "-Dx", "-Dx", "+Ix") == ["+I[x, 1]", "-D[x, 1]", "+I[x, 1]"]
    moved = ["+I[x, 1]", "-D[x, 1]", "+I[y, 1]"]
    assert counted("+Ix", "-Ux", "+Uy") == moved


def test_a_batch_is_folded_by_key() -> None:
    assert counted("+Ix", "+Iy", "+Ix", "-Dy", rows_each=9) == ["+I[x, 2]"]


def test_what_was_never_seen_is_not_taken_back() -> None:
    unseen = ("-Ux", "+Ux", "+Iy", "-Dy", "-Dy", "+Iy")
    assert counted(*unseen)[-1] == "+I[y, 1]"
    assert counted(*unseen, rows_each=9) == ["+I[x, 1]", "+I[y, 1]"]


@pytest.mark.parametrize("number", range(3))
def test_unseen_rows_count_the_same_in_batches(number: int) -> None:
    seed = random.Random(number)
    part = tuple((seed.choice(["+I", "-D", "-D"]), (seed.choice("abc"), 2)) for _ in range(200))
    given = [Table("t", "k STRING, v INT", (part,)), Table("s", "k STRING, n BIGINT, v INT")]
    insert = "INSERT INTO s SELECT k, COUNT(*), SUM(v) FROM t GROUP BY k"
    singly, *batched = [run(given, insert, rows_each=n)[1][0] for n in (1, 7, 200)]
    assert folded(singly)
    assert all(folded(found) == folded(singly) for found in batched)


def test_a_group_that_ends_leaves_no_value_to_the_next() -> None:
    part = (("+I", ("a", 5)), ("-D", ("a", 6)), ("+I", ("b", 9)))
    given = [Table("t", "k STRING, v INT", (part,)), Table("s", "k STRING, m INT, x INT")]
    insert = "INSERT INTO s SELECT k, MIN(v), MAX(v) FROM t GROUP BY k"
    assert run(given, insert)[1][0][-1] == ("+I", ("b", 9, 9))


def test_a_slot_used_again_with_values_in_it_is_noticed() -> None:
    given = Schema((Column("k", STRING), Column("v", INT)))
    state = GroupState(given, (0,), (AggregateCall("MIN", (1,), INT),), retract=True)

    def slots_of(key: str) -> Any:
        rows = pa.record_batch({"k": pa.array([key]), "v": pa.array([5], pa.int32())})
        slots = state.slots(ChangelogBatch(rows))
        state.check_new(slots)
        state.accumulate(ChangelogBatch(rows), slots)
        return slots

    state.remove(slots_of("a"))
    state.table.remove(slots_of("b"))
    with pytest.raises(AssertionError):
        slots_of("c")


def test_batch_mode_sends_results_once_at_the_end() -> None:
    batch = {"execution.runtime-mode": "BATCH"}
    assert counted("+Ix", "+Iy", "+Ix", settings=batch) == ["+I[x, 2]", "+I[y, 1]"]
    everything = [Table("t", "k STRING"), Table("s", "n BIGINT, m STRING")]
    insert = "INSERT INTO s SELECT COUNT(*), MAX(k) FROM t"
    assert run(everything, insert, settings=batch)[1] == [[("+I", (0, None))]]
    assert run(everything, insert)[1] == [[]]


def test_a_group_whose_time_is_up_starts_anew() -> None:
    clock = ManualClock()
    settings = {"table.exec.state.ttl": "1 s"}
    given = [
        Table("t", "k STRING, v INT", ((("+I", ("x", 1)),), (("+I", ("x", 1)),))),
        Table("s", "k STRING, n BIGINT, d BIGINT, m INT"),
    ]
    insert = "INSERT INTO s SELECT k, COUNT(*), COUNT(DISTINCT v), MAX(v) FROM t GROUP BY k"
    _, found = run(given, insert, settings=settings, clock=Ticking(clock, 5000))
    assert [change for change, _ in found[0]] == ["+I", "+I"]
    _, found = run(given, insert, settings=settings, clock=Ticking(clock, 10))
    assert found[0][-1] == ("+U", ("x", 2, 1, 1))


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        ("STATE_TTL('t' = 'soon')", "invalid duration 'soon' in hint STATE_TTL"),
        ("STATE_TTL('u' = '1 d')", "cannot match the name of input tables"),
        ("BROADCAST(t)", "hint BROADCAST"),
    ],
)
def test_hints_are_understood_or_refused(hint: str, message: str) -> None:
    given = [Table("t", "k STRING"), Table("s", "k STRING, n BIGINT")]
    with pytest.raises(PenstockError, match=message):
        run(given, f"INSERT INTO s SELECT /*+ {hint} */ k, COUNT(*) FROM t GROUP BY k")


class Ticking(SystemClock):
    """A clock that moves whenever somebody looks at it."""

    def __init__(self, clock: ManualClock, step_ms: int) -> None:
        self._step_ms = step_ms
        self._shown_ms = clock.now_ms()

    def now_ms(self) -> int:
        self._shown_ms += self._step_ms
        return self._shown_ms


def test_what_needs_update_before_gets_it() -> None:
    given = [
        Table("t", "id INT PRIMARY KEY NOT ENFORCED, k STRING", mode="I,UB,UA,D"),
        Table("s", "k STRING PRIMARY KEY NOT ENFORCED, n BIGINT"),
        Table("r", "n BIGINT PRIMARY KEY NOT ENFORCED, m BIGINT"),
    ]
    with scripted(given):
        one = planned(given, COUNTS, {})
        nested = f"INSERT INTO r SELECT n, COUNT(*) FROM ({COUNTS[14:]}) AS x (k, n) GROUP BY n"
        two = planned(given, nested, {})
    text = physical_text(one, changes=True)
    assert "COUNT_RETRACT(*) AS EXPR$1], changelogMode=[I,UA,D])" in text
    text = physical_text(two, changes=True)
    assert text.count("changelogMode=[I,UB,UA,D]") == 4
    assert text.count("changelogMode=[I,UA,D]") == 1
