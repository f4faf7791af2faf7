"""What the frontend and the backend answer to the requests of the load APIs."""

from __future__ import annotations

import hmac
import threading
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from penstock.embedded.starrocks.http import Request, Response, json_response
from penstock.embedded.starrocks.load import LoadOptions
from penstock.embedded.starrocks.model import ServerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock.config.secret import Secret
    from penstock.embedded.starrocks.transaction import Transaction
    from penstock.embedded.starrocks.transactions import Transactions

OPERATIONS = ("begin", "load", "prepare", "commit", "rollback")


@dataclass(slots=True)
class Fault:
    """Something to go wrong once.

    Args:
        operation: `stream_load`, `begin`, `load`, `prepare`, `commit` or `rollback`.
        kind: `status` answers `status` without doing the work; `drop` does the work and closes the
            connection instead of answering; `slow` waits `seconds` first; `forget` loses the
            backend's context of the label first.
        status: The status to answer.
        message: Its text.
        seconds: How long to wait.
    """

    operation: str
    kind: str
    status: str = "INTERNAL_ERROR"
    message: str = "injected"
    seconds: float = 1.0


class Faults:
    """Faults yet to happen, in order."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Let `fault` happen at the next matching request."""
        with self._lock:
            self._waiting.append(fault)

    def take(self, operation: str) -> Fault | None:
        """The fault that is to happen now."""
        with self._lock:
            for fault in self._waiting:
                if fault.operation == operation:
                    self._waiting.remove(fault)
                    return fault
        return None


class _Role:
    """What frontend and backend share."""

    def __init__(self, transactions: Transactions, users: Mapping[str, Secret]) -> None:
        self.transactions = transactions
        self.store = transactions.store
        self._users = users

    def denied(self, request: Request) -> Response | None:
        """The 401 for a request without valid credentials."""
        given = request.credentials()
        if given is not None and given[0] in self._users:
            wanted = self._users[given[0]].reveal()
            if hmac.compare_digest(wanted.encode(), given[1].encode()):
                return None
        text = f"Access denied for {given[0]}" if given else "no valid Basic authorization"
        body = {"Status": "FAILED", "Message": text, "status": "FAILED", "msg": text}
        response = json_response(body, 401)
        response.headers["WWW-Authenticate"] = 'Basic realm=""'
        response.close = True
        return response

    def names(self, request: Request) -> tuple[str, str, str]:
        """Label, database and table in the headers; percent-encoded names are decoded."""
        db, table = (request.headers.get(name, "") for name in ("db", "table"))
        if "%" in db and not self.store.has_database(db):
            db = unquote(db)
        if "%" in table:
            table = unquote(table)
        return request.headers.get("label", ""), db, table


