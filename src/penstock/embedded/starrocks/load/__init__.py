"""Room `embedded.starrocks.load`: bodies of loads, from bytes to the rows of a table.

Owns the headers that frame a body, CSV and JSON reading, derived columns, conversion to the
table's types and the error log of bad rows. Touches neither sockets nor the store. Called by the
load transactions.
"""

from penstock.embedded.starrocks.load.body import ParsedLoad, parse_body
from penstock.embedded.starrocks.load.evaluate import OP
from penstock.embedded.starrocks.load.options import LoadOptions

__all__ = ["OP", "LoadOptions", "ParsedLoad", "parse_body"]
