"""Whether targets can take the kinds of changes that reach them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.changelog import RowKind
from penstock.connectors.base import Finding, KeyModel, Severity
from penstock.plan import node_changes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.connectors.base import OutsideTable
    from penstock.plan import SinkNode
    from penstock.preflight.case import Case

_UPDATES = {RowKind.UPDATE_AFTER, RowKind.UPDATE_BEFORE}
_OF_UPDATES = {
    KeyModel.APPEND: "An update is appended as one more row.",
    KeyModel.MERGE: "An update is folded into the row once more.",
}
_REMEDY = "Create it with PRIMARY KEY (...), or send inserts only."


def findings(case: Case) -> Iterator[Finding]:
    """One finding per target that refuses or loses changes by its model."""
    for sink in case.sinks():
        look = case.look_at(sink)
        for table in look.tables if look is not None else ():
            if look is not None and table.model is not None:
                yield from _of(sink, table, look.inspection.place)


def _of(sink: SinkNode, table: OutsideTable, place: str) -> Iterator[Finding]:
    changes = node_changes(sink.input).kinds
    assert table.model is not None
    lost = _OF_UPDATES.get(table.model, "") if _UPDATES & changes else ""
    fatal = table.deletes_refused and RowKind.DELETE in changes
    if not lost and not fatal:
        return
    kinds = ", ".join(kind.short for kind in sorted(changes))
    cause = " ".join(part for part in (lost, "The first delete fails the job." * fatal) if part)
    yield Finding(
        Severity.ERROR if fatal else Severity.WARNING,
        "key-model",
        f'target "{table.name}" is a {table.model_name} table and gets {kinds}',
        cause,
        _REMEDY,
        place,
        span=sink.span,
    )
