"""One StarRocks table that a script declares twice has one writer, or is refused."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import PenstockError, ValidationError
from penstock.session import Session

BASE = {
    "connector": "starrocks",
    "load-url": "fe1:8030;fe2:8030",
    "jdbc-url": "jdbc:mysql://fe1:9030,fe2:9030",
    "database-name": "d",
    "table-name": "t",
    "username": "u",
    "password": "planted",
}
SOURCE = "CREATE TABLE g (id INT) WITH ('connector' = 'datagen', 'number-of-rows' = '3');"


def table(name: str, columns: str = "id INT", **options: str) -> str:
    merged = BASE | {key.replace("__", "-"): value for key, value in options.items()}
    pairs = ", ".join(f"'{key}' = '{value}'" for key, value in merged.items())
    keyed = f"{columns}, PRIMARY KEY (id) NOT ENFORCED"
    return f"CREATE TABLE {name} ({keyed}) WITH ({pairs});"


INSERTS = "INSERT INTO a SELECT id FROM g; INSERT INTO b SELECT id FROM g;"
TOGETHER = f"EXECUTE STATEMENT SET BEGIN {INSERTS} END;"


class NeverEnding:
    """A job that runs until it is told to have ended."""

    job_id = "1"
    state = "RUNNING"

    def wait(self, timeout_s: float | None = None) -> str:
        return self.state

    def status(self) -> str:
        return self.state


class Jobs:
    """Starts nothing."""

    def __init__(self) -> None:
        self.jobs: list[NeverEnding] = []

    def submit(self, plan: Any) -> NeverEnding:
        self.jobs.append(NeverEnding())
        return self.jobs[-1]


@pytest.mark.parametrize("inserts", [INSERTS, TOGETHER], ids=["two jobs", "one job"])
@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"sink.buffer-flush.interval-ms": "5000"}, "'sink.buffer-flush.interval-ms'"),
        ({"username": "other"}, "'username'"),
        ({"password": "planted-too"}, "'password'"),
        ({"sink.properties.strict_mode": "true"}, "'sink.properties.strict_mode'"),
        ({"load__url": "fe2:8030;fe3:8030"}, "'load-url'"),
        ({"sink.timestamp-ltz.zone": "session"}, "'sink.timestamp-ltz.zone'"),
        ({"columns": "id INT, v INT"}, "their columns"),
    ],
)
def test_different_options_are_refused_before_anything_starts(
    options: dict[str, str], named: str, inserts: str
) -> None:
    written = inserts.replace("INTO b SELECT id", "INTO b SELECT id, id")
    inserts = written if "columns" in options else inserts
    jobs = Jobs()
    session = Session(submitter=jobs)
    script = SOURCE + table("a") + table("b", **options)
    list(session.execute_script(script))
    with pytest.raises(ValidationError) as caught:
        list(Session().explain_script(script + inserts))
    error = caught.value
    assert error.code == "two-writers"
    assert '.a" and "' in error.message
    assert '.b" write "d.t"' in error.message
    assert named in error.detail
    assert "planted" not in error.render()


def test_the_session_zone_counts_as_an_option() -> None:
    zoned = {"sink.timestamp-ltz.zone": "session"}
    first, second = INSERTS.split("; ")
    script = SOURCE + table("a", **zoned) + table("b", **zoned) + first
    zone = ";SET 'table.local-time-zone' = 'Asia/Tokyo';"
    with pytest.raises(ValidationError, match="in different ways"):
        list(Session().explain_script(script + zone + second))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"load__url": "fe2:8030,FE1:8030", "jdbc__url": "jdbc:mysql://fe2:9030,fe1:9030"},
        {"sink.io.thread-count": "4"},
    ],
)
def test_other_words_for_the_same_share_a_writer(options: dict[str, str]) -> None:
    script = SOURCE + table("a") + table("b", **options) + TOGETHER
    plan = sinks_of(script)
    assert plan[0].share_key == plan[1].share_key
    assert "planted" not in repr(plan[0].share_key)


@pytest.mark.parametrize(
    "options",
    [
        {"table__name": "other", "username": "x"},
        {"database__name": "other", "username": "x"},
        {"load__url": "fe9:8030", "jdbc__url": "jdbc:mysql://fe9:9030", "username": "x"},
    ],
)
def test_other_tables_are_their_own(options: dict[str, str]) -> None:
    plan = sinks_of(SOURCE + table("a") + table("b", **options) + TOGETHER)
    assert plan[0].share_key != plan[1].share_key


def test_tables_that_go_together_have_one_label_prefix() -> None:
    both = {"sink.transaction.multi-table.enabled": "true"}
    first = table("a", **both, **{"sink.label-prefix": "x"})
    other = table("b", table__name="other", **both, **{"sink.label-prefix": "y"})
    with pytest.raises(ValidationError, match='write "d" in different ways') as caught:
        list(Session().explain_script(SOURCE + first + other + TOGETHER))
    assert "'sink.label-prefix'" in caught.value.detail
    alike = table("b", table__name="other", **both, **{"sink.label-prefix": "x"})
    list(Session().explain_script(SOURCE + first + alike + TOGETHER))


def test_a_refused_explain_leaves_its_target_free() -> None:
    session = Session(submitter=Jobs())
    script = SOURCE + table("a") + table("b", **{"sink.buffer-flush.interval-ms": "5000"})
    list(session.execute_script(script))
    with pytest.raises(PenstockError, match="unsupported: EXPLAIN"):
        list(session.execute_script("EXPLAIN ESTIMATED_COST INSERT INTO a SELECT id FROM g;"))
    list(session.execute_script("INSERT INTO b SELECT id FROM g;"))


def test_partial_updates_of_different_columns_go_together() -> None:
    partial = {"sink.properties.partial_update": "true"}
    script = SOURCE + table("a", **partial) + table("b", "id INT, v INT", **partial)
    sinks_of(script + TOGETHER.replace("INTO b SELECT id", "INTO b SELECT id, id"))


def test_a_job_that_has_ended_is_in_nobodys_way() -> None:
    jobs = Jobs()
    session = Session(submitter=jobs)
    list(session.execute_script(SOURCE + table("a") + table("b", username="x")))
    first, second = INSERTS.strip().split("; ")
    list(session.execute_script(first + ";"))
    with pytest.raises(ValidationError, match="in different ways"):
        list(session.execute_script(second))
    jobs.jobs[0].state = "FINISHED"
    list(session.execute_script(second))


def test_an_explain_that_is_only_planned_is_in_nobodys_way() -> None:
    first, second = INSERTS.strip().split("; ")
    session = Session(submitter=Jobs())
    list(session.execute_script(SOURCE + table("a") + table("b", username="x")))
    list(session.explain_script(f"EXPLAIN {first};"))
    list(session.execute_script(second))


def sinks_of(script: str) -> list[Any]:
    """The sinks of a script's one job."""
    found: list[Any] = []

    class Keeps(Jobs):
        def submit(self, plan: Any) -> NeverEnding:
            found.extend(node.sink for node in plan.sinks)
            return super().submit(plan)

    list(Session(submitter=Keeps()).execute_script(script))
    return found
