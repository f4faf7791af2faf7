"""The load APIs of the embedded StarRocks over real sockets."""

from __future__ import annotations

import gzip
import http.client
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pytest
from tests.unit.embedded.load_client import AUTH, Client, make_tables

from penstock.embedded.starrocks.faults import Fault
from penstock.embedded.starrocks.model import ColumnDef, TableDef
from penstock.embedded.starrocks.profile import Profile
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.embedded.starrocks.store import Store
from penstock.embedded.starrocks.transactions import Transactions


def test_stream_load_is_redirected_and_loads(client: Client) -> None:
    answer = client.stream("t", "1\tx\t10\n2\t\\N\t20\n1\ty\t11\n", label="one")
    assert (answer["Status"], answer["NumberLoadedRows"], client.redirects) == ("Success", 3, 1)
    assert client.rows() == [(1, "y", 11), (2, None, 20)]
    assert client.state("one") == "VISIBLE"
    again = client.stream("t", "5\tx\t10\n", label="one")
    assert (again["Status"], again["ExistingJobStatus"]) == ("Label Already Exists", "FINISHED")


def test_delete_with_op(client: Client) -> None:
    client.stream("t", "1\tx\t10\n2\tz\t20\n")
    answer = client.stream("t", "1,,,1\n3,q,30,0\n", column_separator=",", columns="`id`,b,c,__op")
    assert answer["Status"] == "Success", answer
    assert client.rows() == [(2, "z", 20), (3, "q", 30)]
    client.stream("t", "2\n", columns="id,__op='delete'")
    assert client.rows() == [(3, "q", 30)]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"1\x01x\x0110\x022\x01y\x0120", {"column_separator": "\\x01", "row_delimiter": "\\x02"}),
        (b"1||x||10\n2||y||20\n", {"column_separator": "||"}),
        (
            b'h,h,h\n1,"x",10\n2,y,20\n',
            {"column_separator": ",", "enclose": '"', "skip_header": "1"},
        ),
        (b" 1 , x , 10 \n2,y,20\n", {"column_separator": ",", "trim_space": "true"}),
        (gzip.compress(b"1\tx\t10\n2\ty\t20\n", mtime=0), {"compression": "gzip"}),
        (
            b'[{"id":1,"b":"x","c":10},{"id":2,"b":"y","c":"20"}]',
            {"format": "json", "strip_outer_array": "true"},
        ),
        (b'{"id":1,"b":"x","c":10}\n{"id":2,"b":"y","c":20}', {"format": "json"}),
        (
            b'[{"k":{"i":1},"v":["x",10]},{"k":{"i":2},"v":["y",20]}]',
            {
                "format": "json",
                "strip_outer_array": "true",
                "jsonpaths": '["$.k.i","$.v[0]","$.v[1]"]',
                "columns": "id,b,c",
            },
        ),
        (
            b'{"r":[{"id":1,"b":"x","c":10},{"id":2,"b":"y","c":20}]}',
            {"format": "json", "strip_outer_array": "true", "json_root": "$.r"},
        ),
        (b"1\tx\t5\n2\ty\t10\n3\tz\t9\n", {"columns": "id,b,tmp,c=tmp*2", "where": "id < 3"}),
    ],
)
def test_formats(client: Client, body: bytes, headers: dict[str, str]) -> None:
    answer = client.stream("t", body, **headers)
    assert answer["Status"] == "Success", answer
    assert client.rows() == [(1, "x", 10), (2, "y", 20)]


def test_lz4_frame(client: Client) -> None:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "lz4") as stream:
        stream.write(b"1\tx\t10\n")
    answer = client.stream("t", sink.getvalue().to_pybytes(), format="lz4")
    assert answer["Status"] == "Success", answer


