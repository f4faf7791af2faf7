"""What a change does to a row."""

from __future__ import annotations

from enum import IntEnum


class RowKind(IntEnum):
    """Flink's row kinds, with Flink's byte values.

    Source: Flink, org.apache.flink.types.RowKind.
    """

    INSERT = 0
    UPDATE_BEFORE = 1
    UPDATE_AFTER = 2
    DELETE = 3

    @property
    def short(self) -> str:
        """The two-letter form: `+I`, `-U`, `+U`, `-D`.

        Examples:
            >>> RowKind.UPDATE_AFTER.short
            '+U'
        """
        return ("+I", "-U", "+U", "-D")[self]
