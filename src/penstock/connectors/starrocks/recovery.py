"""What a writer does about the labels of an earlier start, before its first begin."""

from __future__ import annotations

import logging
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from penstock.connectors.starrocks.committer import LOST, Committer
from penstock.connectors.starrocks.outbox import Entry, EntryKind, Outbox
from penstock.errors import ConnectorError, JobError
from penstock.wire.stream_load import LoadState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from penstock.connectors.base import RecoveredSink
    from penstock.connectors.starrocks.labels import Labels
    from penstock.connectors.starrocks.load_api import LoadApi
    from penstock.connectors.starrocks.options import StarRocksOptions
    from penstock.state import Segment, Spool

_LOG = logging.getLogger(__name__)
ON_UNKNOWN_KEY = "penstock.sink.on-unknown-label"
CHOICES = ("fail", "reload", "skip")
_LABELLED = {EntryKind.TRANSACTION, EntryKind.TOGETHER}
_VISIBLE = {LoadState.COMMITTED, LoadState.VISIBLE}


class Recovery:
    """Commits what the manifest lists, takes back what is lost, aborts what no manifest lists.

    Args:
        api: Calls for the table.
        committer: Commits listed transactions.
        options: Of the sink.
        keyed: The target has a primary key: rows may be loaded again.
        on_unknown: What to do about a forgotten label without a primary key: one of CHOICES.
    """

    def __init__(
        self,
        api: LoadApi,
        committer: Committer,
        options: StarRocksOptions,
        *,
        keyed: bool,
        on_unknown: str = "fail",
    ) -> None:
        self._api = api
        self._committer = committer
        self._options = options
        self._keyed = keyed
        self._on_unknown = on_unknown

    def run(
        self, recovered: RecoveredSink, labels: Labels, spool: Spool, outbox: Outbox
    ) -> list[Entry]:
        """Settle everything; the entries that are still to be committed, in order.

        Args:
            recovered: What recovery found.
            labels: Names labels of intents.
            spool: Where the rows are.
            outbox: Gets the rows that no visible label carries.

        Raises:
            JobError: StarRocks has forgotten a label, and loading again could double rows.
            ConnectorError: StarRocks does not answer.
            CheckpointError: Rows that are needed cannot be read.
        """
        payloads = [committable.payload for committable in recovered.committables]
        names = [tuple(pair) for payload in payloads for pair in payload["segments"]]
        found = {segment.name: segment for segment in spool.recover(names)}
        listed = [_entry(payload, found) for payload in payloads]
        # Dead letters were on disk before the manifest: nothing is left to do about them.
        entries = [entry for entry in listed if entry.kind is not EntryKind.NOTHING]
        waiting = self._settle(entries)
        if self._options.abort_lingering:
            abort_unlisted(self._api, recovered, labels)
        left_over = [segment for entry in waiting for segment in entry.segments]
        outbox.recover(left_over, [s for s in found.values() if s not in left_over])
        left = []
        for entry in waiting:
            # Without merge commit now, one transaction will show all of its rows at once.
            if entry.kind is EntryKind.LOAD or (
                entry.kind is EntryKind.MERGE and self._committer.merges
            ):
                last = max(segment.epoch for segment in entry.segments)
                covered = outbox.cover(entry.kind, entry.label, -1, last)
                assert covered is not None
                covered.listed = covered.durable = True
                left.append(covered)
        return left

    def _settle(self, entries: Sequence[Entry]) -> list[Entry]:
        """Commit transactions in order; what is left to load, the lost ones included."""
        transactions = list(takewhile(lambda e: e.kind in _LABELLED, entries))
        others = list(entries)[len(transactions) :]
        for entry in entries:
            # Nothing of several tables was prepared: what is not committed is loaded again.
            if entry.kind is EntryKind.TOGETHER:
                self._api.together().roll_back(entry.label)
        for entry in others:
            # Prepared behind something not sent yet, which must become visible first.
            if entry.kind is EntryKind.TRANSACTION:
                self._api.settle(entry.label)
        states = [self._api.state(entry.label)[0] for entry in transactions]
        # Commits go in order: if one is visible so are all before it, remembered or not.
        visible = [i for i, state in enumerate(states) if state in _VISIBLE]
        after = visible[-1] + 1 if visible else 0
        if visible:
            self._committer.commit(transactions[visible[-1]])
        for place in range(after, len(transactions)):
            try:
                self._commit(transactions[place], states[place])
            except ConnectorError as error:
                if error.code != LOST:
                    raise
                lost = transactions[place:]
                self._take_back(lost, error)
                return [*lost, *others]
        return others

    def _commit(self, entry: Entry, state: LoadState) -> None:
        if state is LoadState.PREPARE:
            # It was prepared once; an open one with this label cannot hold our rows.
            self._api.settle(entry.label)
        self._committer.commit(entry)

    def _take_back(self, lost: Sequence[Entry], error: ConnectorError) -> None:
        """The rows of these labels will be loaded again: none of them may become visible."""
        first = lost[0]
        state, _ = self._api.state(first.label)
        choice = self._on_unknown
        if state is LoadState.UNKNOWN and not self._keyed and choice == "fail":
            raise JobError(
                f"StarRocks does not know any more whether {first.rows} rows of "
                f"{self._api.name} became visible",
                code="unknown-label",
                detail=f"label {first.label}, transaction {first.txn_id}. The table has no "
                "primary key, so loading the rows again could double them.",
                hint="Look for the rows in the table, then resume with -D "
                f"{ON_UNKNOWN_KEY}=reload (they are missing) or skip (they are there).",
            )
        for entry in lost:
            settled = self._api.settle(entry.label)
            if settled in _VISIBLE:
                raise ConnectorError(
                    f'label "{entry.label}" became {settled.value} while its rows were taken back',
                    retryable=True,
                    code="label-taken",
                    detail=f"{entry.rows} rows of {self._api.name}, transaction {entry.txn_id}.",
                )
        if state is LoadState.UNKNOWN and not self._keyed and choice == "skip":
            _LOG.warning("label %s is taken as visible, as asked", first.label)
            first.segments = ()
        _LOG.warning("%s: its rows are loaded again (%s)", error.message, error.detail)


def abort_unlisted(api: LoadApi, recovered: RecoveredSink, labels: Labels) -> None:
    """Abort what earlier starts may have begun under these labels and no manifest lists.

    Raises:
        ConnectorError: StarRocks does not answer.
    """
    listed = (*recovered.committables, *recovered.others)
    known = {committable.payload.get("label") for committable in listed}
    for intent in recovered.intents:
        label = labels.name(*intent)
        if label not in known:
            # VISIBLE is in order here: its manifest entry left once it was acknowledged.
            api.settle(label)


def _entry(payload: Mapping[str, Any], found: Mapping[str, Segment]) -> Entry:
    return Entry(
        EntryKind(payload["kind"]),
        str(payload.get("label", "")),
        int(payload.get("txn_id", -1)),
        tuple(found[name] for name, _ in payload["segments"]),
    )
