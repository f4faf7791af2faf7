"""Benchmarks: `python -m benchmarks` prints the table of the README; see `__main__`."""
