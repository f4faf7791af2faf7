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
        # Every action names the columns there were before the statement.
        (
            "RENAME COLUMN id TO name, RENAME COLUMN name TO id",
            "name:int id:varchar Price:decimal",
        ),
        ("CHANGE id name INT, CHANGE name id TEXT", "name:int id:text Price:decimal"),
        (
            "RENAME COLUMN id TO name, RENAME COLUMN name TO price, RENAME COLUMN price TO id",
            "name:int price:varchar id:decimal",
        ),
        ("CHANGE id name INT, CHANGE name id TEXT FIRST", "id:text name:int Price:decimal"),
        (
            "RENAME COLUMN name TO title, ADD a INT AFTER title",
            "id:int title:varchar a:int Price:decimal",
        ),
        ("ADD a INT AFTER title, CHANGE name title TEXT", "id:int title:text a:int Price:decimal"),
        ("ADD name DATE, DROP name", "id:int Price:decimal name:date"),
        ("RENAME COLUMN id TO name, DROP name", "name:int Price:decimal"),
        ("ADD a INT FIRST, ADD b INT FIRST", "b:int a:int id:int name:varchar Price:decimal"),
        (
            "MODIFY name TEXT AFTER price, ADD a INT AFTER name",
            "id:int Price:decimal name:text a:int",
        ),
        # MariaDB: nothing happens where the column is there, or is not.
        (
            "ADD COLUMN IF NOT EXISTS name DATE, ADD a INT",
            "id:int name:varchar Price:decimal a:int",
        ),
        ("ADD COLUMN IF NOT EXISTS (name DATE, a INT)", "id:int name:varchar Price:decimal a:int"),
        ("DROP COLUMN IF EXISTS x, DROP IF EXISTS name", "id:int Price:decimal"),
        (
            "MODIFY COLUMN IF EXISTS x INT, CHANGE IF EXISTS y z INT",
            "id:int name:varchar Price:decimal",
        ),
        ("RENAME COLUMN IF EXISTS x TO y", "id:int name:varchar Price:decimal"),
        ("RENAME COLUMN IF EXISTS name TO y", "id:int y:varchar Price:decimal"),
        # Words that MySQL does not reserve are names of columns too.
        ("ADD period INT", "id:int name:varchar Price:decimal period:int"),
        (
            "ADD vector VARCHAR(9), ADD system TEXT",
            "id:int name:varchar Price:decimal vector:varchar system:text",
        ),
        ("ADD (period INT, VECTOR INDEX (name))", "id:int name:varchar Price:decimal period:int"),
        ("ADD VECTOR INDEX v (name), ADD VECTOR KEY (id)", "id:int name:varchar Price:decimal"),
        (
            "ADD SYSTEM VERSIONING, ADD PERIOD FOR SYSTEM_TIME (a, b)",
            "id:int name:varchar Price:decimal",
        ),
        (
            "DROP SYSTEM VERSIONING, DROP PERIOD FOR SYSTEM_TIME",
            "id:int name:varchar Price:decimal",
        ),
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


@pytest.mark.parametrize(
    "actions",
    [
        "DROP nothing",
        "RENAME COLUMN x TO y",
        "ADD a",
        "ADD name INT",
        "RENAME COLUMN id TO Name",
        "ADD a INT, ADD A TEXT",
        "CHANGE id a INT, RENAME COLUMN id TO b",
        "DROP id, MODIFY id INT",
        "CHANGE id a INT, ADD b INT AFTER id",
    ],
)
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
