"""Which changes flow where: Flink's two passes over a physical plan.

The first is `node_changes`: each node says which kinds it makes of those it is given. The second is
here: from the sink down, whether an update needs its -U. Every operator's spec says what it needs
of its input (`needs_before`) and takes the decision over (`sending_before`); where a source sends
-U that nobody needs they are dropped right above it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from penstock.changelog import ChangelogMode, RowKind
from penstock.errors import Span, ValidationError
from penstock.operators.drop_update_before import DropUpdateBeforeSpec
from penstock.plan import PairNode, SourceNode, TransformNode, UnionNode, node_changes
from penstock.planner.relation import node_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.plan.physical import PlanNode

_WORDS = {
    RowKind.INSERT: "insert",
    RowKind.UPDATE_BEFORE: "update",
    RowKind.UPDATE_AFTER: "update",
    RowKind.DELETE: "delete",
}


def settled(node: PlanNode, wanted: Sequence[bool], span: Span) -> PlanNode:
    """The plan whose output carries -U as the first of `wanted` that is possible.

    Raises:
        ValidationError: None of them is.
    """
    for choice in wanted:
        found = with_before(node, wanted=choice)
        if found is not None:
            return found
    raise ValidationError(
        "Can't generate a valid execution plan for the given query",
        span,
        code="changelog-mode",
        detail="No node can send its updates in the form the next one needs.",
    )


def with_before(node: PlanNode, *, wanted: bool) -> PlanNode | None:
    """The plan whose output carries -U, or does not; None where that cannot be.

    Where there are no updates either is possible and nothing changes.
    """
    if RowKind.UPDATE_AFTER not in node_changes(node).kinds:
        wanted = True
    match node:
        case SourceNode():
            return _source(node, wanted=wanted)
        case UnionNode():
            inputs = [with_before(child, wanted=wanted) for child in node.inputs]
            kept = tuple(child for child in inputs if child is not None)
            return replace(node, inputs=kept) if len(kept) == len(inputs) else None
        case TransformNode():
            needed = node.spec.needs_before(wanted)
            below = None if needed is None else with_before(node.input, wanted=needed)
            if below is None:
                return None
            return TransformNode(node.spec.sending_before(wanted), below)
        case PairNode():
            return _pair(node, wanted=wanted)


def _pair(node: PairNode, *, wanted: bool) -> PairNode | None:
    left, right = node_changes(node.left), node_changes(node.right)
    needed = node.spec.needs_before(left, right, wanted=wanted)
    if needed is None:
        return None
    below = [with_before(n, wanted=w) for n, w in zip(node.inputs, needed, strict=True)]
    if below[0] is None or below[1] is None:
        return None
    return PairNode(node.spec.sending_before(wanted=wanted), below[0], below[1])


def _source(node: SourceNode, *, wanted: bool) -> PlanNode | None:
    kinds = node.mode.kinds
    if RowKind.UPDATE_AFTER not in kinds or wanted == (RowKind.UPDATE_BEFORE in kinds):
        return node
    return None if wanted else TransformNode(DropUpdateBeforeSpec(node.schema), node)


def check_accepted(
    node: PlanNode, accepted: ChangelogMode, who: str, span: Span, hint: str = ""
) -> None:
    """Refuse a plan whose changes the next one cannot take.

    Args:
        node: What is to be taken.
        accepted: What can be taken; -U is left out or applied by key.
        who: Flink's words for the one that takes: "Table sink 'a.b.c'", "OverAggregate".
        span: Where that stands.
        hint: What to do.

    Raises:
        ValidationError: In Flink's words.
    """
    refused = node_changes(node).kinds - accepted.kinds - {RowKind.UPDATE_BEFORE}
    if refused:
        words = " and ".join(sorted({_WORDS[kind] for kind in refused}, reverse=True))
        raise ValidationError(
            f"{who} doesn't support consuming {words} changes which is produced"
            f" by node {node_name(node)}",
            span,
            code="changelog-mode",
            hint=hint,
        )