def test_names_that_are_not_ascii(client: Client) -> None:
    answer = client.stream(
        "表",
        '[{"编号":1,"名称":"中文"}]',
        format="json",
        strip_outer_array="true",
        columns="编号,名称",
    )
    assert answer["Status"] == "Success", answer
    assert client.rows("表") == [(1, "中文")]
    assert client.txn("begin", "l", table=quote("表"))["Status"] == "OK"


def test_bad_rows_and_their_log(client: Client) -> None:
    answer = client.stream("dup", "x\t1\t2020-01-01\n2\t1.239\tnever\n3\t1\n")
    assert (answer["Status"], answer["Message"]) == ("Fail", "too many filtered rows")
    assert answer["NumberFilteredRows"] == 2
    text = client.error_log(answer)
    assert "Error: NULL value in non-nullable column 'id'. Row: [x, 1, 2020-01-01]" in text
    assert "Target column count: 3 doesn't match source value column count: 2." in text
    answer = client.stream("dup", "2\t1.239\tnever\n4\t1\t2020-01-01 01:02:03.5\n")
    assert answer["Status"] == "Success", answer
    assert [str(v) for v in client.rows("dup")[0]] == ["2", "1.24", "None"]
    strict = client.stream(
        "dup", "5\tq\t2020-01-01\n6\t1\t2020-01-01\n", strict_mode="true", max_filter_ratio="0.5"
    )
    assert (strict["NumberFilteredRows"], strict["NumberLoadedRows"]) == (1, 1)


def test_empty_load(client: Client) -> None:
    assert client.stream("t", "")["Message"] == "all partitions have no load data"


def test_transaction(client: Client, server: EmbeddedStarRocks) -> None:
    assert client.call("POST", "/api/transaction/begin")["Status"] == "INVALID_ARGUMENT"
    assert client.txn("begin", "a")["Status"] == "OK"
    assert client.txn("begin", "a")["Status"] == "LABEL_ALREADY_EXISTS"
    assert client.txn("load", "a", "1\tx\t1\n")["Status"] == "OK"
    assert client.txn("load", "a", "2\tx\t1\n1\tz\t2\n")["Status"] == "OK"
    assert client.txn("load", "a", "2\n", table="dup")["Status"] == "INVALID_ARGUMENT"
    prepared = client.txn("prepare", "a")
    assert (prepared["Status"], prepared["NumberLoadedRows"]) == ("OK", 3)
    assert (client.state("a"), client.rows()) == ("PREPARED", [])
    assert client.txn("prepare", "a")["Status"] == "TXN_NOT_EXISTS"
    assert client.txn("load", "a", "1\tx\t1\n")["Status"] == "TXN_NOT_EXISTS"
    assert client.txn("commit", "a")["Status"] == "OK"
    assert client.rows() == [(1, "z", 2), (2, "x", 1)]
    assert "has already committed" in client.txn("commit", "a")["Message"]
    assert "Can not abort VISIBLE transaction" in client.txn("rollback", "a")["Message"]
    assert client.state("never") == "UNKNOWN"


def test_rollback_and_reuse(client: Client) -> None:
    client.txn("begin", "r")
    client.txn("load", "r", "1\tx\t1\n")
    assert client.txn("rollback", "r")["Status"] == "OK"
    assert "has already aborted" in client.txn("rollback", "r")["Message"]
    assert "Can not commit ABORTED" in client.txn("commit", "r")["Message"]
    assert client.txn("begin", "r")["Status"] == "OK"
    answer = client.txn("prepare", "r")
    assert answer["Status"] == "INTERNAL_ERROR"
    assert answer["Message"].endswith("hasn't send any data yet")
    assert client.state("r") == "ABORTED"
    client.txn("begin", "s")
    assert client.call("POST", "/api/d/t/_cancel?label=s")["status"] == "OK"
    assert client.state("s") == "ABORTED"
    assert "No transaction found with db[d] and label[no]" in client.txn("commit", "no")["Message"]


