"""Room `testing`: public test kit."""
