"""Our own expressions with what real Flink said: type, text of the value, or error.

`cases/*.jsonl` hold one a line; `record` writes them anew. `cases/differences.json` names the
expressions where Penstock differs on purpose or falls short, each with its reason.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from penstock.errors import DataError, SqlError, UnsupportedFeatureError
from penstock.expressions import EvalContext, evaluate
from penstock.functions import resolve_cast
from penstock.planner.bind.expressions import bind
from penstock.planner.bind.scope import Scope
from penstock.sql import parse_expression
from penstock.types import STRING, TypeRoot

CASES = Path(__file__).parent / "cases"
NOW_MS = 1_700_000_000_000


@dataclass(frozen=True, slots=True)
class Recording:
    """An expression and what Flink gave.

    Args:
        file: The file it stands in.
        expr: Its text.
        zone: The session zone.
        outcome: `type | value`, `runtime` or `validation` for an error.
        note: Flink's words for an error.
    """

    file: str
    expr: str
    zone: str
    outcome: str
    note: str = ""


def recordings() -> list[Recording]:
    """All recordings."""
    found: list[Recording] = []
    for path in sorted(CASES.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row: dict[str, Any] = json.loads(line)
            outcome = row.get("error") or f"{row['type']} | {row['value']}"
            note = row.get("message", "")
            found.append(Recording(path.stem, row["expr"], row.get("zone", "UTC"), outcome, note))
    return found


def differences() -> dict[str, str]:
    """Reasons by expression."""
    found: dict[str, str] = json.loads((CASES / "differences.json").read_text(encoding="utf-8"))
    return found


def outcome_of(expr: str, zone: str = "UTC", rows: int = 1) -> str:
    """What Penstock gives for an expression, in the form of a recording.

    The same for every row, or the rows' texts side by side.
    """
    try:
        bound = bind(parse_expression(expr), Scope())
    except UnsupportedFeatureError:
        return "unsupported"
    except SqlError:
        return "validation"
    binary = bound.type.root in {TypeRoot.BINARY, TypeRoot.VARBINARY}
    batch = pa.record_batch({"zero": pa.array([0] * rows, pa.int32())})
    try:
        shown = bound if binary else resolve_cast(bound, STRING)
        array = evaluate([shown], batch, EvalContext(zone, NOW_MS))[0]
    except UnsupportedFeatureError:
        return "unsupported"
    except SqlError:
        return "validation"
    except DataError:
        return "runtime"
    array.validate(full=True)
    texts = [_text(value) for value in array.to_pylist()]
    value = texts[0] if len(set(map(str, texts))) == 1 else texts
    return f"{bound.type.sql()} | {value}"


def _text(value: Any) -> str | None:
    return f"x'{value.hex()}'" if isinstance(value, bytes) else value


def agrees(recording: Recording, outcome: str) -> bool:
    """Whether an outcome is Flink's: an error for an error, whenever it is found."""
    if recording.outcome in {"runtime", "validation"}:
        return outcome in {"runtime", "validation"}
    return outcome.replace(" | TRUE", " | true").replace(" | FALSE", " | false") == (
        recording.outcome.replace(" | TRUE", " | true").replace(" | FALSE", " | false")
    )
