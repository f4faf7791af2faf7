"""Room `connectors`: one module or folder per connector, found by the connector's name.

A connector may touch clients, wire, formats and its own options; it leaves alone plans, state
backends and other connectors. Called by planner (options, schemas) and runtime (readers, writers).
"""
