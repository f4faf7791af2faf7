"""Room `testing`: public test kit."""

from penstock.testing.clock import ManualClock

__all__ = ["ManualClock"]
