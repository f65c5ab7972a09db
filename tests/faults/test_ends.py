"""How a connection ends on purpose or slowly, and what a black hole does."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

import pytest
import trio
from support import PATIENCE, connected, receive_all, receive_count, reset, stream_of
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

from trio_echo import Faults, FaultyStream, SocketCallError, receive_exactly

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports a reset")


async def expect_closed_on_purpose(call: Callable[[], Awaitable[object]]) -> None:
    with pytest.raises(trio.BrokenResourceError, match="closed on purpose") as caught:
        await call()
    assert isinstance(caught.value.__cause__, ConnectionAbortedError)


async def test_the_peer_gets_every_byte_and_then_the_end(host: str) -> None:
    ours, peer = connected(host)
    with peer:
        peer.sendall(b"never received")
        async with FaultyStream(stream_of(ours), Faults(fragment=2, close_after=5)) as stream:
            await expect_closed_on_purpose(lambda: stream.send_all(b"hello, world"))
            assert (stream.sent, stream.was_closed, stream.was_reset) == (5, True, False)
            assert receive_count(peer, 5) == b"hello"
            assert peer.recv(1) == b""


async def test_after_that_every_call_says_so_until_it_is_closed() -> None:
    near, _far = memory_stream_pair()
    stream = FaultyStream(near, Faults(close_after=3))
    calls = (
        lambda: stream.send_all(b"hello"),
        stream.wait_send_all_might_not_block,
        stream.send_eof,
        stream.receive_some,
    )
    for call in calls:
        await expect_closed_on_purpose(call)
    await stream.aclose()
    for call in calls:
        with pytest.raises(trio.ClosedResourceError):
            await call()


async def test_a_close_on_purpose_is_named_as_a_failed_socket_call() -> None:
    near, _far = memory_stream_pair()
    with pytest.raises(trio.BrokenResourceError) as broken:
        await FaultyStream(near, Faults(close_after=3)).send_all(b"hello")
    error = SocketCallError.wrap("send()", broken.value)
    assert str(error) == "[send()] closed on purpose after 3 bytes"


async def test_the_lifetime_ends_a_receive_at_its_time(
    host: str, autojump_clock: MockClock
) -> None:
    ours, peer = connected(host)
    start = trio.current_time()
    with peer:
        async with FaultyStream(stream_of(ours), Faults(lifetime=60)) as stream:
            await expect_closed_on_purpose(stream.receive_some)
            assert trio.current_time() - start == pytest.approx(60)
        assert receive_all(peer) == b""


async def test_the_lifetime_ends_a_pause_and_what_was_sent_arrives(
    host: str, autojump_clock: MockClock
) -> None:
    ours, peer = connected(host)
    start = trio.current_time()
    with peer:
        async with FaultyStream(
            stream_of(ours), Faults(fragment=2, delay=20, lifetime=50)
        ) as stream:
            await expect_closed_on_purpose(lambda: stream.send_all(b"hello"))
            assert trio.current_time() - start == pytest.approx(50)
        assert receive_all(peer) == b"hell"


async def test_the_lifetime_ends_a_send_that_waits_for_the_peer(
    host: str, autojump_clock: MockClock
) -> None:
    ours, peer = connected(host)
    with peer:
        async with FaultyStream(stream_of(ours), Faults(lifetime=50)) as stream:
            await expect_closed_on_purpose(lambda: stream.send_all(bytes(100_000_000)))


async def test_the_lifetime_ends_a_task_that_sends_and_one_that_receives(
    host: str, autojump_clock: MockClock
) -> None:
    ours, peer = connected(host)
    with peer:
        async with (
            FaultyStream(stream_of(ours), Faults(delay=math.inf, lifetime=50)) as stream,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(expect_closed_on_purpose, stream.receive_some)
            nursery.start_soon(expect_closed_on_purpose, lambda: stream.send_all(b"hello"))
        assert receive_all(peer) == b""


async def test_a_slow_close_holds_the_end_back_and_not_the_data(autojump_clock: MockClock) -> None:
    for close in (FaultyStream.send_eof, FaultyStream.aclose):
        near, far = memory_stream_pair()
        stream = FaultyStream(near, Faults(slow_close=30))
        start = trio.current_time()
        async with trio.open_nursery() as nursery:
            await stream.send_all(b"hello")
            nursery.start_soon(close, stream)
            assert await receive_exactly(far, 5) == b"hello"
            assert trio.current_time() == start
            assert await far.receive_some() == b""
            assert trio.current_time() - start == pytest.approx(30)
        await stream.aclose()


async def test_a_slow_close_also_delays_a_close_on_purpose(autojump_clock: MockClock) -> None:
    near, far = memory_stream_pair()
    start = trio.current_time()
    async with FaultyStream(near, Faults(slow_close=30, close_after=2)) as stream:
        await expect_closed_on_purpose(lambda: stream.send_all(b"hello"))
        assert trio.current_time() - start == pytest.approx(30)
    assert trio.current_time() - start == pytest.approx(30)
    assert await receive_exactly(far, 2) == b"he"
    assert await far.receive_some() == b""


@linux
@pytest.mark.parametrize("call", ["send_eof", "aclose", "linger"])
async def test_a_slow_close_ends_when_the_peer_resets(host: str, call: str) -> None:
    ours, peer = connected(host)
    stream = FaultyStream(stream_of(ours), Faults(slow_close=math.inf))
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def close() -> None:
                if call == "aclose":
                    await stream.aclose()
                    return
                with pytest.raises(trio.BrokenResourceError) as caught:
                    await getattr(stream, call)()
                assert isinstance(caught.value.__cause__, ConnectionResetError)

            await wait_all_tasks_blocked()
            reset(peer)
    await trio.aclose_forcefully(stream)


async def test_a_slow_close_that_is_cancelled_closes_at_once(host: str) -> None:
    ours, peer = connected(host)
    with peer:
        await trio.aclose_forcefully(FaultyStream(stream_of(ours), Faults(slow_close=math.inf)))
        assert peer.recv(1) == b""


async def test_a_task_that_pauses_ends_when_another_closes_slowly(
    host: str, autojump_clock: MockClock
) -> None:
    ours, peer = connected(host)
    stream = FaultyStream(stream_of(ours), Faults(delay=math.inf, slow_close=5))

    async def send_until_closed() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_all(b"hello")

    with peer:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_until_closed)
            await wait_all_tasks_blocked()
            await stream.aclose()
        assert peer.recv(1) == b""


async def test_a_black_hole_takes_what_is_sent_and_receives(autojump_clock: MockClock) -> None:
    near, far = memory_stream_pair()
    faults = Faults(black_hole=True, reset_after=0, delay=math.inf)
    async with FaultyStream(near, faults) as stream:
        await stream.send_all(b"hello")
        await far.send_all(b"question")
        assert await stream.receive_some() == b"question"
        assert stream.sent == 0
    assert await far.receive_some() == b""


async def test_a_peer_in_a_black_hole_sees_no_byte_and_no_end(host: str) -> None:
    ours, peer = connected(host)
    with peer:
        async with FaultyStream(stream_of(ours), Faults(black_hole=True)) as stream:
            await stream.send_all(bytes(1_000_000))
            peer.setblocking(False)
            with pytest.raises(BlockingIOError):
                peer.recv(1)
        peer.setblocking(True)
        assert peer.recv(1) == b""


async def test_corrupt_bytes_arrive_through_a_socket(host: str) -> None:
    ours, peer = connected(host)
    with peer:
        async with FaultyStream(stream_of(ours), Faults(corrupt=3)) as stream:
            await stream.send_all(b"abcdef")
        received = receive_all(peer)
    assert [a == b for a, b in zip(received, b"abcdef", strict=True)] == [True, True, False] * 2
