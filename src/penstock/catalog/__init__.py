"""Room `catalog`: catalogs, databases, tables, views and name resolution."""
