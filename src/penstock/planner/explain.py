"""EXPLAIN: a plan as text, in the shape of Flink's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.plan import SourceNode, TransformNode
from penstock.planner.relation import node_name

if TYPE_CHECKING:
    from penstock.plan import PhysicalPlan
    from penstock.plan.physical import PlanNode


def explain_plan(plan: PhysicalPlan, statement: str = "") -> str:
    """The three sections of EXPLAIN."""
    sections = []
    if statement:
        sections.append("== Abstract Syntax Tree ==\n" + statement.strip())
    physical = "\n\n".join(
        "\n".join(
            [
                f"Sink(table=[{sink.table}], fields=[{', '.join(sink.schema.names)}])",
                *_lines(sink.input, ""),
            ]
        )
        for sink in plan.sinks
    )
    sections.append("== Optimized Physical Plan ==\n" + physical)
    sections.append("== Optimized Execution Plan ==\n" + physical)
    return "\n\n".join(sections) + "\n"


def _lines(node: PlanNode, indent: str) -> list[str]:
    if isinstance(node, SourceNode):
        return [f"{indent}+- {node_name(node)}"]
    if isinstance(node, TransformNode):
        return [f"{indent}+- {node.spec.explain()}", *_lines(node.input, indent + "   ")]
    lines = [f"{indent}+- Union(all=[true])"]
    for index, child in enumerate(node.inputs):
        last = index == len(node.inputs) - 1
        part = _lines(child, indent + ("   " if last else "   :  "))
        if not last:
            part[0] = part[0].replace(":  +-", ":-", 1)
        lines += part
    return lines
