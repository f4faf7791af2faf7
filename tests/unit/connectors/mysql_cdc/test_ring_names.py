"""Two servers of one script keep their events apart, and to themselves."""

from pathlib import Path

from penstock.clients.mysql import MySqlEndpoint
from penstock.config import Secret
from penstock.connectors.mysql_cdc.reader import _ring_name
from penstock.connectors.mysql_cdc.ring import ByteRing


def endpoint(port: int, user: str = "u") -> MySqlEndpoint:
    return MySqlEndpoint("h", port, user, Secret("p"))


def test_each_server_and_account_has_a_ring_of_its_own() -> None:
    names = {_ring_name(e) for e in (endpoint(1), endpoint(2), endpoint(1, "v"))}
    assert len(names) == 3
    assert _ring_name(endpoint(1)) == _ring_name(endpoint(1))


def test_what_a_ring_spills_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.ring"
    ring = ByteRing(path, memory_bytes=1)
    ring.put(b"first")
    ring.put(b"second")
    assert path.stat().st_mode & 0o777 == 0o600
    assert [ring.take(), ring.take()] == [b"first", b"second"]
    ring.close()
    assert not path.exists()
