"""Run the command line: `python -m trio_echo`."""

from trio_echo.cli import main

main()
