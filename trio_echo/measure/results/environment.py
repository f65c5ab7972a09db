"""Where a measurement was made: the machine, the versions, the commit, the clock."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta

from ..records import Amount, Ordinal, Record

CLOCK: Final = "perf_counter"
"""The clock of all timestamps, by its name in `time.get_clock_info`.

On Linux and macOS it is the monotonic clock. On Windows, that one ticks only 64 times a second
(before Python 3.13), but this one every 100 ns.
"""

_PACKAGE = Path(__file__).parents[2]
_PATIENCE = 10  # seconds, for programs that answer at once


class Environment(Record, frozen=True, kw_only=True):
    """Where and when a run was measured.

    Attributes:
        date: the beginning, UTC, ISO 8601.
        platform: the operating system and the machine's architecture.
        kernel: its release and version.
        cpu_model: the processor's name, or the architecture if the system does not know the name.
        cpu_count: logical processors; `None` if the system does not know.
        python: the implementation and its version.
        trio: its version.
        trio_echo: its version.
        commit: the commit of the clone that the package ran from; `None` if it did not run from a
            clone.
        dirty: whether the package's files differed from that commit.
        clock: the clock of all timestamps.
        clock_resolution_seconds: its smallest step.
    """

    date: Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
    platform: str
    kernel: str
    cpu_model: str
    cpu_count: Ordinal | None
    python: str
    trio: str
    trio_echo: str
    commit: Annotated[str, Meta(pattern="^[0-9a-f]{40,64}$")] | None
    dirty: bool | None
    clock: str
    clock_resolution_seconds: Amount


def describe() -> Environment:
    """Describe this machine now. Blocks for some 20 ms, because it starts other programs."""
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
        # `platform.processor` is empty there. Arm kernels have no name here (proc_cpuinfo(5)).
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
    """Return the commit, and whether the package differs from it."""
    git = ("git", "-C", str(package))
    # An installed package may lie inside another project's clone, in its virtual environment.
    if _output(*git, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None, None
    commit = _output(*git, "rev-parse", "--verify", "HEAD")
    changes = _output(*git, "status", "--porcelain", ".")
    return commit, None if changes is None else bool(changes)


def _output(program: str, *arguments: str) -> str | None:
    """Return a program's output; `None` if it is not installed, fails, or hangs."""
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
