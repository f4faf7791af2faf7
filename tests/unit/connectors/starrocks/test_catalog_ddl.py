"""How a table that is created in StarRocks looks."""

import pytest

from penstock.connectors.base import NewTable
from penstock.connectors.starrocks import CONNECTOR
from penstock.connectors.starrocks.catalog import CATALOGS
from penstock.connectors.starrocks.catalog.ddl import column_types, design
from penstock.connectors.starrocks.catalog.options import CreationOptions, StarRocksCatalogOptions
from penstock.connectors.starrocks.catalog.types import key_type, parse_type, starrocks_type
from penstock.errors import OptionError, ValidationError
from penstock.types import (
    ARRAY,
    BIGINT,
    BINARY,
    BOOLEAN,
    BYTES,
    CHAR,
    DATE,
    DECIMAL,
    DOUBLE,
    FLOAT,
    INT,
    MAP,
    MULTISET,
    ROW,
    SMALLINT,
    STRING,
    TIME,
    TIMESTAMP,
    TIMESTAMP_LTZ,
    TINYINT,
    VARCHAR,
    Column,
    DataType,
    Schema,
)

PLACE = {
    "jdbc-url": "jdbc:mysql://fe:9030",
    "http-url": "fe:8030",
    "username": "root",
    "password": "s3cret",
}


def new_table(
    *columns: tuple[str, DataType], key: tuple[str, ...] = (), **more: object
) -> NewTable:
    found = tuple(
        Column(name, kind.with_nullable(nullable=name not in key)) for name, kind in columns
    )
    return NewTable(Schema(found, key), **more)  # type: ignore[arg-type]


def ddl(new: NewTable, **options: str) -> str:
    return design("d", "t", new, CreationOptions(options)).ddl


def notes(new: NewTable, **options: str) -> str:
    return "\n".join(design("d", "t", new, CreationOptions(options)).notes)


@pytest.mark.parametrize(
    ("kind", "text", "back"),
    [
        (BOOLEAN, "BOOLEAN", "BOOLEAN"),
        (TINYINT, "TINYINT", "TINYINT"),
        (SMALLINT, "SMALLINT", "SMALLINT"),
        (INT, "INT", "INT"),
        (BIGINT, "BIGINT", "BIGINT"),
        (FLOAT, "FLOAT", "FLOAT"),
        (DOUBLE, "DOUBLE", "DOUBLE"),
        (DECIMAL(38, 9), "DECIMAL(38, 9)", "DECIMAL(38, 9)"),
        (CHAR(63), "CHAR(252)", "CHAR(252)"),
        (CHAR(64), "VARCHAR(256)", "VARCHAR(256)"),
        (VARCHAR(20), "VARCHAR(80)", "VARCHAR(80)"),
        (VARCHAR(300_000), "VARCHAR(1048576)", "STRING"),
        (STRING, "VARCHAR(1048576)", "STRING"),
        (DATE, "DATE", "DATE"),
        (TIME(0), "VARCHAR(8)", "VARCHAR(8)"),
        (TIME(3), "VARCHAR(12)", "VARCHAR(12)"),
        (TIMESTAMP(3), "DATETIME", "TIMESTAMP(6)"),
        (TIMESTAMP_LTZ(9), "DATETIME", "TIMESTAMP(6)"),
        (BINARY(4), "VARBINARY", "BYTES"),
        (BYTES, "VARBINARY", "BYTES"),
        (ARRAY(VARCHAR(5)), "ARRAY<VARCHAR(20)>", "ARRAY<VARCHAR(20)>"),
        (MAP(INT, DECIMAL(4, 1)), "MAP<INT, DECIMAL(4, 1)>", "MAP<INT, DECIMAL(4, 1)>"),
        (ROW(("a", INT), ("b c", DATE)), "STRUCT<a INT, `b c` DATE>", "ROW<`a` INT, `b c` DATE>"),
    ],
)
def test_types_go_there_and_come_back(kind: DataType, text: str, back: str) -> None:
    found = starrocks_type(kind, 4)
    assert found is not None
    assert found.text() == text
    returned = parse_type(text.lower()).flink()
    assert returned is not None
    assert returned.sql() == back


@pytest.mark.parametrize("kind", [MULTISET(INT), ARRAY(TIME(0)), ROW(("a", MULTISET(INT)))])
def test_types_starrocks_does_not_have_are_none(kind: DataType) -> None:
    assert starrocks_type(kind, 4) is None


