"""Room `functions.scalar`: scalar functions."""
