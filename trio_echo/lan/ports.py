"""The end of a cable at a host's interface."""

from __future__ import annotations

import mmap
import socket
import struct
import time

import trio

from trio_echo.errors import naming

# linux/if_packet.h
_SOL_PACKET, _PACKET_RX_RING, _PACKET_STATISTICS, _PACKET_VERSION = 263, 5, 6, 10
_TPACKET_V2 = 1
_RING = struct.Struct("=4I")  # block size, blocks, frame size, frames
_STATUS = struct.Struct("=I")
# Status, length, captured length, where the frame and its network header begin, when it arrived:
# seconds and nanoseconds.
_HEADER = struct.Struct("=IIIHHII")
_KERNEL = 0
_SECOND = 1_000_000_000
_HEADERS = 128  # room for what stands before a frame

ROOM = 1 << 22
"""For frames that wait at a port, in bytes."""

# Frames that are received in one go, before other tasks have their turn.
_BATCH = 64


class PacketPort:
    """A packet socket at the far end of an interface: what the host sends comes out here.

    Frames wait while the event loop is busy. The kernel writes them to a ring in memory that this
    process shares (packet_mmap in its documentation). A socket's buffer has room for some 100, and
    an ordinary user may not enlarge it.

    Args:
        sock: the socket (packet(7)); it is closed with the port.
        mtu: of the interface, in bytes.
        room: for frames that wait, in bytes: a power of two. A frame of 1500 bytes takes 2048.

    Raises:
        SocketCallError: this process has no room for the ring, or too many open files.

    Attributes:
        waits: for how many nanoseconds each of the frames that were received last had waited.
    """

    def __init__(self, sock: socket.socket, mtu: int, room: int = ROOM) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._step = max(2048, 1 << (mtu + _HEADERS - 1).bit_length())
        size = max(room, self._step)
        self._places = size // self._step
        block = max(self._step, mmap.PAGESIZE)
        ring = _RING.pack(block, size // block, self._step, self._places)
        with naming("setsockopt()"):
            sock.setsockopt(_SOL_PACKET, _PACKET_VERSION, _STATUS.pack(_TPACKET_V2))
            sock.setsockopt(_SOL_PACKET, _PACKET_RX_RING, ring)
        with naming("mmap()"):
            self._ring = mmap.mmap(sock.fileno(), size)
        self.waits: list[int] = []
        self._next = 0
        self._dropped = 0
        self._overrun = 0

    @property
    def overruns(self) -> int:
        """How many frames were dropped because somebody was too slow, or they were too long."""
        self._count_overruns()
        return self._dropped + self._overrun

    async def receive(self) -> list[bytes]:
        """Wait until frames are there; return some of them.

        Those that are longer than the MTU allows are dropped and counted.
        """
        await trio.lowlevel.wait_readable(self._socket)
        # An interface that was unplugged leaves ENETDOWN, and would be readable until it is read.
        self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        ring = self._ring
        frames: list[bytes] = []
        arrivals: list[int] = []
        while len(frames) < _BATCH:
            place = self._next * self._step
            status, length, kept, start, _, seconds, rest = _HEADER.unpack_from(ring, place)
            if status == _KERNEL:
                break
            if kept == length:
                frames.append(ring[place + start : place + start + length])
                arrivals.append(seconds * _SECOND + rest)
            else:  # longer than the MTU, which the host has changed
                self._dropped += 1
            _STATUS.pack_into(ring, place, _KERNEL)
            self._next = (self._next + 1) % self._places
        now = time.time_ns()
        self.waits = [now - arrival for arrival in arrivals]
        return frames

    def send(self, frame: bytes) -> None:
        """Send a frame to the host; without room in the kernel, it is dropped and counted."""
        try:
            self._socket.send(frame)
        except OSError:
            self._dropped += 1

    def close(self) -> None:
        """Close the socket. The number of overruns stays."""
        self._count_overruns()
        self._ring.close()
        self._socket.close()

    def _count_overruns(self) -> None:
        if self._socket.fileno() != -1:  # reading it sets it back
            counts = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
            self._overrun += struct.unpack("=II", counts)[1]
