"""Nothing is ever lost of an echo: this project's server and client over a bad cable."""

from __future__ import annotations

import hashlib
import random
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from rooms import far_server
from support import PATIENCE

from trio_echo import lan
from trio_echo.observe.packets.passage import Fate

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from trio_echo.observe.packets.passage import Passage

if sys.platform != "linux":
    pytest.skip("hosts need Linux", allow_module_level=True)

pytestmark = [
    pytest.mark.usefixtures("hosts_allowed", "way"),
    pytest.mark.parametrize("family", ["ipv4", "ipv6"]),
]

BLOCK = 1 << 18


async def echo_whole(
    stream: trio.SocketStream, size: int, progress: Callable[[int], None] = lambda _: None
) -> None:
    """Send so many bytes at random, and check that the same ones come back and no others.

    Args:
        stream: to the server.
        size: how many.
        progress: called with the number of bytes that have come back.
    """
    sent, received = hashlib.sha256(), hashlib.sha256()

    async def send() -> None:
        draw = random.Random(size)
        for begin in range(0, size, BLOCK):
            block = draw.randbytes(min(BLOCK, size - begin))
            sent.update(block)
            await stream.send_all(block)
        await stream.send_eof()

    count = 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        async for data in stream:
            received.update(data)
            count += len(data)
            progress(count)
    assert count == size
    assert received.hexdigest() == sent.hexdigest()


async def test_an_echo_is_whole_whatever_happens_to_some_segments(family: str) -> None:
    cable = lan.Cable("client", "server")
    late = partial(lan.delay, by=0.02)
    acts: list[Callable[..., lan.Rule]] = [lan.drop, lan.corrupt, lan.duplicate, lan.reorder, late]
    for end in cable.ends:
        for number, act in enumerate(acts):
            cable.rules.append(act(lan.data, source=end, nth=3 + 5 * number))
    with trio.fail_after(PATIENCE):
        async with far_server(cable) as far:
            stream = await far.client.open_tcp_stream(getattr(far.server, family), 9000)
            async with stream:
                await echo_whole(stream, 100_000)
    assert [one.acted for one in cable.rules] == [1] * len(cable.rules)
    assert cable.counts[Fate.LOST] == cable.counts[Fate.CORRUPTED] == 2
    assert cable.counts[Fate.DUPLICATED] == 2
    assert cable.counts[Fate.REORDERED] == 4


class Loss:
    """Notices that a cut cable has lost a frame."""

    def __init__(self, cable: lan.Cable) -> None:
        self.event = trio.Event()
        cable.on_passage(self._note)

    def _note(self, passage: Passage) -> None:
        if passage.fate is Fate.CUT:
            self.event.set()


def report(counts: Counter[Fate], size: int) -> None:
    """Say what the cable did; pytest -rP shows it."""
    print(f"{size:,} bytes, twice:", ", ".join(f"{n:,} {one}" for one, n in counts.items()))  # noqa: T201


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "fates"),
    [
        ({"loss": 0.02}, [Fate.LOST]),
        ({"reorder": 0.1, "jitter": 0.002}, [Fate.REORDERED]),
        ({"duplicate": 0.1}, [Fate.DUPLICATED]),
        ({"corrupt": 0.02}, [Fate.CORRUPTED]),
        ({"rate": 80e6, "queue": 20}, [Fate.QUEUE_FULL]),
        (
            {"delay": 0.005, "loss": 0.01, "reorder": 0.02, "duplicate": 0.02, "corrupt": 0.005},
            [Fate.LOST, Fate.REORDERED, Fate.DUPLICATED, Fate.CORRUPTED],
        ),
    ],
    ids=["loss", "reordering", "duplicates", "corruption", "a full queue", "everything"],
)
async def test_an_echo_is_whole_over_a_bad_cable(
    family: str, settings: dict[str, Any], fates: list[Fate]
) -> None:
    size = 10_000_000
    cable = lan.Cable("client", "server", seed=1, keep=0, **settings)
    async with far_server(cable, observe_data=False) as far:
        stream = await far.client.open_tcp_stream(getattr(far.server, family), 9000)
        async with stream:
            await echo_whole(stream, size)
    report(cable.counts, size)
    for one in fates:
        assert cable.counts[one] > 10


@pytest.mark.slow
async def test_an_echo_survives_one_partition_after_another(family: str) -> None:
    # After each cut, more is left than fits into the buffers: something is lost.
    size, parts, asked, healed = 80_000_000, 8, 0, 0
    send_part, receive_part = trio.open_memory_channel[int](parts)

    def progress(count: int) -> None:
        nonlocal asked
        if asked < count * parts // size < parts:
            asked += 1
            send_part.send_nowait(asked)

    async def cut_and_heal() -> None:
        nonlocal healed
        async for _ in receive_part:
            lost = Loss(far.cable)
            far.cable.cut()
            await lost.event.wait()
            far.cable.heal()
            healed += 1

    async with far_server(observe_data=False) as far:
        stream = await far.client.open_tcp_stream(getattr(far.server, family), 9000)
        async with trio.open_nursery() as nursery, stream, send_part:
            nursery.start_soon(cut_and_heal)
            await echo_whole(stream, size, progress)
    report(far.cable.counts, size)
    assert healed == asked == parts - 1
    assert far.cable.counts[Fate.CUT] >= healed


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_a_gigabyte_comes_back_as_it_was_sent(family: str) -> None:
    """Two gigabytes cross the cable. It carries some 20 MB a second in each direction."""
    size = 1_000_000_000
    cable = lan.Cable(
        "client", "server", seed=1, keep=0, loss=1e-4, reorder=1e-4, duplicate=1e-4, corrupt=1e-4
    )
    async with far_server(cable, observe_data=False) as far:
        stream = await far.client.open_tcp_stream(getattr(far.server, family), 9000)
        async with stream:
            await echo_whole(stream, size)
    report(cable.counts, size)
    for one in (Fate.LOST, Fate.REORDERED, Fate.DUPLICATED, Fate.CORRUPTED):
        assert cable.counts[one] > 10
