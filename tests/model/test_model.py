"""Random sequences of loads, transactions, statements and crashes: server and model are equal.

`MODEL_SEQUENCES=1000 pytest tests/model` (`make model`) is the long form, with new sequences each
time; without it a few that are always the same.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.model.reference import TABLES, Load, Mode, Model
from tests.model.world import World

SEQUENCES = int(os.environ.get("MODEL_SEQUENCES", "0"))
LABELS = st.sampled_from(["a", "b", "c", "d"])
MODES: st.SearchStrategy[Mode] = st.sampled_from(["plain", "plain", "partial", "condition"])
NUMBERS = st.one_of(st.none(), st.integers(-3, 9))
OPS = st.sampled_from([0, 0, 0, 1])


@st.composite
def keys(draw: st.DrawFn, *, distinct: bool) -> list[int | None]:
    found: list[int | None] = list(
        draw(st.lists(st.integers(0, 7), min_size=1, max_size=5, unique=distinct))
    )
    if draw(st.integers(0, 19)) == 7:
        found[draw(st.integers(0, len(found) - 1))] = None  # a row that is refused
    return found


@st.composite
def loads(draw: st.DrawFn, table: str, mode: Mode) -> Load:
    # Which row of a key in one load a condition compares first is not documented.
    chosen = draw(keys(distinct=mode == "condition"))
    rows: list[Any] = []
    for key in chosen:
        match table, mode:
            case "pk", "partial":
                rows.append((key, draw(NUMBERS), draw(OPS)))
            case "pk", "condition":
                rows.append((key, draw(st.integers(-3, 9)), draw(NUMBERS), draw(OPS)))
            case "pk", _:
                rows.append((key, draw(NUMBERS), draw(NUMBERS), draw(OPS)))
            case "agg", _:
                rows.append((key, draw(NUMBERS), draw(NUMBERS)))
            case _:
                rows.append((key, draw(NUMBERS)))
    return Load(table, tuple(rows), mode)


class Sequence(RuleBasedStateMachine):
    """One random sequence."""

    world: ClassVar[World]

    @initialize()
    def begin_anew(self) -> None:
        self.model = Model()
        self.compared = dict(self.model.versions)
        self.world.reset()
        self.world.sql("CREATE DATABASE d")
        for statement in TABLES.values():
            self.world.sql(statement)

    @rule(label=LABELS, table=st.sampled_from(["pk", "pk", "dup", "uni", "agg", ""]), mode=MODES)
    def begin(self, label: str, table: str, mode: Mode) -> None:
        mode = mode if table == "pk" else "plain"
        assert self.world.transaction("begin", label, table) == self.model.begin(label, table, mode)

    @rule(label=LABELS, data=st.data())
    def load(self, label: str, data: st.DataObject) -> None:
        txn = self.model.txns.get(label)
        of_txn = txn.table if txn is not None else "pk"
        table = data.draw(st.sampled_from([of_txn] * 8 + ["dup"]) if of_txn else st.sampled_from(sorted(TABLES)))  # fmt: skip
        mode: Mode = txn.mode if txn is not None and table == "pk" else "plain"
        load = data.draw(loads(table, mode))
        if txn is not None and txn.mode == "condition" and txn.loads:
            return  # see `loads`
        answer = self.world.transaction("load", label, of_txn, load)
        assert answer == self.model.load(label, load)

    @rule(label=LABELS)
    def prepare(self, label: str) -> None:
        txn = self.model.txns.get(label)
        table = txn.table if txn is not None else "pk"
        answer = self.world.transaction("prepare", label, table)
        assert answer == self.model.prepare(label)

    @rule(label=LABELS)
    def commit(self, label: str) -> None:
        txn = self.model.txns.get(label)
        table = txn.table if txn is not None else "pk"
        answer = self.world.transaction("commit", label, table)
        assert answer == self.model.commit(label)

    @rule(label=LABELS)
    def rollback(self, label: str) -> None:
        txn = self.model.txns.get(label)
        table = txn.table if txn is not None else "pk"
        assert self.world.transaction("rollback", label, table) == self.model.rollback(label)

    @rule(label=LABELS, table=st.sampled_from(sorted(TABLES)), mode=MODES, data=st.data())
    def stream_load(self, label: str, table: str, mode: Mode, data: st.DataObject) -> None:
        load = data.draw(loads(table, mode if table == "pk" else "plain"))
        assert self.world.stream_load(label, load) == self.model.stream_load(label, load)

    @rule(key=st.integers(0, 7), v=st.integers(-3, 9))
    def insert(self, key: int, v: int) -> None:
        self.world.sql(f"INSERT INTO d.pk VALUES ({key}, {v}, NULL)")
        self.model.rows["pk"][key] = (v, None)
        self.model.statement("pk")

    @precondition(lambda self: self.model.rows["pk"])
    @rule(data=st.data(), w=st.integers(-3, 9))
    def update_and_delete(self, data: st.DataObject, w: int) -> None:
        key = data.draw(st.sampled_from(sorted(self.model.rows["pk"])))
        if w < 0:
            self.world.sql(f"DELETE FROM d.pk WHERE id = {key}")
            del self.model.rows["pk"][key]
        else:
            self.world.sql(f"UPDATE d.pk SET w = {w} WHERE id = {key}")
            self.model.rows["pk"][key] = (self.model.rows["pk"][key][0], w)
        self.model.statement("pk")

    @rule(chance=st.integers(0, 1))
    def crash(self, chance: int) -> None:
        if chance:
            return  # the other operations are what crashes are to be among
        self.world.crash()
        self.model.crash()
        self._compare_everything()

    @rule(chance=st.integers(0, 3))
    def restart(self, chance: int) -> None:
        if chance:
            return
        self.world.restart()
        self.model.crash()
        self._compare_everything()

    @invariant()
    def compare_rows(self) -> None:
        changed = [t for t in TABLES if self.model.versions[t] != self.compared[t]]
        self.compared = dict(self.model.versions)
        for table in changed:
            self._compare_table(table)

    def _compare_table(self, table: str) -> None:
        found = self.world.sql(f"SELECT * FROM d.{table} ORDER BY 1, 2")
        in_order = sorted(found, key=lambda row: [(value is not None, value) for value in row])
        assert in_order == self.model.table(table), table

    def _compare_everything(self) -> None:
        for table in TABLES:
            self._compare_table(table)
        for label in "abcd":
            assert self.world.state(label) == self.model.state(label), label
        versions = dict(
            self.world.sql(
                "SELECT TABLE_NAME, max(VISIBLE_VERSION) FROM information_schema.partitions_meta"
                " WHERE DB_NAME = 'd' GROUP BY TABLE_NAME"
            )
        )
        assert versions == self.model.versions

    def teardown(self) -> None:
        if hasattr(self, "model"):
            self._compare_everything()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    # A killed process loses nothing it wrote, synced or not, so a disk in memory is as good.
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory:
        made = World(Path(directory))
        yield made
        made.close()


def test_sequences(world: World) -> None:
    Sequence.world = world
    run_state_machine_as_test(
        Sequence,
        settings=settings(
            max_examples=SEQUENCES or 8,
            stateful_step_count=30,
            derandomize=not SEQUENCES,
            database=None,
            deadline=None,
            print_blob=True,
            report_multiple_bugs=False,
            phases=(Phase.generate, Phase.shrink) if SEQUENCES else (Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert world.crashes >= 3
