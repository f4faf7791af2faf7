"""Room `planner.rules`: logical plan rewrites, order in RULES."""
