"""Message sizes as people write them: `64`, `1K`, `1,64,1K..64K`."""

from __future__ import annotations

import re

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20}
_LARGEST = 1 << 30


def parse_sizes(text: str) -> list[int]:
    """Read a list of sizes in bytes; a range goes on by doubling, and ends with its end.

    Args:
        text: numbers with `K` (1024) or `M` (1024 K), separated by commas; `1K..64K` is a range.

    Raises:
        ValueError: this is no list of sizes.
    """
    sizes: list[int] = []
    for part in text.split(","):
        first, dots, last = part.partition("..")
        size, end = _size(first), _size(last if dots else first)
        if end < size:
            raise ValueError(f"{part!r} is no range: it ends before it begins")
        while size < end:
            sizes.append(size)
            size *= 2
        sizes.append(end)
    return list(dict.fromkeys(sizes))


def _size(text: str) -> int:
    found = re.fullmatch("([0-9]{1,10})([KM]?)", text.strip().upper())
    size = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 1 <= size <= _LARGEST:
        raise ValueError(f"{text!r} is no message size: write bytes, such as 64, 16K or 1M")
    return size
