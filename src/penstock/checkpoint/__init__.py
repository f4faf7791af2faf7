"""Room `checkpoint`: manifests on disk: what is durable, in which order."""
