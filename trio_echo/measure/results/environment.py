"""Where a measurement was made: the machine, the versions, the commit, the clock."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from ..records import Amount, Ordinal

CLOCK: Final = "perf_counter"
"""The clock of all time stamps, by its name in `time.get_clock_info`.

On Linux and macOS it is the monotonic clock itself. On Windows, that one ticks 64 times a second
only (before Python 3.13); this one does so each 100 ns.
"""

_PACKAGE = Path(__file__).parents[2]
_PATIENCE = 10  # seconds, for a program that answers at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where and when.

    Attributes:
        date: the beginning, UTC, ISO 8601.
        platform: the operating system and the machine's architecture.
        kernel: its release and version.
        cpu_model: the processor's name, or the architecture where the system does not tell.
        cpu_count: logical processors; `None` if the system does not tell.
        python: the implementation and its version.
        trio: version.
        trio_echo: version.
        commit: of the clone that this package runs from; `None` if it runs from none.
        dirty: whether the package's files differ from that commit.
        clock: what the system's clock is made of.
        clock_resolution_seconds: how finely it tells time.
    """

    date: str
    platform: str
    kernel: str
    cpu_model: str
    cpu_count: Ordinal | None
    python: str
    trio: str
    trio_echo: str
    commit: str | None
    dirty: bool | None
    clock: str
    clock_resolution_seconds: Amount


def look() -> Environment:
    """Describe this machine, now. Blocks for some 20 ms: it starts other programs."""
    commit, dirty = _commit()
    clock = time.get_clock_info(CLOCK)
    return Environment(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        platform=platform.platform(),
        kernel=f"{platform.release()} {platform.version()}",
        cpu_model=_cpu_model(),
        cpu_count=os.cpu_count(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        trio=version("trio"),
        trio_echo=version("trio-echo"),
        commit=commit,
        dirty=dirty,
        clock=f"{CLOCK}: {clock.implementation}",
        clock_resolution_seconds=clock.resolution,
    )


def _cpu_model() -> str:
    model: str | None = None
    if sys.platform == "linux":
        # `platform.processor` is empty there. Arm kernels give no name (proc_cpuinfo(5)).
        try:
            lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        except OSError:
            lines = []
        names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
        model = next(names, None)
    elif sys.platform == "darwin":
        model = _output("sysctl", "-n", "machdep.cpu.brand_string")
    return model or platform.processor() or platform.machine()


def _commit(package: Path = _PACKAGE) -> tuple[str | None, bool | None]:
    """The commit and whether the package differs from it."""
    git = ("git", "-C", str(package))
    # An installed package may lie in somebody else's clone, in its virtual environment.
    if _output(*git, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None, None
    commit = _output(*git, "rev-parse", "--verify", "HEAD")
    changes = _output(*git, "status", "--porcelain", ".")
    return commit, None if changes is None else bool(changes)


def _output(program: str, *arguments: str) -> str | None:
    """What a program says; `None` if it is not there, fails, or hangs."""
    path = shutil.which(program)
    if path is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603  fixed arguments, no shell
            [path, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip()
