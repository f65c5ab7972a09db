"""The command line on a tether: `python -m trio_echo.cli.tethered`, which `measure.session` starts.

It runs the command that it is given, and ends at once when its standard input does: a pipe from
the process that started it, which closes however that one ends.
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
    # A thread, because Windows cannot wait for a pipe and for sockets at once. It takes nothing
    # from the server: it sleeps in read().
    threading.Thread(target=_end_with_input, daemon=True).start()
    main()
