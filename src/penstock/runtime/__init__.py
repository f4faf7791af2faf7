"""Room `runtime`: runs physical plans.

Owns threads, epochs, restarts and job states. May touch queues, the clock and the checkpoint store;
leaves alone SQL text and the name of any connector or function. Called by backends.
"""

from penstock.runtime.job import Job, JobState
from penstock.runtime.job_group import JobGroup

__all__ = ["Job", "JobGroup", "JobState"]
