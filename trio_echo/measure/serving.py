"""A server of this package to measure, in a process of its own."""

from __future__ import annotations

import errno
import re
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import trio

from trio_echo.addresses import Endpoint
from trio_echo.errors import SocketCallError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def served(*options: str) -> AsyncIterator[list[Endpoint]]:
    """Run a server of this package in a process of its own, and give where it listens.

    In this process it would share the GIL with whoever measures: a round trip would take longer,
    and differently long. It ends with this process, also if that is killed.

    Args:
        options: further words for the command `serve`, such as `"--fragment", "4"`.

    Raises:
        SocketCallError: of `bind()`: it did not start.
    """
    command = [sys.executable, "-m", "trio_echo.cli.tethered", "serve"]
    command += ["--port", "0", "--quiet", "--lang", "en", *options]
    apart: dict[str, Any] = {"start_new_session": True}  # a Ctrl-C is for this process
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    # In one stream, so that a family is told of in any case: by where it listens, or as missing.
    apart |= {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = await trio.lowlevel.open_process(command, stdin=subprocess.PIPE, **apart)
    stdin = cast("trio.abc.SendStream", process.stdin)
    stdout = cast("trio.abc.ReceiveStream", process.stdout)
    try:
        said = b""
        while said.count(b"\n") < 2:
            chunk = await stdout.receive_some()
            if not chunk:
                break
            said += chunk
        found = re.findall(rb"IP address=(\S+), port=(\d+)", said)
        if not found:
            reason = OSError(errno.EADDRNOTAVAIL, "the server did not start")
            raise SocketCallError("bind()", reason)
        yield [Endpoint(host.decode(), int(port)) for host, port in found]
    finally:
        process.terminate()
        with trio.CancelScope(shield=True):
            await process.wait()
            await stdin.aclose()
            await stdout.aclose()