def test_authorization_and_expect(client: Client, server: EmbeddedStarRocks) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.fe_http_port)
    connection.request("PUT", "/api/d/t/_stream_load", headers={"Expect": "100-continue"})
    answer = connection.getresponse()
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm=""')
    connection.close()
    connection = http.client.HTTPConnection("127.0.0.1", server.fe_http_port)
    connection.request("PUT", "/api/d/t/_stream_load", b"x", headers={"Authorization": AUTH})
    assert b"There is no 100-continue header" in connection.getresponse().read()
    connection.close()


def test_chunked_body(client: Client, server: EmbeddedStarRocks) -> None:
    head = f"PUT /api/d/t/_stream_load HTTP/1.1\r\nAuthorization: {AUTH}\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.be_http_port)) as wire:
        wire.sendall(head.encode())
        assert wire.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.sendall(b"4\r\n1\tx\t\r\n3\r\n10\n\r\n0\r\n\r\n")
        assert b'"Success"' in wire.recv(10000)
    assert client.rows() == [(1, "x", 10)]


def test_too_many_versions(client: Client, server: EmbeddedStarRocks) -> None:
    server.store.config.set("tablet_max_versions", 2)
    assert client.stream("t", "1\tx\t1\n")["Status"] == "Success"
    assert client.stream("t", "1\tx\t1\n")["Status"] == "Success"
    tablet = server.store.table("d", "t").tablet_ids[0]
    wanted = f"Failed to load data into tablet {tablet}, because of too many versions, current/limit: 3/2."
    answer = client.stream("t", "1\tx\t1\n")
    assert answer["Status"] == "Fail"
    assert answer["Message"].startswith(wanted)
    client.txn("begin", "v")
    assert client.txn("load", "v", "1\tx\t1\n")["Status"] == "SERVICE_UNAVAILABLE"
    assert server.store.compactor.compact_all() == 2
    assert client.stream("t", "1\tx\t1\n")["Status"] == "Success"


def test_partial_update_and_merge_condition(client: Client) -> None:
    client.stream("t", "1\tx\t100\n")
    assert (
        client.stream("t", "1\tnew\n2\tn\n", columns="id,b", partial_update="true")["Status"]
        == "Success"
    )
    assert client.rows() == [(1, "new", 100), (2, "n", None)]
    client.stream("t", "1\told\t99\n", merge_condition="c")
    assert client.rows()[0] == (1, "new", 100)
    client.stream("t", "1\tyes\t101\n", merge_condition="c")
    assert client.rows()[0] == (1, "yes", 101)


def test_publish_timeout() -> None:
    made = EmbeddedStarRocks(
        query_port=None, password="secret", profile=Profile("slow", publish=0.5)
    )
    make_tables(made.store)
    with made:
        client = Client(made)
        client.txn("begin", "p")
        client.txn("load", "p", "1\tx\t1\n")
        client.txn("prepare", "p")
        assert client.txn("commit", "p", timeout="0.05")["Status"] == "PUBLISH_TIMEOUT"
        assert client.state("p") == "COMMITTED"
    assert made.transactions.state("d", "p")[0] == "VISIBLE"


def test_faults(client: Client, server: EmbeddedStarRocks) -> None:
    server.inject(Fault("stream_load", "drop"))
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        client.stream("t", "1\tx\t1\n", label="lost")
    assert client.stream("t", "1\tx\t1\n", label="lost")["ExistingJobStatus"] == "FINISHED"
    client.txn("begin", "f")
    server.inject(Fault("prepare", "forget"))
    assert client.txn("prepare", "f")["Status"] == "TXN_NOT_EXISTS"
    assert client.state("f") == "PREPARE"


