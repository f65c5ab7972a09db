"""A cable between two hosts: what it does to frames can be changed while they cross it.

    cable = lan.Cable("client", "server", delay=0.02, loss=0.01)    # in both directions
    cable.delay = 0.05
    cable.toward("server").loss = 0.5                               # in one
    cable.rules.append(lan.drop(lan.syn, first=1))
    cable.cut()
    cable.heal()
    cable.passages                                                  # what became of each frame
    cable.trace()                                                   # of a connection's segments

It is pure logic. `carry` is the task that moves frames between a cable and its ports. Any thread
may change a cable and read its passages, while frames cross it.
"""

from __future__ import annotations

import random
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trio_echo.observe.packets import Trace
from trio_echo.observe.packets.files import pcap
from trio_echo.writing import followed, whole

from .direction import Direction
from .errors import SettingError
from .record import Record
from .rules import Rule, Rules
from .settings import Adjustable, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from trio_echo.observe.packets.passage import Fate, Passage


# How many frames are kept: 75 MB at most, of 1500 bytes each.
_KEEP = 50_000


class Cable(Adjustable):
    """A cable with two ends.

    Args:
        left: the name of one end.
        right: the name of the other end.
        delay: as for `Settings`, in both directions, as are all settings here.
        jitter: as for `Settings`.
        rate: as for `Settings`.
        queue: as for `Settings`.
        loss: as for `Settings`.
        duplicate: as for `Settings`.
        reorder: as for `Settings`.
        corrupt: as for `Settings`.
        seed: of the lots that are drawn; by default a new one.
        keep: how many passages are kept, the newest.

    Attributes:
        ends: the names of both ends.
        seed: as given, or the new one.

    Raises:
        SettingError: a setting is out of range, or both ends have one name.
        TypeError: a setting is not a number.
    """

    __slots__ = ("_is_plugged", "_record", "_rules", "_toward", "ends", "seed")

    def __init__(
        self,
        left: str,
        right: str,
        *,
        delay: float = 0.0,
        jitter: float = 0.0,
        rate: float | None = None,
        queue: int = 1000,
        loss: float = 0.0,
        duplicate: float = 0.0,
        reorder: float = 0.0,
        corrupt: float = 0.0,
        seed: int | None = None,
        keep: int = _KEEP,
    ) -> None:
        if left == right:
            raise SettingError(f"both ends of the cable are named {left!r}")
        if keep < 0:
            raise SettingError(f"keep must be 0 frames or more, not {keep}")
        settings = Settings(
            delay=delay,
            jitter=jitter,
            rate=rate,
            queue=queue,
            loss=loss,
            duplicate=duplicate,
            reorder=reorder,
            corrupt=corrupt,
        )
        self.ends = (left, right)
        self._is_plugged = False
        self._rules = Rules(self.toward)
        self.seed = random.randrange(1 << 32) if seed is None else seed  # noqa: S311 - no secret
        self._record = Record(keep)
        self._toward = {
            target: Direction(
                source,
                target,
                settings,
                rules=self._rules,
                record=self._record,
                seed=f"{self.seed} toward {index}",
            )
            for index, (source, target) in enumerate(((right, left), (left, right)))
        }

    @property
    def rules(self) -> list[Rule]:
        """What happens to certain frames. The list may be changed at any time.

        Raises:
            SettingError: a new rule has a source that is not an end of this cable.
        """
        return self._rules

    @rules.setter
    def rules(self, rules: list[Rule]) -> None:
        self._rules[:] = rules  # the directions have this list

    @property
    def words(self) -> str:
        """What it does to frames, in words; empty if it is perfect."""
        ways = {str(one.settings) for one in self.directions}
        if len(ways) > 1:
            each = ((one.target, str(one.settings) or "perfect") for one in self.directions)
            ways = {f"toward {target} {what}" for target, what in each}
        return ", ".join([*sorted(filter(None, ways)), *(["cut"] if self.is_cut else [])])

    def __repr__(self) -> str:
        counts = [f"{count} {fate}" for fate, count in self.counts.items()]
        words = ", ".join([self.words or "perfect", *counts])
        return f"<Cable {' and '.join(self.ends)}: {words}>"

    @contextmanager
    def plugged(self) -> Iterator[None]:
        """Be in use during a `with` block.

        Raises:
            SettingError: it is in use.
        """
        if self._is_plugged:
            raise SettingError(f"the cable between {self.ends[0]} and {self.ends[1]} is in use")
        self._is_plugged = True
        try:
            yield
        finally:
            self._is_plugged = False

    def toward(self, end: str) -> Direction:
        """Return the direction in which frames leave at this end.

        Raises:
            SettingError: the cable has no such end.
        """
        try:
            return self._toward[end]
        except KeyError:
            names = " and ".join(self.ends)
            raise SettingError(f"the cable has no end {end!r}: its ends are {names}") from None

    @property
    def directions(self) -> tuple[Direction, ...]:
        """Both directions."""
        return tuple(self._toward.values())

    @property
    def settings(self) -> Settings:
        """The settings of both directions.

        Raises:
            SettingError: they differ. Ask `toward(end)` then.
        """
        one, other = self.directions
        if one.settings != other.settings:
            raise SettingError("the directions of the cable differ: ask cable.toward(end)")
        return one.settings

    def change(self, **settings: Any) -> None:
        """Change settings in both directions, while frames are inside."""
        for direction in self.directions:
            direction.change(**settings)

    def cut(self) -> None:
        """Lose every frame that is inside, and all that enter until `heal`."""
        for direction in self.directions:
            direction.cut()

    def heal(self) -> None:
        """Let frames pass again."""
        for direction in self.directions:
            direction.heal()

    @property
    def is_cut(self) -> bool:
        """Whether it is cut in both directions."""
        return all(direction.is_cut for direction in self.directions)

    @property
    def counts(self) -> Counter[Fate]:
        """How many frames had each fate, in both directions."""
        return sum((direction.counts for direction in self.directions), Counter())

    @property
    def passages(self) -> tuple[Passage, ...]:
        """The newest frames and what became of them, in the order in which they entered.

        A cut and a new rate may still change what is said about frames that are inside.
        """
        return self._record.passages()

    def trace(self, port: int | None = None) -> Trace:
        """Return the first TCP connection among the passages, with what became of each segment.

        Args:
            port: of its client or server; by default any.

        Raises:
            CaptureError: no connection begins in them.
        """
        return Trace.from_passages(self.passages, port=port)

    def save(self, path: str | Path) -> None:
        """Write a capture file of all frames that entered, which tcpdump and Wireshark open.

        Raises:
            OSError: it cannot be written.
        """
        frames = [pcap.Frame(one.time, one.data) for one in self.passages]
        with whole(followed(path)) as file:
            file.write(pcap.pack(frames))

    def clear(self) -> None:
        """Forget the passages and set the counts back to 0."""
        self._record.clear()
        for direction in self.directions:
            direction.forget()

    def on_passage(self, sink: Callable[[Passage], object] | None) -> None:
        """Call a function with every passage when the frame enters; `None` for no function."""
        self._record.sink = sink
