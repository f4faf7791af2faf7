"""Where StarRocks is: `load-url`, `jdbc-url` with its parameters, and addresses in between."""

from __future__ import annotations

import re
from dataclasses import dataclass

from penstock.clients.http import Endpoint
from penstock.clients.jdbc_url import JdbcUrl, host_port, parse_jdbc_url

__all__ = ["HostMapping", "JdbcUrl", "host_mapping", "jdbc_url", "load_url"]


def jdbc_url(text: str) -> JdbcUrl:
    """Query addresses of frontends, port 9030 where none is given.

    Raises:
        ValueError: It is no JDBC URL, or has a parameter that is unknown or cannot be honoured.

    Examples:
        >>> jdbc_url("jdbc:mysql://fe1,[::1]:9031/?sslMode=REQUIRED").hosts
        (('fe1', 9030), ('::1', 9031))
    """
    return parse_jdbc_url(text, default_port=9030, option="jdbc-url")


def load_url(text: str) -> tuple[Endpoint, ...]:
    """HTTP addresses, `;` or `,` between them, each with or without a scheme.

    Examples:
        >>> [str(e) for e in load_url("fe1:8030; https://[::1]:8443/")]
        ['http://fe1:8030', 'https://[::1]:8443']
    """
    found = []
    for raw in re.split(r"[;,]", text):
        item = raw.strip()
        if not item:
            continue
        scheme, _, rest = item.rpartition("://")
        try:
            if scheme.lower() not in {"", "http", "https"} or "@" in rest:
                raise ValueError(item)  # noqa: TRY301 - same message for all of its kind
            host, port = host_port(rest.rstrip("/"))
        except ValueError as error:
            message = (
                f"Could not parse host '{item}' in option 'load-url'. "
                "It should follow the format 'host_name:port'"
            )
            raise ValueError(message) from error
        found.append(Endpoint(host, port, scheme.lower() == "https"))
    if not found:
        message = "expected 'host_name:port', several separated by ';'"
        raise ValueError(message)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class HostMapping:
    """Where the addresses are reached that StarRocks names in redirects and error logs.

    Args:
        pairs: (host, port or None) as StarRocks names it -> (host, port or None) to connect to.
    """

    pairs: tuple[tuple[tuple[str, int | None], tuple[str, int | None]], ...] = ()

    def __call__(self, endpoint: Endpoint) -> Endpoint:
        for (host, port), (to_host, to_port) in self.pairs:
            if endpoint.host.lower() == host.lower() and port in {None, endpoint.port}:
                return Endpoint(to_host, to_port or endpoint.port, endpoint.tls)
        return endpoint


def host_mapping(text: str) -> HostMapping:
    """`127.0.0.1:8040=starrocks:8040; 172.18.0.3=10.1.2.3`: as named = as reached.

    Examples:
        >>> str(host_mapping("127.0.0.1:8040=be:18040")(Endpoint("127.0.0.1", 8040)))
        'http://be:18040'
    """
    pairs = []
    for item in re.split(r"[;,]", text):
        if not item.strip():
            continue
        named, equals, reached = item.partition("=")
        if not equals:
            message = "expected 'named_host:port=reached_host:port', several separated by ';'"
            raise ValueError(message)
        pairs.append((_optional_port(named.strip()), _optional_port(reached.strip())))
    return HostMapping(tuple(pairs))


def _optional_port(text: str) -> tuple[str, int | None]:
    host, port = host_port(text, 0)
    return host, port or None
