from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_echo import Endpoint
from trio_echo.events import (
    ClientClosed,
    ClientConnected,
    ClientsWaiting,
    Connection,
    DataReceived,
    LinesMissing,
    Listening,
    ServerEvent,
    Stopped,
)
from trio_echo.screen import backlog
from trio_echo.screen.backlog import Backlog, lines_of
from trio_echo.screen.folding import ClientsFolded

SERVER = Endpoint("127.0.0.1", 9000)
CLIENTS = [Connection(number, SERVER, Endpoint("127.0.0.1", 50000 + number)) for number in range(9)]
CLIENT, OTHER, THIRD, *_ = CLIENTS


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Backlog[ServerEvent]:
    """A backlog for 12 small pieces, 2 of each client in the queue, and 8 other events."""
    monkeypatch.setattr(backlog, "_DATA_BYTES", 12 * 600)
    monkeypatch.setattr(backlog, "_QUEUED_BYTES", 2 * 600)
    monkeypatch.setattr(backlog, "_OTHER_BYTES", 8 * 512)
    return Backlog()


def data(number: int, connection: Connection = CLIENT) -> DataReceived:
    """Return a piece of two lines that counts as 600 bytes."""
    return DataReceived(connection, b"%03d\n" % number + b"x" * 84)


def fill(waiting: Backlog[ServerEvent], *events: ServerEvent) -> None:
    for event in events:
        waiting.put(event)


def all_of(waiting: Backlog[ServerEvent]) -> list[ServerEvent]:
    taken = []
    while waiting:
        following = waiting.first()
        taken.append(waiting.take())
        assert taken[-1] == following
    assert waiting.first() is None
    return taken


def test_events_that_fit_come_out_in_order(waiting: Backlog[ServerEvent]) -> None:
    assert not waiting
    events: list[ServerEvent] = [
        ClientConnected(CLIENT),
        ClientConnected(OTHER),
        data(1),
        data(1, OTHER),
        ClientsWaiting(2),
        ClientConnected(THIRD),
    ]
    fill(waiting, *events)
    assert waiting
    assert list(waiting) == events
    assert all_of(waiting) == events


def test_lines_that_do_not_fit_are_counted_where_they_are_missing(
    waiting: Backlog[ServerEvent],
) -> None:
    fill(waiting, ClientConnected(CLIENT), *map(data, range(9)))
    fill(waiting, ClientClosed(CLIENT, 900), Listening(SERVER))
    assert all_of(waiting) == [
        ClientConnected(CLIENT),
        *map(data, range(6)),
        LinesMissing(6, CLIENT),
        ClientClosed(CLIENT, 900),
        Listening(SERVER),
    ]


def test_a_flooding_client_leaves_room_for_the_others(
    waiting: Backlog[ServerEvent],
) -> None:
    fill(waiting, *map(data, range(100)))
    quiet: list[ServerEvent] = [
        ClientConnected(OTHER),
        data(1, OTHER),
        data(2, OTHER),
        ClientClosed(OTHER, 176),
    ]
    fill(waiting, *quiet)
    fill(waiting, *map(data, range(100)))
    taken = all_of(waiting)
    assert [event for event in taken if getattr(event, "connection", None) == OTHER] == quiet
    assert taken.index(quiet[0]) == 2  # as soon as the queued part of the flood is over
    assert sum(map(lines_of, taken)) == 400 + 7


def test_flooding_clients_get_equal_shares(waiting: Backlog[ServerEvent]) -> None:
    for number in range(100):
        fill(waiting, data(number), data(number, OTHER))
    taken = all_of(waiting)
    shown = [event.connection for event in taken if isinstance(event, DataReceived)]
    assert shown == [CLIENT, OTHER] * 4  # a third of the room each
    assert taken[-2:] == [LinesMissing(192, CLIENT), LinesMissing(192, OTHER)]


def test_an_event_without_a_client_comes_after_everything_put_before_it(
    waiting: Backlog[ServerEvent],
) -> None:
    fill(waiting, *map(data, range(6)), Listening(SERVER), data(6, OTHER), Stopped(1, 1, 0))
    assert all_of(waiting) == [
        *map(data, range(6)),
        Listening(SERVER),
        data(6, OTHER),
        Stopped(1, 1, 0),
    ]


def test_an_event_in_any_order_does_not_wait_for_what_a_client_has_aside(
    waiting: Backlog[ServerEvent],
) -> None:
    fill(waiting, *map(data, range(4)))
    waiting.put(Listening(SERVER), in_order=False)
    fill(waiting, data(4, OTHER))
    assert all_of(waiting) == [
        *map(data, range(2)),
        Listening(SERVER),
        data(4, OTHER),
        *map(data, range(2, 4)),
    ]


