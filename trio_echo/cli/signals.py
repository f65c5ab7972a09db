"""The signals by which a person or a supervisor ends a command."""

from __future__ import annotations

import signal
import sys

if sys.platform == "win32":
    STOP_SIGNALS = (signal.SIGINT, signal.SIGBREAK)
else:
    STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
