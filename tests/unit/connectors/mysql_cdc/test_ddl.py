"""DDL statements as changes of columns and names."""

from __future__ import annotations

import pytest

from penstock.connectors.mysql_cdc.ddl import (
    NotUnderstoodError,
    altered,
    created_table,
    table_changes,
)
from penstock.wire.mysql.column import MySqlColumn, parse_column

BEFORE = (
    parse_column("id", "int"),
    parse_column("name", "varchar(10)", "latin1"),
    parse_column("Price", "decimal(10,2)"),
)


def after(actions: str) -> tuple[MySqlColumn, ...]:
    (change,) = table_changes(f"ALTER TABLE t {actions}", "shop")
    return altered(BEFORE, change.actions, "gbk")


def shown(columns: tuple[MySqlColumn, ...]) -> str:
    return " ".join(f"{c.name}:{c.type_name}" for c in columns)


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ("ADD a INT", "id:int name:varchar Price:decimal a:int"),
        ("ADD COLUMN a INT FIRST", "a:int id:int name:varchar Price:decimal"),
        (
            "ADD COLUMN IF NOT EXISTS `a b` TEXT AFTER ID",
            "id:int a b:text name:varchar Price:decimal",
        ),
        (
            "ADD (a INT, b DOUBLE PRECISION NOT NULL)",
            "id:int name:varchar Price:decimal a:int b:double",
        ),
        ("ADD a INT, ADD b DATE AFTER a", "id:int name:varchar Price:decimal a:int b:date"),
        ("DROP name, DROP COLUMN IF EXISTS price", "id:int"),
        (
            "DROP INDEX name, DROP PRIMARY KEY, DROP FOREIGN KEY x",
            "id:int name:varchar Price:decimal",
        ),
        ("MODIFY name TEXT FIRST", "name:text id:int Price:decimal"),
        ("MODIFY COLUMN price BIGINT UNSIGNED", "id:int name:varchar Price:bigint"),
        ("CHANGE name title CHAR(3) AFTER price", "id:int Price:decimal title:char"),
        ("CHANGE COLUMN price `cost` DOUBLE", "id:int name:varchar cost:double"),
        ("RENAME COLUMN name TO n, ALGORITHM=INPLACE, LOCK=NONE", "id:int n:varchar Price:decimal"),
        (
            "ADD INDEX i (name), ADD UNIQUE KEY (id), COMMENT='a, b'",
            "id:int name:varchar Price:decimal",
        ),
        ("ENGINE=InnoDB, AUTO_INCREMENT=5", "id:int name:varchar Price:decimal"),
        ("ALTER COLUMN name SET DEFAULT 'x,y'", "id:int name:varchar Price:decimal"),
        (
            "ADD c INT COMMENT 'first' /* , ADD d INT */ -- , ADD e INT\n",
            "id:int name:varchar Price:decimal c:int",
        ),
        ("/*!50000 ADD c INT */", "id:int name:varchar Price:decimal c:int"),
        ("ADD PARTITION (PARTITION p VALUES LESS THAN (9))", "id:int name:varchar Price:decimal"),
    ],
)
def test_columns_after_alter_table(actions: str, expected: str) -> None:
    assert shown(after(actions)) == expected


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("ENUM('a','It''s')", parse_column("c", "enum('a','It''s')", "gbk")),
        ("VARCHAR(9) CHARACTER SET utf8mb4", parse_column("c", "varchar(9)", "utf8mb4")),
        ("TEXT CHARSET latin1 NOT NULL", parse_column("c", "text", "latin1")),
        ("TEXT COLLATE utf8mb4_bin", parse_column("c", "text", "utf8mb4")),
        ("INT(8) ZEROFILL", parse_column("c", "int(8) unsigned")),
        ("DECIMAL(65, 30)", parse_column("c", "decimal(65,30)")),
        ("DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6)", parse_column("c", "datetime(6)")),
        ("TINYINT UNSIGNED DEFAULT 5", parse_column("c", "tinyint unsigned")),
        ("BIT(3)", parse_column("c", "bit(3)")),
        ("SERIAL", parse_column("c", "bigint unsigned")),
    ],
)
def test_a_definition_gives_the_column_the_server_describes(
    definition: str, expected: MySqlColumn
) -> None:
    assert after(f"ADD c {definition}")[-1] == expected


def test_converting_a_table_converts_its_text() -> None:
    assert [c.charset for c in after("CONVERT TO CHARACTER SET utf8mb4")] == ["", "utf8mb4", ""]


@pytest.mark.parametrize("actions", ["DROP nothing", "RENAME COLUMN x TO y", "ADD a"])
def test_what_is_not_understood_is_said(actions: str) -> None:
    with pytest.raises(NotUnderstoodError):
        after(actions)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("RENAME TABLE a TO b", [(("shop", "a"), ("shop", "b"))]),
        (
            "rename table `x`.`a` to a2, _a_new to `a`",
            [(("x", "a"), ("shop", "a2")), (("shop", "_a_new"), ("shop", "a"))],
        ),
        ("ALTER TABLE a RENAME TO x.b", [(("shop", "a"), ("x", "b"))]),
        ("ALTER TABLE a RENAME AS b, ADD c INT", [(("shop", "a"), ("shop", "b"))]),
        ("ALTER TABLE a RENAME b", [(("shop", "a"), ("shop", "b"))]),
        ("ALTER TABLE a RENAME INDEX i TO j", [(("shop", "a"), None)]),
        ("/* tool */ ALTER ONLINE TABLE a ADD c INT", [(("shop", "a"), None)]),
        ("DROP TABLE a", []),
        ("INSERT INTO a VALUES ('ALTER TABLE b')", []),
    ],
)
def test_names_change(text: str, names: list[tuple[object, object]]) -> None:
    assert [(c.table, c.renamed) for c in table_changes(text, "shop")] == names


def test_a_created_table_is_found() -> None:
    assert created_table("create or replace table t (id int)", "shop") == ("shop", "t")
    assert created_table("CREATE TEMPORARY TABLE t (id int)", "shop") is None
    assert created_table("CREATE DATABASE t", "shop") is None
