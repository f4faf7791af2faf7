"""Whether two declarations mean one StarRocks table, and whether one writer can serve both."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from penstock.connectors.base import Clash
from penstock.connectors.starrocks.options import StarRocksOptions

if TYPE_CHECKING:
    from collections.abc import Hashable

    from penstock.types import Schema

_ADDRESSES = {StarRocksOptions.load_url.key, StarRocksOptions.jdbc_url.key}

# What a transaction of several tables has once.
_ONE_FOR_ALL = {
    StarRocksOptions.username.key,
    StarRocksOptions.label_prefix.key,
    StarRocksOptions.max_retries.key,
    StarRocksOptions.retry_interval_ms.key,
    StarRocksOptions.multi_table_bytes.key,
    "sink.properties.timeout",
    "sink.properties.idle_transaction_timeout",
    "sink.properties.prepared_timeout",
}


def share_key(options: StarRocksOptions, schema: Schema, zone: str) -> Hashable:
    """Equal for sinks that one writer serves, in whatever order they name the frontends."""
    facts = json.dumps(_facts(options), sort_keys=True)
    # Of the text, since a password is in it.
    digest = hashlib.blake2s(facts.encode()).hexdigest()
    return ("starrocks", *_hosts(options), options.database, options.table, schema, zone, digest)


def clash(
    ours: tuple[StarRocksOptions, Schema, str], theirs: tuple[StarRocksOptions, Schema, str]
) -> Clash | None:
    """What keeps two sinks on one table from sharing a writer; None where nothing does.

    Partial updates of different columns do not: they commute.

    Args:
        ours: Options, columns and zone of one.
        theirs: Those of the other.
    """
    (mine, schema, zone), (other, other_schema, other_zone) = ours, theirs
    if not _same_table(mine, other):
        return _apart(mine, other)
    facts, other_facts = _facts(mine), _facts(other)
    keys = facts.keys() | other_facts.keys()
    differing = {key for key in keys if facts.get(key) != other_facts.get(key)}
    for key, hosts, other_hosts in zip(
        sorted(_ADDRESSES, reverse=True), _hosts(mine), _hosts(other), strict=True
    ):
        if hosts != other_hosts:
            differing.add(key)
    if zone != other_zone:
        differing.add(StarRocksOptions.ltz_zone.key)
    if schema != other_schema and not (mine.partial_update and other.partial_update):
        return Clash(f"{mine.database}.{mine.table}", tuple(sorted(differing)), columns=True)
    if not differing:
        return None
    return Clash(f"{mine.database}.{mine.table}", tuple(sorted(differing)))


def _apart(mine: StarRocksOptions, other: StarRocksOptions) -> Clash | None:
    """What keeps two tables that are to become visible together from sharing a transaction."""
    if not (mine.multi_table and other.multi_table) or mine.database != other.database:
        return None
    if not any(a & b for a, b in zip(_hosts(mine), _hosts(other), strict=True)):
        return None
    facts, other_facts = _facts(mine), _facts(other)
    differing = sorted(key for key in _ONE_FOR_ALL if facts.get(key) != other_facts.get(key))
    return Clash(mine.database, tuple(differing)) if differing else None


def _same_table(mine: StarRocksOptions, other: StarRocksOptions) -> bool:
    if (mine.database, mine.table) != (other.database, other.table):
        return False
    return any(a & b for a, b in zip(_hosts(mine), _hosts(other), strict=True))


def _hosts(options: StarRocksOptions) -> tuple[frozenset[Hashable], frozenset[Hashable]]:
    """The frontends, as loads and as queries reach them."""
    loads = frozenset((e.host.lower(), e.port) for e in options.load_url)
    queries = frozenset((host.lower(), port) for host, port in options.jdbc_url.hosts)
    return loads, queries


def _facts(options: StarRocksOptions) -> dict[str, str]:
    """The options that decide how rows are written, as they were given."""
    no_effect = {option.key for option in options.declared() if option.no_effect}
    left_out = {*_ADDRESSES, *no_effect, *options.ignored}
    given = ((options.spelled(key), value) for key, value in options.raw.items())
    return {key: value for key, value in given if key not in left_out}
