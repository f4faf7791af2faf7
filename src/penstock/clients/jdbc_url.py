"""Addresses and parameters of a MySQL server as people paste them: JDBC URLs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

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
    "trustcertificatekeystorepassword": "a PEM file needs none",
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
        hosts: Where the server answers, tried in order.
        tls_mode: One of Connector/J's `sslMode`s.
        ca_file: PEM file of authorities, empty for the system's.
        connect_timeout_ms: Of the URL, None where it has none.
        socket_timeout_ms: Of the URL, None where it has none; 0 for ever.
        session_variables: `SET` these after login, comma-separated assignments.
        database: The path, empty where there is none.
        time_zone: In which the server's instants are shown as wall clocks; empty where not given,
            or where no times pass.
        notes: What the user must know about parameters that change nothing here.
    """

    hosts: tuple[tuple[str, int], ...]
    tls_mode: str = "PREFERRED"
    ca_file: str = ""
    connect_timeout_ms: int | None = None
    socket_timeout_ms: int | None = None
    session_variables: str = ""
    database: str = ""
    time_zone: str = ""
    notes: tuple[str, ...] = field(default=(), compare=False)


def parse_jdbc_url(
    text: str, *, default_port: int, option: str, with_times: bool = False
) -> JdbcUrl:
    """Read a JDBC URL.

    Args:
        text: `jdbc:mysql://h1:9030,h2/db?key=value`.
        default_port: Of hosts without one.
        option: The option it is the value of, for messages.
        with_times: Whether instants pass over the connection, so that its time zone counts.

    Raises:
        ValueError: It is none, or has a parameter that is unknown or cannot be honoured.

    Examples:
        >>> parse_jdbc_url("jdbc:mysql://db/shop", default_port=3306, option="url").database
        'shop'
    """
    match = _JDBC.fullmatch(text.strip())
    if not match:
        example = f"jdbc:mysql://host:{default_port}"
        message = f"expected '{example}', several hosts separated by ','"
        raise ValueError(message)
    if "@" in match[1]:
        message = "user and password belong into the options 'username' and 'password'"
        raise ValueError(message)
    hosts = tuple(host_port(item.strip(), default_port) for item in match[1].split(","))
    given = {k.lower(): (k, v) for k, v in parse_qsl(match[3] or "", keep_blank_values=True)}
    taken: dict[str, str] = {}
    reasons: dict[str, list[str]] = {}
    for lowered, (name, value) in given.items():
        if lowered in _HONOURED or (with_times and lowered in _ZONES):
            taken[lowered] = value
        elif lowered in _HARMLESS:
            reasons.setdefault(_HARMLESS[lowered], []).append(name)
        else:
            raise _unknown(option, name, lowered)
    reasons = {_WITH_TIMES.get(why, why) if with_times else why: n for why, n in reasons.items()}
    notes = tuple(
        f"{option} parameter {', '.join(names)} has no effect here: {reason}"
        for reason, names in reasons.items()
    )
    return JdbcUrl(
        hosts,
        _tls_mode(taken),
        _ca_file(taken),
        _milliseconds(option, taken, "connecttimeout"),
        _milliseconds(option, taken, "sockettimeout"),
        taken.get("sessionvariables", ""),
        unquote(match[2] or ""),
        next((taken[name] for name in _ZONES if name in taken), ""),
        notes,
    )


_ZONES = ("servertimezone", "connectiontimezone")
_WITH_TIMES = {_NO_TIMES: "times are read exactly; a zero date is NULL"}


_HONOURED = frozenset(
    [
        "sslmode",
        "usessl",
        "requiressl",
        "verifyservercertificate",
        "serversslcert",
        "trustcertificatekeystoreurl",
        "trustcertificatekeystoretype",
        "connecttimeout",
        "sockettimeout",
        "sessionvariables",
    ]
)


def _unknown(option: str, name: str, lowered: str) -> ValueError:
    if lowered in {"user", "password"}:
        return ValueError(f"parameter {name} belongs into the options 'username' and 'password'")
    near = nearest(lowered, [*_HONOURED, *_HARMLESS])
    guess = f"; did you mean {near}" if near else ""
    return ValueError(f"{option} parameter {name} is not known here{guess}")


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
            "a Java key store (trustCertificateKeyStoreUrl) cannot be read here; export its"
            " certificates as PEM, and set trustCertificateKeyStoreType=PEM"
        )
        raise ValueError(message)
    return unquote(urlsplit(url).path) if url.startswith("file:") else url


def _milliseconds(option: str, given: Mapping[str, str], name: str) -> int | None:
    text = given.get(name, "")
    if not text:
        return None
    if not text.isdigit():
        message = f"expected milliseconds for {option} parameter {name}"
        raise ValueError(message)
    return int(text)


def host_port(text: str, default: int | None = None) -> tuple[str, int]:
    """Host and port; IPv6 addresses stand in brackets.

    Raises:
        ValueError: There is no port and no default, or it is none.
    """
    match = re.fullmatch(r"(\[[^\]]+\]|[^:\s\[\]()=]+)(?::(\d{1,5}))?", text)
    if not match or (match[2] is None and default is None):
        message = f"could not read '{text}' as host_name:port"
        raise ValueError(message)
    return match[1].strip("[]"), int(match[2] or default or 0)
