from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import lockstep_stream_pair, memory_stream_pair, wait_all_tasks_blocked

from trio_echo import Faults, Relay, SocketCallError
from trio_echo.faults import FaultyRelay

if TYPE_CHECKING:
    from collections.abc import Sequence

RESET = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")


class ScriptedStream(trio.abc.Stream):
    """Delivers pieces, or raises exceptions, one by one, and notes what is sent."""

    def __init__(
        self, pieces: Sequence[bytes | Exception], sends: Sequence[Exception | None] = ()
    ) -> None:
        self._pieces = iter(pieces)
        self._sends = iter(sends)
        self.log: list[tuple[str, bytes]] = []

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        piece = next(self._pieces, b"")
        if isinstance(piece, Exception):
            raise piece from RESET  # as Trio's own streams do
        self.log.append(("received", piece))
        return piece

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        failure = next(self._sends, None)
        if failure is not None:
            raise failure from RESET
        self.log.append(("sent", bytes(data)))

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
        self.log.append(("closed", b""))

    def tap(self, data: bytes) -> None:
        self.log.append(("tapped", data))


async def test_everything_sent_before_a_half_close_comes_back() -> None:
    server, client = memory_stream_pair()
    relay = Relay(server)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(relay.run)
        await client.send_all(b"hello, ")
        await client.send_all(b"world")
        await client.send_eof()
    received = b""
    while len(received) < 12:
        received += await client.receive_some()
    assert received == b"hello, world"
    assert relay.echoed == 12


async def test_a_large_piece_is_sent_in_steps_and_each_is_reported() -> None:
    piece = bytes(range(256)) * 160  # 40 KiB
    stream = ScriptedStream([piece])
    relay = Relay(stream, stream.tap, lambda: stream.log.append(("moved", b"")))
    await relay.run()
    kinds = [kind for kind, _ in stream.log]
    assert kinds == ["received", "moved", "tapped", *["sent", "moved"] * 3, "received"]
    sent = [data for kind, data in stream.log if kind == "sent"]
    assert b"".join(sent) == piece
    assert max(map(len, sent)) <= 16 * 1024
    assert relay.echoed == len(piece)


async def test_without_moved_a_large_piece_is_sent_at_once() -> None:
    stream = ScriptedStream([bytes(40_000)])
    await Relay(stream).run()
    assert [len(data) for kind, data in stream.log if kind == "sent"] == [40_000]


async def test_a_failed_step_names_send_and_earlier_steps_count() -> None:
    relay = Relay(
        ScriptedStream([bytes(40_000)], [None, trio.BrokenResourceError()]), moved=lambda: None
    )
    with pytest.raises(SocketCallError) as failure:
        await relay.run()
    assert failure.value.call == "send()"
    assert relay.echoed == 16 * 1024


async def test_a_faulty_relay_reports_the_same_steps_and_counts_them_once() -> None:
    near, far = memory_stream_pair()
    sizes: list[int] = []

    async def note(data: bytes | bytearray | memoryview) -> None:
        sizes.append(len(data))
        await send(data)

    send, near.send_all = near.send_all, note  # type: ignore[method-assign]
    relay = FaultyRelay(near, Faults(reset_after=1_000_000))
    moves: list[int] = []
    relay.moved = lambda: moves.append(relay.echoed)
    await far.send_all(bytes(40_000))
    await far.send_eof()
    await relay.run()
    assert sizes == [16_384, 16_384, 7_232]
    assert moves == [0, 16_384, 32_768, 40_000]


@given(pieces=st.lists(st.binary(min_size=1)))
def test_each_piece_is_tapped_then_sent_back_before_the_next_one(
    pieces: list[bytes],
) -> None:
    stream = ScriptedStream(pieces)
    relay = Relay(stream, stream.tap)
    trio.run(relay.run)
    turns = [(what, one) for one in pieces for what in ("received", "tapped", "sent")]
    assert stream.log == [*turns, ("received", b"")]
    assert relay.echoed == sum(map(len, pieces))


async def test_the_tap_gets_bytes_that_do_not_change() -> None:
    server, client = memory_stream_pair()  # its receive_some returns a bytearray
    tapped: list[bytes] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Relay(server, tapped.append).run)
        await client.send_all(b"hello")
        await client.send_eof()
    assert tapped == [b"hello"]
    assert [type(one) for one in tapped] == [bytes]


async def test_the_stream_is_left_open() -> None:
    stream = ScriptedStream([b"hello"])
    await Relay(stream).run()
    assert ("closed", b"") not in stream.log


async def test_nothing_more_is_received_from_a_peer_that_does_not_receive() -> None:
    server, client = lockstep_stream_pair()  # a send ends when everything was received
    tapped: list[bytes] = []
    relay = Relay(server, tapped.append)
    second_was_taken = trio.Event()

    async def send_second() -> None:
        await client.send_all(b"second")
        second_was_taken.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(relay.run)
        await client.send_all(b"first")
        nursery.start_soon(send_second)
        await wait_all_tasks_blocked()
        assert tapped == [b"first"]
        assert not second_was_taken.is_set()
        assert relay.echoed == 0
        assert await client.receive_some() == b"first"
        await wait_all_tasks_blocked()
        assert tapped == [b"first", b"second"]
        assert second_was_taken.is_set()
        assert relay.echoed == 5
        nursery.cancel_scope.cancel()
    assert relay.echoed == 5  # the second piece was not sent back whole


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (trio.BrokenResourceError("socket connection broken"), RESET),
        (RESET, RESET),
        (OSError(errno.ETIMEDOUT, "timed out"), TimeoutError(errno.ETIMEDOUT, "timed out")),
    ],
    ids=["broken", "reset", "timeout"],
)
@pytest.mark.parametrize("call", ["recv()", "send()"])
async def test_a_failure_names_the_call_and_what_was_sent_back_before_counts(
    call: str, failure: Exception, reason: OSError
) -> None:
    if call == "recv()":
        stream = ScriptedStream([b"hello", failure])
    else:
        stream = ScriptedStream([b"hello", b"lost"], [None, failure])
    relay = Relay(stream)
    with pytest.raises(SocketCallError) as caught:
        await relay.run()
    assert caught.value.call == call
    assert (type(caught.value.reason), caught.value.errno) == (type(reason), reason.errno)
    assert caught.value.__cause__ is failure
    assert relay.echoed == 5


@pytest.mark.parametrize(
    "failure",
    [ValueError("bug"), OSError(errno.ENOSPC, "disk full"), trio.BrokenResourceError()],
    ids=["bug", "disk full", "broken"],
)
async def test_an_error_of_the_tap_is_not_blamed_on_a_socket_call(failure: Exception) -> None:
    def tap(_data: bytes) -> None:
        raise failure

    relay = Relay(ScriptedStream([b"hello"]), tap)
    with pytest.raises(type(failure)) as caught:
        await relay.run()
    assert caught.value is failure
    assert relay.echoed == 0
