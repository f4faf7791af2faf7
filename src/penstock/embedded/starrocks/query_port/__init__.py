"""Room `embedded.starrocks.query_port`: the MySQL-protocol port of the embedded StarRocks.

Owns the wire protocol (server side), the SQL that StarRocks users and tools send, and the system
tables. May touch the store of `embedded.starrocks`, DuckDB and sqlglot. Called by the embedded
server, which gives it a store, an address and the users.
"""
