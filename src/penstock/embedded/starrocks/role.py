"""What the frontend and the backend share when they answer: log-in, names, forms of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from penstock.embedded.starrocks.http import Request, Response, json_response
from penstock.embedded.starrocks.load import LoadOptions
from penstock.embedded.starrocks.model import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.embedded.starrocks.faults import Fault, Faults
    from penstock.embedded.starrocks.transaction import Transaction
    from penstock.embedded.starrocks.transactions import Transactions
    from penstock.embedded.starrocks.users import Users

OPERATIONS = ("begin", "load", "prepare", "commit", "rollback")


class Role:
    """What frontend and backend share."""

    name = ""

    def __init__(self, transactions: Transactions, users: Users, faults: Faults) -> None:
        self.transactions = transactions
        self.store = transactions.store
        self.faults = faults
        self._users = users

    def faulty(
        self, operation: str, request: Request, work: Callable[[Request], Response]
    ) -> Response:
        """The answer of `work`, or what a fault makes of it."""
        label, db, table = self.names(request)
        fault = self.faults.take(operation, self.name, table)
        if fault is None:
            return work(request)
        if fault.kind == "slow":
            self.store.clock.sleep(fault.seconds)
        elif fault.kind == "forget":
            self.transactions.forget_context(db, label)
        elif fault.kind != "drop":
            return refusal(fault, label)
        response = work(request)
        response.drop = fault.kind == "drop"
        return response

    def denied(self, request: Request) -> Response | None:
        """The 401 for a request without valid credentials."""
        given = request.credentials()
        if given is not None and self._users.has_password(*given):
            return None
        text = f"Access denied for {given[0]}" if given else "no valid Basic authorization"
        body = {"Status": "FAILED", "Message": text, "status": "FAILED", "msg": text}
        response = json_response(body, 401)
        response.headers["WWW-Authenticate"] = 'Basic realm=""'
        response.close = True
        return response

    def forbidden(self, request: Request) -> ServerError | None:
        """Why the user may not load into the table of a request; None if he may."""
        _, db, table = self.names(request)
        if db and table and request.parts[-1:] in (["_stream_load"], ["begin"], ["load"]):
            try:
                self._users.check(request.user, "INSERT", db, table)
            except ServerError as error:
                return error
        return None

    def options(self, request: Request) -> LoadOptions:
        """The options of a load; headers that do not fit end its transaction."""
        try:
            return LoadOptions.from_headers(request.headers)
        except ServerError as error:
            label, db, _ = self.names(request)
            found = self.transactions.find(db, label)
            if found is not None and found.record.state == "PREPARE":
                self.transactions.abort(found, error.message)
            raise

    def names(self, request: Request) -> tuple[str, str, str]:
        """Label, database and table of a request; percent-encoded names are decoded."""
        db, table = (request.headers.get(name, "") for name in ("db", "table"))
        if request.parts[3:] == ["_stream_load"]:
            db, table = request.parts[1:3]
        if "%" in db and not self.store.has_database(db):
            db = unquote(db)
        if "%" in table and not self.store.has_table(db, table):
            table = unquote(table)
        return request.headers.get("label", ""), db, table


def refusal(fault: Fault, label: str = "") -> Response:
    """The answer of a fault that does no work."""
    if fault.kind == "http":
        return Response(int(fault.status), fault.message.encode(), "text/plain", close=True)
    response = status_response(fault.status, fault.message, Label=label)
    response.drop = fault.kind == "lose"
    return response


def number_header(request: Request, name: str, default: float) -> float:
    """A number in a header.

    Raises:
        ServerError: It is none.
    """
    try:
        return float(request.headers.get(name, default))
    except ValueError:
        raise ServerError(f"invalid {name} format", status="INVALID_ARGUMENT") from None


def timeout_header(request: Request) -> float | None:
    """The header `timeout` in seconds; None if it is not given."""
    return number_header(request, "timeout", 0) if request.headers.get("timeout") else None


def counters(transaction: Transaction | None, spent: int) -> dict[str, Any]:
    """The counters of an answer to a load, prepare or commit; `spent` in milliseconds."""
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


def status_response(status: str, message: str, **facts: Any) -> Response:
    """The answer of the load APIs: a status, a message and facts."""
    return json_response({"Status": status, "Message": message, **facts})


def failed(text: str) -> Response:
    """The answer of a frontend that refuses a request of the load APIs."""
    return status_response("FAILED", f"class com.starrocks.common.StarRocksException: {text}")


def refused(text: str) -> Response:
    """The answer of a frontend that refuses any other request."""
    body = {"status": "FAILED", "code": "1", "msg": text, "message": text}
    return json_response(body)
