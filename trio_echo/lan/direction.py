"""One direction of a cable: frames go in with the time, and come out when their time has come.

It is pure logic: no clock, no sockets, no tasks. A frame is treated in this order:

1. If the cable is cut, the frame is lost.
2. With a rate, it waits until those before it are sent. If the queue is full, it is dropped. So
   it is if too much is inside for this process's memory, for example with an hour's delay.
3. Rules act on it, then the shares: it may be lost, corrupted, duplicated or reordered.
4. It travels for the delay and the jitter, and leaves.

All of this is decided when the frame enters, so its record is complete at once. Two changes from
outside reach frames that are inside: a cut loses them, and a new rate plans those that are not yet
sent again. A new delay is for the frames that enter after it.

Frames leave in the order in which they entered, unless `reorder`, a rule or a duplicate says
otherwise: a frame with less jitter than the one before it leaves together with that one.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from trio_echo.observe.packets.passage import Fate

from .corruption import corrupted
from .matching import Candidate
from .record import Entry, Record
from .rules import Rule, Treatment
from .sending import SendQueue
from .settings import Adjustable

if TYPE_CHECKING:
    from collections.abc import Callable

    from .settings import Settings

_SECOND = 1_000_000_000
# Nanoseconds that a frame waits for one that overtakes it: if none comes, it leaves.
LONGEST_HOLD = 10_000_000
# Bytes of memory for what is inside, and for one frame beside its data.
_ROOM, _OVERHEAD = 1 << 28, 500


def _weight(entry: Entry) -> int:
    return len(entry.data) + _OVERHEAD


class Direction(Adjustable):
    """One direction of a cable.

    Args:
        source: the name of the end where frames enter.
        target: the name of the end where they leave.
        settings: what happens to them on the way.
        rules: what happens to certain frames. The list may be changed at any time.
        record: where their passages are kept. Its lock is held during every change here, so that
            any thread may make one.
        seed: of the lots that are drawn. The same frames, settings and seed give the same fates.

    Attributes:
        is_cut: whether the cable is cut in this direction.
    """

    __slots__ = (
        "_changed",
        "_counts",
        "_heap",
        "_held",
        "_latest_arrival",
        "_lock",
        "_lots",
        "_numbers",
        "_record",
        "_rules",
        "_sending",
        "_settings",
        "_weight",
        "is_cut",
        "source",
        "target",
    )

    def __init__(
        self,
        source: str,
        target: str,
        settings: Settings,
        *,
        rules: list[Rule],
        record: Record,
        seed: str,
    ) -> None:
        self.source = source
        self.target = target
        self.is_cut = False
        self._settings = settings
        self._rules = rules
        self._record = record
        self._lock = record.lock
        self._counts: Counter[Fate] = Counter()
        self._changed: Callable[[], object] | None = None
        self._lots = random.Random(seed)  # noqa: S311 - repeatable, no secret
        self._numbers = count()
        # What is inside: when it leaves, its number among those that leave together, the frame.
        self._heap: list[tuple[int, int, Entry]] = []
        # The bytes of memory that all copies inside take.
        self._weight = 0
        # What waits to be overtaken.
        self._held: list[Entry] = []
        self._sending = SendQueue(settings.rate)
        self._latest_arrival = 0

    @property
    def settings(self) -> Settings:
        """All settings."""
        return self._settings

    def change(self, **settings: Any) -> None:
        """Change settings while frames are inside."""
        with self._lock:
            self._settings = replace(self._settings, **settings)
            if self._changed is not None:
                self._changed()

    @property
    def counts(self) -> Counter[Fate]:
        """How many frames had each fate."""
        with self._lock:
            return self._counts.copy()

    def on_change(self, call: Callable[[], object] | None) -> None:
        """Call a function after each change that may let frames leave before `next_due` said.

        It is called in the thread that makes the change; `None` for no function.
        """
        with self._lock:
            self._changed = call

    @property
    def inside(self) -> int:
        """How many copies of frames are on their way."""
        with self._lock:
            return len(self._heap) + sum(len(entry.arrivals) for entry in self._held)

    def cut(self) -> None:
        """Lose every frame that is inside, and all that enter until `heal`."""
        with self._lock:
            self.is_cut = True
            self._lose_all()

    def _lose_all(self) -> None:
        inside = [(entry, 1) for _, _, entry in self._heap]
        inside += [(entry, len(entry.arrivals)) for entry in self._held]
        for entry, copies in inside:
            entry.arrivals = entry.arrivals[copies:]
            if not entry.arrivals:
                self._counts[entry.fate] -= 1
                self._counts[Fate.CUT] += 1
                entry.fate = Fate.CUT
        self._heap.clear()
        self._weight = 0
        self._held.clear()
        self._sending.clear()
        self._latest_arrival = 0

    def heal(self) -> None:
        """Let frames pass again."""
        self.is_cut = False

    def take(self, data: bytes, now: int) -> None:
        """Let a frame enter and decide its fate.

        Args:
            data: the frame, from its Ethernet header on.
            now: when it came to the cable, in nanoseconds since the epoch. This may be before the
                last call of `due`, but not before the frame that came last.

        Raises:
            Exception: what the function of a rule raises.
        """
        with self._lock:
            self._keep_to_rate(now)
            entry = Entry(now, self.source, data)
            if self.is_cut:
                entry.fate = Fate.CUT
            elif self._weight > _ROOM or not self._sending.add(entry, self._settings.queue):
                entry.fate = Fate.QUEUE_FULL
            else:
                self._send(entry)
            self._counts[entry.fate] += 1
            self._record.add(entry)

    @property
    def next_due(self) -> int | None:
        """When the next frame leaves, in nanoseconds since the epoch; `None` if none is inside."""
        with self._lock:
            times = [entry.arrivals[0] for entry in self._held]
            if self._heap:
                times.append(self._heap[0][0])
            return min(times, default=None)

    def due(self, now: int, most: int | None = None) -> list[bytes]:
        """Return the frames that leave until now, in their order.

        Args:
            now: the time, as for `take`.
            most: how many at most. The others stay inside, and are due at once.
        """
        frames: list[bytes] = []
        with self._lock:
            self._keep_to_rate(now)
            for entry in [one for one in self._held if one.arrivals[0] <= now]:
                self._held.remove(entry)
                self._leave(entry, entry.arrivals[0], len(entry.arrivals))
            heap = self._heap
            while heap and heap[0][0] <= now and len(frames) != most:
                entry = heapq.heappop(heap)[2]
                self._weight -= _weight(entry)
                frames.append(entry.received)
        return frames

    def forget(self) -> None:
        """Set the counts back to 0."""
        with self._lock:
            self._counts.clear()

    def _keep_to_rate(self, now: int) -> None:
        """If the rate has changed, what is not yet sent arrives at other times."""
        if self._sending.rate == self._settings.rate:
            return
        ahead = [entry for _, _, entry in self._heap if entry.in_turn and entry.sent <= now]
        changes = self._sending.change_rate(self._settings.rate, now)
        if not changes:
            return
        latest = max((entry.arrivals[0] for entry in ahead), default=0)
        for entry, later in changes:
            if entry.arrivals:
                arrival = entry.arrivals[0] + later
                if entry.in_turn:
                    arrival = latest = max(arrival, latest)
                entry.arrivals = (arrival,) * len(entry.arrivals)
        self._latest_arrival = latest
        self._heap = [(entry.arrivals[0], number, entry) for _, number, entry in self._heap]
        heapq.heapify(self._heap)

    def _send(self, entry: Entry) -> None:
        """Decide what the wire does to a frame, and when it leaves."""
        treatment = self._treatment(entry)
        if self.is_cut:  # by the function of a rule
            entry.fate = Fate.CUT
            return
        if treatment.lost:
            entry.fate = Fate.LOST
            return
        settings = self._settings
        arrival = entry.sent + round(settings.delay * _SECOND)
        if settings.jitter:
            arrival += round(self._lots.random() * settings.jitter * _SECOND)
        if treatment.copies > 1:
            entry.fate = Fate.DUPLICATED
        if treatment.behind or treatment.late:
            entry.in_turn = False
            entry.fate = Fate.REORDERED
        if treatment.corrupt:
            entry.received = corrupted(entry.data, self._lots)
            if entry.received is not entry.data:
                entry.fate = Fate.CORRUPTED
        arrival = max(arrival, self._latest_arrival)
        self._weight += treatment.copies * _weight(entry)
        if treatment.behind:
            entry.behind = treatment.behind
            entry.arrivals = (arrival + treatment.late + LONGEST_HOLD,) * treatment.copies
            self._held.append(entry)
            return
        self._leave(entry, arrival + treatment.late, treatment.copies)
        if not treatment.late:
            self._latest_arrival = arrival
            self._overtake(arrival)

    def _treatment(self, entry: Entry) -> Treatment:
        treatment = Treatment()
        if self._rules:
            candidate = Candidate(entry.data, self.source)
            for rule in tuple(self._rules):  # a rule's function may change the list
                suffered = rule.consult(candidate, entry.time)
                if suffered is not None:
                    treatment.add(suffered)
        settings, draw = self._settings, self._lots.random
        if settings.loss and draw() < settings.loss:
            treatment.lost = True
        if settings.corrupt and draw() < settings.corrupt:
            treatment.corrupt = True
        if settings.duplicate and draw() < settings.duplicate:
            treatment.copies += 1
        if settings.reorder and draw() < settings.reorder:
            treatment.behind = max(treatment.behind, 1)
        return treatment

    def _leave(self, entry: Entry, arrival: int, copies: int) -> None:
        entry.arrivals = (arrival,) * copies
        for _ in range(copies):
            heapq.heappush(self._heap, (arrival, next(self._numbers), entry))

    def _overtake(self, arrival: int) -> None:
        """Let a frame overtake those that are held."""
        for entry in list(self._held):
            entry.behind -= 1
            if entry.behind == 0:
                self._held.remove(entry)
                self._leave(
                    entry, max(arrival, entry.arrivals[0] - LONGEST_HOLD), len(entry.arrivals)
                )
