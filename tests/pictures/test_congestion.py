"""Congestion control and queues in panels."""

from __future__ import annotations

import numpy as np
import pytest
from layout import texts

from trio_echo.observe.kernel.congestion import Sample
from trio_echo.observe.packets.queueing import Queue
from trio_echo.pictures.congestion import congestion, queue
from trio_echo.tcp_info import Congestion

MS = 1_000_000
START = 1_700_000_000_000_000_000


def sample(at: float, window: int, threshold: int | None, lost: int) -> Sample:
    values = Congestion("open", window, threshold, window, lost, 1448, 0.0502, 0.001, 0.251)
    return Sample(START + round(at * MS), values)


SAMPLES = [
    sample(0, 10, None, 0),
    sample(50, 20, None, 0),
    sample(100, 40, None, 0),
    sample(150, 20, 20, 3),
    sample(400, 26, 20, 3),
]
QUEUE = Queue("client", (START, START + 120 * MS), (30, 0), (START + 110 * MS,))


def test_values_over_time_in_panels() -> None:
    picture = congestion(SAMPLES, queues=[QUEUE])
    assert {"cwnd", "ssthresh", "in flight", "RTT", "RTO", "retransmissions", "from client"} <= set(
        texts(picture)
    )
    windows, trips, counts, depths = picture.figure.axes
    assert np.asarray(windows.lines[0].get_ydata()).tolist() == [10, 20, 40, 20, 26]
    assert np.asarray(windows.lines[0].get_xdata()).tolist() == [0, 50, 100, 150, 400]
    assert np.asarray(trips.lines[0].get_ydata())[0] == pytest.approx(50.2)
    assert np.asarray(counts.lines[0].get_ydata()).tolist() == [0, 0, 0, 3, 3]
    assert np.asarray(depths.lines[-1].get_xdata()).tolist() == [110]
    assert "window up to 40 segments" in picture.description
    assert "3 retransmissions" in picture.description


def test_the_axis_may_begin_with_a_trace() -> None:
    picture = congestion(SAMPLES, since=START - 10 * MS)
    assert np.asarray(picture.figure.axes[0].lines[0].get_xdata())[0] == 10
    assert picture.figure.axes[0].get_xlim() == (0, 410)


def test_a_queue_alone() -> None:
    picture = queue([QUEUE, Queue("server", (), (), ())])
    assert {"from client", "dropped", "frames"} <= set(texts(picture))
    assert picture.description == "queues over 120 ms: from client: up to 30 frames, 1 dropped"


def test_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="no samples"):
        congestion([])
    with pytest.raises(ValueError, match="no frame"):
        queue([Queue("client", (), (), ())])
    texts(congestion(SAMPLES[:1]))
