"""What runs in a Dask worker: it starts loaders, and relays their pipes.

These functions are called by `Client.run`, in the worker's event loop. They need none of its
threads, so a worker that is busy with tasks can load too. The load itself is in processes of its
own, and shares no GIL with the worker.

A loader ends with its worker, because its standard input closes then. It also ends if nobody has
asked for it for some time: then the machine that started it is gone, or cannot be reached.
"""

from __future__ import annotations

import asyncio
import platform
import subprocess
import sys
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

# Seconds without a question after which a loader ends.
_LEASE = 30.0
# Seconds that a loader has to end.
_GRACE = 5.0
# The most bytes of an answer.
_PIECE = 1 << 22
_LOADER = "trio_echo.measure.load.loader"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class About(NamedTuple):
    """A machine and what is installed on it.

    Attributes:
        name: its host name.
        boot: what only this running system has; its host name, if the system has no such value.
        python: the minor version.
        trio_echo: the version.
        schema: the version of the results that this package writes.
    """

    name: str
    boot: str
    python: str
    trio_echo: str
    schema: int


def about() -> About:
    """Describe this machine."""
    from trio_echo.measure.results.run import SCHEMA_VERSION

    try:
        boot = _BOOT_ID.read_text()
    except OSError:
        boot = platform.node()
    python = ".".join(platform.python_version_tuple()[:2])
    return About(platform.node(), boot, python, version("trio-echo"), SCHEMA_VERSION)


def clock() -> int:
    """Read this machine's clock."""
    return time.perf_counter_ns()


class _Loader:
    """A loader, and the files that its job needs."""

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, folder: TemporaryDirectory[str]
    ) -> None:
        self._name = name
        self._process = process
        self._stdin = cast("asyncio.StreamWriter", process.stdin)
        self._stdout = cast("asyncio.StreamReader", process.stdout)
        self._folder = folder
        self._reading = asyncio.Lock()  # a question that was given up may still wait here
        self._lease: asyncio.TimerHandle | None = None
        self.renew()

    def renew(self) -> None:
        """Let it run on for a while."""
        self._give_up()
        self._lease = asyncio.get_running_loop().call_later(_LEASE, self._expire)

    def _give_up(self) -> None:
        if self._lease is not None:
            self._lease.cancel()

    def _expire(self) -> None:
        self._task = asyncio.ensure_future(end(self._name))

    async def send(self, data: bytes) -> None:
        with suppress(ConnectionError):  # it has ended, and its output says so
            self._stdin.write(data)
            await self._stdin.drain()

    def finish(self) -> None:
        self._stdin.close()

    async def receive(self, wait: float) -> bytes | None:
        try:
            return await asyncio.wait_for(self._read(), wait) or None
        except TimeoutError:
            return b""

    async def _read(self) -> bytes:
        async with self._reading:
            return await self._stdout.read(_PIECE)

    async def end(self) -> int:
        self._give_up()
        self.finish()
        try:
            await asyncio.wait_for(self._drained(), _GRACE)
        except TimeoutError:
            self._process.kill()
            await self._drained()
        self._folder.cleanup()
        return await self._process.wait()

    async def _drained(self) -> None:
        """Wait for its end; a process whose output nobody reads might not reach it."""
        while await self._read():
            pass
        await self._process.wait()


_loaders: dict[str, _Loader] = {}


async def start(name: str, files: Mapping[str, bytes]) -> dict[str, str]:
    """Start a loader.

    Args:
        name: by which the other functions know it.
        files: their contents, by the paths that they have where the job was made.

    Returns:
        The paths that they have here.
    """
    folder = TemporaryDirectory(prefix="trio-echo-")  # nobody else may look into it
    paths = {path: str(Path(folder.name) / str(i)) for i, path in enumerate(files)}
    for path, content in files.items():
        Path(paths[path]).write_bytes(content)  # noqa: ASYNC240  certificates are short
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        _LOADER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=_PIECE,
        **apart,
    )
    _loaders[name] = _Loader(name, process, folder)
    return paths


async def send(name: str, data: bytes) -> None:
    """Send to a loader's standard input."""
    loader = _loaders[name]
    loader.renew()
    await loader.send(data)


async def finish(name: str) -> None:
    """Close a loader's standard input."""
    loader = _loaders[name]
    loader.renew()
    loader.finish()


async def receive(name: str, wait: float) -> bytes | None:
    """Wait some seconds for output of a loader: `b""` if there is none yet, `None` at its end."""
    loader = _loaders[name]
    loader.renew()
    return await loader.receive(wait)


async def end(name: str) -> int | None:
    """End a loader; returns its exit status, or `None` if it is gone."""
    loader = _loaders.pop(name, None)
    return None if loader is None else await loader.end()
