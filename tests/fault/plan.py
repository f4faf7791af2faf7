"""The seeded plan of a campaign: when the job is killed."""

from __future__ import annotations

import random
from dataclasses import dataclass

TRIGGERS = ("start", "time", "intent", "writing", "manifest", "stop")


@dataclass(frozen=True)
class Kill:
    """One `kill -9` of the job.

    Args:
        trigger: "start": counted from the start of the process; "time": later; "intent": a
            transaction is about to begin; "writing": a manifest is being written; "manifest": one
            is durable, its commits are sent; "stop": SIGTERM was sent.
        skip: So many occurrences of the trigger are let pass.
        delay_s: From the trigger to the kill.
    """

    trigger: str
    skip: int
    delay_s: float

    def __str__(self) -> str:
        return f"{self.trigger}+{self.skip} {self.delay_s * 1000:.0f} ms"


def plan_kills(chance: random.Random, count: int) -> list[Kill]:
    """`count` kills, every trigger about as often, in random order."""
    triggers = [TRIGGERS[i % len(TRIGGERS)] for i in range(count)]
    chance.shuffle(triggers)
    return [_kill(chance, trigger) for trigger in triggers]


def _kill(chance: random.Random, trigger: str) -> Kill:
    match trigger:
        case "start":
            return Kill(trigger, 0, chance.uniform(0.0, 2.0))
        case "time":
            return Kill(trigger, 0, chance.uniform(1.5, 5.0))
        case "intent":
            return Kill(trigger, chance.randint(0, 3), chance.uniform(0.0, 0.15))
        case "writing":
            return Kill(trigger, chance.randint(0, 2), chance.uniform(0.0, 0.004))
        case "manifest":
            return Kill(trigger, chance.randint(0, 3), chance.uniform(0.0, 0.4))
        case "stop":
            return Kill(trigger, chance.randint(0, 1), chance.uniform(0.0, 1.0))
    raise AssertionError(trigger)