def test_prepared_survives_a_crash(tmp_path: Path) -> None:
    made = EmbeddedStarRocks(tmp_path, query_port=None, password="secret")
    make_tables(made.store)
    with made:
        client = Client(made)
        client.stream("t", "9\tx\t1\n", label="first")
        for label in ("p", "q", "n"):
            client.txn("begin", label)
            client.txn("load", label, f"{ord(label)}\tx\t1\t0\n", columns="id,b,c,__op")
        client.txn("prepare", "p")
        client.txn("prepare", "q")
    store = Store(tmp_path)
    transactions = Transactions(store)
    assert [transactions.state("d", label)[0] for label in ("first", "p", "n")] == [
        "VISIBLE",
        "PREPARED",
        "UNKNOWN",
    ]
    assert store.versions.version(store.table("d", "t").table_id) == 2
    transactions.commit("p", "d")
    transactions.rollback("q", "d")
    rows = (
        store.cursor().execute(f"SELECT id FROM {store.physical('d', 't')} ORDER BY 1").fetchall()
    )
    assert rows == [(9,), (112,)]
    transactions.close()
    store.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from penstock.embedded.starrocks.load import LoadOptions
from penstock.embedded.starrocks.model import ColumnDef, TableDef
from penstock.embedded.starrocks.store import Store
from penstock.embedded.starrocks.transactions import Transactions
store = Store(Path(sys.argv[1]))
store.create_database("d")
store.create_table(TableDef("d", "t", [ColumnDef("id", "int")], "PRIMARY", ["id"]))
transactions = Transactions(store)
for label in ("visible", "prepared"):
    transactions.begin(label, "d", "t")
    transactions.load(label, "d", "t", LoadOptions(), f"{len(label)}\\n".encode())
    transactions.prepare(label, "d")
transactions.commit("visible", "d")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_kill_loses_nothing(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -9
    for _ in range(2):
        store = Store(tmp_path)
        transactions = Transactions(store)
        transactions.commit("prepared", "d")
        rows = store.cursor().execute(f"SELECT id FROM {store.physical('d', 't')} ORDER BY 1")
        assert rows.fetchall() == [(7,), (8,)]
        assert transactions.state("d", "visible")[0] == "VISIBLE"
        transactions.close()
        store.close()


def test_aggregate_and_nested(client: Client, server: EmbeddedStarRocks) -> None:
    columns = [
        ColumnDef("k", "int"),
        ColumnDef("n", "bigint", aggregate="SUM"),
        ColumnDef("r", "string", aggregate="REPLACE"),
    ]
    server.store.create_table(TableDef("d", "agg", columns, "AGGREGATE", ["k"]))
    client.stream("agg", "1\t2\ta\n1\t3\tb\n")
    client.stream("agg", "1\t10\tc\n2\t1\t\\N\n")
    assert client.rows("agg") == [(1, 15, "c"), (2, 1, None)]
    nested = [ColumnDef("k", "int"), ColumnDef("a", "array<int>"), ColumnDef("j", "json")]
    server.store.create_table(TableDef("d", "nest", nested, "DUPLICATE", ["k"]))
    answer = client.stream(
        "nest",
        '[{"k":1,"a":[1,2],"j":{"x":1.5}},{"k":2,"a":"q","j":null}]',
        format="json",
        strip_outer_array="true",
    )
    assert answer["Status"] == "Success", answer
    assert client.rows("nest") == [(1, [1, 2], '{"x": 1.5}'), (2, None, None)]


def test_the_scan_service_is_refused_by_name(client: Client) -> None:
    answer = client.call("POST", "/api/d/t/_query_plan")
    assert answer["status"] == 501
    assert answer["exception"].startswith("the embedded StarRocks has no scan service")


def test_a_slash_within_a_name_survives_the_redirect(client: Client) -> None:
    columns = [ColumnDef("id", "int")]
    client.server.store.create_table(TableDef("d", "a/b", columns, "DUPLICATE", ["id"]))
    answer = client.call("PUT", "/api/d/a%2Fb/_stream_load", b"1\n")
    assert (answer["Status"], client.redirects) == ("Success", 1)
    assert client.rows("a/b") == [(1,)]
