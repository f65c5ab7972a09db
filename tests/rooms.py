"""What the tests of hosts share."""

from __future__ import annotations

from pathlib import Path

import psutil


def open_descriptors() -> dict[str, str]:
    """What this process has open, by the number."""
    found = {}
    for one in Path("/proc/self/fd").iterdir():
        try:
            found[one.name] = str(one.readlink())
        except FileNotFoundError:
            continue
    return found


def processes_below(parent: int) -> list[int]:
    """The processes that descend from one, also those that have ended and were not waited for."""
    return [one.pid for one in psutil.Process(parent).children(recursive=True)]
