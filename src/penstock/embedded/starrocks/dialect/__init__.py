"""Room `embedded.starrocks.dialect`: StarRocks' SQL as DuckDB understands it.

Owns tokens, which functions are known, and what expressions become. A function is equal, is made
equal by a macro, or is refused by its name. Used by the query port and by loads with expressions.
"""
