"""Room `sql`: text to statements: lexer, parser, syntax trees, unparse."""
