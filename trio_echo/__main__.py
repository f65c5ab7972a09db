"""Run the command line: `python -m trio_echo`, and `trio-echo`."""

import signal

# As main() does, but before the imports, which take a tenth of a second.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from trio_echo.cli import main  # noqa: E402  see above

if __name__ == "__main__":
    main()
