"""Tables of a database whose rows become visible together, in one transaction for all of them.

StarRocks prepares no transaction over several tables. It is loaded, then listed by a manifest for
every one of its tables, and only then committed. What recovery finds uncommitted it rolls back, and
loads the rows again from the spool. Where one table may not load, all wait: nothing of an epoch is
visible before everything is.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.connectors.starrocks.committer import LOST
from penstock.connectors.starrocks.labels import Labels
from penstock.connectors.starrocks.lane import Lane
from penstock.connectors.starrocks.loader import Loader
from penstock.connectors.starrocks.pace import due_together, may_go
from penstock.connectors.starrocks.recovery import abort_unlisted
from penstock.errors import ConnectorError
from penstock.wire.stream_load import LoadState

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from penstock.connectors.base import SinkContext
    from penstock.connectors.starrocks.attempt import Part
    from penstock.connectors.starrocks.budget import TransactionSlots
    from penstock.connectors.starrocks.load_api import LoadApi
    from penstock.connectors.starrocks.options import StarRocksOptions
    from penstock.connectors.starrocks.outbox import Entry
    from penstock.connectors.starrocks.pace import Pace


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A table, and what its writer knows.

    Args:
        part: What is loaded.
        pace: When its rows are due, None while it has none; asked on the engine thread.
    """

    part: Part
    pace: Callable[[], Pace | None]


class Together:
    """The loader and the commits of such tables, shared by their writers.

    Args:
        options: Of the first of them: its label prefix, timeouts and limits hold.
        context: Of its writer.
        slots: Caps the open transactions of the database.
        open_epoch: The epoch that is open now.
    """

    def __init__(
        self,
        options: StarRocksOptions,
        context: SinkContext,
        slots: TransactionSlots,
        open_epoch: Callable[[], int],
    ) -> None:
        self._options = options
        self._context = context
        self._members: list[Member] = []
        self._announced = 0
        self._lock = threading.Lock()
        self._settled = False
        self._open: list[tuple[Part, Entry]] = []
        self._committing = False
        place = (options.load_url, options.database, options.username)
        self._labels = Labels(options, context, repr(place), "together")
        self._slots = slots
        self._lane = Lane(context.executor, context.wake)
        self._commits = Lane(context.commits, context.wake)
        self.failure: BaseException | None = None
        self.loader = Loader(
            [], self._lane, self._labels, options, context, slots, open_epoch, self._covered
        )

    def settle(self, api: LoadApi) -> None:
        """Once, before the first begin: abort what an earlier start left open. Blocks."""
        with self._lock:
            if not self._settled and self._options.abort_lingering:
                abort_unlisted(api.together(), self._context.recovered, self._labels)
            self._settled = True

    def announce(self) -> None:
        """A table will join: until then none goes, since rows of all belong together."""
        self._announced += 1

    def join(self, member: Member) -> None:
        """An announced table is open."""
        with self.loader.lock:
            self._members.append(member)
            self.loader.parts.append(member.part)

    def leave(self, member: Member | None, *, abort: bool) -> None:
        """An announced table less, None if it has never joined. On the loader's lane."""
        with self.loader.lock:
            self._announced -= 1
            if member is not None:
                self._members.remove(member)
        if member is not None:
            self.loader.leave(member.part, abort=abort)

    def on_lane(self, call: Callable[[], None]) -> Future[None]:
        """Run it between two turns of the loader."""
        return self._lane.submit(call)

    def close(self) -> None:
        """The last writer has gone, and with it the last transaction."""

    # Asked by the engine

    def may_go(self, epoch: int, share: float) -> bool:
        """Whether the rows of all tables go with the barrier of `epoch`."""
        loader = self.loader
        if loader.through == epoch:
            # Another table has asked already: they go together.
            return True
        if len(self._members) < self._announced or not may_go(
            resting=loader.resting(self._context.clock.now_ms()),
            loading=loader.through is not None,
            unacknowledged=len(self._open),
            unacknowledged_max=1,
        ):
            return False
        paces = [pace for member in list(self._members) if (pace := member.pace()) is not None]
        return due_together(paces, share) and loader.may_begin()

    @property
    def waiting_bytes(self) -> int:
        """Bytes of all tables that no label covers."""
        return sum(part.outbox.waiting_bytes for part in list(self.loader.parts))

    def commit(self) -> None:
        """A manifest is durable: commit if it lists the transaction for all of its tables."""
        with self.loader.lock:
            if not self._open or self._committing:
                return
            if not all(entry.durable for _, entry in self._open):
                return
            self._committing = True
        with contextlib.suppress(RuntimeError):
            self._commits.submit(self._guarded_commit)

    # On lanes

    def _covered(self, entries: list[tuple[Part, Entry]]) -> None:
        assert not self._open
        self._open = entries

    def _guarded_commit(self) -> None:
        try:
            self._commit()
        except BaseException as error:  # noqa: BLE001 - the engine raises it
            self.failure = error

    def _commit(self) -> None:
        part, first = self._open[0]
        started_s = self._context.clock.monotonic()
        try:
            part.committer.commit(first)
        except ConnectorError as error:
            if error.code != LOST:
                raise
            self._take_back(part, first, error)
            return
        took_s = self._context.clock.monotonic() - started_s
        for other, _ in self._open[1:]:
            other.committer.visible(took_s)
        self.loader.succeeded()
        self._close(lambda part, entry: part.outbox.acknowledge(entry))

    def _take_back(self, part: Part, entry: Entry, error: ConnectorError) -> None:
        """StarRocks aborted the transaction: all of its rows wait again.

        Raises:
            ConnectorError: It has forgotten it: recovery decides.
            DataError: It refuses rows.
        """
        state, reason = part.api.state(entry.label)
        if state is not LoadState.ABORTED:
            raise error
        why = part.api.aborted(entry.label, reason or error.detail)
        if not isinstance(why, ConnectorError):
            raise why

        def wait() -> None:
            loader = self.loader
            try:
                loader.recover_from(why)
            except ConnectorError as failure:
                self.failure = failure
                return
            self._close(lambda part, entry: part.outbox.take_back(entry))
            if loader.through is None:
                loader.through = max(segment.epoch for segment in entry.segments)

        self._lane.submit(wait)

    def _close(self, settle: Callable[[Part, Entry], None]) -> None:
        with self.loader.lock:
            entries, self._open = self._open, []
            self._committing = False
            for part, entry in entries:
                settle(part, entry)
        self._slots.release(entries[0][1].slot)
