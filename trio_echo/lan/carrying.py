"""The task that moves frames between a cable and its two ports.

Measured between two hosts on one machine whose two cores were busy with other work: 28,000 to
80,000 frames a second in both directions together, TCP's acknowledgements included, and 10,000 to
30,000 with a rule. Half of the frames left within 10 µs of their time. The median round trip of an
echo was 0.1 ms without a delay, 1.1 ms with a set one of 1 ms, and 40.2 to 40.4 with 40 ms; the
rest is what the hosts take to wake up. `benchmarks/cable.py` measures the cable alone.
"""

from __future__ import annotations

from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import trio

from trio_echo.errors import ungrouped

from .errors import SettingError
from .timers import Timer, open_timer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from .cable import Cable
    from .direction import Direction

# How many frames leave in one go, before other tasks have their turn.
_BATCH = 64
# Nanoseconds.
_LONGEST_WAIT = 10_000_000_000


class Port(Protocol):
    """One end of a cable, for example a network interface."""

    async def receive(self) -> list[bytes]:
        """Wait until frames are there; return some of them, whole Ethernet frames."""

    def send(self, frame: bytes) -> None:
        """Send a frame. This never blocks: without room, the frame is dropped."""


@runtime_checkable
class StampedPort(Port, Protocol):
    """A port that knows when frames arrived: their delay runs from then on."""

    @property
    def waits(self) -> list[int]:
        """Nanoseconds for which each of the frames that were received last had waited."""


async def carry(
    cable: Cable,
    ports: Mapping[str, Port],
    *,
    timer: Callable[[], AbstractContextManager[Timer]] = open_timer,
) -> None:
    """Carry frames until cancelled. Those that are inside then are lost.

    Args:
        cable: what decides about them.
        ports: the ports at its ends, by name. They are left open.
        timer: opens a timer for one direction.

    Raises:
        SettingError: the names are not those of the cable's ends, or it is carried already.
        Exception: what a port raises, or the function of a rule.
    """
    if set(ports) != set(cable.ends):
        names = ", ".join(map(repr, ports))
        ends = " and ".join(map(repr, cable.ends))
        raise SettingError(f"ports {names} for a cable between {ends}")
    with cable.plugged(), ungrouped(Exception):
        async with trio.open_nursery() as nursery:
            for direction in cable.directions:
                source, target = ports[direction.source], ports[direction.target]
                nursery.start_soon(_carry, direction, source, target, timer)


async def _carry(
    direction: Direction,
    source: Port,
    target: Port,
    open_one: Callable[[], AbstractContextManager[Timer]],
) -> None:
    with open_one() as timer:
        soon = partial(trio.lowlevel.current_trio_token().run_sync_soon, idempotent=True)
        direction.on_change(partial(soon, lambda: timer.set(timer.now())))

        def pass_on() -> None:
            for frame in direction.due(timer.now(), _BATCH):
                target.send(frame)
            timer.set(direction.next_due)

        async def take() -> None:
            stamped = source if isinstance(source, StampedPort) else None
            entered = 0
            while True:
                frames = await source.receive()
                now = timer.now()
                waits = repeat(0) if stamped is None else stamped.waits
                for frame, waited in zip(frames, waits, strict=False):
                    # A wait beyond these limits means that somebody set the system's time.
                    if 0 <= waited < _LONGEST_WAIT:
                        entered = max(entered, now - waited)
                    else:
                        entered = max(entered, now)
                    direction.take(frame, entered)
                pass_on()

        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(take)
                while True:
                    pass_on()
                    await timer.wait()
        finally:
            direction.on_change(None)