@pytest.mark.parametrize(
    ("text", "flink"),
    [
        ("tinyint(1)", "BOOLEAN"),
        ("bigint(20) unsigned", "STRING"),
        ("largeint(40)", "STRING"),
        ("decimal64(10, 2)", "DECIMAL(10, 2)"),
        ("decimal", "DECIMAL(10, 0)"),
        ("varchar(65533)", "STRING"),
        ("json", "STRING"),
        ("array<map<varchar(9),int(11)>>", "ARRAY<MAP<VARCHAR(9), INT>>"),
    ],
)
def test_types_of_a_server_are_read(text: str, flink: str) -> None:
    found = parse_type(text).flink()
    assert found is not None
    assert found.sql() == flink


@pytest.mark.parametrize("text", ["bitmap", "hll", "percentile", "array<hll>"])
def test_aggregates_have_no_type(text: str) -> None:
    assert parse_type(text).flink() is None


def test_key_columns_come_first_and_take_types_a_key_may_have() -> None:
    new = new_table(
        ("name", VARCHAR(10)), ("b", CHAR(2)), ("a", DECIMAL(20, 0)), key=("a", "b"), comment='a"b'
    )
    assert ddl(new) == (
        "CREATE TABLE `d`.`t` (\n  `a` LARGEINT NOT NULL,\n  `b` VARCHAR(8) NOT NULL,\n"
        '  `name` VARCHAR(40) NULL\n)\nPRIMARY KEY (`a`, `b`)\nCOMMENT "a\\"b"\n'
        "DISTRIBUTED BY HASH (`a`, `b`)"
    )
    assert "a is LARGEINT" in notes(new)


@pytest.mark.parametrize("kind", [DOUBLE, FLOAT, DECIMAL(5, 2), BYTES, ARRAY(INT)])
def test_a_key_of_another_type_is_refused_by_column(kind: DataType) -> None:
    assert key_type(kind, 4) is None
    with pytest.raises(ValidationError, match="column 'k' cannot be created"):
        ddl(new_table(("k", kind), key=("k",)))


def test_columns_starrocks_cannot_keep_are_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="column 'm' cannot be created"):
        ddl(new_table(("a", INT), ("m", MULTISET(INT))))
    with pytest.raises(ValidationError) as caught:
        ddl(new_table(("Id", INT), ("id", INT)))
    assert caught.value.detail == "StarRocks takes it and 'Id' for the same column."
    with pytest.raises(ValidationError, match="column '__op' cannot be created"):
        ddl(new_table(("__op", INT)))


def test_a_table_without_key_keeps_every_row() -> None:
    new = new_table(("x", DOUBLE), ("y", STRING))
    assert ddl(new) == (
        "CREATE TABLE `d`.`t` (\n  `y` VARCHAR(1048576) NULL,\n  `x` DOUBLE NULL\n)\n"
        "DUPLICATE KEY (`y`)\nDISTRIBUTED BY RANDOM"
    )
    assert "keeps every row" in notes(new)
    with pytest.raises(ValidationError, match="needs a column to sort by"):
        ddl(new_table(("x", DOUBLE)))


def test_lengths_follow_the_bytes_of_a_character() -> None:
    new = new_table(("v", VARCHAR(10)))
    assert "`v` VARCHAR(30) NULL" in ddl(new, **{"unicode-char.max-bytes": "3"})
    with pytest.raises(OptionError, match="invalid value '5'"):
        ddl(new, **{"unicode-char.max-bytes": "5"})


def test_lengths_are_the_sources_where_they_are_known() -> None:
    new = new_table(
        ("v", VARCHAR(10)), ("c", CHAR(99)), ("w", CHAR(2)), text_bytes={"v": 30, "c": 99}
    )
    text = ddl(new)
    assert "`v` VARCHAR(30) NULL,\n  `c` CHAR(99) NULL,\n  `w` CHAR(8) NULL" in text
    assert "of v, c as many as the source's can have, else 4 a character" in notes(new)
    assert "`v` VARCHAR(20) NULL" in ddl(new, **{"unicode-char.max-bytes": "2"})


def test_buckets_and_properties_are_taken_from_either_spelling() -> None:
    new = new_table(("a", INT), key=("a",))
    text = ddl(
        new,
        **{
            "table.create.num-buckets": "7",
            "table.properties.replication_num": "1",
            "table.create.properties.compression": "ZSTD",
        },
    )
    assert text.endswith(
        "DISTRIBUTED BY HASH (`a`) BUCKETS 7\nPROPERTIES (\n"
        '  "compression" = "ZSTD",\n  "replication_num" = "1"\n)'
    )
    assert "7 buckets, by 'table.num-buckets'" in notes(new, **{"table.num-buckets": "7"})
    assert "left to StarRocks" in notes(new)


