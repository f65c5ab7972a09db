"""A network as a picture: hosts, their interfaces, and the cables between them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, Protocol

from matplotlib.patches import FancyBboxPatch

from .canvas import BLUE, GREY, INK, ORANGE, PAPER, SKY, Picture
from .lettering import width, wrap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from trio_echo.lan import Cable, Host
    from trio_echo.lan.plan import HostPlan

# Inches.
_MARGIN, _PAD, _LINE, _NAME, _BETWEEN = 0.15, 0.14, 0.19, 0.3, 0.25
_CABLE = 2.0
_SWITCH = 1.1  # the least width of what is in the middle
_LARGE, _SMALL = 10.5, 8.5  # points


class Network(Protocol):
    """What `lan.hosts` yields."""

    @property
    def hosts(self) -> Mapping[str, Host | HostPlan]:
        """Hosts by name."""

    @property
    def cables(self) -> Mapping[str, Cable]:
        """Cables by the names of the hosts that they lead to."""


class _Link(NamedTuple):
    """A cable: the names of its ends, and what it does to frames, in words."""

    left: str
    right: str
    words: str


class _Box(NamedTuple):
    """What a rectangle contains: a name, and lines for each interface."""

    name: str
    ports: Sequence[Sequence[str]]

    @property
    def width(self) -> float:
        texts = [width(line, _SMALL) for port in self.ports for line in port]
        return max([width(self.name, _LARGE, bold=True), *texts]) + 2 * _PAD

    @property
    def height(self) -> float:
        return _NAME + _LINE * sum(map(len, self.ports)) + _PAD


def network(net: Network) -> Picture:
    """Draw two hosts and their cable, or several around a switch or a router.

    Args:
        net: what `lan.hosts` yields.
    """
    hosts = net.hosts
    different = {id(one): one for one in net.cables.values()}  # that of two hosts is there twice
    links = [_Link(*one.ends, one.words) for one in different.values()]
    middle, outer = _places(links)
    boxes = [_Box(name, _ports(hosts, name)) for name in outer]
    words = "; ".join(f"{one.left} to {one.right} {one.words}".rstrip() for one in links)
    if middle is None:
        columns = [[0], [1]]
    else:
        half = (len(outer) + 1) // 2
        columns = [list(range(half)), list(range(half, len(outer)))]
    row = max(box.height for box in boxes) + _BETWEEN
    rows = max(map(len, columns))
    ports = [] if middle is None else _ports(hosts, middle)
    core = _middle_width(middle, ports, columns)
    sides = [max((boxes[one].width for one in column), default=0.0) for column in columns]
    cables = _CABLE if middle is None else _CABLE * len([one for one in columns if one])
    total = 2 * _MARGIN + sum(sides) + core + cables
    picture = Picture(total, 2 * _MARGIN + rows * row - _BETWEEN, f"network: {words}")
    axes = picture.sheet()
    centre = _MARGIN + sides[0] + _CABLE  # the left edge of what is in the middle
    if middle is not None:
        _rectangle(axes, centre, _MARGIN, core, rows * row - _BETWEEN, SKY if ports else GREY)
        _write(axes, centre + core / 2, _MARGIN + _NAME / 2 + 0.03, middle, _LARGE, bold=True)
    for side, column in enumerate(columns):
        # A short column stands at half height.
        top = _MARGIN + (rows - len(column)) * row / 2
        for place, number in enumerate(column):
            box, y = boxes[number], top + place * row
            x = _MARGIN if side == 0 else total - _MARGIN - box.width
            _draw_box(axes, x, y, box)
            ends = (x + box.width, centre) if side == 0 else (centre + core, x)
            height = y + _NAME + (box.height - _NAME) / 2
            if middle is None and side == 1:
                continue  # the cable of two hosts is drawn from the left one
            if middle is None:
                ends = (x + box.width, total - _MARGIN - boxes[1].width)
            _cable(axes, ends, height, links[number].words)
            if ports:
                _port(axes, ends[1 - side], height, ports[number], left=side == 0)
    return picture


def _places(links: Sequence[_Link]) -> tuple[str | None, list[str]]:
    """Return the name in the middle, if there are several cables, and the names around it."""
    if len(links) == 1:
        return None, [links[0].left, links[0].right]
    counts = Counter(end for one in links for end in (one.left, one.right))
    ((middle, _),) = counts.most_common(1)
    return middle, [one.right if one.left == middle else one.left for one in links]


def _ports(hosts: Mapping[str, Host | HostPlan], name: str) -> list[list[str]]:
    """Return the lines that describe each interface; a switch has none."""
    if name not in hosts:
        return []
    return [
        [f"{one.name}, MTU {one.mtu}", one.ipv4, one.ipv6, one.mac]
        for one in hosts[name].interfaces
    ]


def _middle_width(
    middle: str | None, ports: Sequence[Sequence[str]], columns: Sequence[Sequence[int]]
) -> float:
    if middle is None:
        return 0.0
    # An interface is written beside its cable, so two stand next to each other.
    across = [
        max((width(line, _SMALL) for one in column if ports for line in ports[one]), default=0.0)
        for column in columns
    ]
    name = width(middle, _LARGE, bold=True) + 2 * _PAD
    return max(_SWITCH, name, sum(across) + 4 * _PAD)


def _draw_box(axes: Axes, x: float, y: float, box: _Box) -> None:
    _rectangle(axes, x, y, box.width, box.height, ORANGE)
    _write(axes, x + box.width / 2, y + _NAME / 2 + 0.03, box.name, _LARGE, bold=True)
    lines = [line for port in box.ports for line in port]
    for number, line in enumerate(lines):
        _write(axes, x + box.width / 2, y + _NAME + _LINE * (number + 0.5), line, _SMALL)


def _port(axes: Axes, x: float, height: float, lines: Sequence[str], *, left: bool) -> None:
    """Write an interface of what is in the middle, beside its cable."""
    for number, line in enumerate(lines):
        y = height + _LINE * (number - (len(lines) - 1) / 2)
        if left:
            _write(axes, x + _PAD, y, line, _SMALL, side="left")
        else:
            _write(axes, x - _PAD, y, line, _SMALL, side="right")


def _cable(axes: Axes, ends: tuple[float, float], height: float, words: str) -> None:
    start, end = ends
    axes.plot([start, end], [height, height], color=BLUE, linewidth=3, solid_capstyle="butt")
    lines = wrap(words.replace(",", ", ").replace("  ", " "), end - start - 2 * _PAD, _SMALL)
    for number, line in enumerate(lines):
        y = height - 0.06 - _LINE * (len(lines) - number - 0.5)
        _write(axes, (start + end) / 2, y, line, _SMALL)


def _rectangle(axes: Axes, x: float, y: float, wide: float, high: float, colour: str) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x, y),
            wide,
            high,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=PAPER,
            edgecolor=colour,
            linewidth=2,
            zorder=3,
        )
    )


def _write(
    axes: Axes,
    x: float,
    y: float,
    text: str,
    size: float,
    *,
    bold: bool = False,
    side: str = "center",
) -> None:
    axes.text(
        x,
        y,
        text,
        fontsize=size,
        fontweight="bold" if bold else "normal",
        horizontalalignment=side,
        verticalalignment="center",
        color=INK,
        parse_math=False,
        zorder=4,
    )
