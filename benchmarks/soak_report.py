"""What a soak found: in words, as a file, and as a picture.

    python benchmarks/soak_report.py SOAK.json FILE [--dark]

draws what `soak.py --output SOAK.json` wrote.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from hostile import Tally

from trio_echo.measure.plots.style import DARK, LIGHT
from trio_echo.pictures.canvas import Picture
from trio_echo.quantities import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

_NORMAL = 1.96  # the 97.5 % point of the normal distribution
_WARM = 0.1  # the share of the rounds after which memory is compared
_MIB = 1 << 20


@dataclass
class Rest:
    """The server at rest.

    Attributes:
        second: since the first round began.
        memory: resident bytes of all its processes.
        descriptors: open ones of all its processes.
    """

    second: float
    memory: int
    descriptors: int


@dataclass
class Soak:
    """What happened, and what was found.

    Attributes:
        command: that repeats it.
        seconds: how long it took.
        tally: of the clients of all rounds.
        rests: before the first round, and after each.
        stopped: how often the server was stopped for a moment.
        killed: how many workers were killed.
        parted: how often the cable was cut for a moment.
        lines: of the server's screen, by kind.
        faults: what was not as it should be, a line each.
    """

    command: str
    seconds: float = 0.0
    tally: Tally = field(default_factory=Tally)
    rests: list[Rest] = field(default_factory=list)
    stopped: int = 0
    killed: int = 0
    parted: int = 0
    lines: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def write(found: Soak, path: Path) -> None:
    """Write all of it as JSON."""
    path.write_text(json.dumps(found, default=vars, indent=1), "utf-8")


def read(path: Path) -> Soak:
    """Read what `write` wrote.

    Raises:
        OSError: it cannot be read.
        ValueError: it is something else.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
        found["tally"]["clients"] = Counter(found["tally"]["clients"])
        found["tally"] = Tally(**found["tally"])
        found["rests"] = [Rest(**one) for one in found["rests"]]
        return Soak(**found)
    except (ValueError, TypeError, KeyError) as exc:
        raise ValueError(f"{path}: not the findings of a soak") from exc


def slope(found: Soak) -> tuple[float, float] | None:
    """Fit a line to the memory at rest, without the first tenth of the rounds.

    Returns:
        Its slope in bytes an hour, and half the width of its 95 % interval; `None` if there are too
        few rounds.
    """
    rests = found.rests[1 + int(_WARM * len(found.rests)) :]
    if len(rests) < 5:
        return None
    hours = [one.second / 3600 for one in rests]
    line, covariance = np.polyfit(hours, [one.memory for one in rests], 1, cov=True)
    return float(line[0]), float(_NORMAL * covariance[0, 0] ** 0.5)


def report(found: Soak) -> str:
    """Write what happened, and what was found."""
    tally = found.tally
    lines = [
        f"$ {found.command}",
        f"{found.seconds / 60:.1f} minutes, {tally.clients.total():,} clients",
        f"{tally.clients['behave']:,} well-behaved: {tally.checked / 1e9:.2f} GB compared,"
        f" {len(tally.wrong)} wrong, {tally.cut} cut, slowest echo {duration(tally.slowest * 1e9)}",
        "hostile: "
        + ", ".join(
            f"{number:,} {kind.replace('_', ' ')}"
            for kind, number in sorted(tally.clients.items())
            if kind != "behave"
        ),
        f"the server was stopped for a moment {found.stopped} times; {found.killed} workers killed;"
        f" the cable was cut {found.parted} times",
        "its screen: " + ", ".join(f"{n:,} {kind}" for kind, n in sorted(found.lines.items())),
    ]
    if found.rests:
        first, last = found.rests[0], found.rests[-1]
        open_ = sorted({one.descriptors for one in found.rests[1:]})
        after = " or ".join(map(str, open_))
        lines.append(f"descriptors at rest: {first.descriptors} at first, {after} after each round")
        memory = f"memory at rest: {first.memory / _MIB:.1f} MiB at first, "
        memory += f"{last.memory / _MIB:.1f} MiB at the end"
        if (fitted := slope(found)) is not None:
            change, around = (one / _MIB for one in fitted)
            memory += f", {change:+.2f} ± {around:.2f} MiB an hour after the first rounds"
        lines.append(memory)
    lines += [f"FAULT: {one}" for one in found.faults] or ["no fault was found"]
    return "\n".join(lines)


def draw(found: Soak, *, dark: bool = False) -> Picture:
    """Draw memory and descriptors at rest over time."""
    theme = DARK if dark else LIGHT
    picture = Picture(7.5, 3.6, "Memory and descriptors of a server at rest, after each round")
    picture.figure.set_facecolor(theme.paper)
    minutes = [one.second / 60 for one in found.rests]
    rows = (
        ("memory, MiB", [one.memory / _MIB for one in found.rests]),
        ("descriptors", [float(one.descriptors) for one in found.rests]),
    )
    for number, (name, values) in enumerate(rows):
        axes = picture.figure.add_axes((0.1, 0.6 - 0.45 * number, 0.86, 0.33))
        axes.plot(minutes, values, color=theme.colours[number], marker=".", linewidth=1)
        axes.set_ylim(0, 1.2 * max(values, default=1))
        axes.set_facecolor(theme.paper)
        axes.set_ylabel(name, color=theme.ink, size=9)
        axes.tick_params(labelsize=8, colors=theme.ink)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_color(theme.ink)
    axes.set_xlabel("minutes", color=theme.ink, size=9)
    return picture


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw a soak that was run before, and return the exit status."""
    parser = argparse.ArgumentParser(description="Draw what a soak found.")
    parser.add_argument("findings", metavar="SOAK.json", type=Path)
    parser.add_argument("picture", metavar="FILE", type=Path)
    parser.add_argument("--dark", action="store_true", help="for a dark page")
    options = parser.parse_args(arguments)
    try:
        draw(read(options.findings), dark=options.dark).save(options.picture)
    except (OSError, ValueError) as exc:
        parser.error(str(exc))
    return 0


if __name__ == "__main__":
    sys.exit(main())