def test_counted_clients_of_many_hosts_do_not_fill_the_memory(
    waiting: Backlog[ServerEvent | ClientsFolded],
) -> None:
    for number in range(100):
        waiting.put(ClientsFolded(f"2001:db8::{number}", 1, None))
    waiting.put(Stopped(1, 1, 0))
    *first, missing, last = [waiting.take() for _ in range(10)]
    assert [type(one) for one in first] == [ClientsFolded] * 8
    assert (missing, last) == (LinesMissing(92), Stopped(1, 1, 0))
    assert waiting.dropped == 92


def test_thousands_of_short_connections_are_counted(
    waiting: Backlog[ServerEvent],
) -> None:
    fill(waiting, *map(data, range(2)))
    for client in CLIENTS[1:] * 100:
        fill(waiting, ClientConnected(client), ClientClosed(client, 0))
    fill(waiting, ClientsWaiting(1), data(1, OTHER), Listening(SERVER))
    taken = all_of(waiting)
    assert taken.count(data(1, OTHER)) == 1
    assert taken[-1] == Listening(SERVER)
    assert len(taken) < 40
    assert sum(map(lines_of, taken)) == 800 * 3 + 1 + 3 * 2 + 1


def test_lines_already_missing_in_another_process_are_added(waiting: Backlog[ServerEvent]) -> None:
    fill(waiting, *map(data, range(7)), LinesMissing(10, CLIENT), LinesMissing(5, OTHER))
    fill(waiting, LinesMissing(3), LinesMissing(4))
    assert all_of(waiting) == [
        *map(data, range(2)),
        LinesMissing(5, OTHER),
        LinesMissing(7),
        *map(data, range(2, 6)),
        LinesMissing(12, CLIENT),
    ]


def test_taking_events_makes_room_for_others(waiting: Backlog[ServerEvent]) -> None:
    for _ in range(3):
        fill(waiting, *map(data, range(9)))
        assert all_of(waiting) == [*map(data, range(6)), LinesMissing(6, CLIENT)]


EVENTS = st.one_of(
    st.builds(
        DataReceived,
        st.sampled_from(CLIENTS),
        st.sampled_from([b"a\n", b"x" * 600, b"b\n" * 3000, b"y" * 5000]),
    ),
    st.builds(ClientConnected, st.sampled_from(CLIENTS)),
    st.builds(ClientClosed, st.sampled_from(CLIENTS), st.just(0)),
    st.builds(LinesMissing, st.integers(1, 9), st.sampled_from([None, *CLIENTS])),
    st.just(ClientsWaiting(1)),
    st.just(Listening(SERVER)),
)
TAKE = st.none()


@given(actions=st.lists(st.one_of(EVENTS, EVENTS, TAKE), max_size=200))
def test_no_line_is_lost_or_out_of_order(actions: list[ServerEvent | None]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backlog, "_DATA_BYTES", 20_000)
        patch.setattr(backlog, "_QUEUED_BYTES", 3_000)
        patch.setattr(backlog, "_OTHER_BYTES", 4_000)
        waiting: Backlog[ServerEvent] = Backlog()
        taken: list[ServerEvent] = []
        for event in actions:
            if event is not None:
                waiting.put(event)
            elif waiting:
                taken.append(waiting.take())
            sizes = [512 + len(one.data) for one in waiting if isinstance(one, DataReceived)]
            assert sum(sizes) <= 20_000
        left = sorted(map(repr, waiting))
        rest = all_of(waiting)
        assert sorted(map(repr, rest)) == left
        taken += rest
    put = [event for event in actions if event is not None]
    assert sum(map(lines_of, taken)) == sum(map(lines_of, put))
    # Between two events without a client, each client's own events are in order.
    for client in CLIENTS:
        before, after = (
            [
                one
                for one in events
                if isinstance(one, Listening) or getattr(one, "connection", None) == client
                if not isinstance(one, LinesMissing)
            ]
            for events in (put, taken)
        )
        remaining = iter(before)
        assert all(event in remaining for event in after)
        assert after.count(Listening(SERVER)) == before.count(Listening(SERVER))


@pytest.mark.parametrize(("data", "lines"), [(b"a", 1), (b"a\n", 1), (b"a\nb", 2), (b"\n\n", 2)])
def test_a_piece_counts_as_many_lines_as_it_takes_on_the_screen(data: bytes, lines: int) -> None:
    assert lines_of(DataReceived(CLIENT, data)) == lines
    assert lines_of(ClientConnected(CLIENT)) == 2  # with the blank one before it
    assert lines_of(ClientClosed(CLIENT, 1)) == 1