class Frontend(_Role):
    """The frontend: redirects loads to the backend, knows labels and states."""

    def __init__(
        self, transactions: Transactions, users: Mapping[str, Secret], backend: str = ""
    ) -> None:
        super().__init__(transactions, users)
        self.backend = backend

    def early(self, request: Request) -> Response | None:
        if request.parts == ["api", "health"]:
            body = {"total_backend_num": 1, "online_backend_num": 1, "status": "OK"}
            return json_response(body)
        if denied := self.denied(request):
            return denied
        if request.parts[-1:] == ["_stream_load"] and len(request.parts) == 4:
            return self._stream_load(request)
        if request.parts[:2] == ["api", "transaction"] and len(request.parts) == 3:
            return self._redirected(request)
        return None

    def _redirect(self, request: Request) -> Response:
        path = quote(unquote(request.target.partition("?")[0]))
        query = request.target.partition("?")[1:]
        place = f"http://{self.backend}{path}{''.join(query)}"
        return Response(307, b"", headers={"Location": place}, close=True)

    def _stream_load(self, request: Request) -> Response:
        if not request.expects:
            return _failed("There is no 100-continue header")
        try:
            self._check(request.parts[1], request.parts[2])
        except ServerError as error:
            return _failed(error.message)
        return self._redirect(request)

    def _check(self, db: str, table: str) -> None:
        if not self.store.has_database(db):
            raise ServerError(f"Database[{db}] does not exist.")
        self.store.table(db, table)

    def _redirected(self, request: Request) -> Response | None:
        operation = request.parts[2]
        label, db, table = self.names(request)
        if operation not in OPERATIONS:
            return _failed(f"Unknown transaction operation: {operation}")
        if not label:
            return _status("INVALID_ARGUMENT", "empty label")
        if not db:
            return _failed("No database selected.")
        if not self.store.has_database(db):
            return _failed(f"Database[{db}] does not exist.")
        if operation == "load" and not request.expects:
            return _failed("There is no 100-continue header")
        found = self.transactions.find(db, label)
        if operation == "begin":
            try:
                self._check(db, table)
            except ServerError as error:
                return _failed(error.message)
        elif found is None and operation == "load":
            return _failed(f"No transaction found with db[{db}] and label[{label}]")
        elif found is None or (
            operation in ("commit", "rollback") and found.record.state != "PREPARE"
        ):
            return None
        return self._redirect(request)

    def handle(self, request: Request) -> Response:
        parts = request.parts
        if parts[:2] == ["api", "transaction"] and len(parts) == 3:
            return self._finish(request, parts[2])
        if len(parts) == 3 and parts[0] == "api" and parts[2] == "get_load_state":
            return self._state(parts[1], request.query.get("label", ""))
        if len(parts) == 4 and parts[0] == "api" and parts[3] == "_cancel":
            return self._cancel(parts[1], request.query.get("label", parts[2]))
        if len(parts) == 4 and parts[3] == "_stream_load_meta":
            nodes = {"http": self.backend, "brpc": self.backend}
            return json_response(
                {"status": "OK", "code": "0", "msg": "Success", "message": "OK", "nodes": nodes}
            )
        text = f"no such path: {request.target}"
        return json_response({"status": "FAILED", "code": "1", "msg": text}, 404)

    def _finish(self, request: Request, operation: str) -> Response:
        label, db, table = self.names(request)
        try:
            if operation == "commit":
                wait = _number(request, "timeout", 20)
                done, text = self.transactions.commit(label, db, table, timeout=wait)
            elif operation == "rollback":
                done, text = self.transactions.rollback(label, db, table)
            else:
                raise ServerError(  # noqa: TRY301
                    f"No transaction found with db[{db}] and label[{label}]", status="FAILED"
                )
        except ServerError as error:
            if error.status == "FAILED":
                return _failed(error.message)
            return _status(error.status, error.message, Label=label)
        return json_response(
            {"Status": "OK", "Message": text, "Label": label, "TxnId": done.record.txn_id}
        )

    def _state(self, db: str, label: str) -> Response:
        if not self.store.has_database(db):
            return _refused(f"unknown database {db}")
        if not label:
            return _refused("label is empty")
        state, reason = self.transactions.state(db, label)
        body = {"status": "OK", "code": "0", "msg": "Success", "message": "OK", "state": state}
        if reason:
            body["reason"] = reason
        return json_response(body)

    def _cancel(self, db: str, label: str) -> Response:
        try:
            self.transactions.rollback(label, db, reason="user cancel")
        except ServerError as error:
            return _refused(error.message)
        return json_response({"status": "OK", "code": "0", "msg": "Success", "message": "OK"})


