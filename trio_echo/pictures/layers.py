"""Frames as a picture: the header of each layer, and the data."""

from __future__ import annotations

from trio_echo.observe.packets.layers import Layers

from .canvas import GREEN, GREY, ORANGE, SKY, Picture, tint

# More data would leave no room for the headers.
_MOST = 30


def layers(*frames: Layers) -> Picture:
    """Draw frames one below the other, each part as wide as its bytes; large data is cut.

    Raises:
        TypeError: a frame is not `Layers`.
        ValueError: no frame is given.
    """
    if not frames:
        raise ValueError("frames: give at least one")
    for one in frames:
        if not isinstance(one, Layers):
            kind = type(one).__name__
            raise TypeError(f"frames: each must be what packets.layers(trace) returns, not {kind}")
    words = "; ".join(
        f"IPv{one.version}: Ethernet {one.link}, IP {one.network}, TCP {one.transport}, "
        f"data {one.data} bytes"
        for one in frames
    )
    picture = Picture(8, 0.7 + 0.6 * len(frames), words)
    axes = picture.figure.add_subplot(xlabel="bytes from the beginning of the frame")
    for row, one in enumerate(frames):
        headers = [
            ("Ethernet", one.link, GREY),
            (f"IPv{one.version}", one.network, ORANGE),
            ("TCP", one.transport, SKY),
        ]
        start = 0
        for name, size, colour in headers:
            axes.barh(row, size, left=start, height=0.62, color=tint(colour), edgecolor=colour)
            axes.text(
                start + size / 2,
                row,
                f"{name} {size}",
                ha="center",
                va="center",
                fontsize=9,
            )
            start += size
        width = min(one.data, _MOST)
        axes.barh(row, width, left=start, height=0.62, color=tint(GREEN), edgecolor=GREEN)
        axes.annotate(  # beside its box, which is usually too narrow for words
            f"data {one.data}" + (", not drawn in full" if one.data > width else ""),
            (start + width, row),
            (5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    longest = max(one.link + one.network + one.transport + min(one.data, _MOST) for one in frames)
    axes.set(
        xlim=(0, longest * (1.12 if all(one.data <= _MOST for one in frames) else 1.35)),
        ylim=(len(frames) - 0.5, -0.5),
        yticks=[],
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
    picture.figure.tight_layout()
    return picture
