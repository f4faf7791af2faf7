"""The seeded plan of a campaign: what goes wrong, and when."""

from __future__ import annotations

import random
from dataclasses import dataclass

from penstock.testing.http_proxy import ACTIONS

TRIGGERS = ("start", "time", "intent", "writing", "manifest", "stop")
KINDS = ("kills", "servers", "network", "disk")
_PATHS = ("begin", "load", "prepare", "commit", "rollback", "get_load_state", "")
_TCP = ("cut", "stall", "half-open", "truncate", "refuse")


@dataclass(frozen=True)
class Moment:
    """When something happens to the running job.

    Args:
        trigger: "start": counted from the start of the process; "time": later; "intent": a
            transaction is about to begin; "writing": a manifest is being written; "manifest": one
            is durable, its commits are sent; "stop": SIGTERM was sent.
        skip: So many occurrences of the trigger are let pass.
        delay_s: From the trigger on.
    """

    trigger: str
    skip: int
    delay_s: float

    def __str__(self) -> str:
        return f"{self.trigger}+{self.skip} {self.delay_s * 1000:.0f} ms"


@dataclass(frozen=True)
class KillJob:
    """`kill -9` of the job."""

    moment: Moment

    def __str__(self) -> str:
        return f"kill job at {self.moment}"


@dataclass(frozen=True)
class KillServer:
    """`kill -9` of "starrocks" or "mysql", which starts again after `down_s`."""

    server: str
    moment: Moment
    down_s: float

    def __str__(self) -> str:
        return f"kill {self.server} at {self.moment} for {self.down_s:.1f} s"


@dataclass(frozen=True)
class Disturb:
    """Something happens to the connections to `place`: "mysql", "query", "frontend", "backend".

    Args:
        place: Which proxy.
        what: "cut", "stall", "half-open", "truncate", "refuse"; or an action of `HttpFault`.
        path: Of the `HttpFault`.
        moment: When.
        hold_s: Until it is healed.
        after_bytes: Of "truncate".
    """

    place: str
    what: str
    path: str
    moment: Moment
    hold_s: float
    after_bytes: int = 0

    def __str__(self) -> str:
        path = f" {self.path}" if self.path else ""
        return f"{self.what}{path} {self.place} at {self.moment} for {self.hold_s:.1f} s"


@dataclass(frozen=True)
class FillDisk:
    """The job cannot write to its disk for `hold_s`."""

    moment: Moment
    hold_s: float

    def __str__(self) -> str:
        return f"full disk at {self.moment} for {self.hold_s:.1f} s"


Fault = KillJob | KillServer | Disturb | FillDisk


def plan_faults(chance: random.Random, kind: str, count: int) -> list[Fault]:
    """`count` faults: only kills of the job, or those mixed with what `kind` says."""
    if kind == "kills":
        return [KillJob(moment) for moment in _moments(chance, count)]
    others = count * 2 // 3
    kills: list[Fault] = [KillJob(moment) for moment in _moments(chance, count - others)]
    make = {"servers": _kill_server, "network": _disturb, "disk": _fill_disk}[kind]
    faults = kills + [make(chance) for _ in range(others)]
    chance.shuffle(faults)
    return faults


def _moments(chance: random.Random, count: int) -> list[Moment]:
    """Every trigger about as often, in random order."""
    triggers = [TRIGGERS[i % len(TRIGGERS)] for i in range(count)]
    chance.shuffle(triggers)
    return [_moment(chance, trigger) for trigger in triggers]


def _moment(chance: random.Random, trigger: str) -> Moment:
    match trigger:
        case "start":
            return Moment(trigger, 0, chance.uniform(0.0, 2.0))
        case "time":
            return Moment(trigger, 0, chance.uniform(1.5, 5.0))
        case "intent":
            return Moment(trigger, chance.randint(0, 3), chance.uniform(0.0, 0.15))
        case "writing":
            return Moment(trigger, chance.randint(0, 2), chance.uniform(0.0, 0.004))
        case "manifest":
            # Half of them before the commits can be visible.
            longest = chance.choice([0.03, 0.4])
            return Moment(trigger, chance.randint(0, 3), chance.uniform(0.0, longest))
        case "stop":
            return Moment(trigger, chance.randint(0, 1), chance.uniform(0.0, 1.0))
    raise AssertionError(trigger)


def _running_moment(chance: random.Random) -> Moment:
    return _moment(chance, chance.choice(["start", "intent", "writing", "manifest"]))


def _kill_server(chance: random.Random) -> Fault:
    server = chance.choice(["starrocks", "starrocks", "mysql"])
    return KillServer(server, _running_moment(chance), chance.uniform(0.0, 2.0))


def _fill_disk(chance: random.Random) -> Fault:
    return FillDisk(_running_moment(chance), chance.uniform(0.1, 4.0))


def _disturb(chance: random.Random) -> Fault:
    place = chance.choice(["mysql", "mysql", "query", "frontend", "frontend", "backend", "backend"])
    what, path = chance.choice(_TCP), ""
    if place in {"frontend", "backend"} and chance.random() < 0.7:
        what, path = chance.choice(ACTIONS), chance.choice(_PATHS)
    moment, hold_s = _running_moment(chance), chance.uniform(0.1, 2.5)
    return Disturb(place, what, path, moment, hold_s, chance.randrange(20_000))
