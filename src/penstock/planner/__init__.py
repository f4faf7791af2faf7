"""Room `planner`: statements to physical plans.

Owns names and types of queries, and what stands between source and sink. Reads the catalog and
builds connectors' sources and sinks without touching a network. Called by backends and session.
"""

from penstock.planner.explain import (
    existing_targets,
    explain_plan,
    physical_text,
    plan_ends,
    plan_trees,
)
from penstock.planner.planner import Planner

__all__ = [
    "Planner",
    "existing_targets",
    "explain_plan",
    "physical_text",
    "plan_ends",
    "plan_trees",
]
