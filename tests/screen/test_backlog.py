from __future__ import annotations

import pytest

from trio_echo import ClientClosed, ClientConnected, Connection, DataReceived, Endpoint, Listening
from trio_echo.events import LinesMissing, ServerEvent
from trio_echo.screen import backlog
from trio_echo.screen.backlog import Backlog, lines_of

SERVER = Endpoint("127.0.0.1", 9000)
CLIENT = Connection(1, SERVER, Endpoint("127.0.0.1", 51188))


@pytest.fixture(autouse=True)
def _room_for_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "_WAITING_BYTES", 2 * 1000)


def all_of(waiting: Backlog[ServerEvent]) -> list[ServerEvent]:
    return [waiting.take() for _ in list(waiting)]


def test_what_fits_comes_out_as_it_came_in() -> None:
    waiting: Backlog[ServerEvent] = Backlog()
    assert not waiting
    events: list[ServerEvent] = [ClientConnected(CLIENT), DataReceived(CLIENT, b"hello")]
    for event in events:
        waiting.put(event)
    assert waiting
    assert waiting.first() == events[0]
    assert all_of(waiting) == events
    assert not waiting


def test_events_of_clients_that_do_not_fit_are_counted_where_they_would_have_been() -> None:
    waiting: Backlog[ServerEvent] = Backlog()
    large = DataReceived(CLIENT, b"a\nb\n" + b"x" * 1400)
    for _ in range(3):
        waiting.put(large)
    waiting.put(Listening(SERVER))  # this one is never left out
    waiting.put(ClientClosed(CLIENT, 1404))
    assert all_of(waiting) == [large, LinesMissing(6), Listening(SERVER), LinesMissing(1)]


def test_lines_that_were_missing_elsewhere_are_added_up() -> None:
    waiting: Backlog[ServerEvent] = Backlog()
    waiting.put(DataReceived(CLIENT, b"x" * 1488))
    for _ in range(2):
        waiting.put(DataReceived(CLIENT, b"x"))
        waiting.put(LinesMissing(10))
    assert all_of(waiting)[-1] == LinesMissing(22)


def test_there_is_room_again_for_what_is_taken() -> None:
    waiting: Backlog[ServerEvent] = Backlog()
    large = DataReceived(CLIENT, b"x" * 1400)
    waiting.put(large)
    waiting.put(large)
    assert all_of(waiting) == [large, LinesMissing(1)]
    waiting.put(large)
    assert all_of(waiting) == [large]


@pytest.mark.parametrize(("data", "lines"), [(b"a", 1), (b"a\n", 1), (b"a\nb", 2), (b"\n\n", 2)])
def test_a_piece_has_as_many_lines_as_it_is_shown_in(data: bytes, lines: int) -> None:
    assert lines_of(DataReceived(CLIENT, data)) == lines
    assert lines_of(ClientConnected(CLIENT)) == 2  # with the blank one before it
    assert lines_of(ClientClosed(CLIENT, 1)) == 1
