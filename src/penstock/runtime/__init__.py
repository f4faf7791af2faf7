"""Room `runtime`: runs physical plans: job master, epochs, restarts."""
