"""Room `embedded.starrocks`: a StarRocks-compatible server over DuckDB."""
