"""Looks at the servers behind the tables of a script; what one server hides hides no other."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from penstock.connectors.base import (
    MISSING_TABLE,
    Finding,
    Inspection,
    OutsideTable,
    Severity,
    find_connector,
)
from penstock.errors import PenstockError
from penstock.plan import SinkNode, SourceNode, TransformNode

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

    from penstock.plan import PhysicalPlan
    from penstock.plan.physical import PlanNode

SERVERS_AT_ONCE = 8


@dataclass(slots=True)
class Look:
    """What was seen behind one table.

    Args:
        node: The table in a plan.
        inspection: How it was looked at.
        findings: What the connector found, subject and place set.
        failure: Why nothing could be seen.
        tables: The tables there, empty where they could not be read.
    """

    node: SourceNode | SinkNode
    inspection: Inspection
    findings: list[Finding] = field(default_factory=list)
    failure: PenstockError | None = None
    tables: Sequence[OutsideTable] = ()


def nodes_of(plan: PhysicalPlan) -> Iterator[SourceNode | SinkNode]:
    """Sinks of a plan and the sources below them."""
    for sink in plan.sinks:
        yield sink
        yield from sources_of(sink.input)


def sources_of(node: PlanNode) -> Iterator[SourceNode]:
    """The leaves below a node."""
    if isinstance(node, SourceNode):
        yield node
        return
    for child in (node.input,) if isinstance(node, TransformNode) else node.inputs:
        yield from sources_of(child)


def look(plans: Sequence[PhysicalPlan]) -> list[Look]:
    """Look at every table once, servers side by side, tables of one server in turn."""
    looks: dict[tuple[str, str], Look] = {}
    for plan in plans:
        for node in nodes_of(plan):
            inspect = find_connector(node.connector).inspection if node.connector else None
            key = (type(node).__name__, _identity(node))
            if inspect is not None and key not in looks:
                runs = node.source if isinstance(node, SourceNode) else node.sink
                looks[key] = Look(node, inspect(runs))
    servers: dict[Hashable, list[Look]] = defaultdict(list)
    for found in looks.values():
        servers[found.inspection.server_key].append(found)
    with ThreadPoolExecutor(SERVERS_AT_ONCE, "preflight") as pool:
        list(pool.map(_look_at_server, servers.values()))
    return list(looks.values())


def _identity(node: SourceNode | SinkNode) -> str:
    return node.source_id if isinstance(node, SourceNode) else node.table


def _look_at_server(looks: list[Look]) -> None:
    """All tables of one server; where it refuses the first, the others are not tried."""
    for index, one in enumerate(looks):
        inspection = one.inspection
        try:
            inspection.connect()
            if index == 0:
                one.findings += _run(inspection.server_checks(), inspection.place)
            if _is_created(one):
                continue
            one.findings += _run(inspection.table_checks(), inspection.place)
            _read_tables(one)
        except PenstockError as error:
            for other in looks[index:]:
                other.failure = error
            return
        finally:
            inspection.close()


def _is_created(one: Look) -> bool:
    """Whether the script creates the table; says how."""
    design = one.node.design if isinstance(one.node, SinkNode) else None
    if design is None:
        return False
    try:
        one.inspection.tables()
    except PenstockError as error:
        if error.code != MISSING_TABLE:
            raise
        message = f"target of '{one.node.table}' is created when the script runs"
        cause = "\n".join((*design.notes, design.ddl))
        one.findings.append(
            Finding(Severity.NOTE, "table-created", message, cause, place=one.inspection.place)
        )
        return True
    return False


def _read_tables(one: Look) -> None:
    try:
        one.tables = one.inspection.tables()
    except PenstockError as error:
        found = Finding.of(error, place=one.inspection.place)
        if not any(f.code == found.code and f.message == found.message for f in one.findings):
            one.findings.append(replace(found, subject="schema"))


def _run(checks: Mapping[str, Callable[[], Iterable[Finding]]], place: str) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for subject, check in checks.items():
        try:
            found = list(check())
        except PenstockError as error:
            found = [Finding.of(error)]
        for finding in found:
            if (finding.code, finding.message) in seen:
                continue
            seen.add((finding.code, finding.message))
            yield replace(finding, subject=subject, place=finding.place or place)