def test_partitions_are_by_day_and_in_the_key() -> None:
    columns = (("id", INT), ("at", TIMESTAMP(3)))
    keyed = new_table(*columns, key=("id", "at"), partitioned_by=("at",))
    assert "PARTITION BY date_trunc('day', `at`)\nDISTRIBUTED" in ddl(keyed)
    with pytest.raises(ValidationError, match="partition column 'at' is not part of the primary"):
        ddl(new_table(*columns, key=("id",), partitioned_by=("at",)))
    with pytest.raises(ValidationError, match="partition column 'ad' does not exist"):
        ddl(new_table(*columns, partitioned_by=("ad",)))
    assert "PARTITION BY (`id`)" in ddl(new_table(*columns, partitioned_by=("id",)))
    assert "at is not in the primary key" in notes(new_table(*columns, key=("id",)))
    assert "PARTITIONED BY (at) makes a partition a day" in notes(new_table(*columns))


def test_what_changes_on_the_way_is_said() -> None:
    told = notes(new_table(("a", TIME(0)), ("b", TIMESTAMP_LTZ(3)), ("c", TIMESTAMP(9))))
    assert "a is kept as text" in told
    assert "b is written as the wall clock of 'sink.timestamp-ltz.zone'" in told
    assert "c is cut to microseconds" in told


def test_a_longer_column_holds_a_shorter_one() -> None:
    new = new_table(("v", VARCHAR(10)))
    wanted = column_types(new, CreationOptions({}))["v"]
    assert parse_type("varchar(65533)").holds(wanted)
    assert not parse_type("varchar(39)").holds(wanted)
    assert not parse_type("int").holds(wanted)


def test_a_catalog_hands_options_to_its_tables() -> None:
    options = StarRocksCatalogOptions(
        {
            **PLACE,
            "type": "starrocks",
            "sink.label-prefix": "p",
            "sink.buffer-flush.interval-ms": "2000",
            "table.num-buckets": "3",
            "default-database": "d",
        }
    )
    assert options.table_options("db", "商品 1") == {
        "connector": "starrocks",
        "jdbc-url": "jdbc:mysql://fe:9030",
        "load-url": "fe:8030",
        "database-name": "db",
        "table-name": "商品 1",
        "username": "root",
        "password": "s3cret",
        "sink.label-prefix": "p_db____1",
        "sink.buffer-flush.interval-ms": "2000",
    }
    assert options.creation() == {"table.num-buckets": "3"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"sink.buffer-flush.interval": "1"},
            "unknown option 'sink.buffer-flush.interval' of conn",
        ),
        ({"sink.semantic": "maybe"}, "invalid value 'maybe' of option 'sink.semantic'"),
        (
            {"table.num-bucket": "1"},
            "unknown option 'table.num-bucket' of catalog type 'starrocks'",
        ),
        ({"table.num-buckets": "0"}, "invalid value '0' of option 'table.num-buckets'"),
        ({"jdbc-url": "mysql://x"}, "invalid value 'mysql://x' of option 'jdbc-url'"),
    ],
)
def test_wrong_options_are_refused_when_the_catalog_is_made(
    given: dict[str, str], message: str
) -> None:
    with pytest.raises(OptionError, match=message) as caught:
        CATALOGS[0].open({**PLACE, **given})
    assert "s3cret" not in caught.value.render()


def test_a_statement_cannot_move_a_table_of_a_catalog() -> None:
    writer = CATALOGS[0].open(PLACE).writer
    assert writer is not None
    maker = writer.maker("d", "t")
    new = new_table(("a", INT), options={"load-url": "elsewhere:8030"})
    with pytest.raises(OptionError, match="option 'load-url' cannot be given"):
        maker.design(new)
    given = {"connector": "starrocks", "sink.semantic": "at-least-once", "table.num-buckets": "2"}
    assert "BUCKETS 2" in maker.design(new_table(("a", INT), options=given)).ddl
    assert maker.sink_options(given)["sink.semantic"] == "at-least-once"
    assert "table.num-buckets" not in maker.sink_options(given)


def test_a_sink_says_where_its_table_is_created() -> None:
    assert CONNECTOR.maker is not None
    options = {
        "connector": "starrocks",
        "jdbc-url": "jdbc:mysql://fe:9030",
        "load-url": "fe:8030",
        "database-name": "db",
        "table-name": "t",
        "username": "u",
        "password": "",
        "table.create.num-buckets": "4",
    }
    maker = CONNECTOR.maker(options)
    made = maker.design(new_table(("a", INT), options=options))
    assert made.ddl.startswith("CREATE TABLE `db`.`t` (")
    assert made.ddl.endswith("BUCKETS 4")
    assert "table.create.num-buckets" not in maker.sink_options(options)
