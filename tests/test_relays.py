"""The portable relay and the reactor's behave the same between real sockets."""

from __future__ import annotations

import errno
import random
import socket
import struct
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import PATIENCE, linked, reset
from trio.testing import wait_all_tasks_blocked

from trio_echo import Relay, SocketCallError, receive_exactly
from trio_echo.reactor import open_reactor
from trio_echo.socket_relay import SocketRelay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
    from typing import Any

    from trio_echo.relay import BaseRelay

    Tap = Callable[[bytes], object]
    Moved = Callable[[], object]
    Relaying = Callable[..., BaseRelay]

# One piece, as large as a relay receives at once.
PIECE = 64 * 1024
# The size of each of the four buffers between two ends. The kernel makes it twice as large, and
# holds a little more than that.
BUFFER = 64 * 1024
BETWEEN = 4 * 2 * BUFFER * 2

examples = settings(
    max_examples=25,
    suppress_health_check=[  # the fixtures are constants
        *settings().suppress_health_check,
        HealthCheck.function_scoped_fixture,
    ],
)


@asynccontextmanager
async def relays(way: str) -> AsyncIterator[Relaying]:
    """Makes relays of one kind for connected sockets."""
    if way == "portable":

        def portable(
            sock: socket.socket, tap: Tap | None = None, moved: Moved | None = None
        ) -> BaseRelay:
            return Relay(trio.SocketStream(trio.socket.from_stdlib_socket(sock)), tap, moved)

        yield portable
        return
    async with open_reactor() as reactor:
        assert reactor is not None

        def fast(
            sock: socket.socket, tap: Tap | None = None, moved: Moved | None = None
        ) -> BaseRelay:
            # A server's clients inherit it from the listener; `trio.SocketStream` sets it.
            unsent = getattr(socket, "TCP_NOTSENT_LOWAT")  # noqa: B009  Windows has none
            sock.setsockopt(socket.IPPROTO_TCP, unsent, 16 * 1024)
            sock.setblocking(False)
            return SocketRelay(sock, reactor, tap, moved)

        yield fast


class Ends:
    """A relay that runs at one end of a connection, and the other end to talk to it."""

    def __init__(self, relay: BaseRelay, near: socket.socket, far: trio.SocketStream) -> None:
        self.relay = relay
        self.near = near
        self.far = far
        self.scope = trio.CancelScope()
        self.ended = trio.Event()
        self.failure: BaseException | None = None

    async def run(self) -> None:
        try:
            with self.scope:
                await self.relay.run()
        except Exception as exc:  # noqa: BLE001  for the test to look at
            self.failure = exc
        self.ended.set()

    async def end(self) -> BaseException | None:
        """Wait for its end; returns its failure."""
        with trio.fail_after(PATIENCE):
            await self.ended.wait()
        return self.failure

    async def fill(self) -> int:
        """Send without receiving until the echo is held up; returns the number of bytes.

        The kernel may still move some of them afterwards, and then have room for more.
        """
        before, sent = -1, 0
        with self.plain() as sock:
            while sent > before:
                before = sent
                with suppress(BlockingIOError):
                    while sent < 2 * BETWEEN:
                        sent += sock.send(pattern(sent, PIECE))
                await wait_all_tasks_blocked(0.02)
        return sent

    @contextmanager
    def plain(self) -> Iterator[socket.socket]:
        """The far socket without Trio."""
        sock = socket.socket(fileno=self.far.socket.fileno())
        try:
            yield sock
        finally:
            sock.detach()

    def reset(self) -> None:
        reset(socket.socket(fileno=self.far.socket.detach()))


def pattern(start: int, count: int) -> bytes:
    """Bytes that show their place in the stream."""
    first, last = start // 4, (start + count) // 4 + 1
    data = struct.pack(f">{last - first}I", *range(first, last))
    return data[start % 4 : start % 4 + count]


