"""What the command's exit codes mean; stable.

| Code | Meaning |
|---|---|
| 0 | done: every job has finished and its last commit is visible; a check found no error |
| 1 | failed: the script, a server or the data; nothing uncommitted is left behind |
| 2 | wrong usage: an unknown option, a file that cannot be read |
| 130 | stopped by Ctrl-C: after the first all that was read is committed, after a second not |
| 143 | stopped by SIGTERM, likewise |
"""

DONE = 0
FAILED = 1
USAGE = 2
INTERRUPTED = 130
TERMINATED = 143
