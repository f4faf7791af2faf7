"""Room `backends.local.statements`: meaning of statements, one file each."""
