"""Labels beside arrows: each has a place that no arrow, mark or other label crosses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from matplotlib.path import Path
from matplotlib.transforms import Affine2D, Bbox

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Point: TypeAlias = "tuple[float, float]"

# Where a label may be, as shares of the room along its arrow; the best place first.
_ALONG: Sequence[float] = (0.5, 0.0, 1.0, 0.25, 0.75)
_AT_START = (0.0,)
# Inches.
_AWAY, _AWAY_FROM_MARK = 0.04, 0.08  # between an arrow and its label
_AFTER = 0.08  # between a label and the ends of its arrow
_BETWEEN = 0.04  # between the ends of a label and what crosses its arrow
_MARK = 0.075  # half of a mark

_RING = [0, 1, 3, 2, 0]  # the corners of a box, in the order around it


class Arrow(NamedTuple):
    """A straight arrow on a sheet, in inches from the upper left corner."""

    start: Point
    end: Point

    def twice(self) -> Arrow:
        """Return one of twice the length."""
        (x, y), (x_end, y_end) = self
        return Arrow(self.start, (2 * x_end - x, 2 * y_end - y))

    @property
    def length(self) -> float:
        """How long it is."""
        return math.dist(self.start, self.end)

    @property
    def angle(self) -> float:
        """How a text along it is turned, in degrees clockwise; it runs to the right."""
        (left, high), (right, low) = sorted((self.start, self.end))
        return math.degrees(math.atan2(low - high, right - left))


class Place(NamedTuple):
    """Where a label is: its outline, the middle of its lower edge, and how many things cross it."""

    outline: Path
    middle: Point
    crossed: int


class Labels:
    """The labels of a sheet with these arrows and marks."""

    def __init__(self, arrows: Iterable[Arrow], marks: Iterable[Point]) -> None:
        self._taken = [Path([one.start, one.end]) for one in arrows]
        self._taken += [
            Path(Bbox.from_bounds(x - _MARK, y - _MARK, 2 * _MARK, 2 * _MARK).corners()[_RING])
            for x, y in marks
        ]

    def find(
        self, arrow: Arrow, width: float, height: float, *, lost: bool, below: bool = False
    ) -> Place:
        """Find a place for a label beside its arrow: the one with the fewest crossings.

        Args:
            arrow: what it belongs to.
            width: of the label, in inches.
            height: of the label, in inches.
            lost: whether the arrow ends halfway, at a mark; the label may be longer.
            below: whether it is below its arrow, not above.
        """
        shares, away = _ALONG, _AWAY
        if lost:
            arrow, shares, away = arrow.twice(), _AT_START, _AWAY_FROM_MARK
        half = width / 2 + _BETWEEN
        bottom = away + height if below else -away
        box = Bbox.from_extents(-half, bottom - height, half, bottom)
        found = []
        for share in shares:
            point = _point(arrow, width, height, share)
            turned = Affine2D().rotate_deg(arrow.angle).translate(*point)
            here = turned.inverted()
            crossed = sum(one.transformed(here).intersects_bbox(box) for one in self._taken)
            x, y = turned.transform((0, bottom))
            outline = Path(turned.transform(box.corners()[_RING]))
            found.append(Place(outline, (float(x), float(y)), crossed))
            if not crossed:
                break
        return min(found, key=lambda place: place.crossed)

    def take(self, place: Place) -> None:
        """Occupy a place, so that no later label is there."""
        self._taken.append(place.outline)


def _point(arrow: Arrow, width: float, height: float, share: float) -> Point:
    """Return the point of an arrow that is beside the middle of its label."""
    # A far corner of a turned label is beyond the end of its near edge.
    after = _AFTER + (_AWAY_FROM_MARK + height) * math.sin(math.radians(abs(arrow.angle)))
    half = min((width / 2 + after) / arrow.length, 0.5)
    along = half + share * (1 - 2 * half)
    (x, y), (x_end, y_end) = arrow
    return x + along * (x_end - x), y + along * (y_end - y)
