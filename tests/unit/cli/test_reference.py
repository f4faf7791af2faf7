"""The committed reference of options is what the declarations say."""

from pathlib import Path

from penstock.cli.reference import render

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "connectors.md"


def test_the_committed_reference_is_current() -> None:
    assert PAGE.read_text() == render(), "run: python -m penstock.cli.reference > " + str(PAGE)


def test_it_says_what_has_no_effect_and_what_is_refused() -> None:
    page = render()
    assert "| `sink.scan-frequency.ms` | whole number, at least 1 | `50` | " in page
    assert "No effect here: no thread scans buffers" in page
    assert "Refused: it drops all rows" in page
    assert "| `jdbc-url` | jdbc url | required |" in page


def test_it_lists_what_a_catalog_takes_once() -> None:
    _, catalogs = render().split("\n## Catalogs\n")
    assert (
        "### Catalog type mysql\n\nAlso every option of the connector 'mysql-cdc' but" in catalogs
    )
    assert catalogs.count("| `hostname` |") == 0
    assert "| `table.num-buckets` | whole number, at least 1 | `0` | Buckets of created" in catalogs
