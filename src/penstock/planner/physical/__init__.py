"""Room `planner.physical`: logical nodes to operators."""
