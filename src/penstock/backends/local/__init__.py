"""Room `backends.local`: the engine in this process."""
