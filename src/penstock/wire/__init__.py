"""Room `wire`: bytes to messages and back, no sockets, no Arrow tables, no time."""
