"""The rows of a body that are not loaded, and the lines of the error log about them."""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_ERROR_ROWS = 50


@dataclass(slots=True)
class Rejects:
    """How many rows were refused, and why the first of them were."""

    count: int = 0
    lines: list[str] = field(default_factory=list)

    def add(self, message: str, row: str) -> None:
        """Refuse one row."""
        self.count += 1
        self.explain(message, row)

    def explain(self, message: str, row: str) -> None:
        """Write a line of the error log; the row is counted elsewhere."""
        if len(self.lines) < MAX_ERROR_ROWS:
            self.lines.append(f"Error: {message}. Row: {row}")
