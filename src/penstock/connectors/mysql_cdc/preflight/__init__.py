"""What `check` finds out about a MySQL or MariaDB server and its tables; a file per subject."""

from penstock.connectors.mysql_cdc.preflight.inspection import MySqlInspection

__all__ = ["MySqlInspection"]
