"""The end of a cable at a host's interface."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from .stamps import Stamps

if TYPE_CHECKING:
    import socket

# Frames that are received in one go, before other tasks have their turn.
_BATCH = 64
# Bytes before and after what the MTU counts: an Ethernet header, a VLAN tag.
_FRAMING = 18


class PacketPort:
    """A packet socket at the far end of an interface: what the host sends comes out here.

    Args:
        sock: the socket (packet(7)); it is closed with the port.
        mtu: of the interface, in bytes.

    Attributes:
        waited: nanoseconds for which the frame that was received last had waited for that.
        overruns: frames that were dropped because the host did not take them.
    """

    def __init__(self, sock: socket.socket, mtu: int) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._size = mtu + _FRAMING
        self._stamps = Stamps(sock)
        self.waited = 0
        self.overruns = 0

    async def receive(self) -> list[bytes]:
        """Wait until frames are there; return some of them."""
        await trio.lowlevel.wait_readable(self._socket)
        frames: list[bytes] = []
        try:
            while len(frames) < _BATCH:
                frames.append(self._socket.recv(self._size))
        except BlockingIOError:
            pass
        self.waited = self._stamps.waited()
        return frames

    def send(self, frame: bytes) -> None:
        """Send a frame to the host; without room in the kernel, it is dropped and counted."""
        try:
            self._socket.send(frame)
        except OSError:
            self.overruns += 1

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
