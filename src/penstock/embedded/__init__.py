"""Room `embedded`: servers that stand in for real ones."""
