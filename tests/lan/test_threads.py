"""A cable that another thread changes and reads while frames cross it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from support import PATIENCE
from wire import ACK, CLIENT, SERVER, frame

from trio_echo import lan

if TYPE_CHECKING:
    from collections.abc import Callable

SEGMENT = frame(CLIENT, SERVER, ACK, 1).data


@pytest.mark.parametrize(
    "work",
    [
        lan.Cable.cut,
        lan.Cable.clear,
        lambda cable: cable.change(rate=1000),
        lambda cable: cable.passages,
        lambda cable: cable.counts,
        lambda cable: cable.toward("b").inside,
    ],
)
def test_another_thread_waits_until_a_frame_has_entered(
    work: Callable[[lan.Cable], object],
) -> None:
    cable = lan.Cable("a", "b")
    worker = threading.Thread(target=work, args=(cable,))

    def rule(_: object) -> bool:
        """Runs while the frame enters."""
        assert cable.passages == ()  # its own thread may read the cable
        worker.start()
        worker.join(0.05)
        assert worker.is_alive()
        return False

    cable.rules.append(lan.drop(rule))
    cable.toward("b").take(SEGMENT, 0)
    worker.join(PATIENCE)
    assert not worker.is_alive()
