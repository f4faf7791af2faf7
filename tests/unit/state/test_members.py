"""Members by key, against a dictionary of sets."""

from __future__ import annotations

import random
from collections import defaultdict

import numpy as np
import pyarrow as pa

from penstock.state import Members
from penstock.types import BIGINT


def test_members_come_and_go_like_those_of_sets() -> None:
    rng = random.Random(4)
    members = Members([BIGINT])
    model: dict[int, set[int]] = defaultdict(set)
    key_of: dict[int, int] = {}
    for step in range(300):
        free = [slot for slot in range(400) if slot not in key_of]
        new = rng.sample(free, min(len(free), rng.randrange(40)))
        keys = [rng.randrange(1 + step % 30) for _ in new]
        members.add([pa.array(keys, pa.int64())], np.array(new, np.int64))
        for key, slot in zip(keys, new, strict=True):
            model[key].add(slot)
            key_of[slot] = key
        gone = rng.sample(sorted(key_of), rng.randrange(len(key_of) + 1))
        members.remove(np.array(gone, np.int64))
        for slot in gone:
            model[key_of.pop(slot)].discard(slot)
        asked = pa.array(range(30), pa.int64())
        sizes, starts = members.find([asked], 30)
        found = members.at(starts, sizes).tolist()
        for key, size in enumerate(sizes.tolist()):
            assert set(found[:size]) == model[key]
            del found[:size]
    assert len(members) == len(key_of)
