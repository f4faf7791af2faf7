"""Room `clients`: sockets and files, timeouts, retry of one request; without meaning."""
