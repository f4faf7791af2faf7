"""Texts that may be longer than their target's column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.connectors.base import Finding, Severity
from penstock.preflight.case import short_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock.plan import SinkNode
    from penstock.preflight.case import Case


def findings(case: Case) -> Iterator[Finding]:
    """A warning per target, naming all its columns that may be too short."""
    for sink in case.sinks():
        short = list(_short(case, sink))
        look = case.look_at(sink)
        if not short or look is None:
            continue
        yield Finding(
            Severity.WARNING,
            "text-too-long",
            f"{len(short)} column{'s' * (len(short) > 1)} of the target of"
            f" '{short_name(sink.table)}' may be too short",
            "The target counts bytes of UTF-8, the source characters; a longer text is refused and"
            f" fails the job. {'; '.join(short)}.",
            "Give the target's columns the number of bytes, or cut the texts in the query.",
            look.inspection.place,
            span=sink.span,
        )


def _short(case: Case, sink: SinkNode) -> Iterator[str]:
    for column, origins in case.origins(sink):
        target = case.outside(sink, column.name)
        if target is None or target.bytes_max is None:
            continue
        for origin in origins:
            source = case.outside(origin.source, origin.column.name)
            if source and source.bytes_max and source.bytes_max > target.bytes_max:
                yield (
                    f"{column.name}: {target.type} for {source.type},"
                    f" up to {source.bytes_max} bytes"
                )
                break
