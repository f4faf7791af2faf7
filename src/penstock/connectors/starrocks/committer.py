"""The committer: makes prepared transactions visible, in order, however often it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.connectors.starrocks.load_api import LoadApi
from penstock.errors import ConnectorError
from penstock.wire.stream_load import LoadState, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from penstock.clock import Clock
    from penstock.connectors.base import Committable, SinkContext
    from penstock.connectors.starrocks.gate import FlushGate
    from penstock.connectors.starrocks.writer import Progress

_PAUSES_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_PATIENCE_S = 60.0
_PUBLISH_PATIENCE_S = 600.0


class StarRocksCommitter:
    """Commits by label; an unclear answer is settled by asking for the label's state."""

    def __init__(
        self,
        api_for: Callable[[str, str], LoadApi],
        context: SinkContext,
        progress: Progress,
        gate: FlushGate,
        publish_timeout_ms: int,
    ) -> None:
        self._api_for = api_for
        self._context = context
        self._progress = progress
        self._gate = gate
        self._publish_timeout_ms = publish_timeout_ms

    def commit(self, committables: Sequence[Committable]) -> Future[None]:
        return self._context.executor.submit(self._commit_and_wake, list(committables))

    def _commit_and_wake(self, committables: Sequence[Committable]) -> None:
        try:
            self.commit_now(committables)
        finally:
            self._context.wake()

    def commit_now(self, committables: Sequence[Committable]) -> None:
        """Commit and wait until visible; blocks.

        Raises:
            ConnectorError: Not retryable where StarRocks aborted or forgot the transaction.
        """
        for committable in committables:
            payload = committable.payload
            api = self._api_for(str(payload["db"]), str(payload["table"]))
            started = self._clock.monotonic()
            self._commit_one(api, str(payload["label"]), int(payload["rows"]))
            self._gate.published(1000 * (self._clock.monotonic() - started))
            self._progress.last_commit_ms = self._clock.now_ms()
            self._progress.commits += 1

    @property
    def _clock(self) -> Clock:
        return self._context.clock

    def _commit_one(self, api: LoadApi, label: str, rows: int) -> None:
        headers = {}
        if self._publish_timeout_ms > 0:
            headers["timeout"] = str(max(1, self._publish_timeout_ms // 1000))
        deadline = self._clock.monotonic() + _PATIENCE_S
        publish_deadline = self._clock.monotonic() + _PUBLISH_PATIENCE_S
        turn = 0
        said = ""
        ask = True
        while True:
            failure: ConnectorError | None = None
            state = None
            try:
                if ask:
                    answer = api.commit(label, headers)
                    if answer.outcome is Outcome.OK:
                        return
                    said = f"{answer.status}: {answer.message}"
                state, reason = api.state(label)
            except ConnectorError as error:
                if not error.retryable:
                    raise
                failure = error
                ask = True
            now = self._clock.monotonic()
            if state is LoadState.VISIBLE:
                return
            if state in {LoadState.UNKNOWN, LoadState.ABORTED}:
                raise self._lost(api, label, rows, state, reason or said)
            ask = state is not LoadState.COMMITTED
            if ask and now > deadline:
                raise failure or self._late(api, label, said or f"state {state}")
            if now > publish_deadline:
                raise self._late(api, label, said or "COMMITTED")
            self._clock.sleep(_PAUSES_S[min(turn, len(_PAUSES_S) - 1)])
            turn += 1

    def _late(self, api: LoadApi, label: str, said: str) -> ConnectorError:
        return ConnectorError(
            f"could not commit a transaction on {api.name} in time",
            retryable=True,
            code="commit-late",
            detail=f"StarRocks says: {said}\nlabel {label}",
        )

    def _lost(
        self, api: LoadApi, label: str, rows: int, state: LoadState | None, said: str
    ) -> ConnectorError:
        what = "aborted" if state is LoadState.ABORTED else "does not know any more"
        return ConnectorError(
            f"StarRocks {what} a prepared transaction of {rows} rows on {api.name}",
            retryable=False,
            code="transaction-lost",
            detail=f"StarRocks says: {said}\nlabel {label}",
            hint="Compare the table with its source; start the job afresh to load the rows again, "
            "and raise 'prepared_timeout' if the job was down for long.",
        )
