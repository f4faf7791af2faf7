"""Room `planner.bind`: names and types."""
