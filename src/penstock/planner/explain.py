"""EXPLAIN: a plan as text, in the shape of Flink's, and as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.changelog import RowKind
from penstock.connectors.base import find_connector
from penstock.plan import PairNode, SinkNode, SourceNode, TransformNode, node_changes
from penstock.planner.relation import node_name
from penstock.sql.secrets import mask_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from penstock.changelog import ChangelogMode
    from penstock.plan import PhysicalPlan
    from penstock.plan.physical import PlanNode

_SHORT = {
    RowKind.INSERT: "I",
    RowKind.UPDATE_BEFORE: "UB",
    RowKind.UPDATE_AFTER: "UA",
    RowKind.DELETE: "D",
}


def explain_plan(plan: PhysicalPlan, statement: str = "", *, changes: bool = False) -> str:
    """The three sections of EXPLAIN, and tables that are created; `changes` as CHANGELOG_MODE."""
    sections = []
    if statement:
        sections.append("== Abstract Syntax Tree ==\n" + statement.strip())
    with_changes = physical_text(plan, changes=changes)
    sections.append("== Optimized Physical Plan ==\n" + with_changes)
    sections.append("== Optimized Execution Plan ==\n" + physical_text(plan))
    for design in (sink.design for sink in plan.sinks if sink.design is not None):
        notes = "".join(f"\n- {note}" for note in design.notes)
        sections.append(f"== Created Table ==\n{mask_secrets(design.ddl)}{notes}")
    return "\n\n".join(sections) + "\n"


def physical_text(plan: PhysicalPlan, *, changes: bool = False) -> str:
    """The trees of all sinks, a line per node; with `changes` the kinds of rows it emits."""
    return "\n\n".join("\n".join(_tree_lines(sink, changes=changes)) for sink in plan.sinks)


def _tree_lines(sink: SinkNode, *, changes: bool) -> list[str]:
    """A sink's tree; a query's without a sink, as Flink prints it."""
    lines = _lines(sink.input, "", changes=changes)
    if sink.connector:
        return [_sink_line(sink, changes=changes), *lines]
    return [line[3:] for line in lines]


def changes_text(mode: ChangelogMode) -> str:
    """Kinds of changes as Flink writes them.

    Examples:
        >>> from penstock.changelog import ChangelogMode
        >>> changes_text(ChangelogMode.all())
        'I,UB,UA,D'
    """
    return ",".join(text for kind, text in _SHORT.items() if kind in mode.kinds)


def plan_trees(plan: PhysicalPlan) -> list[dict[str, Any]]:
    """The trees of all sinks as nested dictionaries, for JSON."""
    return [
        {"node": _sink_line(sink), "changelog_mode": "", "inputs": [_tree(sink.input)]}
        for sink in plan.sinks
    ]


def plan_ends(plan: PhysicalPlan) -> list[dict[str, Any]]:
    """What is read and what is sent where: every source and sink with its connector's words."""
    ends: dict[tuple[str, str], dict[str, Any]] = {}
    for sink in plan.sinks:
        for source in _leaves(sink.input):
            ends.setdefault(("source", source.source_id), _end(source, source.source))
        ends.setdefault(("sink", sink.sink_id), _end(sink, sink.sink))
    return [{"role": role, **end} for (role, _), end in ends.items()]


def existing_targets(plan: PhysicalPlan) -> list[str]:
    """Tables of servers that a job writes to and does not make itself, by the servers' names."""
    ends = (_end(sink, sink.sink) for sink in plan.sinks if sink.design is None)
    return list(dict.fromkeys(e["facts"]["target"] for e in ends if "target" in e["facts"]))


def _end(node: SourceNode | SinkNode, runs: object) -> dict[str, Any]:
    describe = find_connector(node.connector).describe if node.connector else None
    facts: Mapping[str, str] = describe(runs) if describe is not None else {}
    mode = node.mode if isinstance(node, SourceNode) else node_changes(node.input)
    design = node.design if isinstance(node, SinkNode) else None
    created = (
        {"ddl": mask_secrets(design.ddl), "notes": list(design.notes)}
        if design is not None
        else None
    )
    return {
        "table": node.table,
        "created": created,
        "connector": node.connector or "(none)",
        "changelog_mode": changes_text(mode),
        "columns": [{"name": c.name, "type": c.type.sql()} for c in node.schema.columns],
        "primary_key": list(node.schema.primary_key),
        "facts": dict(facts),
    }


def _leaves(node: PlanNode) -> Iterator[SourceNode]:
    if isinstance(node, SourceNode):
        yield node
        return
    for child in _inputs(node):
        yield from _leaves(child)


def _inputs(node: PlanNode) -> tuple[PlanNode, ...]:
    if isinstance(node, SourceNode):
        return ()
    return (node.input,) if isinstance(node, TransformNode) else node.inputs


def _tree(node: PlanNode) -> dict[str, Any]:
    mode = changes_text(node_changes(node))
    return {
        "node": _own(node),
        "changelog_mode": mode,
        "inputs": [_tree(child) for child in _inputs(node)],
    }


def _sink_line(sink: SinkNode, *, changes: bool = False) -> str:
    text = f"Sink(table=[{sink.table}], fields=[{', '.join(sink.schema.names)}])"
    return f"{text[:-1]}, changelogMode=[NONE])" if changes else text


def _own(node: PlanNode) -> str:
    return node.spec.explain() if isinstance(node, TransformNode | PairNode) else node_name(node)


def _line(node: PlanNode, *, changes: bool) -> str:
    text = _own(node)
    if not changes:
        return text
    mode = f"changelogMode=[{changes_text(node_changes(node))}]"
    return f"{text[:-1]}, {mode})" if text.endswith(")") else f"{text}({mode})"


def _lines(node: PlanNode, indent: str, *, changes: bool) -> list[str]:
    lines = [f"{indent}+- {_line(node, changes=changes)}"]
    inputs = _inputs(node)
    for index, child in enumerate(inputs):
        last = index == len(inputs) - 1
        part = _lines(child, indent + ("   " if last else "   :  "), changes=changes)
        if not last:
            bar = f"{indent}   :  "
            part = [
                f"{indent}   :- {part[0][len(bar) + 3 :]}",
                *(bar + p[len(bar) + 3 :] for p in part[1:]),
            ]
        lines += part
    return lines
