"""Room `sql.statements`: syntax of statements, one file each."""
