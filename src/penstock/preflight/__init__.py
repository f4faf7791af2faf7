"""Room `preflight`: what check finds, one file per subject."""
