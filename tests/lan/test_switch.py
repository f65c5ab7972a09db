"""A switch: where frames go out."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from trio_echo.lan.switch import Switch, SwitchPort

A, B, C = (bytes([2, 0, 0, 0, 0, number]) for number in (1, 2, 3))
BROADCAST = b"\xff" * 6


def ports(count: int) -> list[SwitchPort]:
    switch = Switch()
    return [switch.add_port() for _ in range(count)]


async def waiting(port: SwitchPort) -> list[bytes]:
    """What waits at a port now."""
    frames: list[bytes] = []
    async with trio.open_nursery() as nursery:

        async def receive() -> None:
            frames.extend(await port.receive())

        nursery.start_soon(receive)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    return frames


async def test_a_frame_for_an_unknown_address_goes_out_at_every_other_port() -> None:
    first, second, third = ports(3)
    first.send(frame := B + A)
    assert [await waiting(one) for one in (first, second, third)] == [[], [frame], [frame]]


async def test_a_frame_for_an_address_that_has_sent_goes_to_its_port_only() -> None:
    first, second, third = ports(3)
    second.send(A + B)
    await waiting(first)
    await waiting(third)
    first.send(frame := B + A)
    assert [await waiting(one) for one in (first, second, third)] == [[], [frame], []]


async def test_a_broadcast_goes_out_at_every_other_port_although_its_sender_is_known() -> None:
    first, second, third = ports(3)
    for _ in range(2):
        first.send(frame := BROADCAST + A)
        assert [await waiting(one) for one in (first, second, third)] == [[], [frame], [frame]]


async def test_a_host_that_moves_is_found_at_its_new_port() -> None:
    first, second, third = ports(3)
    second.send(A + B)
    third.send(A + B)
    for one in (first, second, third):
        await waiting(one)
    first.send(frame := B + A)
    assert [await waiting(one) for one in (first, second, third)] == [[], [], [frame]]


async def test_a_frame_for_the_port_that_it_came_from_goes_nowhere() -> None:
    first, second = ports(2)
    first.send(A + B)
    await waiting(second)
    first.send(B + C)
    assert [await waiting(one) for one in (first, second)] == [[], []]


async def test_a_port_whose_cable_takes_nothing_drops_and_counts() -> None:
    first, second = ports(2)
    for _ in range(10_001):
        first.send(B + A)
    assert (len(await waiting(second)), second.overruns) == (10_000, 1)
