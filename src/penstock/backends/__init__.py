"""Room `backends`: where a script runs."""
