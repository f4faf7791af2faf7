"""Statements about catalogs and databases, in order, against what Flink's SQL client printed."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conformance.cases import SHARED, read

from penstock.errors import PenstockError
from penstock.session import Session

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="no conformance cases here")

# What the client alone knows: how it shows results, and a mode this engine has not.
OF_THE_CLIENT = ("set ", "reset")


def printed(text: str) -> list[tuple[str, ...]]:
    """The cells of a printed table, header first; cells that span lines are joined again."""
    if not text.startswith("+"):
        return []
    inside = text.split("\n")
    edge = inside[0]
    found: list[str] = []
    for line in inside[: max(i for i, part in enumerate(inside) if part == edge)]:
        if line == edge:
            continue
        if line.startswith("| ") and (not found or found[-1].endswith("|")):
            found.append(line)
        else:
            found[-1] += f"\n{line}"
    return [tuple(cell.strip(" ") for cell in line[1:-1].split("|")) for line in found]


def run(session: Session, sql: str) -> list[tuple[str, ...]]:
    """The cells of a statement's result, header first."""
    (result,) = session.execute_script(sql)
    rows = [tuple("" if cell is None else str(cell) for cell in row) for row in result.rows]
    return [tuple(column.name for column in result.columns), *rows] if rows else []


def verdict(session: Session, row: dict[str, Any]) -> str:
    """What differs; empty where nothing does."""
    try:
        found = run(session, row["sql"])
    except PenstockError as error:
        return "" if row["expected"].startswith("[ERROR]") else f"{error}"
    if row["expected"].startswith("[ERROR]"):
        return "did not fail"
    wanted = printed(row["expected"])
    if row["expected"].startswith("[INFO]") or wanted == found:
        return ""
    return f"{found} instead of {wanted}"


def test_the_client_script_about_catalogs_gives_what_flink_gave() -> None:
    session = Session()
    rows = [
        row
        for row in read("flink-tests/client_script_cases.jsonl")
        if row["file"] == "client/catalog_database.q"
        and not row["sql"].lower().startswith(OF_THE_CLIENT)
    ]
    wrong = {row["n"]: (row["sql"], why) for row in rows if (why := verdict(session, row))}
    assert len(rows) > 100
    assert not wrong
