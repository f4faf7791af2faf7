"""Merge commit: small Stream Loads of equal form become one transaction, hence one version.

A group begins with its first request and ends when its interval is over; its label is the server's.
"""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from penstock.embedded.starrocks.http import Request, Response, json_response
from penstock.embedded.starrocks.load import LoadOptions
from penstock.embedded.starrocks.model import ServerError
from penstock.embedded.starrocks.role import counters, status_response

if TYPE_CHECKING:
    from penstock.embedded.starrocks.transaction import Transaction
    from penstock.embedded.starrocks.transactions import Transactions

_SHAPING = (
    "format", "compression", "columns", "column_separator", "row_delimiter", "trim_space",
    "enclose", "escape", "max_filter_ratio", "strict_mode", "where", "timezone", "partitions",
    "strip_outer_array", "jsonpaths", "json_root", "ignore_json_size", "partial_update",
    "partial_update_mode", "merge_condition", "timeout", "merge_commit_interval_ms",
    "merge_commit_parallel", "merge_commit_async",
)  # fmt: skip


@dataclass(slots=True)
class _Group:
    """Requests that become one transaction."""

    transaction: Transaction
    options: LoadOptions
    ends_at: float
    bodies: list[bytes] = field(default_factory=list)
    is_closed: bool = False
    done: threading.Event = field(default_factory=threading.Event)
    failure: ServerError | None = None


class MergeCommits:
    """The open groups, by table and form.

    Args:
        transactions: Where a group becomes a transaction.
    """

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._lock = threading.Lock()
        self._open: dict[tuple[str, ...], _Group] = {}

    @staticmethod
    def wants(request: Request) -> bool:
        """Whether a request asks for merge commit."""
        return request.headers.get("enable_merge_commit", "").lower() == "true"

    def load(self, request: Request) -> Response:
        """Put a request into its group; the answer comes at once, or with the group's end."""
        started = time.perf_counter()
        label = request.headers.get("label", "")
        try:
            interval = _positive(request, "merge_commit_interval_ms") / 1000
            _positive(request, "merge_commit_parallel")
            if request.headers.get("skip_header", "0").strip() not in ("", "0"):
                raise ServerError("merge commit does not support skip_header")  # noqa: TRY301
            group = self._join(request, interval)
        except ServerError as error:
            return status_response("Fail", error.message, TxnId=-1, Label=label, RequestId=label)
        if request.headers.get("merge_commit_async", "").lower() != "true":
            group.done.wait()
        return _answer(group, label, started)

    def _join(self, request: Request, interval: float) -> _Group:
        db, table = request.parts[1:3]
        key = (db, table, *(request.headers.get(name, "") for name in _SHAPING))
        with self._lock:
            group = self._open.get(key)
            if group is None or group.is_closed:
                group = self._begin(request, db, table, interval)
                self._open[key] = group
                timer = threading.Timer(interval, self._finish, (key, group))
                timer.daemon = True
                timer.start()
            group.bodies.append(request.body)
            return group

    def _begin(self, request: Request, db: str, table: str, interval: float) -> _Group:
        options = LoadOptions.from_headers(request.headers)
        transaction = self._transactions.begin(
            f"merge_commit_{uuid.uuid4()}", db, table, user=request.user, kind="BATCH_WRITE"
        )
        return _Group(transaction, options, time.monotonic() + interval)

    def _finish(self, key: tuple[str, ...], group: _Group) -> None:
        with self._lock:
            group.is_closed = True
            if self._open.get(key) is group:
                del self._open[key]
        try:
            if group.options.format == "csv":
                bodies = [_ended(body, group.options) for body in group.bodies]
                group.bodies = [b"".join(bodies)]
            self._transactions.load_all(group.transaction, group.options, group.bodies)
        except ServerError as error:
            group.failure = error
        finally:
            group.done.set()


def _ended(body: bytes, options: LoadOptions) -> bytes:
    """A body that ends with the row delimiter, unless it is compressed."""
    if options.compression or body.endswith(options.row_delimiter) or not body:
        return body
    return body + options.row_delimiter


def _positive(request: Request, name: str) -> int:
    value = request.headers.get(name)
    if value is None or not value.strip().isdigit() or int(value) < 1:
        raise ServerError(f"{name} must be set positive, but is {value or 'null'}")
    return int(value)


def _answer(group: _Group, label: str, started: float) -> Response:
    failure = group.failure
    status = "Success"
    if failure is not None:
        status = "Publish Timeout" if failure.status == "PUBLISH_TIMEOUT" else "Fail"
    spent = int((time.perf_counter() - started) * 1000)
    body: dict[str, Any] = {
        "TxnId": group.transaction.record.txn_id,
        "Label": group.transaction.label,
        "Status": status,
        "Message": failure.message if failure else "OK",
        **counters(group.transaction, spent),
        "RequestId": label,
        "PendingTimeMs": 0,
        "WaitPlanTimeMs": 0,
        "WaitFinishTimeMs": spent,
        "LeftMergeTimeMs": max(0, int((group.ends_at - time.monotonic()) * 1000)),
    }
    return json_response(body)
