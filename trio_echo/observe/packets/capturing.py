"""Live capture of TCP segments on loopback. It needs Linux and CAP_NET_RAW.

    async with packets.capture(port) as capture:  # the server's port; before the client connects
        …                                         # connect, talk, close
        trace = await capture.connection()

A capture needs no timer: a connection has ended when both sides' FINs are acknowledged, or at the
first RST. The kernel hands over each frame that arrives on `lo`, with its link-layer header
(packet(7)). A large send is one segment larger than the MSS: loopback leaves the cutting to a
network card that does not exist (GSO). With several processors, two segments of a large transfer
may arrive swapped, and one may be sent twice: they are kept in the order of arrival. A `Trace` is
shown as a table; `trio_echo.pictures.ladder` draws it.
"""

from __future__ import annotations

import array
import errno
import socket
import struct
import sys
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from trio_echo.addresses import Endpoint, check_endpoint
from trio_echo.errors import SocketCallError

from .bpf import INSTRUCTION_SIZE, port_filter
from .files import Frame
from .segment import Packet
from .trace import Trace
from .wire import Flags, parse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

# Linux's numbers, which Python lacks: asm-generic/socket.h, linux/if_packet.h and if_ether.h.
_SO_ATTACH_FILTER, _SO_RCVBUFFORCE, _SO_TIMESTAMPNS = 26, 33, 35
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_ETH_P_ALL = 3

_INTERFACE = "lo"
# Room for frames that arrive while the event loop is busy. Without CAP_NET_ADMIN it is smaller.
_BUFFER = 64 * 1024 * 1024
# More than any frame, and room for a timestamp.
_LARGEST, _ANCILLARY = 256 * 1024, 64


class Capture:
    """The connections to and from a port since the capture began. `capture` makes it."""

    def __init__(self, sock: trio.socket.SocketType) -> None:
        self._socket = sock
        self._live: dict[frozenset[Endpoint], _Connection] = {}
        self._ended: deque[_Connection] = deque()
        self._waiting = trio.lowlevel.ParkingLot()
        self._failure: Exception | None = None

    async def connection(self) -> Trace:
        """Wait until a connection has ended. Each call returns the next one to end.

        A connection ends when both sides' FINs are acknowledged, or with an RST, also with the one
        that refuses a client.

        Raises:
            SocketCallError: of `recvmsg()`: the capture failed. It also fails if the kernel had to
                drop packets: a connection whose end was dropped would never end here.
            trio.ClosedResourceError: the capture's block was left.
        """
        await trio.lowlevel.checkpoint()
        while not self._ended:
            if self._failure is not None:
                raise self._failure
            await self._waiting.park()
        return self._ended.popleft().trace()

    def end(self, reason: Exception) -> None:
        """Raise this in every task that waits, now or later."""
        self._failure = self._failure or reason
        self._waiting.unpark_all()

    async def run(self) -> None:
        """Read packets until cancelled; `capture` runs it."""
        if sys.platform != "linux":
            raise NotImplementedError
        dropped = 0
        try:
            while not dropped:
                data, ancillary, _, _ = await self._socket.recvmsg(_LARGEST, _ANCILLARY)
                for _, _, stamp in ancillary:
                    seconds, nanoseconds = struct.unpack("ll", stamp)
                    self._take(Frame(seconds * 1_000_000_000 + nanoseconds, data))
                counts = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
                _, dropped = struct.unpack("II", counts)
        except OSError as exc:
            self.end(SocketCallError("recvmsg()", exc, _INTERFACE))
        else:
            words = f"the kernel dropped {dropped} packets: too many at once"
            self.end(SocketCallError("recvmsg()", OSError(errno.ENOBUFS, words), _INTERFACE))

    def _take(self, frame: Frame) -> None:
        header = parse(frame.data)
        if header is None:
            return
        ends = frozenset({header.source, header.destination})
        if header.opens and ends not in self._live:
            self._live[ends] = _Connection()
        connection = self._live.get(ends)
        if connection is None:
            return  # it began before the capture, or has ended
        connection.add(Packet(frame, header))
        if connection.ended:
            self._ended.append(self._live.pop(ends))
            self._waiting.unpark_all()


