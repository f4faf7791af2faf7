"""Room `preflight`: everything about a script that can be known before a row moves.

Owns the reading of a script without running it, the look at the servers behind its tables, and the
findings that need both ends. May touch sessions' planning, the catalog and connectors' inspections;
knows no connector by name; writes nothing anywhere. Called by the command `check`.
"""

from penstock.preflight.case import short_name
from penstock.preflight.check import check_script
from penstock.preflight.report import ColumnPath, Report, TablePair

__all__ = ["ColumnPath", "Report", "TablePair", "check_script", "short_name"]
