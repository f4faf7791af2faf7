"""Acceptance of a real StarRocks: `python -m tests.accept_real --fe host:port`."""