class _Connection:
    """The packets of one connection, and how far it is from its end."""

    def __init__(self) -> None:
        self._packets: list[Packet] = []
        self._after_fin: dict[Endpoint, int] = {}
        self._finished: set[Endpoint] = set()
        self.ended = False

    def add(self, packet: Packet) -> None:
        self._packets.append(packet)
        header = packet.header
        if Flags.FIN in header.flags:
            after = header.sequence + len(header.payload) + header.flags.numbers
            self._after_fin[header.source] = after % 2**32
        acknowledged = header.acknowledgement == self._after_fin.get(header.destination)
        if Flags.ACK in header.flags and acknowledged:
            self._finished.add(header.destination)
        ends = {header.source, header.destination}  # one end, if a socket talks to itself
        self.ended = Flags.RST in header.flags or self._finished == ends

    def trace(self) -> Trace:
        return Trace(self._packets)


@asynccontextmanager
async def capture(port: int) -> AsyncIterator[Capture]:
    """Capture the TCP segments on loopback, to and from a port, until the block is left.

    A connection is captured whole if its client connects within the block. Everything is kept in
    memory.

    Args:
        port: of the server.

    Raises:
        AddressError: this is not a port number.
        SocketCallError: of `socket()`: capturing is not permitted, or this is not Linux.
    """
    check_endpoint(_INTERFACE, port)
    error: BaseException | None = None
    with trio.socket.from_stdlib_socket(_open(port)) as sock:
        seen = Capture(sock)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(seen.run)
            try:
                yield seen
            except (Exception, KeyboardInterrupt) as exc:  # noqa: BLE001  the nursery would group it
                error = exc
            finally:
                seen.end(trio.ClosedResourceError("the capture was left"))
                nursery.cancel_scope.cancel()
    if error is not None:
        raise error


async def observe(
    port: int, talk: Callable[[], Awaitable[object]], *, recording: str | Path
) -> Trace:
    """Run a conversation and return its segments: live if that is permitted, else recorded.

    Args:
        port: of the server.
        talk: connects to the server and ends the connection; it runs in either case. If its
            connection never ends, such as after a cancelled `connect`, this waits until cancelled.
        recording: a capture file, loaded if capturing is not possible.

    Raises:
        CaptureError: the recording is needed and is not a capture.
        OSError: the recording is needed and cannot be read.
        SocketCallError: of `recvmsg()`: the capture failed.
    """
    if why_not() is not None:
        await talk()
        return Trace.load(recording)
    async with capture(port) as seen:
        await talk()
        return await seen.connection()


def why_not() -> str | None:
    """Return why packets cannot be captured here; `None` if they can."""
    try:
        _open(0).close()
    except SocketCallError as exc:
        return str(exc)
    return None


def _open(port: int) -> socket.socket:
    """Open a packet socket that receives only what arrives on loopback, from or to this port."""
    if sys.platform != "linux":
        words = "packets can be captured on Linux only"
        raise SocketCallError("socket()", OSError(errno.EAFNOSUPPORT, words))
    try:
        # With protocol 0 nothing arrives before bind(), so nothing gets past the filter.
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError as exc:
        words = "capturing packets needs root or CAP_NET_RAW"
        raise SocketCallError("socket()", OSError(exc.errno, words)) from exc
    except OSError as exc:
        raise SocketCallError("socket()", exc) from exc
    try:
        program = array.array("B", port_filter(port, _LARGEST))
        address, size = program.buffer_info()
        fprog = struct.pack("HP", size // INSTRUCTION_SIZE, address)
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        except PermissionError:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        sock.bind((_INTERFACE, _ETH_P_ALL))
    except OSError as exc:
        sock.close()
        raise SocketCallError("bind()", exc, _INTERFACE) from exc
    return sock
