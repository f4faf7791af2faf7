"""A server's column without a Flink type is an error wherever it is named, and only there."""

import pytest

from penstock.catalog import CatalogColumn, CatalogTable
from penstock.errors import ValidationError
from penstock.session import Session
from penstock.types import BIGINT, STRING


@pytest.fixture
def session() -> Session:
    found = Session()
    for name in ("a", "b"):
        table = CatalogTable(
            (
                CatalogColumn("id", type=BIGINT.with_nullable(nullable=False)),
                CatalogColumn("name", type=STRING),
                CatalogColumn("g", refusal="the server's type geo has no counterpart")
                if name == "a"
                else CatalogColumn("more", type=STRING),
                CatalogColumn("twice", type=BIGINT, generated=True),
            ),
            options={"connector": "datagen" if name == "a" else "print"},
        )
        found.catalog.put(found.catalog.path((name,)), table)
    list(
        found.execute_script("CREATE TABLE c (id BIGINT, z STRING) WITH ('connector' = 'datagen')")
    )
    return found


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM a",
        "SELECT g FROM a",
        "SELECT x.g FROM a AS x",
        "SELECT * FROM a AS x WHERE id > 0",
        "SELECT * FROM (SELECT * FROM a) AS t",
        "SELECT * FROM a JOIN c ON a.id = c.id",
        "SELECT a.* FROM c JOIN a ON a.id = c.id",
        "SELECT a.g FROM c JOIN a ON a.id = c.id",
        "SELECT * FROM a JOIN c USING (id)",
        "SELECT COUNT(g) FROM a",
        "SELECT id FROM a WHERE g IS NULL",
        "TABLE a",
    ],
)
def test_naming_it_is_an_error(session: Session, query: str) -> None:
    with pytest.raises(ValidationError) as caught:
        list(session.execute_script(f"EXPLAIN {query}"))
    assert caught.value.message == "column 'g' has no type in Flink SQL"
    assert caught.value.detail == "the server's type geo has no counterpart."


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id, name FROM a",
        "SELECT COUNT(*) FROM a GROUP BY name",
        "SELECT a.name, z FROM a JOIN c ON a.id = c.id",
        "SELECT t.* FROM (SELECT id, name FROM a) AS t",
    ],
)
def test_the_other_columns_are_there(session: Session, query: str) -> None:
    assert list(session.execute_script(f"EXPLAIN {query}"))


def test_a_computed_column_is_read_and_not_written(session: Session) -> None:
    list(
        session.execute_script(
            "EXPLAIN INSERT INTO b SELECT id, name, CAST(twice AS STRING) FROM a"
        )
    )
    with pytest.raises(ValidationError, match="Unknown target column 'twice'"):
        list(session.execute_script("EXPLAIN INSERT INTO b (twice) SELECT id FROM a"))
