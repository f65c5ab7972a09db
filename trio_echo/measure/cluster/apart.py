"""Loaded by the workers of a local cluster when they start: Ctrl-C is not for them.

The terminal sends it to all processes of its foreground group. The process that started the cluster
ends the round, collects the samples, and then ends the workers.
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
