"""Prints how the shared cases fare: `python -m tests.conformance.report [-v] [file] [group]`."""

from __future__ import annotations

import sys

from tests.conformance.score import (
    function_cases,
    observations,
    parser_cases,
    scalar_cases,
    summary,
)
from tests.conformance.stream_programs import stream_programs

RUNS = {
    "parser": parser_cases,
    "functions": function_cases,
    "scalars": scalar_cases,
    "observations": observations,
    "programs": stream_programs,
}


def show(text: str) -> None:
    """Prints a line whatever characters it holds."""
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")


def main(arguments: list[str]) -> None:
    """Runs the named files, or all, and prints the summary; with -v also each that fails."""
    names = [name for name in arguments if not name.startswith("-")]
    chosen = names[0] if names else ""
    verdicts = [v for name, run in RUNS.items() if chosen in ("", name) for v in run()]
    verdicts = [v for v in verdicts if len(names) < 2 or v.group == names[1]]
    if "-v" in arguments:
        for verdict in verdicts:
            if verdict.status != "pass":
                show(f"{verdict.status} {verdict.file} {verdict.id}: {verdict.sql}")
                show(f"    flink:    {verdict.wanted}")
                show(f"    penstock: {verdict.found}")
    show(summary(verdicts))


if __name__ == "__main__":
    main(sys.argv[1:])
