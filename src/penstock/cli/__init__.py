"""Room `cli`: one file per command."""
