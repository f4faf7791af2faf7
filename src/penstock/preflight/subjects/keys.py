"""Whether targets can take the kinds of changes that reach them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.changelog import RowKind
from penstock.connectors.base import Finding, KeyModel, Severity
from penstock.plan import node_changes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.preflight.case import Case

_UPDATES = {RowKind.UPDATE_AFTER, RowKind.UPDATE_BEFORE}
_EFFECT = {
    KeyModel.APPEND: (_UPDATES | {RowKind.DELETE}, "updates are appended, deletes are dropped"),
    KeyModel.REPLACE: ({RowKind.DELETE}, "deletes are dropped"),
    KeyModel.MERGE: (
        _UPDATES | {RowKind.DELETE},
        "updates are folded into the row once more, deletes are dropped",
    ),
}


def findings(case: Case) -> Iterator[Finding]:
    """A warning per target that loses changes by its model."""
    for sink in case.sinks():
        look = case.look_at(sink)
        for table in look.tables if look is not None else ():
            lost = _EFFECT.get(table.model) if table.model else None
            changes = node_changes(sink.input).kinds
            if look is None or lost is None or not lost[0] & changes:
                continue
            kinds = ", ".join(kind.short for kind in sorted(changes))
            yield Finding(
                Severity.WARNING,
                "key-model",
                f'target "{table.name}" is a {table.model_name} table and gets {kinds}',
                f"In that model {lost[1]}.",
                "Create it with PRIMARY KEY (...), or send inserts only.",
                look.inspection.place,
                span=sink.span,
            )
