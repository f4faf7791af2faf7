"""Room `state`: what operators and sinks keep, on disk or in memory.

Owns the durable spool of rows per table, files that only their owner may read, and keyed state:
NumPy columns behind a hash index of our own, whose cost per batch does not depend on how many keys
it holds. May touch files (the spool and `private` alone), Arrow and NumPy. Called by operators,
connectors, the checkpoint store and the runtime.
"""

from penstock.state.bag import Bag
from penstock.state.codec import ValueCodec
from penstock.state.extremes import Extremes
from penstock.state.members import Members
from penstock.state.private import make_private_folder, narrow, open_private
from penstock.state.rows import NAN, Row, RowCodec
from penstock.state.spool import Segment, Spool, SpoolFullError
from penstock.state.table import KeyedTable, Saved, SlotArray, StateTable

__all__ = [
    "NAN",
    "Bag",
    "Extremes",
    "KeyedTable",
    "Members",
    "Row",
    "RowCodec",
    "Saved",
    "Segment",
    "SlotArray",
    "Spool",
    "SpoolFullError",
    "StateTable",
    "ValueCodec",
    "make_private_folder",
    "narrow",
    "open_private",
]
