"""Room `formats`: bytes to batches and back."""
