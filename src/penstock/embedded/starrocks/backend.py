"""The backend over HTTP: takes the bodies."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from penstock.embedded.starrocks.http import Request, Response, json_response
from penstock.embedded.starrocks.load import LoadOptions
from penstock.embedded.starrocks.model import ServerError
from penstock.embedded.starrocks.role import (
    OPERATIONS,
    Role,
    counters,
    failed,
    number_header,
    status_response,
    timeout_header,
)

if TYPE_CHECKING:
    from penstock.embedded.starrocks.transaction import Transaction


class Backend(Role):
    """The backend: takes the bodies."""

    name = "be"

    def early(self, request: Request) -> Response | None:
        if request.parts == ["api", "health"]:
            return json_response({"status": "OK", "msg": "To Be Added"})
        if request.parts == ["api", "_load_error_log"]:
            text = self.transactions.error_log(request.query.get("file", ""))
            if text is None:
                return Response(404, b"error log not found", "text/plain")
            return Response(200, text.encode(), "text/plain; charset=utf-8")
        return self.denied(request)

    def handle(self, request: Request) -> Response:
        parts = request.parts
        if len(parts) == 4 and parts[0] == "api" and parts[3] == "_stream_load":
            return self.faulty("stream_load", request, self._stream_load)
        if parts == ["api", "transaction", "list"]:
            records = self.transactions.running()
            rows = [{"Label": r.label, "TxnId": r.txn_id, "State": r.state} for r in records]
            return json_response({"Status": "OK", "Transactions": rows})
        if parts[:2] == ["api", "transaction"] and parts[2:] and parts[2] in OPERATIONS:
            return self.faulty(parts[2], request, self._operation)
        return json_response(
            {"Status": "FAILED", "Message": f"no such path: {request.target}"}, 404
        )

    def _stream_load(self, request: Request) -> Response:
        started = time.perf_counter()
        db, table = request.parts[1:3]
        label = request.headers.get("label", "") or str(uuid.uuid4())
        transaction: Transaction | None = None
        status, message, existing = "Success", "OK", ""
        try:
            user = (request.credentials() or ("root", ""))[0]
            wait = timeout_header(request)
            transaction = self.transactions.begin(
                label, db, table, timeout=wait, user=user, kind="STREAM_LOAD"
            )
            try:
                options = LoadOptions.from_headers(request.headers)
            except ServerError as error:
                self.transactions.abort(transaction, error.message)
                raise
            self.transactions.stream_load(transaction, options, request.body)
        except ServerError as error:
            message, existing = error.message, error.existing
            spelled = {
                "LABEL_ALREADY_EXISTS": "Label Already Exists",
                "PUBLISH_TIMEOUT": "Publish Timeout",
            }
            status = spelled.get(error.status, "Fail")
        txn_id = transaction.record.txn_id if transaction else -1
        body = {"TxnId": txn_id, "Label": label, "Status": status, "Message": message}
        body |= counters(transaction, int((time.perf_counter() - started) * 1000))
        if existing:
            body["ExistingJobStatus"] = existing
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
            user = (request.credentials() or ("root", ""))[0]
            wait = timeout_header(request)
            idle = number_header(request, "idle_transaction_timeout", 0)
            begun = transactions.begin(label, db, table, timeout=wait, idle_timeout=idle, user=user)
            return begun, ""
        if operation == "load":
            options = LoadOptions.from_headers(request.headers)
            return transactions.load(label, db, table, options, request.body), ""
        if operation == "prepare":
            keep = number_header(request, "prepared_timeout", 0) or None
            return transactions.prepare(label, db, table, prepared_timeout=keep), ""
        if operation == "commit":
            publish = number_header(request, "timeout", 20) or 20
            return transactions.commit(label, db, table, timeout=publish)
        return transactions.rollback(label, db, table)
