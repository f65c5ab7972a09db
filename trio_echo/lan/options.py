"""A cable's settings as a person writes them: `delay=20ms,loss=1%,rate=50mbit`. No I/O."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from .cable import Cable
from .errors import SettingError
from .plan import LARGEST_MTU, SMALLEST_MTU
from .quantities import parse_count, parse_rate, parse_share, parse_time, rate_text
from .settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NO_SETTINGS = Settings()
_HEADER = 14  # bytes of an Ethernet header

# Frames a second that `carry` surely moves in one direction, between two hosts that share two cores
# with it. It was measured (see carrying.py); a quiet machine carries two or three times as many.
FRAMES_PER_SECOND = 25_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """All that a line of options says. `str()` writes the shortest line that says the same.

    Attributes:
        settings: those of the cable, in both directions.
        seed: of the lots that the cable draws, or `None` for a new one.
        mtu: the largest packet of the link, in bytes.
    """

    settings: Settings = _NO_SETTINGS
    seed: int | None = None
    mtu: int = 1500

    def cable(self, left: str, right: str, **options: Any) -> Cable:
        """Return such a cable.

        Args:
            left: the name of one end.
            right: the name of the other end.
            options: further ones of `Cable`.
        """
        return Cable(left, right, seed=self.seed, **asdict(self.settings), **options)

    def seeded(self, cable: Cable) -> Wire:
        """Return the line that repeats what a cable did: with its seed, if it drew lots."""
        settings = self.settings
        drawn = (settings.jitter, settings.loss, settings.duplicate)
        draws = any((*drawn, settings.reorder, settings.corrupt))
        return replace(self, seed=cable.seed) if draws else self

    @property
    def longest_round_trip(self) -> float:
        """The seconds of a round trip if both queues are full and nothing is lost."""
        settings = self.settings
        one_way = settings.delay + settings.jitter
        if settings.rate is not None:
            one_way += (settings.queue + 1) * (self.mtu + _HEADER) * 8 / settings.rate
        return 2 * one_way

    def __str__(self) -> str:
        parts = [str(self.settings)]
        if self.seed is not None:
            parts.append(f"seed={self.seed}")
        if self.mtu != Wire().mtu:
            parts.append(f"mtu={self.mtu}")
        return ",".join(filter(None, parts))

    @property
    def warning(self) -> str | None:
        """Say if the rate may be beyond what the cable can carry, in one line."""
        rate = self.settings.rate
        most = FRAMES_PER_SECOND * (self.mtu + _HEADER) * 8
        if rate is None or rate <= most:
            return None
        return (
            f"a rate of {rate_text(rate)} may be beyond this cable: it carries some "
            f"{FRAMES_PER_SECOND:,} frames a second, {most / 1e6:.0f}mbit at an MTU of {self.mtu}"
        )


def parse_wire(line: str) -> Wire:
    """Read a line of options; an empty one means a cable that does nothing to frames.

    Raises:
        SettingError: the line is wrong. The message says what, in one line.
    """
    texts: dict[str, str] = {}
    for part in filter(None, line.split(",")):
        key, equals, text = part.partition("=")
        key = key.strip()
        if key not in _READERS:
            raise SettingError(f"{key!r} is not a setting: choose from {', '.join(_READERS)}")
        if not equals:
            raise SettingError(f"{key} has no value: write {key}={_EXAMPLES[_READERS[key]]}")
        if key in texts:
            raise SettingError(f"{key} is given twice")
        texts[key] = text.strip()
    return read_wire(texts)


def read_wire(texts: Mapping[str, str]) -> Wire:
    """Read options by their names, as `parse_wire` reads a line.

    Raises:
        SettingError: a value is wrong. The message says what, in one line.
    """
    values: dict[str, Any] = {}
    for key, text in texts.items():
        try:
            values[key] = _READERS[key](text)
        except SettingError as exc:
            raise SettingError(f"{key}: {exc}") from None
    own = {key: values.pop(key) for key in ("seed", "mtu") if key in values}
    return Wire(settings=Settings(**values), **own)


def parse_mtu(text: str) -> int:
    """Read a link's largest packet in bytes, 1280 to 65535.

    Raises:
        SettingError: it is not one.
    """
    value = parse_count(text)
    if not SMALLEST_MTU <= value <= LARGEST_MTU:
        raise SettingError(f"{text!r} is not {SMALLEST_MTU} to {LARGEST_MTU} bytes")
    return value


_EXAMPLES: dict[Callable[[str], float], str] = {
    parse_time: "20ms",
    parse_rate: "50mbit",
    parse_share: "1%",
    parse_count: "100",
    parse_mtu: "1500",
}
_READERS: dict[str, Callable[[str], float]] = {
    "delay": parse_time,
    "jitter": parse_time,
    "rate": parse_rate,
    "queue": parse_count,
    "loss": parse_share,
    "duplicate": parse_share,
    "reorder": parse_share,
    "corrupt": parse_share,
    "seed": parse_count,
    "mtu": parse_mtu,
}
