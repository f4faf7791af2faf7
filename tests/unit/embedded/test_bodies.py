"""Bodies of loads: framing, conversion, derived columns, and what is said of bad rows."""

from __future__ import annotations

import bz2
import gzip
import zlib
from typing import Any

import pyarrow as pa
import pytest

from penstock.embedded.starrocks.load import LoadOptions, ParsedLoad, parse_body
from penstock.embedded.starrocks.model import ColumnDef, ServerError, TableDef

PAIRS = TableDef("d", "t", [ColumnDef("a", "int"), ColumnDef("b", "varchar(40)")], "DUPLICATE")
KEYED = TableDef(
    "d",
    "k",
    [ColumnDef("id", "int", nullable=False, key=True), ColumnDef("v", "varchar(5)")],
    "PRIMARY",
    ["id"],
)


def table_of(*columns: tuple[str, str]) -> TableDef:
    return TableDef("d", "t", [ColumnDef(name, kind) for name, kind in columns], "DUPLICATE")


def load(body: bytes | str, table: TableDef = PAIRS, /, **headers: str) -> ParsedLoad:
    raw = body.encode() if isinstance(body, str) else body
    return parse_body(table, raw, LoadOptions.from_headers(headers))


def rows(parsed: ParsedLoad) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in parsed.rows.to_pylist()]


def arrow_compressed(codec: str, data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(data)
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param("1\tx\n2\ty z\n", {}, id="defaults"),
        pytest.param("1\tx\n\n2\ty z", {}, id="blank line, no last delimiter"),
        pytest.param("1||x\n2||y z\n", {"column_separator": "||"}, id="two characters"),
        pytest.param("1§x\n2§y z\n", {"column_separator": "§"}, id="not ascii"),
        pytest.param(
            b"1\x01x\x022\x01y z\x02",
            {"column_separator": "\\x01", "row_delimiter": "\\x02"},
            id="hex",
        ),
        pytest.param(
            b"1\x01\x02x\x03\x042\x01\x02y z",
            {"column_separator": "\\x0102", "row_delimiter": "\\x0304"},
            id="hex of two bytes",
        ),
        pytest.param("1,x|2,y z|", {"column_separator": ",", "row_delimiter": "|"}, id="pipe rows"),
        pytest.param("h\th\n1\tx\n2\ty z\n", {"skip_header": "1"}, id="header"),
        pytest.param(" 1 , x \n2,  y z", {"column_separator": ",", "trim_space": "true"}, id="trim"),
        pytest.param('1,"x"\n2,"y z"\n', {"column_separator": ",", "enclose": '"'}, id="enclose"),
        pytest.param(
            ' 1 , "x" \n2, "y z"\n',
            {"column_separator": ",", "enclose": '"', "trim_space": "true"},
            id="enclose and trim",
        ),
        pytest.param(
            "h|||h\n1|||'x'\n'2'|||'y z'\n",
            {"column_separator": "|||", "enclose": "'", "skip_header": "1"},
            id="enclose, three characters, header",
        ),
        pytest.param(gzip.compress(b"1\tx\n2\ty z\n", mtime=0), {"compression": "gzip"}, id="gzip"),
        pytest.param(bz2.compress(b"1\tx\n2\ty z\n"), {"format": "bzip2"}, id="bzip2"),
        pytest.param(zlib.compress(b"1\tx\n2\ty z\n"), {"format": "deflate"}, id="deflate"),
        pytest.param(arrow_compressed("lz4", b"1\tx\n2\ty z\n"), {"compression": "lz4_frame"}, id="lz4"),
        pytest.param(arrow_compressed("zstd", b"1\tx\n2\ty z\n"), {"format": "zstd"}, id="zstd"),
        pytest.param('{"a":1,"b":"x"} {"a":"2","b":"y z","c":3}', {"format": "json"}, id="json"),
        pytest.param(
            '[{"a":1,"b":"x"},{"b":"y z","a":2}]',
            {"format": "json", "strip_outer_array": "true"},
            id="json array",
        ),
        pytest.param(
            '{"r":{"s":[{"a":1,"b":"x"},{"a":2,"b":"y z"}]}}',
            {"format": "json", "strip_outer_array": "true", "json_root": "$.r.s"},
            id="json root",
        ),
        pytest.param(
            '[{"k":{"i":1},"v":["x"]},{"k":{"i":2},"v":["y z"]}]',
            {
                "format": "json",
                "strip_outer_array": "true",
                "jsonpaths": '["$.v[0]", "$.k.i"]',
                "columns": "b, a",
            },
            id="json paths",
        ),
        pytest.param(
            arrow_compressed("lz4", b'[{"a":1,"b":"x"},{"a":2,"b":"y z"}]'),
            {"format": "json", "strip_outer_array": "true", "compression": "lz4_frame"},
            id="json lz4",
        ),
    ],
)  # fmt: skip
def test_every_framing_gives_the_same_rows(body: bytes | str, headers: dict[str, str]) -> None:
    assert rows(load(body, **headers)) in ([(1, "x"), (2, "y z")], [("x", 1), ("y z", 2)])


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ('1,"a,b\n""c"""\n', {"column_separator": ",", "enclose": '"'}),
        ('1||"a,b\n""c"""\n', {"column_separator": "||", "enclose": '"'}),
        ("1,'a,b\n\"c\"'\n", {"column_separator": ",", "enclose": "'"}),
        ('1,"a,b\n\\"c\\""\n', {"column_separator": ",", "enclose": '"', "escape": "\\"}),
        ('1||"a,b\n\\"c\\""\n', {"column_separator": "||", "enclose": '"', "escape": "\\"}),
        ('1\x01a,b\n"c"\x02', {"column_separator": "\\x01", "row_delimiter": "\\x02"}),
    ],
)
def test_separators_and_quotes_inside_of_values(body: str, headers: dict[str, str]) -> None:
    assert rows(load(body, **headers)) == [(1, 'a,b\n"c"')]


