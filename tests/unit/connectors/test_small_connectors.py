import io

import numpy as np
import pyarrow as pa
import pytest

from penstock.changelog import ChangelogBatch
from penstock.connectors.base import TableDescriptor, find_connector
from penstock.connectors.datagen import DatagenReader, DatagenSource
from penstock.connectors.print import PrintWriter
from penstock.errors import OptionError
from penstock.types import (
    ARRAY,
    BIGINT,
    BOOLEAN,
    DATE,
    DECIMAL,
    DOUBLE,
    INT,
    MAP,
    ROW,
    STRING,
    TIMESTAMP,
    Column,
    DataType,
    Schema,
)


class ManualClock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def now_ms(self) -> int:
        return int(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def schema(**columns: DataType) -> Schema:
    return Schema(tuple(Column(name, kind) for name, kind in columns.items()))


def source(options: dict[str, str], **columns: DataType) -> DatagenSource:
    return DatagenSource(TableDescriptor("c.d.t", schema(**columns), options))


def read(
    made: DatagenSource, clock: object, polls: int = 1
) -> tuple[list[ChangelogBatch], DatagenReader]:
    reader = DatagenReader(clock)  # type: ignore[arg-type]
    reader.attach("s", made, None)
    found: list[ChangelogBatch] = []
    for _ in range(polls):
        reader.poll(lambda _, batch: found.append(batch), 50)
    return found, reader


def test_a_sequence_is_bounded_and_resumes_from_its_state() -> None:
    options = {
        "rows-per-second": "1000000",
        "fields.id.kind": "sequence",
        "fields.id.start": "1",
        "fields.id.end": "5",
    }
    made = source(options, id=BIGINT)
    assert made.bounded
    clock = ManualClock()
    reader = DatagenReader(clock)
    reader.attach("s", made, {"emitted": 3})
    clock.seconds += 1
    found: list[ChangelogBatch] = []
    assert reader.poll(lambda _, batch: found.append(batch), 50) is None
    assert found[0].rows.column(0).to_pylist() == [4, 5]
    assert reader.finished("s")
    assert reader.snapshot() == {"s": {"emitted": 5, "position": "row 5"}}


def test_the_rate_is_honoured() -> None:
    clock = ManualClock()
    reader = DatagenReader(clock)
    reader.attach("s", source({"rows-per-second": "100"}, id=INT), None)
    rows = 0

    def count(_: str, batch: ChangelogBatch) -> None:
        nonlocal rows
        rows += batch.num_rows

    for _ in range(1000):
        clock.seconds += 0.002
        reader.poll(count, 5)
    assert 199 <= rows <= 201


def test_every_type_is_made() -> None:
    kinds = {
        "a": INT,
        "b": STRING,
        "c": DECIMAL(10, 2),
        "d": BOOLEAN,
        "e": DATE,
        "f": TIMESTAMP(3),
        "g": ARRAY(INT),
        "h": MAP(STRING, DOUBLE),
        "i": ROW(("x", INT), ("y", STRING)),
    }
    options = {
        "number-of-rows": "1",
        "fields.a.min": "7",
        "fields.a.max": "7",
        "fields.b.length": "6",
        "fields.i.x.max": "0",
    }
    found, _ = read(source(options, **kinds), ManualClock())
    row = found[0].rows.to_pylist()[0]
    assert row["a"] == 7
    assert len(row["b"]) == 6
    assert int(row["b"], 16) >= 0
    assert len(row["g"]) == 3
    assert row["i"]["x"] <= 0
    found[0].rows.validate(full=True)


def test_unknown_field_options_are_refused_with_the_nearest_one() -> None:
    with pytest.raises(OptionError) as caught:
        source({"fields.id.mim": "1"}, id=INT)
    assert caught.value.near_key == "fields.id.min"
    with pytest.raises(OptionError, match=r"fields.id.start"):
        source({"fields.id.kind": "sequence"}, id=INT)


def test_nulls_come_at_the_given_rate() -> None:
    found, _ = read(
        source({"number-of-rows": "1", "fields.id.null-rate": "1"}, id=INT), ManualClock()
    )
    assert found[0].rows.column(0).to_pylist() == [None]


def test_print_writes_flinks_lines() -> None:
    columns = schema(id=INT, name=STRING, score=DOUBLE, at=TIMESTAMP(3))
    rows = pa.record_batch(
        [
            pa.array([1, 2], pa.int32()),
            pa.array(["a", None]),
            pa.array([1.5, 1e10]),
            pa.array([0, 1_500_000], pa.timestamp("us")),
        ],
        schema=columns.arrow(),
    )
    out = io.StringIO()
    PrintWriter("P> ", columns, out).write(ChangelogBatch(rows, np.array([0, 3], np.int8)))
    assert out.getvalue().splitlines() == [
        "P> +I[1, a, 1.5, 1970-01-01T00:00]",
        "P> -D[2, null, 1.0E10, 1970-01-01T00:00:01.500]",
    ]


def test_connectors_are_found_by_name() -> None:
    assert find_connector("blackhole").sink is not None
    assert find_connector("print").sink is not None
    assert find_connector("datagen").source is not None
