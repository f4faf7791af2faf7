"""The gate: decides when a table's epoch may end, so that StarRocks keeps up with compaction.

Owns the flush controller: `sawtooth` follows the versions of a table's tablets, `law` turns what
is known into an interval - both pure functions of observations and of a time given to them -, and
`FlushGate` holds their state for one writer. Touches no socket, thread or clock. Called by the
writer, the committer and the observer.
"""

from penstock.connectors.starrocks.gate.flush_gate import FlushGate
from penstock.connectors.starrocks.gate.law import Decision, GateSettings, Moment, decide, floor_ms
from penstock.connectors.starrocks.gate.outlook import Outlook, outlook
from penstock.connectors.starrocks.gate.sawtooth import (
    SCORES,
    VERSIONS,
    Sawtooth,
    Scale,
    TabletVersions,
    follow,
)

__all__ = [
    "SCORES",
    "VERSIONS",
    "Decision",
    "FlushGate",
    "GateSettings",
    "Moment",
    "Outlook",
    "Sawtooth",
    "Scale",
    "TabletVersions",
    "decide",
    "floor_ms",
    "follow",
    "outlook",
]
