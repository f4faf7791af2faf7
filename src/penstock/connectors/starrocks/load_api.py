"""The calls of Stream Load and the transaction API for one table, with errors sorted out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from penstock.clients.http import HttpClient, Timeouts
from penstock.errors import ConnectorError, DataError
from penstock.wire.stream_load import (
    LoadAnswer,
    LoadState,
    Outcome,
    cancel_path,
    load_state_path,
    merge_nodes_path,
    parse_answer,
    parse_nodes,
    parse_state,
    sanitized_log,
    stream_load_path,
    tracking_url,
    transaction_path,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from penstock.clients.http import Endpoint, HttpResponse
    from penstock.clock import Clock
    from penstock.connectors.starrocks.options import StarRocksOptions

BACK_PRESSURE = "starrocks-back-pressure"
LABEL_USED = "starrocks-label-used"
ANSWER_S = 660.0
_ERROR_LOG_LIMIT = 3000
_HOPELESS = (
    "access denied",
    "does not exist",
    "unknown database",
    "unknown table",
    "no valid basic authorization",
)
_BAD_DATA = (
    "filtered rows",
    "primary key size exceed",
    "only primary key table support partial update",
    "no load data",
    "column count",
)
_POLL_S = (0.05, 0.1, 0.2, 0.5, 1.0)


class RowsRefusedError(DataError):
    """StarRocks did not take rows for what is in them.

    Args:
        message: What happened.
        table: `database.table`.
        label: Of the load.
        answer: StarRocks' own.
        log: Its error log, empty where it has none.
    """

    def __init__(self, message: str, table: str, label: str, answer: LoadAnswer, log: str) -> None:
        self.said = f"{answer.status}: {answer.message}"
        self.filtered_rows = answer.filtered_rows
        self.log = tuple(log.splitlines())
        facts = [f"StarRocks says: {self.said}", f"label {label}"]
        if log:
            facts.append(f"errorLog: {log}")
        super().__init__(
            message,
            table=table,
            code="rows-refused",
            detail="\n".join(facts),
            hint="Correct the values in the query, or widen the target's columns; with"
            " 'sink.dead-letter.path' refused rows go to a file, with 'sink.dead-letter.table' to a"
            " table, and the rest is loaded. These two may be added to a script whose job goes on.",
        )


def load_client(
    options: StarRocksOptions,
    clock: Clock,
    endpoints: Sequence[Endpoint] = (),
    wait_s_max: float | None = None,
) -> HttpClient:
    """The client of a sink's load addresses.

    Args:
        options: Of the sink.
        clock: The door to time.
        endpoints: Instead of all of `load-url`.
        wait_s_max: Longest wait for a connection or an answer, for checks.
    """
    socket_ms = options.socket_timeout_ms
    answer = None if socket_ms == 0 else max(socket_ms / 1000, 0) or ANSWER_S
    idle = options.merge_idle_ms / 1000 if options.enable_merge_commit else None
    connect = options.connect_timeout_ms / 1000
    if wait_s_max is not None:
        connect, answer = min(connect, wait_s_max), wait_s_max
    return HttpClient(
        endpoints or options.load_url,
        options.username,
        options.password,
        timeouts=Timeouts(connect, answer, options.continue_timeout_ms / 1000, idle),
        mapping=options.host_mapping,
        ca_file=options.ca_file,
        clock=clock,
    )


class LoadApi:
    """Calls for one table. Thread-safe; blocks.

    Args:
        http: The client of the load addresses.
        database: Target database.
        table: Target table.
        clock: For waiting between polls.
        sanitize: Leave row data out of error logs.
        answered: Called with the answers of loads and prepares.
        together: Transactions take rows of other tables too.
    """

    def __init__(
        self,
        http: HttpClient,
        database: str,
        table: str,
        clock: Clock,
        *,
        sanitize: bool = False,
        answered: Callable[[LoadAnswer], None] = lambda _: None,
        together: bool = False,
    ) -> None:
        self._http = http
        self._database = database
        self._table = table
        self._clock = clock
        self._sanitize = sanitize
        self._answered = answered
        self._together = together
        self._knows_states = True

    def through(self, http: HttpClient) -> LoadApi:
        """The same calls by another client."""
        return self._as(http, together=self._together)

    def of_table(self, database: str, table: str) -> LoadApi:
        """The same calls for another table."""
        return LoadApi(self._http, database, table, self._clock, sanitize=self._sanitize)

    def together(self) -> LoadApi:
        """The same calls in transactions that take rows of other tables too."""
        return self._as(self._http, together=True)

    def _as(self, http: HttpClient, *, together: bool) -> LoadApi:
        return LoadApi(
            http,
            self._database,
            self._table,
            self._clock,
            sanitize=self._sanitize,
            answered=self._answered,
            together=together,
        )

    @property
    def name(self) -> str:
        """`database.table`, for messages."""
        return f"{self._database}.{self._table}"

    def supports_transactions(self) -> bool:
        """Whether begin is known to the server; a begin without a label opens nothing."""
        response = self._http.request("POST", transaction_path("begin"))
        self._deny(response)
        if response.status != 200:
            return False
        try:
            answer = parse_answer(response.body)
        except ValueError:
            return False
        return answer.message.lower() != "not implemented"

    def find_states(self) -> bool:
        """Ask whether states of labels can be asked for; a backend or a plain proxy cannot tell.

        Where they cannot, `state` and `settle` say UNKNOWN from now on, and only the label itself
        keeps a load from being applied twice.
        """
        path = load_state_path(self._database, "penstock-probe")
        response = self._http.request("GET", path)
        self._deny(response)
        try:
            # A frontend answers in JSON with a lower-case status, also where it refuses.
            known = "status" in parse_answer(response.body).fields
        except ValueError:
            known = False
        self._knows_states = known and response.status == 200
        return self._knows_states

    def begin(self, label: str, headers: Mapping[str, str]) -> int:
        """Open a transaction; its id."""
        answer = self._transaction("begin", label, headers)
        if answer.outcome is not Outcome.OK:
            raise self._failure("could not begin a transaction", label, answer)
        return answer.txn_id

    def load(self, label: str, headers: Mapping[str, str], body: Sequence[memoryview]) -> None:
        """Load one body into the open transaction."""
        response = self._http.request(
            "PUT", transaction_path("load"), {**headers, **self._address(label)}, body
        )
        answer = self._answer(response)
        self._answered(answer)
        if answer.outcome is not Outcome.OK:
            raise self._failure("could not load", label, answer)

    def prepare(self, label: str, headers: Mapping[str, str]) -> LoadAnswer:
        """End the loads; afterwards the transaction survives us."""
        answer = self._transaction("prepare", label, headers)
        self._answered(answer)
        if answer.outcome is not Outcome.OK:
            raise self._failure("could not prepare a transaction", label, answer)
        return answer

    def commit(self, label: str, headers: Mapping[str, str]) -> LoadAnswer:
        """Ask to commit; the answer may be anything."""
        return self._transaction("commit", label, headers)

    def stream_load(
        self, label: str, headers: Mapping[str, str], body: Sequence[memoryview]
    ) -> LoadAnswer:
        """One plain Stream Load, visible or committed when it returns."""
        path = stream_load_path(self._database, self._table)
        answer = self._answer(self._http.request("PUT", path, {**headers, "label": label}, body))
        self._answered(answer)
        finished = answer.existing_job_status.upper() == "FINISHED"
        if answer.outcome in {Outcome.OK, Outcome.PUBLISH_TIMEOUT}:
            return answer
        if answer.outcome is Outcome.LABEL_EXISTS and finished:
            # An earlier try won; this answer counts no rows.
            return replace(answer, status="Success", loaded_rows=None)
        raise self._failure("could not load", label, answer)

    def merge_load(
        self, request: str, headers: Mapping[str, str], body: Sequence[memoryview]
    ) -> LoadAnswer:
        """One request of merge commit; its answer has the label of the merged load.

        `request` is the request's own name, by which nothing can be asked for.
        """
        path = stream_load_path(self._database, self._table)
        answer = self._answer(self._http.request("PUT", path, {**headers, "label": request}, body))
        self._answered(answer)
        if answer.outcome in {Outcome.OK, Outcome.PUBLISH_TIMEOUT} and answer.label:
            return answer
        raise self._failure("could not load", request, answer)

    def coordinators(self, headers: Mapping[str, str]) -> list[str]:
        """`host:port` of the backends that take requests of merge commit with these headers."""
        path = merge_nodes_path(self._database, self._table)
        response = self._http.request("GET", path, headers)
        self._deny(response)
        try:
            return parse_nodes(response.body)
        except ValueError as error:
            raise self._unreadable(response, error) from error

    def aborted(self, label: str, reason: str) -> ConnectorError | DataError:
        """The error for a load that StarRocks aborted with this reason."""
        answer = LoadAnswer("ABORTED", reason, error_url=tracking_url(reason))
        return self._failure("StarRocks aborted a load", label, answer)

    def state(self, label: str) -> tuple[LoadState, str]:
        """State of a label, and the reason where it was aborted."""
        if not self._knows_states:
            return LoadState.UNKNOWN, ""
        response = self._http.request("GET", load_state_path(self._database, label))
        self._deny(response)
        try:
            return parse_state(response.body)
        except ValueError as error:
            raise self._unreadable(response, error) from error

    def settle(self, label: str, within_s: float = 60.0) -> LoadState:
        """See to it that a label is not open any more; its last state.

        Raises:
            ConnectorError: It stayed open.
        """
        deadline = self._clock.monotonic() + within_s
        turn = 0
        while True:
            try:
                state, _ = self.state(label)
                if state not in {LoadState.PREPARE, LoadState.PREPARED}:
                    return state
                if turn % 3 < 2:
                    self._transaction("rollback", label, {})
                else:
                    self._http.request("POST", cancel_path(self._database, self._table, label))
            except ConnectorError as error:
                if not error.retryable or self._clock.monotonic() > deadline:
                    raise
            if turn and self._clock.monotonic() > deadline:
                break
            self._clock.sleep(_POLL_S[min(turn, len(_POLL_S) - 1)] if turn else 0.0)
            turn += 1
        raise ConnectorError(
            f'could not abort transaction "{label}" on {self.name}', retryable=True
        )

    def roll_back(self, label: str) -> None:
        """End a transaction that is not committed; whatever its state is known to be.

        Raises:
            ConnectorError: It stayed open, or StarRocks does not answer.
        """
        # One over several tables may be open without having a state yet. (StarRocks 4.0)
        self._transaction("rollback", label, {})
        self.settle(label)

    def error_log(self, url: str) -> str:
        """The first lines of an error log, or why there are none; empty without an address."""
        if not url.startswith(("http://", "https://")):
            return ""
        try:
            response = self._http.get(url)
        except ConnectorError as error:
            return f"{url} cannot be read: {error.message}"
        text = response.body.decode("utf-8", "replace")
        if response.status != 200:
            return f"{url} cannot be read: HTTP {response.status}"
        return (sanitized_log(text) if self._sanitize else text)[:_ERROR_LOG_LIMIT].strip()

    def bad_data(self, message: str, label: str, answer: LoadAnswer) -> RowsRefusedError:
        """StarRocks did not take all rows."""
        return RowsRefusedError(message, self.name, label, answer, self.error_log(answer.error_url))

    def _address(self, label: str) -> dict[str, str]:
        address = {"label": label, "db": self._database, "table": self._table}
        return {**address, "transaction_type": "multi"} if self._together else address

    def _transaction(self, operation: str, label: str, headers: Mapping[str, str]) -> LoadAnswer:
        address = self._address(label)
        if self._together:
            # Such a transaction belongs to the database.
            del address["table"]
        headers = {**headers, **address}
        return self._answer(self._http.request("POST", transaction_path(operation), headers))

    def _answer(self, response: HttpResponse) -> LoadAnswer:
        self._deny(response)
        try:
            return parse_answer(response.body)
        except ValueError as error:
            raise self._unreadable(response, error) from error

    def _deny(self, response: HttpResponse) -> None:
        if response.status in {401, 403}:
            raise ConnectorError(
                f"access to {self.name} was denied",
                retryable=False,
                endpoint=str(response.endpoint),
                code="access-denied",
                detail=response.body[:500].decode("utf-8", "replace"),
                hint="Check 'username', 'password' and the INSERT privilege.",
            )

    def _unreadable(self, response: HttpResponse, error: Exception) -> ConnectorError:
        text = response.body[:500].decode("utf-8", "replace")
        return ConnectorError(
            f"could not read an answer about {self.name}",
            retryable=True,
            endpoint=str(response.endpoint),
            code="starrocks-answer",
            detail=f"HTTP {response.status}: {text or error}",
        )

    def _failure(self, message: str, label: str, answer: LoadAnswer) -> ConnectorError | DataError:
        lowered = answer.message.lower()
        if answer.outcome is Outcome.FAILED and (
            answer.error_url or any(text in lowered for text in _BAD_DATA)
        ):
            return self.bad_data(f"StarRocks refused rows for {self.name}", label, answer)
        refused = answer.outcome is Outcome.REFUSED
        code = BACK_PRESSURE if refused else "starrocks-load"
        if answer.outcome is Outcome.LABEL_EXISTS:
            code = LABEL_USED
        return ConnectorError(
            f"{message} on {self.name}",
            retryable=refused or not any(text in lowered for text in _HOPELESS),
            code=code,
            detail=f"StarRocks says: {answer.status}: {answer.message}\nlabel {label}",
        )
