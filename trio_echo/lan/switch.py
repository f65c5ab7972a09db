"""A switch: it learns at which port each MAC address is, and sends frames there. No I/O."""

from __future__ import annotations

from collections import deque

import trio

# Frames that wait in a port. A cable takes them at once, so this is never full in practice.
_ROOM = 10_000


class Switch:
    """A switch. A frame for an address that it has not seen yet goes out at every other port."""

    def __init__(self) -> None:
        self._ports: list[SwitchPort] = []
        self._learned: dict[bytes, SwitchPort] = {}

    def add_port(self) -> SwitchPort:
        """Add a port and return it."""
        port = SwitchPort(self)
        self._ports.append(port)
        return port

    def forward(self, frame: bytes, source: SwitchPort) -> None:
        """Take a frame in at a port and send it on."""
        self._learned[frame[6:12]] = source
        target = self._learned.get(frame[:6])
        for port in self._ports if target is None else [target]:
            if port is not source:
                port.put(frame)


class SwitchPort:
    """A switch's end of a cable; `Switch.add_port` makes it.

    Attributes:
        overruns: frames that were dropped because the cable did not take them.
    """

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._frames: deque[bytes] = deque()
        self._waiting = trio.lowlevel.ParkingLot()
        self.overruns = 0

    def put(self, frame: bytes) -> None:
        """Let a frame out at this port; without room, it is dropped and counted."""
        if len(self._frames) == _ROOM:
            self.overruns += 1
            return
        self._frames.append(frame)
        self._waiting.unpark()

    async def receive(self) -> list[bytes]:
        """Wait until frames come out of the switch; return them."""
        await trio.lowlevel.checkpoint()
        while not self._frames:
            await self._waiting.park()
        frames = list(self._frames)
        self._frames.clear()
        return frames

    def send(self, frame: bytes) -> None:
        """Send a frame into the switch."""
        self._switch.forward(frame, self)
