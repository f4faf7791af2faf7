"""The frontend over HTTP: redirects loads to the backend, knows labels and states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from penstock.embedded.starrocks.admin import PREFIX, Admin
from penstock.embedded.starrocks.http import Request, Response, json_response
from penstock.embedded.starrocks.metrics import METRICS_TYPE, metrics
from penstock.embedded.starrocks.model import ServerError
from penstock.embedded.starrocks.role import (
    OPERATIONS,
    Role,
    counters,
    failed,
    number_header,
    refusal,
    refused,
    status_response,
    timeout_header,
)

if TYPE_CHECKING:
    from penstock.embedded.starrocks.faults import Faults
    from penstock.embedded.starrocks.transaction import Transaction
    from penstock.embedded.starrocks.transactions import Transactions
    from penstock.embedded.starrocks.users import Users


_NO_SCANS = (
    "the embedded StarRocks has no scan service: read this table over the MySQL protocol, by"
    " connector 'jdbc' or by Penstock's 'starrocks' source"
)


class Frontend(Role):
    """The frontend: redirects loads to the backend, knows labels and states."""

    name = "fe"

    def __init__(self, transactions: Transactions, users: Users, faults: Faults) -> None:
        super().__init__(transactions, users, faults)
        self.backend = ""
        self._admin = Admin(transactions, users, faults)

    def early(self, request: Request) -> Response | None:
        if request.parts == ["api", "health"]:
            body = {"total_backend_num": 1, "online_backend_num": 1, "status": "OK"}
            return json_response(body)
        if request.parts == ["metrics"]:
            return Response(200, metrics(self.transactions, "fe"), METRICS_TYPE)
        if denied := self.denied(request):
            return denied
        if forbidden := self.forbidden(request):
            return failed(forbidden.message)
        if request.parts[-1:] == ["_stream_load"] and len(request.parts) == 4:
            return self._stream_load(request)
        if request.parts[:2] == ["api", "transaction"] and len(request.parts) == 3:
            return self._redirected(request)
        return None

    def _redirect(self, request: Request, operation: str) -> Response:
        label, _, table = self.names(request)
        fault = self.faults.take(operation, self.name, table, is_passing=True)
        if fault is not None and fault.kind not in {"slow", "drop"}:
            return refusal(fault, label)
        parts = request.target.partition("?")[0].split("/")
        path = "/".join(quote(unquote(part), safe="") for part in parts)
        query = request.target.partition("?")[1:]
        place = f"http://{self.backend}{path}{''.join(query)}"
        response = Response(307, b"", headers={"Location": place}, close=True)
        if fault is not None:
            response.drop = fault.kind == "drop"
            response.delay = fault.seconds if fault.kind == "slow" else 0.0
        return response

    def _stream_load(self, request: Request) -> Response:
        if not request.expects:
            return failed("There is no 100-continue header")
        try:
            self._check(request.parts[1], request.parts[2])
        except ServerError as error:
            return failed(error.message)
        return self._redirect(request, "stream_load")

    def _check(self, db: str, table: str) -> None:
        if not self.store.has_database(db):
            raise ServerError(f"Database[{db}] does not exist.")
        self.store.table(db, table)

    def _redirected(self, request: Request) -> Response | None:
        operation = request.parts[2]
        if answer := self._malformed(request, operation):
            return answer
        if _is_multi(request):
            return None  # such transactions are the frontend's from begin to end
        if operation == "begin":
            return self._redirect(request, operation)
        label, db, _ = self.names(request)
        found = self.transactions.find(db, label)
        if found is None and operation == "load":
            return failed(f"No transaction found with db[{db}] and label[{label}]")
        if found is None or found.is_multi:
            return None
        if operation in ("commit", "rollback") and found.record.state != "PREPARE":
            return None
        return self._redirect(request, operation)

    def _malformed(self, request: Request, operation: str) -> Response | None:
        """What the frontend refuses whatever it knows of the label."""
        label, db, table = self.names(request)
        if operation not in OPERATIONS:
            return failed(f"Unknown transaction operation: {operation}")
        if not label:
            return status_response("INVALID_ARGUMENT", "empty label")
        if not db:
            return failed("No database selected.")
        if not self.store.has_database(db):
            return failed(f"Database[{db}] does not exist.")
        if operation == "load" and not request.expects:
            return failed("There is no 100-continue header")
        if operation == "begin" and not _is_multi(request):
            try:
                self._check(db, table)
            except ServerError as error:
                return failed(error.message)
        return None

    def open(self, request: Request) -> Response | None:  # noqa: ARG002 - the contract of handlers
        return None

    def cut(self, request: Request) -> None:
        """A body of a multi-table load that did not come whole ends the transaction."""
        label, db, _ = self.names(request)
        found = self.transactions.find(db, label)
        if found is not None and request.parts[1:2] == ["transaction"]:
            self.transactions.abort(found, "receive body don't equal with body bytes")

    def handle(self, request: Request) -> Response:
        parts = request.parts
        if parts[:2] == ["api", "transaction"] and len(parts) == 3:
            return self.faulty(parts[2], request, self._finish)
        if len(parts) == 3 and parts[0] == "api" and parts[2] == "get_load_state":
            return self.faulty("get_load_state", request, self._state)
        if len(parts) == 4 and parts[0] == "api" and parts[3] == "_cancel":
            return self.faulty("cancel", request, self._cancel)
        if parts[:2] == PREFIX:
            return self._admin.handle(request)
        if len(parts) == 4 and parts[3] == "_stream_load_meta":
            nodes = {"http": self.backend, "brpc": self.backend}
            return json_response(
                {"status": "OK", "code": "0", "msg": "Success", "message": "OK", "nodes": nodes}
            )
        if len(parts) == 4 and parts[3] == "_query_plan":
            return json_response({"status": 501, "exception": _NO_SCANS}, 501)
        text = f"no such path: {request.target}"
        return json_response({"status": "FAILED", "code": "1", "msg": text}, 404)

    def _finish(self, request: Request) -> Response:
        label, _, _ = self.names(request)
        try:
            done, text = self._run(request)
        except ServerError as error:
            if error.status == "FAILED":
                return failed(error.message)
            facts: dict[str, Any] = {"Label": label}
            if error.existing:
                facts["ExistingJobStatus"] = error.existing
            return status_response(error.status, error.message, **facts)
        facts = {"Label": label, "TxnId": done.record.txn_id}
        if request.parts[2] == "load":
            facts["LoadBytes"] = len(request.body)
        elif request.parts[2] == "prepare":
            facts |= counters(done, 0)
        return status_response("OK", text, **facts)

    def _run(self, request: Request) -> tuple[Transaction, str]:
        operation = request.parts[2]
        label, db, table = self.names(request)
        transactions = self.transactions
        if operation == "commit":
            wait = number_header(request, "timeout", 20)
            return transactions.commit(label, db, timeout=wait)
        if operation == "rollback":
            return transactions.rollback(label, db)
        if operation == "begin" and _is_multi(request):
            begun = transactions.begin(
                label, db, "", timeout=timeout_header(request), user=request.user, is_multi=True
            )
            return begun, ""
        found = transactions.labels.known(label, db)
        if operation == "load" and not table:
            raise ServerError("empty table", status="INVALID_ARGUMENT")
        if operation == "load" and found.is_multi:
            done = transactions.load(label, db, table, self.options(request), request.body)
            return done, ""
        if operation == "prepare" and found.is_multi:
            return transactions.prepare(label, db), ""
        raise ServerError(f"No transaction found with db[{db}] and label[{label}]", status="FAILED")

    def _state(self, request: Request) -> Response:
        db, label = request.parts[1], request.query.get("label", "")
        if not self.store.has_database(db):
            return refused(f"unknown database {db}")
        if not label:
            return refused("label is empty")
        state, reason = self.transactions.state(db, label)
        body = {"status": "OK", "code": "0", "msg": "Success", "message": "OK", "state": state}
        if reason:
            body["reason"] = reason
        return json_response(body)

    def _cancel(self, request: Request) -> Response:
        db, label = request.parts[1], request.query.get("label", request.parts[2])
        try:
            self.transactions.rollback(label, db, reason="user cancel")
        except ServerError as error:
            return refused(error.message)
        return json_response({"status": "OK", "code": "0", "msg": "Success", "message": "OK"})


def _is_multi(request: Request) -> bool:
    return request.headers.get("transaction_type", "").lower() == "multi"
