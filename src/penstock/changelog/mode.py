"""Which row kinds a stream may carry."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.changelog.row_kind import RowKind


@dataclass(frozen=True, slots=True)
class ChangelogMode:
    """The set of row kinds a stream may carry, or a sink accepts."""

    kinds: frozenset[RowKind]

    @classmethod
    def insert_only(cls) -> ChangelogMode:
        """Only +I."""
        return cls(frozenset({RowKind.INSERT}))

    @classmethod
    def upsert(cls) -> ChangelogMode:
        """+I, +U, -D."""
        return cls(frozenset({RowKind.INSERT, RowKind.UPDATE_AFTER, RowKind.DELETE}))

    @classmethod
    def all(cls) -> ChangelogMode:
        """All four kinds."""
        return cls(frozenset(RowKind))

    @property
    def is_insert_only(self) -> bool:
        return self.kinds == {RowKind.INSERT}
