"""Where StarRocks is: `load-url`, `jdbc-url` with its parameters, and addresses in between."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from penstock.clients.http import Endpoint
from penstock.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

_JDBC = re.compile(r"jdbc:(?:mysql|mariadb)(?::\w+)?://([^/?]+)(?:/([^?]*))?(?:\?(.*))?", re.S)
_NO_TIMES = "no times pass over this connection"
_OWN_CLIENT = "it tunes the Java driver"
# Parameters people paste that change nothing for the few catalog queries sent here, and why.
_HARMLESS: Mapping[str, str] = {
    **dict.fromkeys(
        [
            "servertimezone",
            "connectiontimezone",
            "forceconnectiontimezonetosession",
            "uselegacydatetimecode",
            "usetimezone",
            "usejdbccomplianttimezoneshift",
            "zerodatetimebehavior",
            "yearisdatetype",
            "nodatetimestringsync",
            "preserveinstants",
            "sendfractionalseconds",
        ],
        _NO_TIMES,
    ),
    **dict.fromkeys(
        [
            "autoreconnect",
            "autoreconnectforpools",
            "failoverreadonly",
            "maxreconnects",
            "initialtimeout",
            "retriesalldown",
            "secondsbeforeretrymaster",
            "secondsbeforeretrysource",
            "roundrobinloadbalance",
        ],
        "addresses are tried in turn anyway",
    ),
    **dict.fromkeys(
        ["useunicode", "characterencoding", "connectioncollation", "charactersetresults"],
        "the connection speaks utf8mb4",
    ),
    **dict.fromkeys(
        "rewritebatchedstatements useserverprepstmts usecompression cacheprepstmts"
        " prepstmtcachesize prepstmtcachesqllimit allowmultiqueries tinyint1isbit usecursorfetch"
        " defaultfetchsize uselocalsessionstate uselocaltransactionstate maintaintimestats"
        " cacheserverconfiguration cacheresultsetmetadata elidesetautocommits useinformationschema"
        " nullcatalogmeanscurrent nulldatabasemeanscurrent jdbccomplianttruncation"
        " useoldaliasmetadatabehavior allowpublickeyretrieval allowloadlocalinfile useconfigs"
        " tcpkeepalive tcpnodelay useaffectedrows databaseterm dontTrackOpenResources"
        " allowurlinlocalinfile autodeserialize useunbufferedinput usereadaheadinput"
        " transformedbitisboolean emptystringsconverttozero".lower().split(),
        _OWN_CLIENT,
    ),
}
_TLS_MODES = ("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
_TRUE = {"true", "yes", "1"}


@dataclass(frozen=True, slots=True)
class JdbcUrl:
    """Addresses and parameters of `jdbc:mysql://h1:9030,h2:9030/db?key=value`.

    Args:
        hosts: Query ports of frontends, tried in order.
        tls_mode: One of Connector/J's `sslMode`s.
        ca_file: PEM file of authorities, empty for the system's.
        connect_timeout_ms: Of the URL, None where it has none.
        socket_timeout_ms: Of the URL, None where it has none; 0 for ever.
        session_variables: `SET` these after login, comma-separated assignments.
        notes: What the user must know about parameters that change nothing here.
    """

    hosts: tuple[tuple[str, int], ...]
    tls_mode: str = "PREFERRED"
    ca_file: str = ""
    connect_timeout_ms: int | None = None
    socket_timeout_ms: int | None = None
    session_variables: str = ""
    notes: tuple[str, ...] = field(default=(), compare=False)


def jdbc_url(text: str) -> JdbcUrl:
    """Read a JDBC URL.

    Raises:
        ValueError: It is none, or has a parameter that is unknown or cannot be honoured.

    Examples:
        >>> jdbc_url("jdbc:mysql://fe1,[::1]:9031/?sslMode=REQUIRED").hosts
        (('fe1', 9030), ('::1', 9031))
    """
    match = _JDBC.fullmatch(text.strip())
    if not match:
        message = "expected 'jdbc:mysql://host:9030', several hosts separated by ','"
        raise ValueError(message)
    if "@" in match[1]:
        message = "user and password belong into the options 'username' and 'password'"
        raise ValueError(message)
    hosts = tuple(_host_port(item.strip(), 9030) for item in match[1].split(","))
    given = {k.lower(): (k, v) for k, v in parse_qsl(match[3] or "", keep_blank_values=True)}
    taken: dict[str, str] = {}
    reasons: dict[str, list[str]] = {}
    for lowered, (name, value) in given.items():
        if lowered in _HONOURED:
            taken[lowered] = value
        elif lowered in _HARMLESS:
            reasons.setdefault(_HARMLESS[lowered], []).append(name)
        else:
            raise _unknown(name, lowered)
    notes = tuple(
        f"jdbc-url parameter {', '.join(names)} has no effect here: {reason}"
        for reason, names in reasons.items()
    )
    return JdbcUrl(
        hosts,
        _tls_mode(taken),
        _ca_file(taken),
        _milliseconds(taken, "connecttimeout"),
        _milliseconds(taken, "sockettimeout"),
        taken.get("sessionvariables", ""),
        notes,
    )


_HONOURED = frozenset(
    [
        "sslmode",
        "usessl",
        "requiressl",
        "verifyservercertificate",
        "serversslcert",
        "trustcertificatekeystoreurl",
        "trustcertificatekeystoretype",
        "trustcertificatekeystorepassword",
        "connecttimeout",
        "sockettimeout",
        "sessionvariables",
    ]
)


def _unknown(name: str, lowered: str) -> ValueError:
    if lowered in {"user", "password"}:
        return ValueError(f"parameter {name} belongs into the options 'username' and 'password'")
    near = nearest(lowered, [*_HONOURED, *_HARMLESS])
    guess = f"; did you mean {near}" if near else ""
    return ValueError(f"jdbc-url parameter {name} is not known here{guess}")


def _tls_mode(given: Mapping[str, str]) -> str:
    mode = given.get("sslmode", "").upper().replace("-", "_")
    # MariaDB's driver spells its modes its own way.
    mode = {"TRUST": "REQUIRED", "DISABLE": "DISABLED", "VERIFY_FULL": "VERIFY_IDENTITY"}.get(
        mode, mode
    )
    if mode and mode not in _TLS_MODES:
        message = f"expected sslMode one of {', '.join(_TLS_MODES)}"
        raise ValueError(message)
    if mode:
        return mode
    asked = given.get("usessl", "").lower()
    if asked and asked not in _TRUE:
        return "DISABLED"
    if given.get("verifyservercertificate", "").lower() in _TRUE:
        return "VERIFY_CA"
    return "REQUIRED" if given.get("requiressl", "").lower() in _TRUE else "PREFERRED"


def _ca_file(given: Mapping[str, str]) -> str:
    if "serversslcert" in given:
        return given["serversslcert"]
    url = given.get("trustcertificatekeystoreurl", "")
    if not url:
        return ""
    if given.get("trustcertificatekeystoretype", "").upper() != "PEM":
        message = (
            "a Java key store cannot be read here; export its certificates as PEM and set"
            " 'sink.ssl.ca-file', or trustCertificateKeyStoreType=PEM"
        )
        raise ValueError(message)
    return unquote(urlsplit(url).path) if url.startswith("file:") else url


def _milliseconds(given: Mapping[str, str], name: str) -> int | None:
    text = given.get(name, "")
    if not text:
        return None
    if not text.isdigit():
        message = f"expected milliseconds for jdbc-url parameter {name}"
        raise ValueError(message)
    return int(text)


def _host_port(text: str, default: int | None = None) -> tuple[str, int]:
    """Host and port; IPv6 addresses stand in brackets.

    Raises:
        ValueError: There is no port and no default, or it is none.
    """
    match = re.fullmatch(r"(\[[^\]]+\]|[^:\s\[\]()=]+)(?::(\d{1,5}))?", text)
    if not match or (match[2] is None and default is None):
        message = f"could not read '{text}' as host_name:port"
        raise ValueError(message)
    return match[1].strip("[]"), int(match[2] or default or 0)


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
            host, port = _host_port(rest.rstrip("/"))
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
    host, port = _host_port(text, 0)
    return host, port or None
