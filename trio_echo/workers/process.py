"""Starts a worker's process, and hands it its end of the link and its listeners.

On POSIX the process inherits them: the link is its standard input, and listeners keep their
descriptor numbers. On Windows a socket is shared with a process by its id (`socket.share`). The
process must send its own id: in a virtual environment it is a child of the process we started.

When the parent ends, the link ends, and so does the worker. A stopped worker (SIGSTOP) does not
notice that. On Linux the kernel kills it (PR_SET_PDEATHSIG). On other POSIX systems, a stopped
process group gets SIGHUP and SIGCONT when its last parent in the session ends. So each worker has
its own process group, in its parent's session.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import trio

from trio_echo.exact import IncompleteReceiveError, receive_exactly

if TYPE_CHECKING:
    from collections.abc import Sequence

STARTING_CALL = "CreateProcess()" if sys.platform == "win32" else "fork()"
"""The name of the call that starts a process, for error messages."""

_MODULE = f"{__package__}.worker"
_PID_BYTES = 4
# From linux/prctl.h.
_PR_SET_PDEATHSIG = 1


async def start(
    listeners: Sequence[socket.socket],
) -> tuple[Process, socket.socket, list[int | bytes]]:
    """Start a process. Ctrl-C in a terminal does not reach it: only its parent stops it.

    On Linux the process is killed when this thread ends.

    Args:
        listeners: to share with it.

    Returns:
        The process, our end of the link, and for each listener the value that `given_listener`
        takes in the process.

    Raises:
        OSError: the process could not be started.
    """
    with ExitStack() as on_failure, ExitStack() as handing:
        # Copies, because a server that stops may close its listeners meanwhile.
        copies = [handing.enter_context(one.dup()) for one in listeners]
        ours, theirs = socket.socketpair()
        on_failure.enter_context(ours)
        handing.enter_context(theirs)
        process, handed = await _start(theirs, copies)
        on_failure.pop_all()
    return process, ours, handed


if sys.platform != "win32":

    class Process:
        """A process started by this thread.

        `trio.lowlevel.open_process` starts processes in a thread that soon ends, and
        PR_SET_PDEATHSIG kills the process when that thread ends.
        """

        def __init__(self, link: socket.socket, listeners: Sequence[int]) -> None:
            self._popen = subprocess.Popen(  # noqa: S603  this interpreter, no shell
                [sys.executable, "-m", _MODULE],
                stdin=link.fileno(),
                stdout=subprocess.DEVNULL,
                pass_fds=listeners,
                process_group=0,
            )

        def kill(self) -> None:
            """End it at once, even if it is stopped."""
            self._popen.kill()

        async def wait(self) -> int:
            """Wait until it ends; returns the exit status, negative for a signal."""
            return await trio.to_thread.run_sync(self._popen.wait, abandon_on_cancel=True)

    async def _start(
        link: socket.socket, listeners: Sequence[socket.socket]
    ) -> tuple[Process, list[int | bytes]]:
        await trio.lowlevel.checkpoint()
        numbers = [one.fileno() for one in listeners]
        return Process(link, numbers), [*numbers]

    def given_link() -> socket.socket:
        """Return this process's end of the link. Call it once, at the start."""
        return socket.socket(fileno=0)

    def _given(handed: int | bytes) -> socket.socket:
        assert isinstance(handed, int)  # noqa: S101  see `_start`
        return socket.socket(fileno=handed)

else:
    Process = trio.Process

    async def _start(
        link: socket.socket, listeners: Sequence[socket.socket]
    ) -> tuple[Process, list[int | bytes]]:
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP,
        )
        assert process.stdin is not None  # noqa: S101  both are pipes
        assert process.stdout is not None  # noqa: S101
        try:
            async with process.stdin as stdin, process.stdout as stdout:
                pid = int.from_bytes(await receive_exactly(stdout, _PID_BYTES))
                handed: list[int | bytes] = [one.share(pid) for one in listeners]
                await stdin.send_all(link.share(pid))
                await stdin.aclose()
                await stdout.receive_some()  # its end means that the link can be closed here
        except (IncompleteReceiveError, trio.BrokenResourceError):
            return process, []  # it has died; the caller sees that by the end of the link
        except BaseException:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
            raise
        return process, handed

    def given_link() -> socket.socket:
        """Return this process's end of the link. Call it once, at the start."""
        os.write(1, os.getpid().to_bytes(_PID_BYTES))
        link = socket.fromshare(sys.stdin.buffer.read())
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)  # ends the pipe
        os.close(null)
        return link

    def _given(handed: int | bytes) -> socket.socket:
        assert isinstance(handed, bytes)  # noqa: S101  see `_start`
        return socket.fromshare(handed)


def end_with_parent() -> None:
    """Let the kernel kill this process when its parent ends, even if it is stopped (Linux)."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit()  # the parent ended just before the call


def given_listener(handed: int | bytes) -> trio.SocketListener:
    """Open a listener that the parent shared with this process."""
    return trio.SocketListener(trio.socket.from_stdlib_socket(_given(handed)))
