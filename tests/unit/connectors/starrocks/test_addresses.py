"""`load-url`, `jdbc-url` with what people paste behind it, and host mapping."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from penstock.clients.http import Endpoint
from penstock.connectors.starrocks.addresses import JdbcUrl, host_mapping, jdbc_url, load_url
from penstock.connectors.starrocks.options import StarRocksOptions
from penstock.connectors.starrocks.target import tls_arguments
from penstock.errors import ConnectorError

RAW = {
    "connector": "starrocks",
    "load-url": "fe:8030",
    "database-name": "d",
    "table-name": "t",
    "username": "root",
    "password": "",
}
DRIVER = "jdbc:mysql://fe1:9030,fe2/db"


def test_hosts_of_a_jdbc_url() -> None:
    assert jdbc_url(DRIVER).hosts == (("fe1", 9030), ("fe2", 9030))
    assert jdbc_url("jdbc:mariadb://[fe80::1]:9031").hosts == (("fe80::1", 9031),)
    assert jdbc_url("jdbc:mysql:loadbalance://a,b:2/").hosts == (("a", 9030), ("b", 2))


def test_parameters_people_paste_are_accepted_and_told() -> None:
    url = jdbc_url(
        DRIVER + "?serverTimezone=Asia/Shanghai&useUnicode=true&characterEncoding=UTF-8"
        "&autoReconnect=true&zeroDateTimeBehavior=convertToNull&rewriteBatchedStatements=true"
    )
    text = "\n".join(url.notes)
    assert "serverTimezone, zeroDateTimeBehavior has no effect here: no times pass" in text
    assert "rewriteBatchedStatements has no effect here: it tunes the Java driver" in text
    assert url == JdbcUrl(jdbc_url(DRIVER).hosts, database="db")


@pytest.mark.parametrize(
    ("parameters", "mode"),
    [
        ("", "PREFERRED"),
        ("useSSL=false", "DISABLED"),
        ("useSSL=true", "PREFERRED"),
        ("useSSL=true&requireSSL=true", "REQUIRED"),
        ("useSSL=true&verifyServerCertificate=true", "VERIFY_CA"),
        ("sslMode=verify_identity", "VERIFY_IDENTITY"),
        ("sslMode=verify-full", "VERIFY_IDENTITY"),
        ("sslMode=trust", "REQUIRED"),
        ("useSSL=true&sslMode=DISABLED", "DISABLED"),
    ],
)
def test_tls_parameters(parameters: str, mode: str) -> None:
    assert jdbc_url(f"{DRIVER}?{parameters}").tls_mode == mode


def test_honoured_parameters() -> None:
    url = jdbc_url(
        DRIVER + "?connectTimeout=5000&socketTimeout=0&sessionVariables=query_timeout=9"
        "&sslMode=VERIFY_CA&trustCertificateKeyStoreType=PEM"
        "&trustCertificateKeyStoreUrl=file:/etc/ca%20.pem"
    )
    assert (url.connect_timeout_ms, url.socket_timeout_ms) == (5000, 0)
    assert url.session_variables == "query_timeout=9"
    assert url.ca_file == "/etc/ca .pem"
    assert url.notes == ()


def test_a_parameter_nobody_reads_is_told() -> None:
    (note,) = jdbc_url(DRIVER + "?trustCertificateKeyStorePassword=geheim").notes
    assert "trustCertificateKeyStorePassword has no effect here: a PEM file needs none" in note
    assert "geheim" not in note


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://fe:9030", "jdbc:mysql"),
        ("jdbc:mysql://fe:port", "host_name:port"),
        ("jdbc:mysql://u:p@fe:9030", "'username' and 'password'"),
        (DRIVER + "?user=root", "'username' and 'password'"),
        (DRIVER + "?password=geheim", "'username' and 'password'"),
        (DRIVER + "?sslMod=REQUIRED", "did you mean sslmode"),
        (DRIVER + "?sslMode=maybe", "VERIFY_CA"),
        (DRIVER + "?connectTimeout=soon", "milliseconds"),
        (DRIVER + "?trustCertificateKeyStoreUrl=file:/a.jks", "PEM"),
    ],
)
def test_what_cannot_be_honoured_is_refused(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        jdbc_url(url)
    assert said in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_load_urls() -> None:
    assert load_url(" http://a:1/ ;https://b:2; [::1]:3 ") == (
        Endpoint("a", 1),
        Endpoint("b", 2, tls=True),
        Endpoint("::1", 3),
    )
    assert str(Endpoint("::1", 3)) == "http://[::1]:3"


def test_host_mapping() -> None:
    mapping = host_mapping("127.0.0.1:8040=be:18040; 172.18.0.3=10.1.2.3;[::1]=v6")
    assert mapping(Endpoint("127.0.0.1", 8040)) == Endpoint("be", 18040)
    assert mapping(Endpoint("127.0.0.1", 8041)) == Endpoint("127.0.0.1", 8041)
    assert mapping(Endpoint("172.18.0.3", 8040, tls=True)) == Endpoint("10.1.2.3", 8040, tls=True)
    assert mapping(Endpoint("::1", 1)) == Endpoint("v6", 1)
    with pytest.raises(ValueError, match="reached_host"):
        host_mapping("127.0.0.1:8040")


def test_the_tls_mode_decides_what_is_verified(tmp_path: Path) -> None:
    def context(mode: str, **more: str) -> Any:
        options = StarRocksOptions({**RAW, "jdbc-url": f"jdbc:mysql://fe/?sslMode={mode}", **more})
        return tls_arguments(options)

    assert context("DISABLED") == {"ssl_disabled": True}
    assert context("PREFERRED") == {}
    for mode, verify, names in (
        ("REQUIRED", ssl.CERT_NONE, False),
        ("VERIFY_CA", ssl.CERT_REQUIRED, False),
        ("VERIFY_IDENTITY", ssl.CERT_REQUIRED, True),
    ):
        made = context(mode)["ssl"]
        assert (made.verify_mode, made.check_hostname) == (verify, names)
    with pytest.raises(ConnectorError, match="could not read the authorities"):
        context("VERIFY_CA", **{"sink.ssl.ca-file": str(tmp_path / "none.pem")})
