"""What the messages of a load consist of: random bytes, or the bytes of a file. No I/O."""

from __future__ import annotations

import random

# Verified messages are slices of random bytes, each from another offset. No two of the latest
# million are equal if they have at least eight bytes. An odd step reaches every offset.
_OFFSETS = 1 << 20
_STEP = 4099


class Contents:
    """The bytes of messages, and which of them each message has.

    Args:
        size: bytes of a message.
        payload: the messages are its bytes in their order, from its beginning again after its end.
            If it is empty, they are random.
        verify: whether echoes are compared: then random messages differ from each other.

    Attributes:
        block: has each message, in one piece.
        varied: whether messages differ. If not, each is the first `size` bytes of the block.
    """

    def __init__(self, size: int, payload: bytes, *, verify: bool) -> None:
        if payload:
            self._offsets, self._step = len(payload), size
            whole = len(payload) + size
            self.block = (payload * -(-whole // len(payload)))[:whole]
            self.varied = verify or len(payload) != size
        else:
            self._offsets, self._step = _OFFSETS, _STEP
            self.block = random.randbytes(_OFFSETS + size if verify else size)  # noqa: S311  no secret
            self.varied = verify
        self._next = 0

    def next(self) -> int:
        """Return where in the block the next message begins."""
        offset = self._next
        self._next = (offset + self._step) % self._offsets
        return offset