class Backend(_Role):
    """The backend: takes the bodies."""

    def __init__(self, transactions: Transactions, users: Mapping[str, Secret]) -> None:
        super().__init__(transactions, users)
        self.faults = Faults()

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
            return self._faulty("stream_load", request)
        if parts == ["api", "transaction", "list"]:
            records = self.transactions.running()
            rows = [{"Label": r.label, "TxnId": r.txn_id, "State": r.state} for r in records]
            return json_response({"Status": "OK", "Transactions": rows})
        if parts[:2] == ["api", "transaction"] and parts[2:] and parts[2] in OPERATIONS:
            return self._faulty(parts[2], request)
        return json_response(
            {"Status": "FAILED", "Message": f"no such path: {request.target}"}, 404
        )

    def _faulty(self, operation: str, request: Request) -> Response:
        fault = self.faults.take(operation)
        label, db, _ = self.names(request)
        if fault is not None and fault.kind == "status":
            return _status(fault.status, fault.message, Label=label)
        if fault is not None and fault.kind == "slow":
            self.store.clock.sleep(fault.seconds)
        if fault is not None and fault.kind == "forget":
            self.transactions.forget_context(db, label)
        if operation == "stream_load":
            response = self._stream_load(request)
        else:
            response = self._operation(operation, request)
        response.drop = fault is not None and fault.kind == "drop"
        return response

    def _stream_load(self, request: Request) -> Response:
        started = time.perf_counter()
        db, table = request.parts[1:3]
        label = request.headers.get("label", "") or str(uuid.uuid4())
        timeout = _number(request, "timeout", 600)
        transaction: Transaction | None = None
        status, message, existing = "Success", "OK", ""
        try:
            user = (request.credentials() or ("root", ""))[0]
            transaction = self.transactions.begin(
                label, db, table, timeout=timeout, user=user, kind="STREAM_LOAD"
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
        body |= _counters(transaction, int((time.perf_counter() - started) * 1000))
        if existing:
            body["ExistingJobStatus"] = existing
        return json_response(body)

    def _operation(self, operation: str, request: Request) -> Response:
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
                return _failed(error.message)
            found = self.transactions.find(db, label)
            facts: dict[str, Any] = {"Label": label}
            if found is not None:
                facts["TxnId"] = found.record.txn_id
                if operation in ("prepare", "commit") and found.record.total_rows:
                    facts |= _counters(found, 0)
            if error.existing:
                facts["ExistingJobStatus"] = error.existing
            return _status(error.status, error.message, **facts)
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
            body |= _counters(done, spent)
        return json_response(body)

    def _run(
        self, operation: str, request: Request, label: str, db: str, table: str
    ) -> tuple[Transaction, str]:
        transactions = self.transactions
        if operation == "begin":
            user = (request.credentials() or ("root", ""))[0]
            timeout = _number(request, "timeout", 600)
            return transactions.begin(label, db, table, timeout=timeout, user=user), ""
        if operation == "load":
            options = LoadOptions.from_headers(request.headers)
            return transactions.load(label, db, table, options, request.body), ""
        if operation == "prepare":
            wait = _number(request, "prepared_timeout", 0) or None
            return transactions.prepare(label, db, table, prepared_timeout=wait), ""
        if operation == "commit":
            wait = _number(request, "timeout", 20) or 20
            return transactions.commit(label, db, table, timeout=wait)
        return transactions.rollback(label, db, table)


def _number(request: Request, name: str, default: float) -> float:
    try:
        return float(request.headers.get(name, default))
    except ValueError:
        raise ServerError(f"invalid {name} format", status="INVALID_ARGUMENT") from None


def _counters(transaction: Transaction | None, spent: int) -> dict[str, Any]:
    record = transaction.record if transaction else None
    body: dict[str, Any] = {
        "NumberTotalRows": record.total_rows if record else 0,
        "NumberLoadedRows": record.loaded_rows if record else 0,
        "NumberFilteredRows": record.filtered_rows if record else 0,
        "NumberUnselectedRows": record.unselected_rows if record else 0,
        "LoadBytes": record.load_bytes if record else 0,
        "LoadTimeMs": spent,
        "BeginTxnTimeMs": 0,
        "StreamLoadPlanTimeMs": 0,
        "ReadDataTimeMs": 0,
        "WriteDataTimeMs": spent,
        "CommitAndPublishTimeMs": 0,
    }
    if record and record.finish_ms and record.commit_ms:
        body["CommitAndPublishTimeMs"] = record.finish_ms - record.commit_ms
    if record and record.error_url:
        body["ErrorURL"] = record.error_url
    return body


def _status(status: str, message: str, **facts: Any) -> Response:
    return json_response({"Status": status, "Message": message, **facts})


def _failed(text: str) -> Response:
    return _status("FAILED", f"class com.starrocks.common.StarRocksException: {text}")


def _refused(text: str) -> Response:
    body = {"status": "FAILED", "code": "1", "msg": text, "message": text}
    return json_response(body)
