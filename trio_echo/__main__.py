"""The command line: `python -m trio_echo`, also installed as `trio-echo`."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run a command and exit."""
    # First of all, because the imports take a while: until a command handles it, Ctrl-C ends the
    # process as other signals do, without a Python traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from trio_echo.cli import main as run

    run()


if __name__ == "__main__":
    main()
