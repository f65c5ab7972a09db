"""Workers of a local cluster load this when they start: it makes them ignore Ctrl-C.

The terminal sends Ctrl-C to all processes of its foreground group. The process that started the
cluster ends the round, collects the samples, and then ends the workers.
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
