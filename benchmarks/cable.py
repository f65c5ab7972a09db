"""How many frames a second a cable carries, and how late they leave.

    python benchmarks/cable.py [--seconds S] [LINE...]

Each LINE is a cable, such as `delay=20ms,rate=50mbit`. Its ports are pairs of local sockets, so
this needs no privilege and measures the cable without the kernel's network. Another process sends
and receives at its far ends. For the rate, it keeps 64 frames of 1514 bytes under way; with a
delay, that number limits it. For the lateness, it keeps one. Late is what a frame took beyond the
delay of the cable, including the system calls and the wake-ups of both processes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import socket
import sys
import time
from typing import TYPE_CHECKING

import trio

from trio_echo import lan
from trio_echo.lan.options import parse_wire
from trio_echo.quantities import duration

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

LINES = ("", "delay=500us", "delay=5ms", "delay=20ms", "delay=5ms,rate=100mbit")
FRAME = bytes(1514)
UNDER_WAY, BATCH = 64, 64
BUFFER = 1 << 20


class SocketPort:
    """A port at a local socket whose messages are frames."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock

    async def receive(self) -> list[bytes]:
        """Wait for frames."""
        await trio.lowlevel.wait_readable(self._socket)
        frames: list[bytes] = []
        try:
            while len(frames) < BATCH:
                frames.append(self._socket.recv(len(FRAME)))
        except BlockingIOError:
            pass
        return frames

    def send(self, frame: bytes) -> None:
        """Send a frame; the far end has room for all that are under way."""
        self._socket.send(frame)


def far_ends(
    left: socket.socket, right: socket.socket, seconds: float, results: Connection
) -> None:
    """Send at one end and receive at the other: first many frames, then one at a time."""
    for _ in range(UNDER_WAY):
        left.send(FRAME)
    count, begin = 0, time.monotonic()
    while time.monotonic() < begin + seconds:
        right.recv(len(FRAME))
        left.send(FRAME)
        count += 1
    rate = count / (time.monotonic() - begin)
    for _ in range(UNDER_WAY):
        right.recv(len(FRAME))
    times = []
    begin = time.monotonic()
    while time.monotonic() < begin + seconds:
        sent = time.monotonic_ns()
        left.send(FRAME)
        right.recv(len(FRAME))
        times.append(time.monotonic_ns() - sent)
        time.sleep(0.001)
    results.send((rate, sorted(times)))


async def measure(line: str, seconds: float) -> tuple[float, list[int]]:
    """Return frames a second, and the nanoseconds that single frames took, in order."""
    if sys.platform == "win32":
        raise NotImplementedError
    cable = parse_wire(line).cable("left", "right")
    pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in cable.ends]
    for sock in (one for pair in pairs for one in pair):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    results, theirs = multiprocessing.Pipe(duplex=False)
    (near_left, far_left), (near_right, far_right) = pairs
    process = multiprocessing.get_context("fork").Process(
        target=far_ends, args=(far_left, far_right, seconds, theirs), daemon=True
    )
    process.start()
    ports = {"left": SocketPort(near_left), "right": SocketPort(near_right)}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lan.carry, cable, ports)
        await trio.lowlevel.wait_readable(results.fileno())
        nursery.cancel_scope.cancel()
    process.join()
    for sock in (one for pair in pairs for one in pair):
        sock.close()
    measured: tuple[float, list[int]] = results.recv()
    return measured


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("lines", metavar="LINE", nargs="*", default=LINES)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    arguments = parser.parse_args()
    print(f"{'cable':24} {'frames/s':>9}  {'late, p50':>9}  {'p99':>9}")
    for line in arguments.lines:
        rate, times = trio.run(measure, line, arguments.seconds)
        settings = parse_wire(line).settings
        sending = 0.0 if settings.rate is None else len(FRAME) * 8 / settings.rate
        set_time = round((settings.delay + sending) * 1e9)
        p50, p99 = (duration(times[len(times) * one // 100] - set_time) for one in (50, 99))
        print(f"{line or 'nothing set':24} {rate:9,.0f}  {p50:>9}  {p99:>9}")


if __name__ == "__main__":
    main()