@asynccontextmanager
async def running(
    way: str, host: str, tap: Tap | None = None, moved: Moved | None = None
) -> AsyncIterator[Ends]:
    near, other = linked(host)
    for sock in (near, other):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    far = trio.SocketStream(trio.socket.from_stdlib_socket(other))
    with near:
        async with far, relays(way) as make, trio.open_nursery() as nursery:
            ends = Ends(make(near, tap, moved), near, far)
            nursery.start_soon(ends.run)
            yield ends
            nursery.cancel_scope.cancel()


@examples
@given(script=st.lists(st.tuples(st.binary(min_size=1, max_size=3000), st.booleans()), max_size=12))
def test_pieces_of_any_size_come_back_in_order(
    way: str, host: str, script: list[tuple[bytes, bool]]
) -> None:
    tapped: list[bytes] = []

    async def main() -> None:
        async with running(way, host, tapped.append) as ends:
            sent = received = b""
            for piece, receive_now in script:
                await ends.far.send_all(piece)
                sent += piece
                if receive_now:
                    received += await receive_exactly(ends.far, len(sent) - len(received))
            await ends.far.send_eof()
            assert await ends.end() is None
            assert received + await receive_exactly(ends.far, len(sent) - len(received)) == sent
            assert b"".join(tapped) == sent
            assert ends.relay.echoed == len(sent)

    trio.run(main)


async def test_the_end_of_the_stream_ends_it_and_leaves_the_socket_open(
    way: str, host: str
) -> None:
    async with running(way, host) as ends:
        await ends.far.send_all(b"hello")
        await ends.far.send_eof()
        assert await ends.end() is None
        assert await receive_exactly(ends.far, 5) == b"hello"
        ends.near.setblocking(True)
        ends.near.sendall(b"still open")
        assert await receive_exactly(ends.far, 10) == b"still open"


async def test_at_most_one_piece_is_held_for_a_peer_that_never_receives(
    way: str, host: str
) -> None:
    taken, held = 0, [0]

    def tap(data: bytes) -> None:
        nonlocal taken
        held.append(taken - ends.relay.echoed)
        taken += len(data)
        assert len(data) <= PIECE

    async with running(way, host, tap) as ends:
        accepted = await ends.fill()
        assert accepted < BETWEEN + PIECE
        assert 0 < taken - ends.relay.echoed <= PIECE
        # Once it receives, it gets everything.
        assert await receive_exactly(ends.far, accepted) == pattern(0, accepted)
        assert max(held) == 0  # nothing was held when something was received
        await ends.far.send_eof()
        assert await ends.end() is None
        assert ends.relay.echoed == accepted


async def test_a_half_close_behind_full_buffers_loses_nothing(way: str, host: str) -> None:
    async with running(way, host) as ends:
        accepted = await ends.fill()
        await ends.far.send_eof()
        assert await receive_exactly(ends.far, accepted) == pattern(0, accepted)
        assert await ends.end() is None


async def test_it_waits_while_the_send_buffer_is_full(way: str, host: str) -> None:
    near, other = linked(host)
    far = trio.SocketStream(trio.socket.from_stdlib_socket(other))
    near.setblocking(False)
    filled = 0
    with suppress(BlockingIOError):
        while True:
            filled += near.send(bytes(PIECE))
    with near:
        async with far, relays(way) as make, trio.open_nursery() as nursery:
            relay = make(near)
            nursery.start_soon(relay.run)
            await far.send_all(b"hello")
            await wait_all_tasks_blocked(0.02)
            assert relay.echoed == 0
            assert await receive_exactly(far, filled + 5) == bytes(filled) + b"hello"
            await far.send_eof()
        assert relay.echoed == 5


async def test_a_reset_while_it_waits_is_a_failed_recv(way: str, host: str) -> None:
    async with running(way, host) as ends:
        await ends.far.send_all(b"x")
        assert await receive_exactly(ends.far, 1) == b"x"
        ends.reset()
        failure = await ends.end()
        assert isinstance(failure, SocketCallError)
        assert (failure.call, failure.errno) == ("recv()", errno.ECONNRESET)
        assert ends.relay.echoed == 1


