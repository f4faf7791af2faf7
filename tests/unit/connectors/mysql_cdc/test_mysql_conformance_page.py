"""The page that holds upstream's MySQL tests against ours names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "docs" / "mysql-conformance.md"
_UNIT = "tests/unit/connectors/mysql_cdc"
FILES = {
    "cdc": "tests/e2e/test_mysql_cdc.py",
    "start": "tests/e2e/test_mysql_startup.py",
    "ddl": "tests/e2e/test_mysql_ddl.py",
    "types": "tests/e2e/test_mysql_types.py",
    "chunks": "tests/e2e/test_mysql_chunks.py",
    "readers": "tests/e2e/test_mysql_readers.py",
    "rights": "tests/e2e/test_mysql_rights.py",
    "random": "tests/e2e/test_mysql_random_rows.py",
    "parts": f"{_UNIT}/test_mysql_cdc_parts.py",
    "passed": f"{_UNIT}/test_passed_on_options.py",
    "offsets": f"{_UNIT}/test_offsets.py",
    "columns": f"{_UNIT}/test_ddl.py",
    "ring": f"{_UNIT}/test_ring.py",
    "fuzz": "tests/unit/wire/mysql/test_fuzz.py",
    "recorded": "tests/unit/wire/mysql/test_binlog.py",
    "kills": "tests/fault/test_kills.py",
}


def test_every_test_it_names_exists() -> None:
    defined = {
        name: set(re.findall(r"def (test_\w+)", (ROOT / path).read_text(encoding="utf-8")))
        for name, path in FILES.items()
    }
    anywhere = set().union(*defined.values())
    named = 0
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            continue
        file = ""
        for word, test in re.findall(r"(\b[a-z]+): |`(test_\w+)`", line):
            file = word if word in FILES else file
            if test:
                assert test in (defined[file] if file else anywhere), line
                named += 1
    assert named > 60


def test_every_line_has_an_answer() -> None:
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and not line.startswith(("|---", "| Upstream", "| Case")):
            only_a_title = line.startswith("| **") and not cells[-1]
            assert only_a_title or re.search(r"`test_|not built|does not arise", cells[-1]), line
