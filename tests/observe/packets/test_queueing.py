"""The depth of a queue, worked out from what crossed a cable."""

from __future__ import annotations

from passages import Crossed
from wire import ACK, BIRTH

from trio_echo.observe.packets.passage import Fate
from trio_echo.observe.packets.queueing import queues

MS = 1_000_000


def crossed() -> Crossed:
    """Three frames at once; each takes 1 ms to send and 10 ms to arrive."""
    found = Crossed()
    for number in range(3):
        found.segment(0, ACK, number, way=(11 + number,))
    found.segment(0, ACK, 3, fate=Fate.QUEUE_FULL)
    return found.segment(20, ACK, 9, back=True)


def test_frames_wait_until_the_cable_takes_them() -> None:
    near, far = queues(crossed().passages, delay=0.01)
    assert near.source == "client"
    assert [(time - BIRTH) // MS for time in near.times] == [0, 1, 2, 3]
    assert near.depths == (3, 2, 1, 0)
    assert near.drops == (BIRTH,)
    assert (far.source, far.depths, far.drops) == ("server", (0,), ())


def test_a_lost_frame_is_left_out() -> None:
    (near,) = queues(Crossed().segment(0, ACK, 1, fate=Fate.LOST).passages)
    assert near == ("client", (), (), ())
