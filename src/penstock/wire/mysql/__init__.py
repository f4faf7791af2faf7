"""MySQL's bytes: columns, result sets in text protocol, binlog events, GTIDs."""
