from __future__ import annotations

import pickle
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import assert_checkpoints, memory_stream_one_way_pair, wait_all_tasks_blocked

from trio_echo import ExactReceiver, IncompleteReceiveError, receive_exactly

if TYPE_CHECKING:
    from collections.abc import Iterable


class ScriptedStream(trio.abc.ReceiveStream):
    """Delivers `data` by a script of (size, cancel) steps, and after it as much as is asked for.

    A size of 0 is a wait that only its cancellation ends; another size is delivered, together
    with a cancellation where `cancel` says so.
    """

    def __init__(self, data: bytes, script: Iterable[tuple[int, bool]] = ()) -> None:
        self.data = data
        self.script = iter(script)
        self.scope = trio.CancelScope()
        self.taken = 0
        self.most_wanted = 0

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        assert max_bytes is not None
        assert max_bytes > 0
        self.most_wanted = max(self.most_wanted, max_bytes)
        await trio.lowlevel.checkpoint()
        size, cancel = next(self.script, (max_bytes, False))
        if cancel or size == 0:
            self.scope.cancel()
        if size == 0:
            await trio.sleep_forever()
        piece = self.data[self.taken : self.taken + min(size, max_bytes)]
        self.taken += len(piece)
        return piece

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


class BrokenStream(ScriptedStream):
    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if self.taken < len(self.data):
            return await super().receive_some(max_bytes)
        raise trio.BrokenResourceError


async def receive(receiver: ExactReceiver, count: int) -> tuple[bytes, bool]:
    try:
        return await receiver.receive_exactly(count), False
    except IncompleteReceiveError as error:
        return error.partial, True


@given(
    data=st.integers(0, 80).map(lambda size: bytes(range(size))),
    counts=st.lists(st.integers(0, 20), max_size=15),
    script=st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=40),
)
def test_no_fragmentation_or_cancellation_loses_repeats_or_overreads_a_byte(
    data: bytes, counts: list[int], script: list[tuple[int, bool]]
) -> None:
    async def main() -> None:
        stream = ScriptedStream(data, script)
        receiver = ExactReceiver(stream)
        whole = b""
        asked_up_to = 0
        for count in counts:
            asked_up_to = max(asked_up_to, len(whole) + count)
            with trio.CancelScope() as stream.scope:
                received, ended = await receive(receiver, count)
                whole += received
                assert len(received) == count or ended
                assert whole == data or not ended
            assert whole + receiver.buffered == data[: stream.taken]
            assert stream.taken <= asked_up_to
        stream.script = iter(())
        whole += await receiver.receive_exactly(len(data) - len(whole))
        assert whole == data

    trio.run(main)


@pytest.mark.parametrize("arrived", [0, 1, 17])
async def test_an_early_end_says_what_was_expected_and_what_came(
    arrived: int,
) -> None:
    with pytest.raises(IncompleteReceiveError) as caught:
        await receive_exactly(ScriptedStream(b"x" * arrived), 18)
    assert (caught.value.expected, caught.value.partial) == (18, b"x" * arrived)
    assert str(caught.value) == f"connection closed after {arrived} of 18 bytes"


async def test_the_bytes_of_an_early_end_are_not_returned_again() -> None:
    receiver = ExactReceiver(ScriptedStream(b"abc"))
    with pytest.raises(IncompleteReceiveError):
        await receiver.receive_exactly(4)
    assert receiver.buffered == b""
    with pytest.raises(IncompleteReceiveError) as caught:
        await receiver.receive_exactly(4)
    assert caught.value.partial == b""


def test_an_early_end_survives_pickling() -> None:
    copy = pickle.loads(pickle.dumps(IncompleteReceiveError(18, b"abc")))  # noqa: S301  our own
    assert (copy.expected, copy.partial) == (18, b"abc")
    assert str(copy) == "connection closed after 3 of 18 bytes"


async def test_bytes_after_the_wanted_ones_stay_in_the_stream() -> None:
    sender, stream = memory_stream_one_way_pair()
    await sender.send_all(b"hello, world")
    assert await receive_exactly(stream, 5) == b"hello"
    assert await stream.receive_some() == b", world"


async def test_zero_bytes_can_be_received_even_at_the_end() -> None:
    assert await receive_exactly(ScriptedStream(b""), 0) == b""


async def test_a_negative_count_is_refused_before_anything_is_received() -> None:
    stream = ScriptedStream(b"abc")
    with pytest.raises(ValueError, match="not -1"):
        await receive_exactly(stream, -1)
    assert stream.taken == 0


async def holding(data: bytes) -> ExactReceiver:
    """Make a receiver with some bytes from a call that was cancelled."""
    receiver = ExactReceiver(BrokenStream(data))
    with pytest.raises(trio.BrokenResourceError):
        await receiver.receive_exactly(len(data) + 1)
    return receiver


@pytest.mark.parametrize("count", [0, 2])
async def test_other_tasks_run_even_if_the_bytes_are_there(count: int) -> None:
    receiver = await holding(b"abc")
    with assert_checkpoints():
        assert await receiver.receive_exactly(count) == b"abc"[:count]


async def test_a_call_cancelled_beforehand_receives_nothing() -> None:
    receiver = await holding(b"abc")
    with trio.CancelScope() as scope:
        scope.cancel()
        await receiver.receive_exactly(2)
    assert scope.cancelled_caught
    assert receiver.buffered == b"abc"


async def test_a_broken_connection_keeps_what_had_arrived() -> None:
    receiver = ExactReceiver(BrokenStream(b"abc"))
    with pytest.raises(trio.BrokenResourceError):
        await receiver.receive_exactly(5)
    assert receiver.buffered == b"abc"
    assert await receiver.receive_exactly(3) == b"abc"


async def test_a_huge_count_is_received_in_small_pieces() -> None:
    stream = ScriptedStream(b"abc")
    with pytest.raises(IncompleteReceiveError):
        await receive_exactly(stream, 10**15)
    assert stream.most_wanted == 256 * 1024


async def test_a_second_task_is_refused() -> None:
    sender, stream = memory_stream_one_way_pair()
    receiver = ExactReceiver(stream)
    received = b""

    async def first() -> None:
        nonlocal received
        received = await receiver.receive_exactly(3)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(first)
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await receiver.receive_exactly(3)
        await sender.send_all(b"abc")
    assert received == b"abc"


async def test_a_second_task_cannot_take_the_bytes_of_the_first() -> None:
    sender, stream = memory_stream_one_way_pair()
    receiver = ExactReceiver(stream)
    taken: list[bytes] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receiver.receive_exactly, 6)
        await sender.send_all(b"abc")
        await wait_all_tasks_blocked()
        with suppress(trio.BusyResourceError):
            taken.append(await receiver.receive_exactly(3))
        nursery.cancel_scope.cancel()
    assert taken == []


async def test_every_task_gets_as_many_bytes_as_it_asked_for() -> None:
    receiver = await holding(b"hello")
    received: list[bytes] = []

    async def receive_five() -> None:
        with suppress(trio.BusyResourceError, IncompleteReceiveError):
            received.append(await receiver.receive_exactly(5))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive_five)
        nursery.start_soon(receive_five)
    assert received == [b"hello"]
