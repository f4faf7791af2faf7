"""Room `functions`: SQL functions, one file per function or tight family."""
