"""TYPEOF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from penstock.expressions import Literal
from penstock.functions.registry import scalar
from penstock.types import STRING

if TYPE_CHECKING:
    from penstock.expressions import Call, Frame


@scalar("TYPEOF", "x b?", STRING, nullable="always")
def type_of(call: Call, args: list[Any], frame: Frame) -> Any:  # noqa: ARG001
    """The SQL text of the argument's type; with TRUE without abbreviations."""
    long = len(call.args) > 1 and isinstance(call.args[1], Literal) and call.args[1].value
    text = call.args[0].type.sql()
    if long:
        text = text.replace("STRING", f"VARCHAR({STRING.length})")
        text = text.replace("BYTES", f"VARBINARY({STRING.length})")
    return pa.scalar(text)
