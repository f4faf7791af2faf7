"""The session: a script in, results out."""
