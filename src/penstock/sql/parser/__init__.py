"""The parser: recursive descent, one module per family of the grammar."""
