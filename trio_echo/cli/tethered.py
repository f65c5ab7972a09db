"""The command line tied to its parent: `python -m trio_echo.cli.tethered`, for `measure.session`.

It runs a command and ends at once when its standard input ends. That is a pipe from the process
that started it, and the system closes it however that process ends.
"""

from __future__ import annotations

import os
import sys
import threading

from trio_echo.cli import main


def _end_with_input() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    # A thread, because Windows cannot wait for a pipe and for sockets at once. It costs the server
    # nothing: it sleeps in read().
    threading.Thread(target=_end_with_input, daemon=True).start()
    main()
