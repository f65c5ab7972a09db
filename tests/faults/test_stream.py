"""A stream that misbehaves on purpose: in memory to be exact, on sockets for the RST."""

from __future__ import annotations

import errno
import math
import socket
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from support import PATIENCE, connected, receive_count, reset, stream_of
from trio.testing import (
    MockClock,
    check_half_closeable_stream,
    lockstep_stream_pair,
    memory_stream_pair,
    wait_all_tasks_blocked,
)

import trio_echo.faults.stream
from trio_echo import ExactReceiver, Faults, FaultyStream, SocketCallError, receive_exactly

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

HARMLESS_FOR_THE_CONTRACT = [
    Faults(),
    Faults(fragment=700, delay=0),
    Faults(fragment=700),
    Faults(delay=0.25),
    Faults(fragment=4096, delay=0.25, reset_after=1 << 40),
    Faults(jitter=0.5, rate=1 << 20, slow_close=2, lifetime=1 << 40, close_after=1 << 40),
]
MIB = 1024 * 1024


class Recorder(trio.abc.HalfCloseableStream):
    """Notes when each piece was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, bytes]] = []
        self.closed = False

    @property
    def pieces(self) -> list[bytes]:
        return [piece for _, piece in self.sent]

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        self.sent.append((trio.current_time(), bytes(data)))

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def send_eof(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        return b""

    async def aclose(self) -> None:
        self.closed = True
        await trio.lowlevel.checkpoint()


async def tcp_pair(host: str) -> tuple[trio.SocketStream, trio.SocketStream]:
    ours, peer = connected(host)
    return stream_of(ours), stream_of(peer)


async def clogged_tcp_pair(host: str) -> tuple[trio.SocketStream, trio.SocketStream]:
    """Fill both directions, so that a send blocks until the other end receives."""

    async def fill(stream: trio.SocketStream) -> None:
        while True:
            await stream.send_all(bytes(MIB))

    pair = await tcp_pair(host)
    async with trio.open_nursery() as nursery:
        for stream in pair:
            nursery.start_soon(fill, stream)
        await wait_all_tasks_blocked(0.01)  # after the last send, the kernel still moves some
        nursery.cancel_scope.cancel()
    return pair


Pair = tuple[trio.abc.HalfCloseableStream, trio.abc.HalfCloseableStream]


def faulty(make: Callable[[], Awaitable[Pair]], faults: Faults) -> Callable[[], Awaitable[Pair]]:
    """Wrap both ends of each pair."""

    async def maker() -> Pair:
        left, right = await make()
        return FaultyStream(left, faults), FaultyStream(right, faults)

    return maker


async def in_memory() -> Pair:
    return memory_stream_pair()


async def in_lockstep() -> Pair:
    return lockstep_stream_pair()


@pytest.mark.parametrize("faults", HARMLESS_FOR_THE_CONTRACT, ids=str)
async def test_in_memory_it_keeps_the_contract_of_a_stream(
    faults: Faults, autojump_clock: MockClock
) -> None:
    await check_half_closeable_stream(faulty(in_memory, faults), faulty(in_lockstep, faults))


@pytest.mark.parametrize("faults", HARMLESS_FOR_THE_CONTRACT[::5], ids=str)
async def test_on_sockets_it_keeps_the_contract_of_a_stream(
    host: str, faults: Faults, autojump_clock: MockClock
) -> None:
    await check_half_closeable_stream(
        faulty(partial(tcp_pair, host), faults), faulty(partial(clogged_tcp_pair, host), faults)
    )


@given(
    messages=st.lists(st.binary(max_size=40), max_size=6),
    fragment=st.none() | st.integers(1, 12),
    delay=st.none() | st.integers(0, 3),
    reset_after=st.none() | st.integers(0, 60),
)
def test_the_right_prefix_is_sent_in_timed_pieces(
    messages: list[bytes], fragment: int | None, delay: int | None, reset_after: int | None
) -> None:
    faults = Faults(fragment=fragment, delay=delay, reset_after=reset_after)
    recorder = Recorder()
    moves: list[int] = []

    async def main() -> FaultyStream:
        start = trio.current_time()
        stream = FaultyStream(recorder, faults, moved=lambda: moves.append(stream.sent))
        broken = False
        for message in messages:
            try:
                await stream.send_all(message)
            except trio.BrokenResourceError:
                broken = True
            assert broken == stream.was_reset == recorder.closed
        recorder.sent = [(when - start, piece) for when, piece in recorder.sent]
        return stream

    stream = trio.run(main, clock=MockClock(autojump_threshold=0))
    everything = b"".join(messages)
    expected = everything[:reset_after]
    assert b"".join(recorder.pieces) == expected
    assert stream.sent == len(expected)
    assert stream.was_reset == (
        reset_after is not None and everything != b"" and len(everything) >= reset_after
    )

    sent = [(when, piece) for when, piece in recorder.sent if piece]
    assert moves == [sum(len(piece) for _, piece in sent[: i + 1]) for i in range(len(sent))]
    pause = delay if delay is not None else 0.001 if fragment is not None else 0
    times = [when for when, _ in sent]
    assert times == pytest.approx([pause * (i + 1) for i in range(len(sent))])
    if fragment is None:
        assert [len(piece) for _, piece in sent] == cut([len(one) for one in messages], reset_after)
    else:
        sizes = [
            min(fragment, len(one) - i) for one in messages for i in range(0, len(one), fragment)
        ]
        assert [len(piece) for _, piece in sent] == cut(sizes, reset_after)


def cut(sizes: list[int], limit: int | None) -> list[int]:
    """Cut pieces at a limit, and leave out empty ones."""
    kept: list[int] = []
    for size in sizes:
        kept.append(size if limit is None else min(size, limit - sum(kept)))
    return [size for size in kept if size]


async def test_a_receiver_that_keeps_up_gets_each_piece_alone(
    host: str, mock_clock: MockClock
) -> None:
    left, right = await tcp_pair(host)
    async with FaultyStream(left, Faults(fragment=2, delay=1)) as stream, right:
        assert left.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, b"hello")
            for piece in (b"he", b"ll", b"o"):
                await wait_all_tasks_blocked()
                mock_clock.jump(1)
                assert await right.receive_some(100) == piece


async def test_the_peer_gets_every_byte_up_to_the_reset_and_then_rst(host: str) -> None:
    ours, peer = connected(host)
    with peer:
        async with FaultyStream(stream_of(ours), Faults(fragment=2, reset_after=5)) as stream:
            with pytest.raises(trio.BrokenResourceError):
                await stream.send_all(b"hello, world")
            assert receive_count(peer, 5) == b"hello"
            with pytest.raises(ConnectionResetError):
                peer.recv(1)


def test_a_buffer_that_was_sent_in_part_can_be_resized() -> None:
    data = bytearray(b"hello")

    async def send() -> None:
        with pytest.raises(trio.BrokenResourceError) as caught:
            await FaultyStream(Recorder(), Faults(reset_after=3)).send_all(data)
        assert caught.value is not None
        data.clear()

    trio.run(send)


async def test_a_reset_after_0_bytes_comes_with_the_first_send(host: str) -> None:
    ours, peer = connected(host)
    with peer:
        async with FaultyStream(stream_of(ours), Faults(delay=math.inf, reset_after=0)) as stream:
            await stream.send_all(b"")
            assert not stream.was_reset
            with pytest.raises(trio.BrokenResourceError):
                await stream.send_all(b"hello")
            with pytest.raises(ConnectionResetError):
                peer.recv(1)


linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts unacknowledged bytes")
# More than the peer's kernel has room for, plus the 16 KiB that ours may hold unsent.
MORE_THAN_FITS = 16_000


def sending_more_than_fits(host: str) -> tuple[FaultyStream, socket.socket, trio.Event]:
    """Make a stream to a peer that does not receive yet."""
    ours, peer = connected(host)
    went_out = trio.Event()
    stream = FaultyStream(stream_of(ours), Faults(reset_after=MORE_THAN_FITS), moved=went_out.set)
    return stream, peer, went_out


async def send_until_broken(stream: FaultyStream) -> None:
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(bytes(MORE_THAN_FITS))


@linux
async def test_the_reset_waits_for_a_slow_peer(host: str) -> None:
    stream, peer, went_out = sending_more_than_fits(host)
    async with stream, stream_of(peer) as receiver, trio.open_nursery() as nursery:
        nursery.start_soon(send_until_broken, stream)
        await went_out.wait()
        assert not stream.was_reset
        assert await receive_exactly(receiver, MORE_THAN_FITS) == bytes(MORE_THAN_FITS)
        with pytest.raises(trio.BrokenResourceError):
            await receiver.receive_some()
    assert stream.was_reset


@linux
@pytest.mark.parametrize(
    "faults", [Faults(delay=math.inf), Faults(delay=math.inf, reset_after=3)], ids=repr
)
async def test_a_peer_that_resets_during_a_pause_is_noticed(host: str, faults: Faults) -> None:
    ours, peer = connected(host)
    async with FaultyStream(stream_of(ours), faults) as faulty:
        reset(peer)
        with trio.fail_after(PATIENCE), pytest.raises(trio.BrokenResourceError) as caught:
            await faulty.send_all(b"hello")
    assert isinstance(caught.value.__cause__, ConnectionResetError)
    assert not faulty.was_reset


@linux
async def test_a_long_pause_waits_for_the_peer_and_does_not_poll(
    host: str, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = counted(monkeypatch, "was_reset")
    ours, peer = connected(host)
    async with FaultyStream(stream_of(ours), Faults(delay=math.inf)) as stream:
        with peer, trio.move_on_after(1000):
            await stream.send_all(b"hello")
    assert looks == []


@linux
async def test_a_peer_that_never_receives_is_checked_less_and_less_often(
    host: str, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = counted(monkeypatch, "holds_unacknowledged")
    stream, peer, _ = sending_more_than_fits(host)
    async with stream:
        with peer, trio.move_on_after(1000):
            await stream.send_all(bytes(MORE_THAN_FITS))
    assert 100 < len(looks) < 300


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[bool]:
    """Note what a function returns to `faults`."""
    answers: list[bool] = []
    original = getattr(trio_echo.faults.stream, name)

    def ask(sock: trio.socket.SocketType) -> bool:
        answers.append(original(sock))
        return answers[-1]

    monkeypatch.setattr(trio_echo.faults.stream, name, ask)
    return answers


@linux
async def test_a_pause_continues_if_the_peer_has_left_without_a_reset(
    mock_clock: MockClock,
) -> None:
    ours, peer = trio.socket.socketpair()  # not TCP: there is no reset
    sent = trio.Event()
    stream = FaultyStream(trio.SocketStream(ours), Faults(delay=5), moved=sent.set)
    async with stream, trio.open_nursery() as nursery:
        nursery.start_soon(expect_closed, stream)
        await wait_all_tasks_blocked()
        peer.shutdown(socket.SHUT_RDWR)
        await wait_all_tasks_blocked(0.01)
        assert not sent.is_set()
        await stream.aclose()
    peer.close()


async def expect_closed(stream: FaultyStream) -> None:
    with pytest.raises(trio.ClosedResourceError):
        await stream.send_all(b"hello")


@linux
async def test_the_wait_for_a_peer_ends_when_it_leaves(host: str) -> None:
    stream, peer, went_out = sending_more_than_fits(host)
    async with stream, trio.open_nursery() as nursery:
        nursery.start_soon(send_until_broken, stream)
        await went_out.wait()
        reset(peer)


@linux
async def test_the_wait_for_a_slow_peer_ends_with_the_stream_or_when_cancelled(host: str) -> None:
    stream, peer, went_out = sending_more_than_fits(host)

    async def send_until_closed() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_all(b"!")

    with peer:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, bytes(MORE_THAN_FITS))
            await went_out.wait()
            nursery.cancel_scope.cancel()
        assert not stream.was_reset
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_until_closed)
            await wait_all_tasks_blocked()
            await stream.aclose()


async def test_after_the_reset_every_call_says_so_until_it_is_closed(host: str) -> None:
    for pair in (await in_memory(), await tcp_pair(host)):
        stream, peer = FaultyStream(pair[0], Faults(reset_after=3)), pair[1]
        calls: list[Callable[[], Awaitable[object]]] = [
            partial(stream.send_all, b"hello"),
            partial(stream.send_all, b""),
            stream.wait_send_all_might_not_block,
            stream.send_eof,
            stream.receive_some,
        ]
        for call in calls:
            with pytest.raises(trio.BrokenResourceError, match="reset on purpose after 3 bytes"):
                await call()
        await stream.aclose()
        for call in calls:
            with pytest.raises(trio.ClosedResourceError):
                await call()
        await trio.aclose_forcefully(peer)


async def test_a_receiving_task_gets_the_reset_too(host: str) -> None:
    for left, right in (await in_memory(), await tcp_pair(host)):
        async with FaultyStream(left, Faults(reset_after=3)) as stream, right:

            async def expect_reset(call: Callable[[], Awaitable[object]]) -> None:
                with pytest.raises(trio.BrokenResourceError, match="on purpose"):
                    await call()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(expect_reset, stream.receive_some)
                await wait_all_tasks_blocked()
                nursery.start_soon(expect_reset, partial(stream.send_all, b"hello"))


async def test_a_stream_in_memory_just_ends_instead_of_a_reset() -> None:
    left, right = memory_stream_pair()
    async with FaultyStream(left, Faults(reset_after=3)) as stream:
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(b"hello")
    assert await right.receive_some() == b"hel"
    assert await right.receive_some() == b""


async def test_a_socket_that_is_not_tcp_just_ends_instead_of_a_reset() -> None:
    ours, peer = trio.socket.socketpair()
    async with (
        FaultyStream(trio.SocketStream(ours), Faults(reset_after=3)) as stream,
        trio.SocketStream(peer) as receiver,
    ):
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(b"hello")
        assert await receive_exactly(receiver, 3) == b"hel"


async def test_a_wrapped_stream_closed_by_somebody_else_is_closed() -> None:
    wrapped, _ = memory_stream_pair()
    stream = FaultyStream(wrapped, Faults(fragment=1, reset_after=3))
    await wrapped.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await stream.receive_some()
    with pytest.raises(trio.ClosedResourceError):
        await stream.send_all(b"hello")


async def test_the_reset_is_named_as_a_failed_socket_call() -> None:
    stream = FaultyStream(Recorder(), Faults(reset_after=3))
    with pytest.raises(trio.BrokenResourceError) as broken:
        await stream.send_all(b"hello")
    error = SocketCallError.wrap("send()", broken.value)
    assert error.errno == errno.ECONNABORTED
    assert str(error) == "[send()] reset on purpose after 3 bytes"


async def test_while_one_task_pauses_no_other_may_send(mock_clock: MockClock) -> None:
    stream = FaultyStream(Recorder(), Faults(delay=1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, b"hello")
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await stream.send_all(b"hello")
        with pytest.raises(trio.BusyResourceError):
            await stream.send_eof()
        with pytest.raises(trio.BusyResourceError):
            await stream.wait_send_all_might_not_block()
        mock_clock.jump(1)
    await stream.send_eof()


async def test_a_pause_is_cancelled_at_once_and_the_stream_continues() -> None:
    recorder = Recorder()
    stream = FaultyStream(recorder, Faults(fragment=2, delay=math.inf))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, b"hello")
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert recorder.pieces == []
    await stream.send_eof()


async def test_closing_ends_a_pause_at_once() -> None:
    recorder = Recorder()
    stream = FaultyStream(recorder, Faults(delay=math.inf))

    async def expect_closed() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_all(b"hello")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(expect_closed)
        await wait_all_tasks_blocked()
        await stream.aclose()
    assert (recorder.pieces, recorder.closed) == ([], True)


async def test_pieces_sent_before_a_cancellation_count(mock_clock: MockClock) -> None:
    recorder = Recorder()
    stream = FaultyStream(recorder, Faults(fragment=2, delay=1, reset_after=5))
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, b"hello")
            for _ in range(2):
                await wait_all_tasks_blocked()
                mock_clock.jump(1)
            await wait_all_tasks_blocked()
            scope.cancel()
    assert (recorder.pieces, stream.sent) == ([b"he", b"ll"], 4)
    mock_clock.autojump_threshold = 0
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"more")
    assert recorder.pieces == [b"he", b"ll", b"m"]


async def test_an_exact_receive_gets_every_piece_and_a_single_receive_does_not() -> None:
    left, right = lockstep_stream_pair()
    stream = FaultyStream(left, Faults(fragment=1, delay=0))
    receiver = ExactReceiver(right)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, b"hello, world")
        assert await right.receive_some(12) == b"h"
        assert await receiver.receive_exactly(11) == b"ello, world"