def test_carriage_returns_are_text() -> None:
    assert rows(load("1\ta\rb\r\n2\tc\n")) == [(1, "a\rb\r"), (2, "c")]
    assert rows(load(b"1\ta\rb\x022\tc\n\x02", row_delimiter="\\x02")) == [(1, "a\rb"), (2, "c\n")]


def test_backslash_n_is_null_and_nothing_is_an_empty_text() -> None:
    assert rows(load("\\N\t\\N\n1\t\n")) == [(None, None), (1, "")]
    assert rows(load("\t\n")) == [(None, "")]


def test_rows_that_are_not_cut_right() -> None:
    parsed = load("1\tx\n2\n3\ty\tz\n", max_filter_ratio="1")
    assert rows(parsed) == [(1, "x")]
    assert (parsed.total, parsed.filtered) == (3, 2)
    assert parsed.errors == [
        "Error: Target column count: 2 doesn't match source value column count: 1. "
        "Column separator: '\\t', Row delimiter: '\\n'. Row: 2",
        "Error: Target column count: 2 doesn't match source value column count: 3. "
        "Column separator: '\\t', Row delimiter: '\\n'. Row: 3\ty\tz",
    ]
    parsed = load(b"1\t\xff\xfe\n2\ty\n")
    assert rows(parsed) == [(2, "y")]
    assert parsed.errors[0].startswith("Error: Invalid UTF-8 row. Row: 1\t")


CONVERSIONS = [
    ("boolean", ["true", "FALSE", "1", "0", "7"], [True, False, True, False, True]),
    ("tinyint", ["-128", "127", " 5 "], [-128, 127, 5]),
    ("largeint", ["17014118346046923173168730371588410572"], ["17014118346046923173168730371588410572"]),
    ("double", ["1e3", "-0.5"], [1000.0, -0.5]),
    ("decimal(5,2)", ["1.005", "-2.345", "999.99"], ["1.01", "-2.35", "999.99"]),
    ("date", ["2024-02-29", "20240229", "2024-2-9", "2024-02-29 10:00:00"],
     ["2024-02-29", "2024-02-29", "2024-02-09", "2024-02-29"]),
    ("datetime", ["2024-02-29 01:02:03.4567899", "2024-02-29T01:02", "20240229010203", "20240229"],
     ["2024-02-29 01:02:03.456789", "2024-02-29 01:02:00", "2024-02-29 01:02:03", "2024-02-29 00:00:00"]),
    ("json", ['{"a":[1,2.50]}', "7", "text"], ['{"a": [1, 2.50]}', "7", '"text"']),
]  # fmt: skip
WRONG = [
    ("boolean", "yes"), ("tinyint", "128"), ("int", "1.5"), ("int", "x"), ("bigint", "1e3"),
    ("double", "x"), ("decimal(5,2)", "1000"), ("date", "2024-02-30"), ("date", "epoch"),
    ("datetime", "2024-02-29 01:02:03+08:00"), ("varchar(3)", "äöü"), ("json", "{x"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "given", "wanted"), CONVERSIONS, ids=[c[0] for c in CONVERSIONS])
def test_conversion(kind: str, given: list[str], wanted: list[Any]) -> None:
    parsed = load("\n".join(given), table_of(("a", kind)))
    found = [value for (value,) in rows(parsed)]
    assert [v if isinstance(v, bool | int | float) else str(v) for v in found] == wanted


@pytest.mark.parametrize(("kind", "text"), WRONG, ids=[f"{kind} {text}" for kind, text in WRONG])
def test_what_cannot_be_converted(kind: str, text: str) -> None:
    table = table_of(("k", "int"), ("a", kind))
    assert rows(load(f"1\t{text}\n", table)) == [(1, None)]
    strict = load(f"1\t{text}\n2\t\\N\n", table, strict_mode="true")
    assert rows(strict) == [(2, None)]
    assert strict.filtered == 1
    shown = table.columns[1].type
    assert strict.errors == [
        f"Error: The field (name = a, pos = 1) is out of range. Type: {shown}, Value length: "
        f"{len(text.encode())}, Value: {text}. Row: [1, {text}]"
    ]
    table.columns[1].nullable = False
    parsed = load(f"1\t{text}\n", table)
    assert (rows(parsed), parsed.filtered) == ([], 1)
    wanted = f"Error: NULL value in non-nullable column 'a'. Row: [1, {text}]"
    assert parsed.errors == [wanted]


