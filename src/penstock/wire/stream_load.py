"""Messages of StarRocks' Stream Load and transaction API: paths, headers, answers, states.

Source: StarRocks docs, "Stream Load" and "Stream Load transaction interface".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import quote

LABEL = re.compile(r"[-A-Za-z0-9_]{1,128}")


class LoadState(Enum):
    """The state of a label, as `get_load_state` tells it."""

    UNKNOWN = "UNKNOWN"
    PREPARE = "PREPARE"
    PREPARED = "PREPARED"
    COMMITTED = "COMMITTED"
    VISIBLE = "VISIBLE"
    ABORTED = "ABORTED"


class Outcome(Enum):
    """What an answer means, across the spellings of FE, BE and both APIs."""

    OK = "ok"
    PUBLISH_TIMEOUT = "publish-timeout"
    LABEL_EXISTS = "label-exists"
    NOT_EXISTS = "not-exists"
    IN_PROCESSING = "in-processing"
    REFUSED = "refused"
    FAILED = "failed"


_OUTCOMES = {
    "SUCCESS": Outcome.OK,
    "OK": Outcome.OK,
    "PUBLISH TIMEOUT": Outcome.PUBLISH_TIMEOUT,
    "PUBLISH_TIMEOUT": Outcome.PUBLISH_TIMEOUT,
    "LABEL ALREADY EXISTS": Outcome.LABEL_EXISTS,
    "LABEL_ALREADY_EXISTS": Outcome.LABEL_EXISTS,
    "TXN_NOT_EXISTS": Outcome.NOT_EXISTS,
    "TXN_IN_PROCESSING": Outcome.IN_PROCESSING,
    "SERVICE_UNAVAILABLE": Outcome.REFUSED,
}
# Texts by which StarRocks says "not now" rather than "never".
_REFUSALS = (
    "too many versions",
    "too many tablet versions",
    "service unavailable",
    "service_unavailable",
    "current running txns on db",
    "exceed http cuncurrent limit",
    "exceed http concurrent limit",
)
_ROW = re.compile(r"\bRow: .*", re.DOTALL)
_VALUE = re.compile(
    r"\b(?:(Value '.*'(?= is out of range)|Value '.*')|Value: .*?(?=\(row left out\)|$))", re.DOTALL
)
_TRACKING = re.compile(r"tracking url:\s*(https?://\S+)", re.IGNORECASE)
_COLUMN_TOKENS = re.compile(r"[^'\"`(),]+|['\"`(),]")
_COLUMN = re.compile(r"\s*(?:`((?:[^`]|``)+)`|([^\s=`'\"()]+))\s*(?:=(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LoadAnswer:
    """An answer of Stream Load or of the transaction API.

    Args:
        status: As the server spelled it; empty where it gave none.
        fields: The whole body, for messages.
    """

    status: str
    message: str = ""
    label: str = ""
    txn_id: int = -1
    total_rows: int | None = None
    loaded_rows: int | None = None
    filtered_rows: int = 0
    unselected_rows: int = 0
    error_url: str = ""
    existing_job_status: str = ""
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> Outcome:
        """The meaning of status and message."""
        found = _OUTCOMES.get(self.status.upper(), Outcome.FAILED)
        if found is Outcome.FAILED:
            lowered = self.message.lower()
            if any(text in lowered for text in _REFUSALS):
                return Outcome.REFUSED
            if "no transaction found" in lowered:
                return Outcome.NOT_EXISTS
            if "label" in lowered and "has already been used" in lowered:
                return Outcome.LABEL_EXISTS
        return found


def parse_answer(body: bytes) -> LoadAnswer:
    """The answer in a response body.

    Raises:
        ValueError: Not a JSON object, or one without a status.

    Examples:
        >>> parse_answer(b'{"Status":"OK","TxnId":7,"NumberLoadedRows":2}').txn_id
        7
    """
    fields = json.loads(body)
    if not isinstance(fields, dict):
        message = "expected a JSON object"
        raise ValueError(message)  # noqa: TRY004
    status = fields.get("Status", fields.get("status"))
    if not isinstance(status, str):
        message = "the answer has no status"
        raise ValueError(message)  # noqa: TRY004
    return LoadAnswer(
        status=status,
        message=str(fields.get("Message", fields.get("msg", "")) or ""),
        label=str(fields.get("Label", "") or ""),
        txn_id=int(fields.get("TxnId", -1)),
        total_rows=_count(fields, "NumberTotalRows"),
        loaded_rows=_count(fields, "NumberLoadedRows"),
        filtered_rows=_count(fields, "NumberFilteredRows") or 0,
        unselected_rows=_count(fields, "NumberUnselectedRows") or 0,
        error_url=str(fields.get("ErrorURL", "") or ""),
        existing_job_status=str(fields.get("ExistingJobStatus", "") or ""),
        fields=fields,
    )


def parse_state(body: bytes) -> tuple[LoadState, str]:
    """State and reason in an answer of `get_load_state`.

    Raises:
        ValueError: The body holds no known state.

    Examples:
        >>> parse_state(b'{"status":"OK","state":"ABORTED","reason":"x"}')
        (<LoadState.ABORTED: 'ABORTED'>, 'x')
    """
    fields = json.loads(body)
    if not isinstance(fields, dict) or "state" not in fields:
        message = "the answer has no state"
        raise ValueError(message)
    return LoadState(str(fields["state"]).upper()), str(fields.get("reason", "") or "")


def _count(fields: dict[str, Any], key: str) -> int | None:
    value = fields.get(key)
    return None if value is None else int(value)


def stream_load_path(database: str, table: str) -> str:
    """Path of a plain Stream Load."""
    return f"/api/{quote(database, safe='')}/{quote(table, safe='')}/_stream_load"


def merge_nodes_path(database: str, table: str) -> str:
    """Path that asks which backends coordinate merge commit."""
    return f"/api/{quote(database, safe='')}/{quote(table, safe='')}/_stream_load_meta?type=nodes"


def parse_nodes(body: bytes) -> list[str]:
    """`host:port` of each backend in an answer about nodes.

    Raises:
        ValueError: It names none.

    Examples:
        >>> parse_nodes(b'{"status":"OK","nodes":{"http":"a:8040,b:8040"}}')
        ['a:8040', 'b:8040']
    """
    fields = json.loads(body)
    nodes = fields.get("nodes") if isinstance(fields, dict) else None
    names = str(nodes.get("http", "") or "") if isinstance(nodes, dict) else ""
    found = [name.strip() for name in names.split(",") if name.strip()]
    if not found:
        message = "the answer names no backends"
        raise ValueError(message)
    return found


def tracking_url(reason: str) -> str:
    """The address of the error log in the reason of an aborted load, empty where it has none.

    Examples:
        >>> tracking_url("too many filtered rows. The tracking url: http://be:8040/x?file=1")
        'http://be:8040/x?file=1'
        >>> tracking_url("x. Tracking URL: http://be:8040/x. Tracking SQL: select 1")
        'http://be:8040/x'
    """
    found = _TRACKING.search(reason)
    return found[1].rstrip(".,") if found else ""


def transaction_path(operation: str) -> str:
    """Path of begin, load, prepare, commit or rollback."""
    return f"/api/transaction/{operation}"


def load_state_path(database: str, label: str) -> str:
    """Path that asks for the state of a label."""
    return f"/api/{quote(database, safe='')}/get_load_state?label={quote(label, safe='')}"


def cancel_path(database: str, table: str, label: str) -> str:
    """Path that aborts a label on the FE, where the BE has forgotten it."""
    return (
        f"/api/{quote(database, safe='')}/{quote(table, safe='')}/_cancel"
        f"?label={quote(label, safe='')}"
    )


def parse_columns(text: str) -> list[tuple[str, str]]:
    """Names and expressions of a `columns` header; a plain source field has no expression.

    Raises:
        ValueError: A part is neither a name nor `name = expression`.

    Examples:
        >>> parse_columns("`a`, b, c = concat(a, ','), __op='delete'")
        [('a', ''), ('b', ''), ('c', "concat(a, ',')"), ('__op', "'delete'")]
        >>> parse_columns("`a``b, c`")
        [('a`b, c', '')]
    """
    found = []
    for part in _split_columns(text):
        match = _COLUMN.fullmatch(part)
        if not match:
            message = f"could not read '{part.strip()}' as a column"
            raise ValueError(message)
        name = match[1].replace("``", "`") if match[1] else match[2]
        found.append((name, (match[3] or "").strip()))
    return found


def _split_columns(text: str) -> list[str]:
    """The parts between commas outside of quotes and parentheses; blank ones left out."""
    parts = [""]
    quote, depth = "", 0
    for token in _COLUMN_TOKENS.findall(text):
        if quote:
            quote = "" if token == quote else quote
        elif token in "'\"`":
            quote = token
        elif token in "()":
            depth += 1 if token == "(" else -1
        elif token == "," and depth == 0:
            parts.append("")
            continue
        parts[-1] += token
    return [part for part in parts if part.strip()]


def sanitized_log(text: str) -> str:
    """An error log without the data of rows; what is no error about a row stays.

    Examples:
        >>> sanitized_log("Error: Value 'x' is out of range. Row: [1, x]")
        'Error: column value is out of range. (row left out)'
        >>> sanitized_log("no such file")
        'no such file'
    """
    lines = text.splitlines()
    if not any(line.startswith("Error:") for line in lines):
        holds_data = re.search(r"\b(?:Row|Value)\b", text)
        return "(an error log that may hold row data was left out)" if holds_data else text
    # Lines of another form continue a row that holds line ends.
    kept = [line for line in lines if line.startswith("Error:")]
    return "\n".join(_VALUE.sub(_without_value, _ROW.sub("(row left out)", line)) for line in kept)


def _without_value(match: re.Match[str]) -> str:
    return "column value" if match[1] else "Value: (left out) "
