"""Binlog bytes broken on purpose: a typed error or a result, soon, and in bounded memory.

`python -m tests.fuzz.binlog --minutes 10` is the long form of `tests/unit/wire/mysql/test_fuzz.py`.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.errors import ConnectorError, DataError
from penstock.wire.mysql.binlog import BinlogDecoder
from penstock.wire.mysql.column import parse_column

if TYPE_CHECKING:
    from penstock.wire.mysql.column import MySqlColumn

RECORDED = Path(__file__).parents[1] / "unit" / "wire" / "mysql"
STREAMS = ("mysql57_goods.bin", "mysql_goods.bin", "mariadb_goods.bin")
_TYPES = {
    "id": "int",
    "name": "varchar(40)",
    "price": "decimal(30,10)",
    "at": "datetime(6)",
    "kind": "enum('a','b')",
    "seen": "time(6)",
    "raw": "binary(4)",
    "doc": "json",
}
_COLUMNS = [parse_column(name, kind, "utf8mb4") for name, kind in _TYPES.items()]
# A machine three times slower still needs a tenth of it.
SECONDS_MAX = 10.0
_MEMORY_MAX = 3 << 30


def _schemas(database: str, _: str) -> list[MySqlColumn] | None:
    return _COLUMNS if database == "shop" else None


def broken(data: bytes, rng: random.Random) -> bytes:
    """The stream with a few bytes changed, cut out, repeated or put in."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        at = rng.randrange(len(out))
        size = rng.choice((1, 1, 1, 2, 4, 8, 50))
        match rng.randrange(6):
            case 0:
                out[at] ^= 1 << rng.randrange(8)
            case 1:
                out[at : at + size] = rng.randbytes(size)
            case 2:
                out[at : at + size] = rng.choice((b"\xff", b"\0")) * size
            case 3:
                del out[at : at + size]
            case 4:
                out[at:at] = out[at : at + size * 10]
            case _:
                out[at:at] = rng.randbytes(size)
        if not out:
            return b""
    return bytes(out)


def decode(data: bytes, step: int) -> str:
    """Feeds the stream; how it ended: "" or the error's text.

    Raises:
        Exception: Anything but a typed error is a bug.
    """
    decoder = BinlogDecoder(_schemas)
    try:
        for place in range(0, len(data), step):
            piece = data[place : place + step]
            while decoder.feed(piece):
                piece = b""
    except (ConnectorError, DataError) as error:
        return error.render()
    return ""


def one_case(seed: int) -> str:
    """One broken stream, by its seed."""
    rng = random.Random(seed)
    data = (RECORDED / rng.choice(STREAMS)).read_bytes()
    if rng.random() < 0.3:
        data *= rng.choice((2, 40))  # many small packets are read in bulk
    began = time.monotonic()
    found = decode(broken(data, rng), rng.choice((7, 100, 1000, 1 << 20)))
    took = time.monotonic() - began
    assert took < SECONDS_MAX, f"seed {seed} took {took:.1f} s"
    return found


def main(arguments: list[str]) -> int:
    """Runs cases until the time is over; stops at the first bug, with its seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_MAX, _MEMORY_MAX))
    end = time.monotonic() + 60 * options.minutes
    seed, refused = options.seed, 0
    while time.monotonic() < end:
        try:
            refused += bool(one_case(seed))
        except BaseException:
            sys.stderr.write(f"seed {seed}\n")
            raise
        seed += 1
    sys.stdout.write(f"{seed - options.seed} streams, {refused} ended by a typed error\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
