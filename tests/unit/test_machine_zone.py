"""The machine's time zone, however it is set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.clock import machine_zone

if TYPE_CHECKING:
    from pathlib import Path


def machine(root: Path) -> Path:
    zones = root / "usr/share/zoneinfo"
    for name, content in (("Asia/Shanghai", b"cst"), ("PRC", b"cst"), ("Europe/Berlin", b"cet")):
        (zones / name).parent.mkdir(parents=True, exist_ok=True)
        (zones / name).write_bytes(content)
    (root / "etc").mkdir()
    return root


def test_a_link_names_the_zone(tmp_path: Path) -> None:
    root = machine(tmp_path)
    (root / "etc/localtime").symlink_to(root / "usr/share/zoneinfo/Europe/Berlin")
    assert machine_zone(root) == "Europe/Berlin"


def test_a_copy_is_recognised_by_its_content(tmp_path: Path) -> None:
    root = machine(tmp_path)
    (root / "etc/localtime").write_bytes(b"cst")
    assert machine_zone(root) == "Asia/Shanghai"
    (root / "etc/timezone").write_text("PRC\n", encoding="utf-8")
    assert machine_zone(root) == "PRC"
    (root / "etc/timezone").write_text("Europe/Berlin\n", encoding="utf-8")
    assert machine_zone(root) == "Asia/Shanghai"


def test_what_nothing_tells_is_empty(tmp_path: Path) -> None:
    root = machine(tmp_path)
    assert machine_zone(root) == ""
    (root / "etc/localtime").write_bytes(b"own rules")
    assert machine_zone(root) == ""
