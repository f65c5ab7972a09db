"""The connection to the process that owns the hosts (see `namespaces.py`)."""

from __future__ import annotations

import errno
import importlib.util
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import trio

from trio_echo.errors import SocketCallError, naming

from .errors import LanError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROGRAM = Path(__file__).with_name("namespaces.py")
_LARGEST_ANSWER, _MOST_DESCRIPTORS = 1 << 16, 253  # SCM_MAX_FD in include/net/scm.h

# Seconds. A request takes a tenth of a millisecond, the end some more; after this time, something
# is broken.
_PATIENCE = 30.0

Answer: TypeAlias = tuple[dict[str, Any], list[int]]
"""An answer and the descriptors that came with it. Whoever gets it closes them."""


class Keeper:
    """Asks the process that owns the hosts.

    Args:
        link: the connection to it.
    """

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._owner = os.getpid()
        self._numbers = itertools.count()
        self._turn = threading.Lock()
        self._end = ""
        self._failure: SocketCallError | None = None  # with which the process ends

    @trio.lowlevel.enable_ki_protection  # each answer must be received
    def ask(self, method: str, *arguments: object) -> Answer:
        """Ask, and block until the answer is there: some 0.1 ms. Any thread may ask.

        Raises:
            LanError: the hosts are lost or gone.
            SocketCallError: the call that was asked for failed.
        """
        with self._turn:
            return self._receive(self._send(method, *arguments))

    async def ask_patiently(self, method: str, *arguments: object) -> Answer:
        """Ask, and let other tasks run until the answer is there; raises what `ask` raises.

        Nobody else may ask meanwhile.
        """
        number = self._send(method, *arguments)
        await trio.lowlevel.wait_readable(self._link)
        return self._receive(number)

    @trio.lowlevel.enable_ki_protection
    def open_socket(self, host: str, family: int, kind: int, protocol: int) -> socket.socket:
        """Open a socket on a host; raises what `ask` raises."""
        _, (descriptor,) = self.ask("open_socket", host, int(family), int(kind), int(protocol))
        return socket.socket(fileno=descriptor)

    def close(self) -> None:
        """End the process."""
        with self._turn:
            self._end = self._end or "the hosts are gone: their block was left"
            self._link.shutdown(socket.SHUT_RDWR)  # also if a forked process has a copy of it

    def blame(self, error: Exception) -> None:
        """Note an error that will end the hosts."""
        self._end = self._end or f"the hosts are gone: {type(error).__name__}: {error}"

    def check(self) -> None:
        """Refuse to go on without the hosts.

        Raises:
            LanError: they are gone.
        """
        if self._end:
            raise self.lost()

    def lost(self) -> LanError:
        """Return an error that says why the hosts are lost or gone."""
        return LanError(self._end or "the hosts are lost: the process that owns them has ended")

    def ended(self) -> Exception:
        """Return why the process has ended: what it said last, also if nobody has received it."""
        if not self._end and self._failure is None:
            with suppress(LanError, SocketCallError), self._turn:
                self._receive(next(self._numbers))
        return self._failure or self.lost()

    def _send(self, method: str, *arguments: object) -> int:
        """Send a request; return its number."""
        if os.getpid() != self._owner:  # both would wait for answers
            raise LanError("a forked process cannot use the hosts")
        try:
            number = next(self._numbers)
            self._link.send(json.dumps([number, method, *arguments]).encode())
        except OSError as exc:
            raise self.lost() from exc
        return number

    def _receive(self, number: int) -> Answer:
        """Receive the answer with this number."""
        if sys.platform != "linux":
            raise NotImplementedError
        try:
            data, descriptors, flags, _ = socket.recv_fds(
                self._link, _LARGEST_ANSWER, _MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
            )
        except TimeoutError as exc:
            words = "the hosts are lost: the process that owns them has not answered"
            raise LanError(words) from exc
        except OSError as exc:
            raise self.lost() from exc
        if not data:
            raise self.lost()
        answer = json.loads(data)
        if answer.get("number", number) < number:  # too late, or after an interrupt
            for one in descriptors:
                os.close(one)
            return self._receive(number)
        if flags & socket.MSG_CTRUNC:  # no room for all of the descriptors
            for one in descriptors:
                os.close(one)
            raise SocketCallError("recvmsg()", OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
        if "error" in answer:
            call, code, words, where = answer["error"]
            error = SocketCallError(call, OSError(code, words), where or None)
            if "number" not in answer:
                self._failure = error
            raise error
        return answer, descriptors


@trio.lowlevel.enable_ki_protection
async def run_keeper(*, task_status: trio.TaskStatus[Keeper]) -> None:
    """Run the process until cancelled. At the end, all processes on the hosts have ended.

    Args:
        task_status: `await nursery.start(run_keeper)` returns the connection to it.

    Raises:
        LanError: pyroute2 is missing, or the process has ended by itself.
        SocketCallError: this is not Linux, or a call is not allowed here.
    """
    _check()
    with _link() as (near, far):
        with naming("fork()"):
            process = await trio.lowlevel.open_process(_command(far), **_options(far))
        far.close()
        keeper = Keeper(near)
        try:
            task_status.started(keeper)
            await process.wait()
            raise keeper.ended()
        finally:
            keeper.close()
            with trio.CancelScope(shield=True):
                with trio.move_on_after(_PATIENCE):
                    await process.wait()
                process.kill()  # it hangs; all processes on the hosts end with it
                await process.wait()


def why_not() -> str | None:
    """Return why hosts cannot be made here; `None` if they can. It tries: some 0.2 s."""
    try:
        _check()
        with _link() as (near, far):
            with naming("fork()"):
                process = subprocess.Popen(_command(far), **_options(far))  # noqa: S603  this interpreter
            far.close()
            with process, near:
                for one in Keeper(near).ask("mount", "")[1]:
                    os.close(one)
    except (LanError, SocketCallError) as exc:
        return str(exc)
    return None


def _check() -> None:
    """Refuse what can be seen without starting a process; raises what `run_keeper` raises."""
    if sys.platform != "linux":
        words = "hosts can be made on Linux only"
        raise SocketCallError("unshare()", OSError(errno.ENOSYS, words))
    if importlib.util.find_spec("pyroute2") is None:
        raise LanError('hosts need pyroute2: python -m pip install "trio-echo[lan]"')


@contextmanager
def _link() -> Iterator[tuple[socket.socket, socket.socket]]:
    if sys.platform == "win32":
        raise NotImplementedError
    with naming("socketpair()"):
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with near, far:
        near.settimeout(_PATIENCE)
        yield near, far


def _command(far: socket.socket) -> list[str]:
    # -P: a file beside it cannot pass for a module of the standard library.
    return [sys.executable, "-P", str(_PROGRAM), str(far.fileno())]


def _options(far: socket.socket) -> dict[str, Any]:
    return {
        "pass_fds": [far.fileno()],
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.DEVNULL,
        "start_new_session": True,  # Ctrl-C in a terminal is not for it
    }
