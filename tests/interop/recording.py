"""What the real connector sent, kept so that `make test` can send it again without Java."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.interop.cases import Case
    from tests.interop.world import Outcome

FILE = Path(__file__).parents[1] / "unit" / "embedded" / "flink_connector.json"
_LEFT_OUT = {"host", "authorization"}


def recorded(case: Case, outcome: Outcome) -> dict[str, Any]:
    """A case as JSON: tables, requests with the answers they got, and the rows at the end."""
    return {
        "name": case.name,
        "statements": [case.create, *case.before],
        "requests": [
            {
                "role": request.role,
                "method": request.exchange.method,
                "target": request.exchange.target,
                "headers": {k: v for k, v in request.exchange.fields if k not in _LEFT_OUT},
                "body": base64.b64encode(request.exchange.body).decode(),
                "status": request.exchange.status,
                "answer": _answer(request.exchange.answer),
            }
            for request in outcome.requests
        ],
        "rows": [[str(value) for value in row] for row in outcome.rows],
    }


def write(cases: list[dict[str, Any]]) -> None:
    """Replace the recording."""
    FILE.write_text(json.dumps(cases, indent=1, ensure_ascii=False) + "\n")


def _answer(body: bytes) -> dict[str, str]:
    """What of an answer matters to the client and is the same in every run."""
    answer = json.loads(body) if body else {}
    names = ("Status", "state", "NumberLoadedRows", "NumberFilteredRows")
    return {name: answer[name] for name in names if name in answer}
