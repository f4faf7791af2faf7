"""The examples of docs/guide/testing.md do what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs/guide/testing.md"


def blocks() -> tuple[dict[str, str], list[str]]:
    """Files of the guide by name, and the Python blocks that are none."""
    files: dict[str, str] = {}
    others: list[str] = []
    found = re.finditer(r"(?:`(\w+\.py)`:\n\n)?```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    for name, text in (match.groups() for match in found):
        if name:
            files[name] = text
        else:
            others.append(text)
    return files, others


def test_the_files_of_the_guide(tmp_path: Path) -> None:
    files, _ = blocks()
    assert sorted(files) == ["conftest.py", "test_orders.py"]
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "."],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_the_remaining_examples_of_the_guide(tmp_path: Path) -> None:
    _, others = blocks()
    assert len(others) == 1
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", others[0]],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
