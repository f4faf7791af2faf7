"""The page that holds upstream's tests against ours names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "docs" / "starrocks-conformance.md"
_HERE = "tests/unit/connectors/starrocks"
FILES = {
    "rows": f"{_HERE}/test_upstream_cases.py",
    "client": f"{_HERE}/test_upstream_client_cases.py",
    "delivery": f"{_HERE}/test_delivery.py",
    "types": f"{_HERE}/test_rows.py",
    "sink": f"{_HERE}/test_sink.py",
    "options": f"{_HERE}/test_sink_options.py",
    "letters": f"{_HERE}/test_dead_letters.py",
    "merge": f"{_HERE}/test_merge_commit.py",
    "creation": f"{_HERE}/test_catalog_ddl.py",
    "catalog": "tests/e2e/test_catalogs.py",
    "together": f"{_HERE}/test_together.py",
    "scan": f"{_HERE}/test_scan.py",
    "lookup": f"{_HERE}/test_lookup.py",
    "bodies": "tests/unit/formats/test_load_bodies.py",
    "wire": "tests/unit/wire/test_stream_load.py",
    "http": "tests/unit/clients/test_http.py",
    "kills": "tests/fault/test_kills.py",
}


def test_every_test_it_names_exists() -> None:
    defined = {
        name: set(re.findall(r"def (test_\w+)", (ROOT / path).read_text(encoding="utf-8")))
        for name, path in FILES.items()
    }
    named = 0
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            continue
        file = ""
        for word, test in re.findall(r"(\b[a-z]+): |`(test_\w+)`", line):
            file = word if word in FILES else file
            if test:
                assert test in defined[file], line
                named += 1
    assert named > 60


def test_every_line_has_an_answer() -> None:
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and not line.startswith(("|---", "| Upstream", "| **")):
            assert re.search(r"`test_|not built|does not arise", cells[-1]), line
