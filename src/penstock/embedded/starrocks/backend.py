"""The backend over HTTP: takes the bodies."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from penstock.embedded.starrocks.http import Request, Response, json_response
from penstock.embedded.starrocks.load import LoadOptions
from penstock.embedded.starrocks.merge_commit import MergeCommits
from penstock.embedded.starrocks.metrics import METRICS_TYPE, metrics
from penstock.embedded.starrocks.model import ServerError
from penstock.embedded.starrocks.role import (
    OPERATIONS,
    Role,
    counters,
    failed,
    number_header,
    refusal,
    status_response,
    timeout_header,
)

if TYPE_CHECKING:
    from penstock.embedded.starrocks.faults import Faults
    from penstock.embedded.starrocks.transaction import Transaction
    from penstock.embedded.starrocks.transactions import Transactions
    from penstock.embedded.starrocks.users import Users


class Backend(Role):
    """The backend: takes the bodies."""

    name = "be"

    def __init__(self, transactions: Transactions, users: Users, faults: Faults) -> None:
        super().__init__(transactions, users, faults)
        self.merge = MergeCommits(transactions)

    def early(self, request: Request) -> Response | None:
        if request.parts == ["api", "health"]:
            return json_response({"status": "OK", "msg": "To Be Added"})
        if request.parts == ["metrics"]:
            return Response(200, metrics(self.transactions, "be"), METRICS_TYPE)
        if request.parts == ["api", "_load_error_log"]:
            text = self.transactions.error_logs.get(request.query.get("file", ""))
            if text is None:
                return Response(404, b"error log not found", "text/plain")
            return Response(200, text.encode(), "text/plain; charset=utf-8")
        if denied := self.denied(request):
            return denied
        if forbidden := self.forbidden(request):
            return failed(forbidden.message)
        limit = int(self.store.config.number("streaming_load_max_mb")) * 1024 * 1024
        request.body_max = limit
        announced = request.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > limit:
            text = (
                f"body size {announced} exceed limit {limit}, label={request.headers.get('label')}."
                " You can increase the limit by setting streaming_load_max_mb in be.conf."
            )
            kind = "Fail" if _is_stream_load(request) else "INTERNAL_ERROR"
            return status_response(kind, text, Label=request.headers.get("label", ""))
        return None

    def open(self, request: Request) -> Response | None:
        """Begin a Stream Load before its body comes, so that a taken label costs no transfer."""
        if not _is_stream_load(request) or self.merge.wants(request):
            return None
        request.started = time.perf_counter()
        fault = self.faults.take("stream_load", self.name, request.parts[2])
        request.fault = fault
        if fault is not None and fault.kind == "slow":
            self.store.clock.sleep(fault.seconds)
        elif fault is not None and fault.kind != "drop":
            return refusal(fault, request.headers.get("label", ""))
        db, table = request.parts[1:3]
        label = request.headers.get("label", "") or str(uuid.uuid4())
        try:
            transaction = self.transactions.begin(
                label, db, table, timeout=timeout_header(request), user=request.user,
                kind="STREAM_LOAD",
            )  # fmt: skip
        except ServerError as error:
            return self._loaded(request, None, label, error)
        request.transaction = transaction
        try:
            request.options = LoadOptions.from_headers(request.headers)
        except ServerError as error:
            self.transactions.abort(transaction, error.message)
            return self._loaded(request, transaction, label, error)
        return None

    def cut(self, request: Request) -> None:
        if request.transaction is not None:
            reason = "receive body don't equal with body bytes"
            self.transactions.abort(request.transaction, reason)

    def handle(self, request: Request) -> Response:
        parts = request.parts
        if _is_stream_load(request):
            if self.merge.wants(request):
                return self.faulty("stream_load", request, self.merge.load)
            return self._stream_load(request)
        if parts == ["api", "transaction", "list"]:
            records = self.transactions.running()
            rows = [{"Label": r.label, "TxnId": r.txn_id, "State": r.state} for r in records]
            return json_response({"Status": "OK", "Transactions": rows})
        if parts[:2] == ["api", "transaction"] and len(parts) == 3 and parts[2] in OPERATIONS:
            return self.faulty(parts[2], request, self._operation)
        return json_response(
            {"Status": "FAILED", "Message": f"no such path: {request.target}"}, 404
        )

    def _stream_load(self, request: Request) -> Response:
        transaction, options = request.transaction, request.options
        assert transaction is not None
        assert options is not None
        failure: ServerError | None = None
        try:
            self.transactions.stream_load(transaction, options, request.body)
        except ServerError as error:
            failure = error
        response = self._loaded(request, transaction, transaction.label, failure)
        response.drop = request.fault is not None and request.fault.kind == "drop"
        return response

    def _loaded(
        self,
        request: Request,
        transaction: Transaction | None,
        label: str,
        failure: ServerError | None,
    ) -> Response:
        """The answer of a Stream Load that succeeded or failed."""
        spelled = {
            "LABEL_ALREADY_EXISTS": "Label Already Exists",
            "PUBLISH_TIMEOUT": "Publish Timeout",
        }
        body: dict[str, Any] = {
            "TxnId": transaction.record.txn_id if transaction else -1,
            "Label": label,
            "Status": spelled.get(failure.status, "Fail") if failure else "Success",
            "Message": failure.message if failure else "OK",
        }
        body |= counters(transaction, int((time.perf_counter() - request.started) * 1000))
        if failure is not None and failure.existing:
            body["ExistingJobStatus"] = failure.existing
        return json_response(body)

    def _operation(self, request: Request) -> Response:
        operation = request.parts[2]
        started = time.perf_counter()
        label, db, table = self.names(request)
        try:
            if request.headers.get("transaction_type", "").lower() == "multi":
                raise ServerError(  # noqa: TRY301
                    "Multi-statement transaction requests can only be sent to FE nodes, "
                    "not BE nodes",
                    status="INVALID_ARGUMENT",
                )
            done, text = self._run(operation, request, label, db, table)
        except ServerError as error:
            if error.status == "FAILED":
                return failed(error.message)
            found = self.transactions.find(db, label)
            facts: dict[str, Any] = {"Label": label}
            if found is not None:
                facts["TxnId"] = found.record.txn_id
                if operation in ("prepare", "commit") and found.record.total_rows:
                    facts |= counters(found, 0)
            if error.existing:
                facts["ExistingJobStatus"] = error.existing
            return status_response(error.status, error.message, **facts)
        record = done.record
        body: dict[str, Any] = {"Status": "OK", "Message": text, "Label": label}
        body["TxnId"] = record.txn_id
        spent = int((time.perf_counter() - started) * 1000)
        if operation == "begin":
            body["BeginTxnTimeMs"] = spent
        elif operation == "load":
            body |= {"LoadBytes": len(request.body), "StreamLoadPlanTimeMs": 0}
            body["ReceivedDataTimeMs"] = spent
        elif operation in ("prepare", "commit"):
            body |= counters(done, spent)
        return json_response(body)

    def _run(
        self, operation: str, request: Request, label: str, db: str, table: str
    ) -> tuple[Transaction, str]:
        transactions = self.transactions
        if operation == "begin":
            wait = timeout_header(request)
            idle = number_header(request, "idle_transaction_timeout", 0)
            begun = transactions.begin(
                label, db, table, timeout=wait, idle_timeout=idle, user=request.user
            )
            return begun, ""
        if operation == "load":
            return transactions.load(label, db, table, self.options(request), request.body), ""
        if operation == "prepare":
            keep = number_header(request, "prepared_timeout", 0) or None
            return transactions.prepare(label, db, table, prepared_timeout=keep), ""
        if operation == "commit":
            publish = number_header(request, "timeout", 20) or 20
            return transactions.commit(label, db, table, timeout=publish)
        return transactions.rollback(label, db, table)


def _is_stream_load(request: Request) -> bool:
    parts = request.parts
    return len(parts) == 4 and parts[0] == "api" and parts[3] == "_stream_load"
