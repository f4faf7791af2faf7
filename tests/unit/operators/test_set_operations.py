"""UNION, INTERSECT and EXCEPT over random changes of both sides."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from tests.conformance.streams import Change, Table, folded, run

COLUMNS = "k STRING, v INT"


def changes(seed: random.Random) -> tuple[Change, ...]:
    there: list[tuple[Any, ...]] = []
    found: list[Change] = []
    for _ in range(60):
        if there and seed.random() < 0.45:
            found.append(("-D", there.pop(seed.randrange(len(there)))))
        else:
            there.append((seed.choice(["a", "b", None]), seed.choice([1, 2, None])))
            found.append(("+I", there[-1]))
    return tuple(found)


@pytest.mark.parametrize("operator", ["UNION", "INTERSECT", "EXCEPT"])
@pytest.mark.parametrize(("rows_each", "restore"), [(1, True), (25, False)])
def test_each_row_once(operator: str, rows_each: int, restore: bool) -> None:
    for number in range(3):
        seed = random.Random(number)
        parts = changes(seed), changes(seed)
        given = [
            Table("l", COLUMNS, (parts[0],)),
            Table("r", COLUMNS, (parts[1],)),
            Table("s", COLUMNS),
        ]
        query = f"INSERT INTO s SELECT * FROM l {operator} SELECT * FROM r"
        _, found = run(given, query, rows_each=rows_each, restore=restore)
        left, right = (set(folded(part)) for part in parts)
        wanted = {
            "UNION": left | right,
            "INTERSECT": left & right,
            "EXCEPT": left - right,
        }[operator]
        assert folded(found[0]) == Counter(wanted)
