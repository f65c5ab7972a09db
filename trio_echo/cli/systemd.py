"""What systemd and a service agree on: the sockets it opened, and how the service is.

Both are in the environment (sd_listen_fds(3), sd_notify(3)); without systemd, nothing happens.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import sys
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import trio

from trio_echo.errors import SocketCallError

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_FIRST = 3  # SD_LISTEN_FDS_START


def opened_listeners(
    environment: MutableMapping[str, str] = os.environ,
) -> list[trio.SocketListener]:
    """Return the listeners that systemd opened for this process; none without socket activation.

    Their variables are removed from the environment: they are not for other processes.

    Raises:
        SocketCallError: a descriptor is not a listening TCP socket.
    """
    own = environment.pop("LISTEN_PID", "") == str(os.getpid())
    count = environment.pop("LISTEN_FDS", "")
    environment.pop("LISTEN_FDNAMES", None)
    if not (own and re.fullmatch("[0-9]{1,6}", count)):
        return []
    with ExitStack() as opened:
        descriptors = range(_FIRST, _FIRST + int(count))
        found = [opened.enter_context(_listening_socket(one)) for one in descriptors]
        opened.pop_all()
    return [trio.SocketListener(trio.socket.from_stdlib_socket(one)) for one in found]


def _listening_socket(descriptor: int) -> socket.socket:
    where = f"descriptor {descriptor}"
    try:
        os.set_inheritable(descriptor, False)
        sock = socket.socket(fileno=descriptor)
    except OSError as exc:
        raise SocketCallError("sd_listen_fds()", exc, where) from exc
    listens = sock.type == socket.SOCK_STREAM and sock.family in (socket.AF_INET, socket.AF_INET6)
    with suppress(OSError):  # not a socket of this kind
        listens = listens and bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    if not listens:
        sock.close()
        reason = OSError(errno.EINVAL, "not a listening TCP socket (Accept=yes does not work)")
        raise SocketCallError("sd_listen_fds()", reason, where)
    sock.setblocking(False)
    return sock


class Notifier:
    """Reports the state of this service to systemd, if that asked for it (`Type=notify`).

    Args:
        environment: where systemd says so; its variables are removed.

    Attributes:
        watchdog: seconds within which systemd expects to hear of this process; `None` if it does
            not.

    Raises:
        SocketCallError: `connect()` failed: the address in `NOTIFY_SOCKET` is wrong.
    """

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        self.watchdog: float | None = None
        self._sock: socket.socket | None = None
        address = environment.pop("NOTIFY_SOCKET", "")
        period = environment.pop("WATCHDOG_USEC", "")
        process = environment.pop("WATCHDOG_PID", str(os.getpid()))
        if sys.platform == "win32" or not address:
            return
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        try:
            self._sock.connect("\0" + address[1:] if address.startswith("@") else address)
        except (OSError, ValueError) as exc:
            self._sock.close()
            reason = exc if isinstance(exc, OSError) else OSError(errno.EINVAL, str(exc))
            raise SocketCallError("connect()", reason, "NOTIFY_SOCKET") from exc
        if re.fullmatch("[0-9]{1,18}", period) and int(period) and process == str(os.getpid()):
            self.watchdog = int(period) / 1e6

    def started(self, _value: object = None) -> None:
        """Report that the server listens: this is a `trio.TaskStatus`."""
        self.send("READY=1")

    def send(self, state: str) -> None:
        """Report a state, such as `STOPPING=1`."""
        if self._sock is not None:
            with suppress(OSError):  # systemd is gone, or busy; the next one may get through
                self._sock.send(state.encode())

    async def run(self, stop: trio.Event) -> None:
        """Report that the event loop runs, and that the service stops, until cancelled.

        Args:
            stop: set when the service begins to stop.
        """
        async with trio.open_nursery() as nursery:
            if self.watchdog is not None:
                nursery.start_soon(self._keep_alive, self.watchdog / 2)
            await stop.wait()
            self.send("STOPPING=1")

    def close(self) -> None:
        """Close the socket to systemd."""
        if self._sock is not None:
            self._sock.close()

    async def _keep_alive(self, pause: float) -> None:
        while True:
            self.send("WATCHDOG=1")
            await trio.sleep(pause)