def test_derived_columns_and_where() -> None:
    parsed = load(
        "1\t10\tx\n2\t20\ty\n3\t30\tz\n",
        columns="n, factor, word, a = n * factor, b = concat(upper(word), '!')",
        where="factor < 30",
    )
    assert rows(parsed) == [(10, "X!"), (40, "Y!")]
    assert (parsed.total, parsed.unselected, parsed.filtered) == (3, 1, 0)
    with pytest.raises(ServerError, match="cannot evaluate"):
        load("1\tx\n", columns="a, t, b = no_such_function(t)")


def test_the_time_zone_of_functions() -> None:
    table = table_of(("a", "datetime"))
    for zone, hour in (("Asia/Shanghai", 8), ("UTC", 0), ("+05:00", 5)):
        parsed = load("0\n", table, columns="s, a = from_unixtime(s)", timezone=zone)
        assert parsed.rows.column("a")[0].as_py().hour == hour
    with pytest.raises(ServerError, match="Invalid time zone"):
        load("0\n", table, timezone="Mars/Olympus")


@pytest.mark.parametrize(
    ("body", "ops"),
    [("1\tx\t0\n2\ty\t1\n", [0, 1]), ("1\tx\tupsert\n2\ty\tDELETE\n", [0, 1])],
)
def test_op_as_a_field(body: str, ops: list[int]) -> None:
    parsed = load(body, KEYED, columns="id, v, __op")
    assert parsed.ops is not None
    assert parsed.ops.to_pylist() == ops


def test_op_in_other_ways() -> None:
    parsed = load("1\n2\n", KEYED, columns="id, __op='delete'")
    assert parsed.ops is not None
    assert parsed.ops.to_pylist() == [1, 1]
    objects = '[{"id":1,"v":"x"},{"id":2,"__op":1}]'
    parsed = load(objects, KEYED, format="json", strip_outer_array="true", max_filter_ratio="1")
    assert parsed.ops is not None
    assert parsed.ops.to_pylist() in ([0, 1], [1])
    wrong = load("1\tx\t7\n", KEYED, columns="id, v, __op")
    assert wrong.errors == ["Error: Invalid op type. Row: [1, x, 7]"]


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({"negative": "true"}, "negative load is not supported"),
        ({"format": "parquet"}, "unknown data format, format=parquet"),
        ({"compression": "rar"}, "unknown compression type"),
        ({"max_filter_ratio": "2"}, "between 0 and 1"),
        ({"skip_header": "-1"}, "skip_header"),
        ({"strict_mode": "maybe"}, "Must be bool type"),
        ({"jsonpaths": "{"}, "Invalid json path"),
        ({"enclose": "ab"}, "must be one byte"),
        ({"column_separator": "\\x0"}, "Invalid delimiter"),
        ({"envelope": "debezium"}, "not supported by the embedded server"),
        ({"partial_update_mode": "odd"}, "Unsupported partial update mode"),
        ({"partial_update": "true"}, "Only primary key table support partial update"),
        ({"merge_condition": "b"}, "Conditional update only support primary key table"),
        ({"partitions": "p9"}, "unknown partition p9"),
        ({"format": "json"}, "strip_outer_array=true"),
        ({"columns": "a, b, c = a"}, "Column 'c' does not exist"),
        ({"format": "gzip"}, "cannot decompress"),
    ],
)
def test_headers_that_are_refused(headers: dict[str, str], text: str) -> None:
    with pytest.raises(ServerError) as caught:
        load("[1]", **headers)
    assert text in caught.value.message


def test_bodies_of_json_that_are_refused() -> None:
    for body in ('{"a":', "{'a':1}", '{"a":NaN}', b'{"a":"\xff"}', "[" * 100_000):
        with pytest.raises(ServerError, match="Failed to parse json"):
            load(body, format="json")
    with pytest.raises(ServerError, match="should be array type"):
        load('{"a":1}', format="json", strip_outer_array="true")
    parsed = load('[{"a":1,"b":"x"}, 5]', format="json", strip_outer_array="true")
    assert (rows(parsed), parsed.filtered) == ([(1, "x")], 1)


def test_json_values_in_text_columns_keep_their_form() -> None:
    body = '{"a":1,"b":{"x":[1.50,null,"y"]}}'
    assert rows(load(body, format="json")) == [(1, '{"x":[1.50,null,"y"]}')]
    body = '{"a":2,"b":10.10}'
    assert rows(load(body, format="json")) == [(2, "10.10")]
