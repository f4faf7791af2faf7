"""A job killed before and after each step of the protocol, started again: every row once.

The target is a server in this process, which kills the job at the step it is told; the job runs in
a process forked from one that has loaded everything.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.simulation.crash_job import Case, expected, run
from tests.unit.connectors.starrocks.fake_server import FakeStarRocks

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.simulation.crash_job"])
STEPS = [
    *((f"{step} {when}", count) for step in ("begin", "load", "prepare", "commit")
      for when in ("before", "after") for count in (1, 3)),
    *((f"manifest {when}", count) for when in ("before", "renamed", "after") for count in (1, 3)),
]  # fmt: skip
PLAIN_STEPS = [
    *((f"_stream_load {when}", count) for when in ("before", "after") for count in (1, 3)),
    *((f"manifest {when}", count) for when in ("before", "renamed", "after") for count in (1, 3)),
]


@pytest.fixture
def server() -> Iterator[FakeStarRocks]:
    fake = FakeStarRocks()
    yield fake
    fake.close()


class Rig:
    """Runs cases against a server, kills them there."""

    def __init__(self, server: FakeStarRocks, directory: Path) -> None:
        self.server = server
        self.directory = directory
        self.killed = False

    def run(self, case: Case) -> int | None:
        """One start of the job; its exit code."""
        self.server.transactions = case.transactions
        process = PROCESSES.Process(
            target=run, args=(case, self.server.address, self.directory), daemon=True
        )
        seen: Counter[str] = Counter()
        self.killed = False

        def watch(operation: str, when: str) -> bool:
            step = f"{operation} {when}"
            seen[step] += 1
            if step != case.crash or seen[step] != case.count or process.pid is None:
                return self.killed
            self.killed = True
            os.kill(process.pid, signal.SIGKILL)
            return True

        self.server.watch = watch
        process.start()
        process.join(60)
        assert process.exitcode is not None, "the job hangs"
        self.killed = self.killed or process.exitcode == 9
        self.server.watch = lambda _operation, _when: False
        return process.exitcode

    def found(self, *, keyed: bool) -> Counter[tuple[int, int]]:
        """What the target holds."""
        rows = [[int(field) for field in row] for row in self.server.visible()]
        if not keyed:
            return Counter((row[0], row[1]) for row in rows)
        state: dict[int, int] = {}
        for key, value, operation in rows:
            state.pop(key, None)
            if operation == 0:
                state[key] = value
        return Counter(state.items())

    def finish(self, case: Case, **changed: Any) -> None:
        """Start it again, without a crash, to its end; then everything is there once.

        `changed` is what the user has changed meanwhile.
        """
        again = replace(case, crash="", failing="", **changed)
        assert self.run(again) == 0
        assert self.found(keyed=case.keyed) == expected(keyed=case.keyed)
        left = {txn.state for txn in self.server.txns.values()} & {"PREPARE", "PREPARED"}
        assert not left, "a transaction was left open"


@pytest.fixture
def rig(server: FakeStarRocks, tmp_path: Path) -> Rig:
    return Rig(server, tmp_path / "state")


@pytest.mark.parametrize("keyed", [True, False], ids=["primary", "duplicate"])
@pytest.mark.parametrize(("crash", "count"), STEPS)
def test_exactly_once_with_transactions(rig: Rig, crash: str, count: int, keyed: bool) -> None:
    case = Case(keyed, transactions=True, crash=crash, count=count)
    rig.run(case)
    assert rig.killed, "the point was not reached"
    rig.finish(case)


@pytest.mark.parametrize("keyed", [True, False], ids=["primary", "duplicate"])
@pytest.mark.parametrize(("crash", "count"), PLAIN_STEPS)
def test_plain_loads_are_not_repeated_either(rig: Rig, crash: str, count: int, keyed: bool) -> None:
    case = Case(keyed, transactions=False, crash=crash, count=count)
    rig.run(case)
    assert rig.killed, "the point was not reached"
    rig.finish(case)


@pytest.mark.parametrize("keyed", [True, False], ids=["primary", "duplicate"])
def test_prepared_transactions_that_timed_out_meanwhile_are_loaded_again(
    rig: Rig, keyed: bool
) -> None:
    case = Case(keyed, transactions=True, crash="commit before", count=3)
    rig.run(case)
    for txn in rig.server.txns.values():
        txn.state = "ABORTED" if txn.state == "PREPARED" else txn.state
    rig.finish(case)


def test_labels_starrocks_forgot_meanwhile_are_loaded_again_by_key(rig: Rig) -> None:
    case = Case(keyed=True, transactions=True, crash="commit before", count=3)
    rig.run(case)
    gone = [label for label, txn in rig.server.txns.items() if txn.state == "PREPARED"]
    for label in gone:
        del rig.server.txns[label]
    assert gone
    rig.finish(case)


LEAST = (("sink.semantic", "at-least-once"),)
TOGETHER = (("sink.transaction.multi-table.enabled", "true"),)
GUARANTEES = pytest.mark.parametrize(
    "options", [(), LEAST, TOGETHER], ids=["exactly-once", "at-least-once", "several-tables"]
)
MODELS = pytest.mark.parametrize("keyed", [True, False], ids=["primary", "duplicate"])
Options = tuple[tuple[str, str], ...]


@MODELS
@pytest.mark.parametrize("options", [LEAST, TOGETHER], ids=["at-least-once", "several-tables"])
@pytest.mark.parametrize(
    "crash", ["begin after", "load after", "manifest before", "manifest renamed", "commit before",
              "commit after"],
)  # fmt: skip
def test_other_guarantees_double_nothing_either(
    rig: Rig, crash: str, options: Options, keyed: bool
) -> None:
    case = Case(keyed, transactions=True, crash=crash, count=2, options=options)
    rig.run(case)
    assert rig.killed, "the point was not reached"
    rig.finish(case)


@MODELS
@GUARANTEES
def test_starrocks_restarted_between_prepare_and_commit(
    rig: Rig, options: Options, keyed: bool
) -> None:
    case = Case(keyed, transactions=True, crash="commit before", count=2, options=options)
    rig.run(case)
    # A restart keeps what was prepared and ends what was not.
    open_before = 0
    for txn in rig.server.txns.values():
        open_before += txn.state in {"PREPARE", "PREPARED"}
        txn.state = "ABORTED" if txn.state == "PREPARE" else txn.state
    assert open_before
    rig.finish(case)


@MODELS
@GUARANTEES
def test_the_label_prefix_is_changed_after_a_crash(rig: Rig, options: Options, keyed: bool) -> None:
    case = Case(keyed, transactions=True, crash="commit before", count=2, options=options)
    rig.run(case)
    rig.finish(case, options=(*options, ("sink.label-prefix", "another")))


@MODELS
@GUARANTEES
def test_the_parallelism_is_changed_after_a_crash(rig: Rig, options: Options, keyed: bool) -> None:
    case = Case(keyed, transactions=True, crash="commit before", count=2, options=options)
    rig.run(case)
    wider = (*options, ("sink.parallelism", "4"))
    rig.finish(case, options=wider, settings=(("parallelism.default", "3"),))


@MODELS
@GUARANTEES
@pytest.mark.parametrize("failing", ["rename", "fsync"])
def test_the_disk_refuses_a_manifest(rig: Rig, options: Options, failing: str, keyed: bool) -> None:
    case = Case(keyed, transactions=True, failing=failing, count=3, options=options)
    assert rig.run(case) == 3, "the job did not stop"
    rig.finish(case)


@GUARANTEES
def test_finished_labels_are_evicted_by_key(rig: Rig, options: Options) -> None:
    case = Case(keyed=True, transactions=True, crash="commit after", count=2, options=options)
    rig.run(case)
    rig.server.forget_finished()
    rig.finish(case)


@pytest.mark.parametrize("options", [(), LEAST], ids=["exactly-once", "at-least-once"])
def test_finished_labels_are_evicted_and_the_user_decides(rig: Rig, options: Options) -> None:
    case = Case(keyed=False, transactions=True, crash="commit after", count=2, options=options)
    rig.run(case)
    rig.server.forget_finished()
    stopped = replace(case, crash="")
    assert rig.run(stopped) == 3, "rows could have been doubled without asking"
    rig.finish(case, settings=(("penstock.sink.on-unknown-label", "skip"),))


@MODELS
@pytest.mark.parametrize("options", [(), LEAST], ids=["exactly-once", "at-least-once"])
def test_a_second_job_writes_to_the_same_table(
    rig: Rig, tmp_path: Path, options: Options, keyed: bool
) -> None:
    case = Case(keyed, transactions=True, crash="commit before", count=2, options=options)
    other = PROCESSES.Process(
        target=run, args=(replace(case, crash=""), rig.server.address, tmp_path / "other"),
        daemon=True,
    )  # fmt: skip
    other.start()
    rig.run(case)
    again = replace(case, crash="")
    assert rig.run(again) == 0
    other.join(60)
    assert other.exitcode == 0
    times = 1 if keyed else 2
    wanted = Counter({row: times * n for row, n in expected(keyed=keyed).items()})
    assert rig.found(keyed=keyed) == wanted


def test_a_crash_in_each_start_in_turn(rig: Rig) -> None:
    steps: list[tuple[str, int]] = [*STEPS[::3], ("commit after", 1)]
    for crash, count in steps:
        rig.run(Case(keyed=False, transactions=True, crash=crash, count=count))
    rig.finish(Case(keyed=False, transactions=True))
