"""Room `state`: keyed state and the durable spool of rows per table."""

from penstock.state.spool import Segment, Spool, SpoolFullError

__all__ = ["Segment", "Spool", "SpoolFullError"]
