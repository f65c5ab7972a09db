"""Checks each line of a server's screen while clients try to forge, hide or tear lines."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

_END = r"IP address=[0-9a-f.:%]+, port=\d+"
_CLIENT = r"(?:\d+\.\d+\.\d+\.\d+|\[[0-9a-f:%]+\]):\d+"
_FORMS = {
    "blank": r"",
    "listening": rf"\[TCP server\] listening: {_END}",
    "connected": rf"\[TCP server\] client connected: {_END}",
    "closed": rf"\[TCP server\] client closed: {_END}",
    "text": rf"\[TCP/{_CLIENT}\] .*",
    "failed": r"\[(?:recv|send|accept|do_handshake)\(\)\] .+",
    "dropped": rf"\[TCP server\] [\d,]+ lines?(?P<of> of {_CLIENT})? not shown",
    "folded": (
        r"\[TCP server\] [\d,]+ more (?:clients? left without sending anything|handshakes? failed):"
        r" IP address=[0-9a-f.:%]+(?: \(.+\))?"
    ),
    "server": r"\[TCP server\] (?:stopping|stopped|limit of|worker \d+ restarted)\b[^[]*",
}
_KNOWN = re.compile("|".join(f"(?P<{name}>{form})" for name, form in _FORMS.items()))
# What a terminal might obey, or not show: control and format characters, other ends of lines. The
# joiners of Arabic and Indic scripts stay.
_JOINERS = str.maketrans("", "", "\u200c\u200d")
_HARMFUL = {"Cc", "Cf", "Zl", "Zp", "Cn", "Cs"}
_WIDTH = 150  # of a line in a fault, in characters
_KEPT = 20  # faults


class CheckedScreen:
    """The lines that a server wrote, counted by kind.

    Attributes:
        lines: how many there were of each kind.
        gaps: how many of them stand for missing lines of several clients, or of the server.
        rest: the beginning of the next line.
        faults: lines that are not whole, or contain what a terminal might obey; the first ones.
    """

    def __init__(self) -> None:
        self.lines: Counter[str] = Counter()
        self.gaps = 0
        self.faults: list[str] = []
        self.rest = b""

    def feed(self, data: bytes | bytearray) -> None:
        """Take a piece of the output."""
        *lines, self.rest = (self.rest + bytes(data)).split(b"\n")
        for line in lines:
            self._check(line)

    def _check(self, line: bytes) -> None:
        try:
            text = line.decode()
        except UnicodeDecodeError:
            self._fault(f"not UTF-8: {line!r}")
            return
        if not _HARMFUL.isdisjoint(map(unicodedata.category, text.translate(_JOINERS))):
            self._fault(f"not safe: {line!r}")
            return
        known = _KNOWN.fullmatch(text)
        if known is None:
            self._fault(f"not a whole line: {line!r}")
            return
        self.lines[str(known.lastgroup)] += 1
        self.gaps += known.lastgroup == "dropped" and known["of"] is None

    def _fault(self, words: str) -> None:
        if len(self.faults) < _KEPT:
            self.faults.append(words[:_WIDTH])
