"""The record of a cable: every frame that entered it, and what became of it. No I/O."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from trio_echo.observe.packets.passage import Fate, Passage

if TYPE_CHECKING:
    from collections.abc import Callable


class Entry:
    """One frame in the record. It is changed while the frame is inside the cable.

    Attributes:
        time: when it entered, in nanoseconds since the epoch, as are all times here.
        source: the name of the end where it entered.
        data: the frame.
        fate: what became of it.
        arrivals: when each of its copies leaves.
        received: the frame as it leaves.
        begins: when it begins to be sent, after it has waited for those before it.
        sent: when it is on the wire as a whole.
        in_turn: whether it leaves after all that entered before it.
        behind: how many later frames have yet to overtake it.
    """

    __slots__ = (
        "arrivals",
        "begins",
        "behind",
        "data",
        "fate",
        "in_turn",
        "received",
        "sent",
        "source",
        "time",
    )

    def __init__(self, time: int, source: str, data: bytes) -> None:
        self.time = self.begins = self.sent = time
        self.source = source
        self.data = self.received = data
        self.fate = Fate.CARRIED
        self.arrivals: tuple[int, ...] = ()
        self.in_turn = True
        self.behind = 0

    def passage(self) -> Passage:
        """Return what is known about it now."""
        return Passage(self.time, self.source, self.data, self.fate, self.arrivals, self.received)


class Record:
    """The newest frames of a cable.

    Args:
        keep: how many.

    Attributes:
        sink: called with each passage as soon as its fate is decided, or `None`.
        lock: held by whoever changes the cable or reads what changes, in any thread.
    """

    def __init__(self, keep: int) -> None:
        self._entries: deque[Entry] = deque(maxlen=keep)
        self.sink: Callable[[Passage], object] | None = None
        self.lock = threading.RLock()  # a rule's function may change its cable

    def add(self, entry: Entry) -> None:
        """Keep a frame whose fate was decided."""
        self._entries.append(entry)
        if self.sink is not None:
            self.sink(entry.passage())

    def passages(self) -> tuple[Passage, ...]:
        """Return what is kept, in the order of the times."""
        with self.lock:
            # The ports are read in turn, so two frames that came at almost one time may be swapped.
            entries = sorted(self._entries, key=lambda entry: entry.time)
            return tuple(entry.passage() for entry in entries)

    def clear(self) -> None:
        """Forget all frames."""
        with self.lock:
            self._entries.clear()
