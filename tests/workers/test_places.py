from __future__ import annotations

from typing import TYPE_CHECKING

from trio_echo.events import ClientsWaiting
from trio_echo.workers.link import Command
from trio_echo.workers.places import Places

if TYPE_CHECKING:
    from trio_echo.events import ServerEvent


class Worker:
    def __init__(self) -> None:
        self.places = 0
        self.granted = 0

    def tell(self, command: Command) -> None:
        assert command is Command.TAKE_PLACE
        self.granted += 1


def test_there_are_no_more_places_than_that_whoever_asks() -> None:
    said: list[ServerEvent] = []
    places, one, other = Places(2, said.append), Worker(), Worker()
    for worker in (one, one, one, other):
        places.want(worker)
    assert (one.granted, other.granted) == (2, 0)
    assert said == [ClientsWaiting(2)]


def test_a_place_goes_to_the_client_that_waits_longest() -> None:
    places, one, other = Places(1, lambda _: None), Worker(), Worker()
    for worker in (one, other, one):
        places.want(worker)
    places.free(one)
    assert (one.granted, other.granted) == (1, 1)
    places.free(other)
    assert (one.granted, other.granted) == (2, 1)


def test_a_worker_that_died_gives_back_what_it_held_and_waits_no_more() -> None:
    places, dead, other = Places(3, lambda _: None), Worker(), Worker()
    for worker in (dead, dead, other, dead, other, other):
        places.want(worker)
    assert (dead.granted, other.granted) == (2, 1)
    places.free_all(dead)
    assert (dead.granted, other.granted) == (2, 3)
    places.free(other)
    for _ in range(2):
        places.want(dead)
    assert dead.granted == 3


def test_places_that_fill_up_again_are_said_again() -> None:
    said: list[ServerEvent] = []
    places, worker = Places(1, said.append), Worker()
    for expected in (0, 1, 1):
        places.want(worker)
        assert len(said) == expected
    for _ in range(3):
        places.free(worker)
    places.want(worker)
    assert len(said) == 1
    places.want(worker)
    assert said == [ClientsWaiting(1)] * 2