async def test_a_reset_while_an_echo_is_held_up_is_a_failed_send(way: str, host: str) -> None:
    async with running(way, host) as ends:
        await ends.fill()
        ends.reset()
        failure = await ends.end()
        assert isinstance(failure, SocketCallError)
        assert failure.call == "send()"
        assert failure.errno in (errno.ECONNRESET, errno.EPIPE)


async def test_a_side_that_cannot_send_is_a_failed_send(way: str, host: str) -> None:
    async with running(way, host) as ends:
        ends.near.shutdown(socket.SHUT_WR)
        await ends.far.send_all(b"x")
        failure = await ends.end()
        assert isinstance(failure, SocketCallError)
        assert failure.call == "send()"
        assert failure.errno in (errno.EPIPE, errno.ESHUTDOWN)  # Windows has the second
        assert ends.relay.echoed == 0


@pytest.mark.parametrize("full", [False, True], ids=["waiting", "held up"])
async def test_cancelled_it_ends_and_leaves_the_socket_alone(
    way: str, host: str, full: bool
) -> None:
    async with running(way, host) as ends:
        if full:
            await ends.fill()
        await wait_all_tasks_blocked()
        echoed = ends.relay.echoed
        ends.scope.cancel()
        assert await ends.end() is None
        assert ends.scope.cancelled_caught
        assert ends.relay.echoed == echoed
        if not full:
            await ends.far.send_all(b"for nobody")
            await wait_all_tasks_blocked()
            ends.near.setblocking(True)
            assert ends.near.recv(100) == b"for nobody"


async def test_a_relay_cancelled_before_it_began_does_nothing(way: str, host: str) -> None:
    near, far = linked(host)
    with near, far:
        far.sendall(b"hello")
        async with relays(way) as make:
            relay = make(near)
            with trio.CancelScope() as scope:
                scope.cancel()
                await relay.run()
        assert scope.cancelled_caught
        near.setblocking(True)
        assert near.recv(100) == b"hello"


async def test_lines_are_counted_without_a_tap(way: str, host: str) -> None:
    async with running(way, host) as ends:
        ends.relay.counts_lines = True
        for data in (b"one", b"two\n", b"three\nfour"):
            await ends.far.send_all(data)
            assert await receive_exactly(ends.far, len(data)) == data
        assert ends.relay.lines == 4


async def test_a_relay_cancelled_by_its_tap_sends_nothing_back(way: str, host: str) -> None:
    async with running(way, host, lambda _: ends.scope.cancel()) as ends:
        await ends.far.send_all(b"hello")
        assert await ends.end() is None
        assert ends.scope.cancelled_caught
        assert ends.relay.echoed == 0
        ends.near.close()
        assert await ends.far.receive_some() == b""


async def test_moves_and_pieces_are_reported_before_the_pieces_are_sent_back(
    way: str, host: str
) -> None:
    log: list[object] = []
    async with running(way, host, log.append, lambda: log.append("moved")) as ends:
        await ends.far.send_all(b"hello")
        assert await receive_exactly(ends.far, 5) == b"hello"
        assert log[:2] == ["moved", b"hello"]
        assert type(log[1]) is bytes
        accepted = await ends.fill()
        log.clear()
        assert await receive_exactly(ends.far, accepted) == pattern(0, accepted)
        pieces = [one for one in log if one != "moved"]
        assert len(log) > 2 * len(pieces)  # what had been held up was sent back first


