"""The picture of the lives of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import trio
from layout import texts
from matplotlib.collections import PolyCollection
from trio.testing import MockClock

from trio_echo.observe.tasks.recorder import Recorder
from trio_echo.pictures import timeline

if TYPE_CHECKING:
    from trio_echo.pictures.canvas import Picture


def recorded(clients: int, *, fails: bool = False, unit: float = 1) -> Recorder:
    """Run a server whose clients stay until it stops; the last one may fail."""
    recorder = Recorder()

    async def client(seconds: float) -> None:
        with trio.move_on_after(seconds):
            await trio.sleep_forever()
            return
        recorder.note("[recv()] Connection reset by peer")

    async def server() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(clients):
                ends = 2 if fails and number == clients - 1 else 100
                nursery.start_soon(client, ends * unit, name=f"client [::1]:{50000 + number}")
            await trio.sleep(5 * unit)
            nursery.cancel_scope.cancel()

    async def main() -> None:
        with recorder:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(server)
            await trio.sleep(unit)

    trio.run(main, clock=MockClock(autojump_threshold=0))
    return recorder


def bars(picture: Picture) -> list[list[tuple[float, float]]]:
    """Return the begin and end of each bar, row by row."""
    axes = picture.figure.axes[1]
    rows = [one for one in axes.collections if isinstance(one, PolyCollection)]
    edges = [[np.asarray(path.vertices)[:, 0] for path in row.get_paths()] for row in rows]
    return [[(float(one.min()), float(one.max())) for one in row] for row in edges]


def test_a_client_that_fails_ends_alone() -> None:
    picture = timeline(recorded(3, fails=True))
    assert bars(picture) == [[(0, 6)], [(0, 5)], [(0, 5)], [(0, 5)], [(0, 2)]]
    shown = texts(picture)
    assert "[recv()] Connection reset by peer" in shown
    assert shown.count("cancelled") == 2 + 1  # and in the key
    assert shown.count("still alive") == 1 + 1


@pytest.mark.parametrize("clients", [0, 1, 12])
def test_it_shows_every_life(clients: int) -> None:
    shown = texts(timeline(recorded(clients)))
    assert {"main", "server", *(f"client [::1]:{50000 + one}" for one in range(clients))} <= {
        *shown
    }
    assert shown.count("cancelled") == (clients and clients + 1)  # and in the key


def test_it_shows_a_few_of_many_clients_and_all_with_a_note() -> None:
    picture = timeline(recorded(60, fails=True))
    shown = texts(picture)
    assert "… and 50 more" in shown
    assert "50 cancelled" in shown
    assert "client [::1]:50059" in shown
    assert len(bars(picture)[-1]) == 50
    assert picture.figure.get_size_inches()[1] < 10


@pytest.mark.parametrize(("unit", "label"), [(1, "(s)"), (1e-3, "(ms)"), (1e-7, "(µs)")])
def test_the_axis_names_its_unit(unit: float, label: str) -> None:
    shown = texts(timeline(recorded(2, unit=unit)))
    assert f"time since the recording began {label}" in shown


def test_a_recording_may_be_drawn_while_it_runs() -> None:
    async def main() -> None:
        with Recorder() as recorder:
            await trio.sleep(2)
            picture = timeline(recorder)
        assert bars(picture) == [[(0, 2)]]
        assert "still alive" in texts(picture)

    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_a_recording_without_length_is_drawn() -> None:
    async def main() -> Recorder:
        with Recorder() as recorder:
            pass
        return recorder

    assert "main" in texts(timeline(trio.run(main, clock=MockClock())))


def test_long_notes_and_formulas_are_only_text() -> None:
    async def main() -> Recorder:
        with Recorder() as recorder:
            trio.lowlevel.current_task().name = "$x$" * 100
            recorder.note("$" * 500)
        return recorder

    assert any("$$$…" in text for text in texts(timeline(trio.run(main))))


def marks(picture: Picture) -> list[tuple[str, float, float]]:
    """Return the marks on bars: their shapes, times and rows."""
    found = []
    for one in picture.figure.axes[1].lines:
        ((x, y),) = np.asarray(one.get_xydata()).tolist()
        found.append((str(one.get_marker()), x, y - 0.5))
    return found


def test_an_end_by_an_exception_has_another_mark_than_a_cancellation() -> None:
    async def fail(seconds: float) -> None:
        await trio.sleep(seconds)
        raise ConnectionResetError

    async def parent() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail, 2)
            nursery.start_soon(trio.sleep_forever)

    async def main() -> Recorder:
        with Recorder() as recorder, pytest.raises(ExceptionGroup):
            await parent()
        return recorder

    picture = timeline(trio.run(main, clock=MockClock(autojump_threshold=0)))
    shown = texts(picture)
    assert {"failed: ConnectionResetError", "cancelled"} <= set(shown)
    (row,) = [row for marker, at, row in marks(picture) if (marker, at) == ("X", 2)]
    (other,) = [row for marker, at, row in marks(picture) if (marker, at) == ("s", 2) and row]
    assert {row, other} == {1, 2}


def test_nothing_recorded_is_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="nothing was recorded"):
        timeline(Recorder())
