"""Room `functions.aggregate`: aggregate functions."""