@pytest.mark.parametrize("hook", ["tap", "moved"])
async def test_an_error_of_a_hook_ends_only_that_relay(way: str, host: str, hook: str) -> None:
    def fail(*_: object) -> None:
        raise ValueError("bug")

    near, other = linked(host)
    far = trio.SocketStream(trio.socket.from_stdlib_socket(other))
    good_near, good_other = linked(host)
    good_far = trio.SocketStream(trio.socket.from_stdlib_socket(good_other))
    with near, good_near:
        async with far, good_far, relays(way) as make, trio.open_nursery() as nursery:
            nursery.start_soon(make(good_near).run)
            bad = make(near, **{hook: fail})
            await far.send_all(b"hello")
            with pytest.raises(ValueError, match="bug"):
                await bad.run()
            assert bad.echoed == 0
            await good_far.send_all(b"hello")
            assert await receive_exactly(good_far, 5) == b"hello"
            nursery.cancel_scope.cancel()


async def test_an_error_of_a_tap_that_has_cancelled_is_not_lost(way: str, host: str) -> None:
    def cancel_and_fail(_: bytes) -> None:
        ends.scope.cancel()
        raise ValueError("bug")

    async with running(way, host, cancel_and_fail) as ends:
        await ends.far.send_all(b"hello")
        failure = await ends.end()
        assert isinstance(failure, ValueError)


async def test_a_tap_can_end_the_process(way: str, host: str) -> None:
    def leave(_: bytes) -> None:
        raise SystemExit(3)

    with pytest.RaisesGroup(SystemExit, flatten_subgroups=True):
        async with running(way, host, leave) as ends:
            await ends.far.send_all(b"hello")
            await trio.sleep_forever()


@pytest.mark.parametrize("observed", [False, True], ids=["alone", "observed"])
async def test_16_mib_come_back_to_a_slow_reader(way: str, host: str, observed: bool) -> None:
    moves: list[None] = []
    size, draw = 16 * 1024 * 1024, random.Random(0)
    data = draw.randbytes(1024 * 1024) * 16
    moved = (lambda: moves.append(None)) if observed else None
    async with running(way, host, moved=moved) as ends, trio.open_nursery() as nursery:

        async def send() -> None:
            await ends.far.send_all(data)
            await ends.far.send_eof()

        nursery.start_soon(send)
        received = bytearray()
        while piece := await ends.far.receive_some(draw.randrange(1, 300_000)):
            received += piece
            if not draw.randrange(8):
                await wait_all_tasks_blocked()  # the buffers fill up, and it has to wait
            if len(received) == size:
                break
        assert received == data
        assert await ends.end() is None
        assert ends.relay.echoed == size
        assert bool(moves) is observed


async def test_thousands_of_tiny_messages_come_back(way: str, host: str) -> None:
    async with running(way, host) as ends:
        for number in range(3000):
            message = bytes([number % 256])
            await ends.far.send_all(message)
            assert await ends.far.receive_some(10) == message
        await ends.far.send_eof()
        assert await ends.end() is None
        assert ends.relay.echoed == 3000


async def test_urgent_data_is_not_part_of_a_plain_stream_and_holds_up_nothing(
    way: str, host: str
) -> None:
    async with running(way, host) as ends:
        await ends.far.send_all(b"before")
        assert await receive_exactly(ends.far, 6) == b"before"
        with ends.plain() as sock:
            sock.send(b"!", socket.MSG_OOB)
        await wait_all_tasks_blocked(0.02)
        assert ends.relay.echoed == 6
        await ends.far.send_all(b"after")
        assert await receive_exactly(ends.far, 5) == b"after"


async def test_a_hundred_at_once_each_get_their_own_bytes(way: str, host: str) -> None:
    async def talk(number: int, far: socket.socket) -> None:
        async with trio.SocketStream(trio.socket.from_stdlib_socket(far)) as stream:
            for turn in range(10):
                message = bytes([number]) * (turn * 100 + 1)
                await stream.send_all(message)
                assert await receive_exactly(stream, len(message)) == message

    async def serve(relay: Callable[[], Coroutine[Any, Any, None]], near: socket.socket) -> None:
        with near:
            await relay()

    async with relays(way) as make, trio.open_nursery() as nursery:
        for number in range(100):
            near, far = linked(host)
            nursery.start_soon(serve, make(near).run, near)
            nursery.start_soon(talk, number, far)
