"""Room `planner`: statements to physical plans."""
