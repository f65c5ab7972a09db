from __future__ import annotations

from typing import TYPE_CHECKING

from trio_echo.events import ClientsWaiting
from trio_echo.workers.client_slots import ClientSlots
from trio_echo.workers.link import Command

if TYPE_CHECKING:
    from trio_echo.events import ServerEvent


class Worker:
    def __init__(self) -> None:
        self.slots = 0
        self.granted = 0

    def send(self, command: Command) -> None:
        assert command is Command.TAKE_SLOT
        self.granted += 1


def test_all_workers_together_get_no_more_slots_than_the_limit() -> None:
    reported: list[ServerEvent] = []
    slots, one, other = ClientSlots(2, reported.append), Worker(), Worker()
    for worker in (one, one, one, other):
        slots.request(worker)
    assert (one.granted, other.granted) == (2, 0)
    assert reported == [ClientsWaiting(2)]


def test_a_slot_goes_to_the_client_that_waits_longest() -> None:
    slots, one, other = ClientSlots(1, lambda _: None), Worker(), Worker()
    for worker in (one, other, one):
        slots.request(worker)
    slots.free(one)
    assert (one.granted, other.granted) == (1, 1)
    slots.free(other)
    assert (one.granted, other.granted) == (2, 1)


def test_a_dead_worker_frees_its_slots_and_leaves_the_queue() -> None:
    slots, dead, other = ClientSlots(3, lambda _: None), Worker(), Worker()
    for worker in (dead, dead, other, dead, other, other):
        slots.request(worker)
    assert (dead.granted, other.granted) == (2, 1)
    slots.free_all(dead)
    assert (dead.granted, other.granted) == (2, 3)
    slots.free(other)
    for _ in range(2):
        slots.request(dead)
    assert dead.granted == 3


def test_waiting_clients_are_reported_again_after_a_slot_was_free() -> None:
    reported: list[ServerEvent] = []
    slots, worker = ClientSlots(1, reported.append), Worker()
    for expected in (0, 1, 1):
        slots.request(worker)
        assert len(reported) == expected
    for _ in range(3):
        slots.free(worker)
    slots.request(worker)
    assert len(reported) == 1
    slots.request(worker)
    assert reported == [ClientsWaiting(1)] * 2
