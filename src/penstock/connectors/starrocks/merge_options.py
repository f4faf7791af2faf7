"""Options of merge commit: how requests are cut, sent and followed.

Source: flink-connector-starrocks 1.2.14, merge commit options.
"""

# ruff: noqa: FBT003 - defaults of boolean options are plain booleans
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.config import Option
from penstock.config.option import at_least, boolean, integer
from penstock.connectors.starrocks.properties import PREFIX, LoadProperties
from penstock.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "sink.merge-commit."
_UNLIMITED = 2_147_483_647
_CHUNK_BYTES = 20 << 20
_CHUNK_BYTES_IN_ORDER = 500 << 20
_PUBLISH_TIMEOUT_MS = 10_000


class MergeCommitOptions(LoadProperties):
    """Options that mean something only with 'sink.properties.enable_merge_commit' = 'true'."""

    merge_chunk: Option[Any] = Option(
        _PREFIX + "chunk.size",
        integer,
        None,
        "Bytes of one request; 20 MiB, or 500 MiB where requests go one at a time.",
        at_least(1),
    )
    merge_requests = Option(
        _PREFIX + "max-concurrent-requests",
        integer,
        _UNLIMITED,
        "Requests under way at once; 0: one at a time, in order; negative: no limit of its own.",
        aliases=(_PREFIX + "max-inflight-requests",),
    )
    merge_threads = Option(
        _PREFIX + "http.thread.num", integer, 3, "Threads that send requests.", at_least(1)
    )
    merge_connections = Option(
        _PREFIX + "http.max-connections",
        integer,
        20,
        "Connections to one address, and requests under way to it.",
        at_least(1),
    )
    merge_connections_total = Option(
        _PREFIX + "http.total-max-connections",
        integer,
        1000,
        "Connections to all addresses.",
        at_least(1),
    )
    merge_idle_ms = Option(
        _PREFIX + "http.idle-connection-timeout-ms",
        integer,
        60_000,
        "A connection idle for longer is not used again.",
        at_least(1),
    )
    merge_nodes_ms = Option(
        _PREFIX + "node-meta.update-interval-ms",
        integer,
        5000,
        "How long the list of coordinator backends holds, with backend-direct-connection.",
        at_least(1),
    )
    merge_poll_delay_ms = Option(
        _PREFIX + "check-label-state.init-delay-ms",
        integer,
        500,
        "Wait before the state of a merged load is asked for.",
        at_least(0),
        aliases=(_PREFIX + "check-state.init-delay-ms",),
    )
    merge_poll_ms = Option(
        _PREFIX + "check-label-state.interval-ms",
        integer,
        500,
        "Wait between such questions.",
        at_least(1),
        aliases=(_PREFIX + "check-state.interval-ms",),
    )
    merge_poll_timeout_ms: Option[Any] = Option(
        _PREFIX + "check-label-state.timeout-ms",
        integer,
        None,
        "How long to ask; the timeout of the load where not set.",
        at_least(1),
        aliases=(_PREFIX + "check-state.timeout-ms",),
    )
    merge_direct = Option(
        _PREFIX + "backend-direct-connection",
        boolean,
        False,
        "Send to the coordinator backends the frontend names, instead of following its redirect.",
    )

    def __init__(self, raw: Mapping[str, str]) -> None:
        super().__init__(raw)
        if self.enable_merge_commit:
            self._check_merge_commit()
            return
        for option in self.declared():
            is_merge = option.key.startswith((_PREFIX, PREFIX + "merge_commit_"))
            if is_merge and self.is_set(option) and self.values[option.key] != option.default:
                self._tell(f"option '{option.key}' has no effect here: merge commit is off")

    @property
    def chunk_bytes(self) -> int:
        """Bytes of one request of merge commit."""
        if self.merge_chunk is not None:
            return int(self.merge_chunk)
        return _CHUNK_BYTES if self.merge_requests > 0 else _CHUNK_BYTES_IN_ORDER

    def requests_at_once(self, addresses: int) -> int:
        """How many requests of merge commit may be under way at that many addresses."""
        if self.merge_requests == 0:
            return 1
        asked = self.merge_requests if self.merge_requests > 0 else _UNLIMITED
        connections = min(self.merge_connections * addresses, self.merge_connections_total)
        return max(1, min(asked, int(self.merge_threads), connections))

    @property
    def follow_ms(self) -> int:
        """How long the state of a merged load is asked for."""
        given = self.merge_poll_timeout_ms
        return int(given) if given is not None else 1000 * int(self.timeout)

    def enough_ms(self, publish_timeout: Option[int]) -> int:
        """How long a commit may take to become visible before it counts as done; 0: for ever."""
        given = int(self.values.get(publish_timeout.key, publish_timeout.default))
        if self.enable_merge_commit and not self.is_set(publish_timeout):
            return _PUBLISH_TIMEOUT_MS
        return max(given, 0)

    def _check_merge_commit(self) -> None:
        if self.merge_commit_interval is None:
            key = f"{PREFIX}merge_commit_interval_ms"
            raise OptionError(
                f"Must set '{key}' when '{PREFIX}enable_merge_commit' is true",
                key=key,
                code="missing-option",
            )
        if not self.merge_direct and self.is_set(MergeCommitOptions.merge_nodes_ms):
            self._tell(
                f"option '{MergeCommitOptions.merge_nodes_ms.key}' has no effect here: frontends"
                " redirect each request, where backend-direct-connection is off"
            )
