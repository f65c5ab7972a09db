"""What a client's screen says besides a server's: its events, its prompt, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_echo.events import DataSent, EchoReceived

from .rows import Rows
from .text import decoded, safe
from .transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trio_echo.events import ClientEvent, ServerEvent

    from .folding import ClientsFolded


class SessionTranscript(Transcript):
    """Turns the events of a client into the lecture's screen lines; see `Transcript`."""

    def lines(self, event: ServerEvent | ClientEvent | ClientsFolded) -> Iterator[str]:
        r"""Yield an event in parts of text; together they are whole lines, ending in `\n`."""
        match event:
            case DataSent(count):
                text = self._ngettext(
                    "[TCP client] {count} byte sent.", "[TCP client] {count} bytes sent.", count
                )
                yield text.format(count=count) + "\n"
            case EchoReceived(data):
                yield from self._echo(data)
            case _:
                yield from super().lines(event)

    @property
    def prompt(self) -> str:
        """The text before the cursor when the client waits for a line."""
        return self._("[data to send] ")

    def closed_by_server(self) -> str:
        """Report that the server closed the connection while the client waited for a line."""
        return self._("[recv()] connection closed by the server")

    def unsolicited(self, count: int) -> str:
        """Report that the server sent bytes that are not an echo."""
        text = self._ngettext(
            "[recv()] received {count} byte that is not an echo",
            "[recv()] received {count} bytes that are not an echo",
            count,
        )
        return text.format(count=count)

    def timed_out(self, received: int, expected: int) -> str:
        """Report that an echo was not complete in time."""
        text = self._("[recv()] timed out after {received} of {expected} bytes")
        return text.format(received=received, expected=expected)

    def interrupted(self, received: int, expected: int) -> str:
        """Report that the user left before an echo was complete."""
        text = self._("[recv()] interrupted after {received} of {expected} bytes")
        return text.format(received=received, expected=expected)

    def differs(self, sent: bytes, received: bytes) -> str:
        """Report where an echo differs from what was sent."""
        at = next(i for i, (a, b) in enumerate(zip(sent, received, strict=True)) if a != b)
        text = self._(
            "[TCP client] the echo differs at byte {number}: "
            "sent 0x{sent:02x}, received 0x{received:02x}"
        )
        return text.format(number=at + 1, sent=sent[at], received=received[at])

    def cannot_express(self, error: UnicodeEncodeError) -> str:
        """Report which character of a line the encoding lacks."""
        character = error.object[error.start]
        text = self._("[encode()] {encoding} cannot encode {character} (U+{code:04X})")
        return text.format(
            encoding=safe(error.encoding), character=safe(character), code=ord(character)
        )

    def _echo(self, data: bytes) -> Iterator[str]:
        text = self._ngettext(
            "[TCP client] {count} byte received.", "[TCP client] {count} bytes received.", len(data)
        )
        yield text.format(count=len(data)) + "\n"
        received = Rows(self._("[received data]"), self._terminal)
        yield received.write(decoded(data, self._encoding)) + "\n"
