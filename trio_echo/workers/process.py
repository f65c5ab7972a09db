"""How a worker's process is started, and gets its end of the link and its listeners.

On POSIX it inherits them: the link is its standard input, and listeners keep their numbers. On
Windows a socket is shared with a process by its id (`socket.share`). The process has to send its
id, because in a virtual environment it is a child of the process that was started.

A worker ends with its parent, because then its link ends. A worker that is stopped (SIGSTOP) does
not notice that. On Linux the kernel kills it (PR_SET_PDEATHSIG). Elsewhere POSIX says: if a process
ends, and a group of its children loses its last tie to the rest of the session, a stopped group
gets SIGHUP and SIGCONT. So a worker has a process group of its own, in the session of its parent.
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
"""What fails where no process is to be had."""

_MODULE = f"{__package__}.worker"
_PID_BYTES = 4
# From linux/prctl.h.
_PR_SET_PDEATHSIG = 1


async def start(
    listeners: Sequence[socket.socket],
) -> tuple[Process, socket.socket, list[int | bytes]]:
    """Start a process. Ctrl-C in a terminal does not reach it: its parent says what to do.

    On Linux the process is killed when this thread ends.

    Args:
        listeners: that it will have too.

    Returns:
        It, our end of the link, and what `given_listener` takes there for each listener.

    Raises:
        OSError: there is no process to be had.
    """
    with ExitStack() as on_failure, ExitStack() as handing:
        # Copies, for a server that stops closes its listeners meanwhile.
        copies = [handing.enter_context(one.dup()) for one in listeners]
        ours, theirs = socket.socketpair()
        on_failure.enter_context(ours)
        handing.enter_context(theirs)
        process, handed = await _start(theirs, copies)
        on_failure.pop_all()
    return process, ours, handed


if sys.platform != "win32":

    class Process:
        """A process that this thread started.

        `trio.lowlevel.open_process` starts it from a thread that soon ends; PR_SET_PDEATHSIG would
        take the end of that thread for the end of the parent.
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
            """End it at once, also if it is stopped."""
            self._popen.kill()

        async def wait(self) -> int:
            """Wait for its end; returns the exit status, negative for a signal."""
            return await trio.to_thread.run_sync(self._popen.wait, abandon_on_cancel=True)

    async def _start(
        link: socket.socket, listeners: Sequence[socket.socket]
    ) -> tuple[Process, list[int | bytes]]:
        await trio.lowlevel.checkpoint()
        numbers = [one.fileno() for one in listeners]
        return Process(link, numbers), [*numbers]

    def given_link() -> socket.socket:
        """Take what a process is given at its start."""
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
                await stdout.receive_some()  # it ends when the link may be closed here
        except (IncompleteReceiveError, trio.BrokenResourceError):
            return process, []  # it has died, as the end of its link will tell
        except BaseException:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
            raise
        return process, handed

    def given_link() -> socket.socket:
        """Take what a process is given at its start."""
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
    """Have this process killed when its parent ends, also while it is stopped (Linux)."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit()  # it has ended just before that


def given_listener(handed: int | bytes) -> trio.SocketListener:
    """Take a listener that this process was given."""
    return trio.SocketListener(trio.socket.from_stdlib_socket(_given(handed)))
