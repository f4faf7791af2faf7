"""Field by field: what real Flink's connector and Penstock send differently."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.interop.requests import loaded_rows, steps

if TYPE_CHECKING:
    from tests.interop.cases import Case
    from tests.interop.world import Outcome

NEVER = "not sent"


@dataclass(frozen=True, slots=True)
class Difference:
    """Something the clients do differently.

    Args:
        kind: `request`, `header`, `answer`, `value` or `row`.
        place: The request, or `json` or `csv` for values and rows.
        field: Header or type of the value; empty for others.
        real: What the real connector sends.
        ours: What Penstock sends.
    """

    kind: str
    place: str
    field: str
    real: str
    ours: str


def differences(case: Case, real: Outcome, ours: Outcome) -> list[Difference]:
    """All of a case, each kind of value once."""
    return [*_in_requests(real, ours), *_in_bodies(case, real, ours)]


def _in_requests(real: Outcome, ours: Outcome) -> list[Difference]:
    theirs, own = steps(real.requests, "flink"), steps(ours.requests, "penstock")
    found = []
    for name in [*theirs, *(name for name in own if name not in theirs)]:
        if name not in theirs or name not in own:
            sent = ("sent", NEVER) if name in theirs else (NEVER, "sent")
            found.append(Difference("request", name, "", *sent))
            continue
        left, right = theirs[name], own[name]
        for header in sorted({*left.headers, *right.headers}):
            pair = [_texts(step.headers.get(header)) for step in (left, right)]
            if pair[0] != pair[1]:
                found.append(Difference("header", name, header, *pair))
        if left.statuses != right.statuses:
            pair = [", ".join(map(str, sorted(s.statuses))) for s in (left, right)]
            found.append(Difference("answer", name, "", *pair))
    both = [name for name in theirs if name in own]
    if both != [name for name in own if name in theirs]:
        order = [name for name in own if name in theirs]
        found.append(Difference("order", "", "", " > ".join(both), " > ".join(order)))
    return found


def _in_bodies(case: Case, real: Outcome, ours: Outcome) -> list[Difference]:
    kinds = column_types(case.columns) | {"__op": "__op"}
    columns = [name for name in kinds if name != "__op"]
    place = "json" if "'sink.properties.format' = 'json'" in case.options else "csv"
    theirs = _by_key(loaded_rows(real.requests, columns))
    own = _by_key(loaded_rows(ours.requests, columns))
    found: dict[Difference, None] = {}
    for key in [*theirs, *(key for key in own if key not in theirs)]:
        left, right = theirs.get(key, []), own.get(key, [])
        if len(left) != len(right):
            texts = [f"{len(rows)} rows {_shown(key)}" for rows in (left, right)]
            found[Difference("row", place, "", *texts)] = None
        for a, b in zip(left, right, strict=False):
            for name in {**a, **b}:
                pair = (a.get(name, NEVER), b.get(name, NEVER))
                if pair[0] != pair[1]:
                    found[Difference("value", place, kinds[name], *pair)] = None
    return list(found)


def column_types(declared: str) -> dict[str, str]:
    """Names and types out of a column list.

    Examples:
        >>> column_types("id INT, x DECIMAL(10, 2), m MAP<STRING, INT>, PRIMARY KEY (id) NOT ENF")
        {'id': 'INT', 'x': 'DECIMAL', 'm': 'MAP'}
    """
    found = {}
    for part in re.split(r",\s*(?![^(<]*[)>])", declared):
        name, kind = part.split()[:2]
        if name != "PRIMARY":
            found[name] = re.split(r"[(<]", kind)[0]
    return found


def _by_key(rows: list[dict[str, str]]) -> dict[tuple[str, str], list[dict[str, str]]]:
    grouped = defaultdict(list)
    for row in rows:
        grouped[row["id"], row.get("__op", "")].append(row)
    return grouped


def _shown(key: tuple[str, str]) -> str:
    op = {"0": "upsert", "1": "delete", "": "insert"}[key[1]]
    return f"({op} of id {key[0]})"


def _texts(values: frozenset[str] | None) -> str:
    return NEVER if values is None else " or ".join(sorted(values))
