"""Room `state`: keyed state and the durable spool of rows per table."""
