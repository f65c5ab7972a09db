"""A server's events as lines of text, in the user's language.

All text from a peer goes through `text`, which makes it safe for a terminal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_echo.errors import HANDSHAKE
from trio_echo.events import (
    AcceptFailed,
    CertificatesKept,
    CertificatesReloaded,
    ClientClosed,
    ClientClosedOnPurpose,
    ClientConnected,
    ClientEvent,
    ClientFailed,
    ClientIdle,
    ClientResetOnPurpose,
    ClientsRefused,
    ClientsWaiting,
    Connection,
    DataReceived,
    Draining,
    FamilyMissing,
    HandshakeFailed,
    LinesMissing,
    Listening,
    ServerEvent,
    Stopped,
    WorkerDied,
    WorkerReplaced,
)

from .folding import ClientsFolded
from .reasons import Reasons
from .text import PeerText, safe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from gettext import NullTranslations

    from trio_echo.addresses import Endpoint

    from .rows import Terminal


class Transcript:
    """Turns events into the lecture's screen lines.

    Args:
        translations: the language, from `language.translations`.
        encoding: of the peers' text; bytes that are not text in it are escaped.
        terminal: the terminal that shows the lines; `None` if nothing wraps.
    """

    def __init__(
        self,
        translations: NullTranslations,
        encoding: str,
        terminal: Terminal | None = None,
    ) -> None:
        self._encoding = encoding
        self._terminal = terminal
        self._texts: dict[Connection, PeerText] = {}
        self._reasons = Reasons(translations)
        self._ = translations.gettext
        self._ngettext = translations.ngettext

    def lines(self, event: ServerEvent | ClientEvent | ClientsFolded) -> Iterator[str]:
        r"""Yield an event in parts of text; together they are whole lines, ending in `\n`."""
        _ = self._
        match event:
            case DataReceived(connection, data):  # first, because it is by far the most common
                yield from self.pieces_of(connection).lines(data)
            case Listening(endpoint):
                yield self._located(
                    _("[TCP server] listening: IP address={host}, port={port}"), endpoint
                )
            case FamilyMissing(error):
                text = _("{error} (skipped; serving the other addresses)")
                yield text.format(error=self.describe(error)) + "\n"
            case AcceptFailed(error) | HandshakeFailed(error=error):
                yield self.describe(error) + "\n"
            case CertificatesReloaded():
                yield _("[TCP server] certificate reloaded") + "\n"
            case CertificatesKept(error):
                text = _("{error} (the old certificate stays)")
                yield text.format(error=self.describe(error)) + "\n"
            case WorkerDied():
                self._end_all()  # its clients' texts end without an event
                yield self._worker_died(event)
            case WorkerReplaced(number):
                yield _("[TCP server] worker {number} restarted").format(number=number) + "\n"
            case LinesMissing(count, None):
                # A client's next piece may begin within a character.
                self._end_all()
                yield self.dropped(count)
            case LinesMissing(count, Connection() as connection):
                self._pop(connection)
                yield self._dropped_of(connection, count)
            case ClientsWaiting(max_clients):
                text = self._ngettext(
                    "[TCP server] limit of {count} client reached: further clients wait",
                    "[TCP server] limit of {count} clients reached: further clients wait",
                    max_clients,
                )
                yield text.format(count=max_clients) + "\n"
            case ClientsRefused():
                yield self._refused(event)
            case ClientConnected(connection):
                yield "\n" + self._located(
                    _("[TCP server] client connected: IP address={host}, port={port}"),
                    connection.remote,
                )
            case ClientFailed(connection, error):
                yield from self._end(connection)
                yield self._reasons.of_client(error) + "\n"
            case ClientIdle(connection, idle_timeout):
                yield from self._end(connection)
                text = _("[TCP server] client idle for {seconds:g} s")
                yield text.format(seconds=idle_timeout) + "\n"
            case ClientResetOnPurpose(connection, echoed):
                yield from self._end(connection)
                text = self._ngettext(
                    "[TCP server] reset on purpose after {count} byte",
                    "[TCP server] reset on purpose after {count} bytes",
                    echoed,
                )
                yield text.format(count=echoed) + "\n"
            case ClientClosedOnPurpose(connection, echoed):
                yield from self._end(connection)
                text = self._ngettext(
                    "[TCP server] closed on purpose after {count} byte",
                    "[TCP server] closed on purpose after {count} bytes",
                    echoed,
                )
                yield text.format(count=echoed) + "\n"
            case ClientClosed(connection):
                yield from self._end(connection)
                yield self._located(
                    _("[TCP server] client closed: IP address={host}, port={port}"),
                    connection.remote,
                )
            case ClientsFolded():
                yield self._folded(event)
            case Draining(clients, grace):
                text = self._ngettext(
                    "[TCP server] stopping: {count} client has {seconds:g} s to finish",
                    "[TCP server] stopping: {count} clients have {seconds:g} s to finish",
                    clients,
                )
                yield text.format(count=clients, seconds=grace) + "\n"
            case Stopped():
                yield self._stopped(event)

    def dropped(self, count: int) -> str:
        """Report that lines are missing here."""
        text = self._ngettext(
            "[TCP server] {count} line not shown", "[TCP server] {count} lines not shown", count
        )
        return text.format(count=count) + "\n"

    def _dropped_of(self, connection: Connection, count: int) -> str:
        text = self._ngettext(
            "[TCP server] {count} line of {client} not shown",
            "[TCP server] {count} lines of {client} not shown",
            count,
        )
        return text.format(count=count, client=safe(str(connection.remote))) + "\n"

    def open_to_all(self) -> str:
        """Say what `--any` means without `--allow`."""
        return self._(
            "[TCP server] anyone who reaches this machine can connect; --allow NETWORK limits that"
        )

    def self_signed(self, command: str) -> str:
        """Say how a client trusts the certificate of `--tls-self-signed`."""
        text = self._("[TCP server] self-signed certificate; a client that trusts it: {command}")
        return text.format(command=safe(command))

    def metrics_at(self, url: str) -> str:
        """Say where the metrics are."""
        return self._("[TCP server] metrics: {url}").format(url=safe(url))

    def describe(self, error: Exception) -> str:
        """Describe in one line which call failed, why, and on what."""
        return self._reasons.describe(error)

    def _located(self, text: str, endpoint: Endpoint) -> str:
        return text.format(host=safe(endpoint.host), port=endpoint.port) + "\n"

    def _refused(self, event: ClientsRefused) -> str:
        text = self._ngettext(
            "[TCP server] {count} client refused: IP address={host}, port={port} ({reason})",
            "[TCP server] {count} clients refused, the last one: "
            "IP address={host}, port={port} ({reason})",
            event.clients,
        )
        host, port = event.remote
        reason = self._reasons.of_refusal(event.reason)
        return text.format(count=event.clients, host=safe(host), port=port, reason=reason) + "\n"

    def _folded(self, event: ClientsFolded) -> str:
        if event.error is not None and event.error.call == HANDSHAKE:
            text = self._ngettext(
                "[TCP server] {count} more handshake failed: IP address={host}",
                "[TCP server] {count} more handshakes failed: IP address={host}",
                event.clients,
            )
        else:
            text = self._ngettext(
                "[TCP server] {count} more client left without sending anything: IP address={host}",
                "[TCP server] {count} more clients left without sending anything: "
                "IP address={host}",
                event.clients,
            )
        line = text.format(count=event.clients, host=safe(event.host))
        why = "" if event.error is None else f" ({self._reasons.of_call(event.error)})"
        return f"{line}{why}\n"

    def _stopped(self, event: Stopped) -> str:
        counted = [
            self._ngettext(
                "[TCP server] stopped: {count} client served",
                "[TCP server] stopped: {count} clients served",
                event.clients,
            ).format(count=event.clients),
            self._ngettext("{count} byte echoed", "{count} bytes echoed", event.echoed).format(
                count=event.echoed
            ),
        ]
        if event.cut_off:
            text = self._ngettext(
                "{count} client cut off", "{count} clients cut off", event.cut_off
            )
            counted.append(text.format(count=event.cut_off))
        if event.refused:
            text = self._ngettext(
                "{count} client refused", "{count} clients refused", event.refused
            )
            counted.append(text.format(count=event.refused))
        if event.failed_handshakes:
            text = self._ngettext(
                "{count} handshake failed", "{count} handshakes failed", event.failed_handshakes
            )
            counted.append(text.format(count=event.failed_handshakes))
        return ", ".join(counted) + "\n"

    def _worker_died(self, event: WorkerDied) -> str:
        text = self._ngettext(
            "[TCP server] worker {number} died: {cause}; {count} client cut off",
            "[TCP server] worker {number} died: {cause}; {count} clients cut off",
            event.clients,
        )
        line = text.format(
            number=event.number, cause=self._reasons.of_end(event.cause), count=event.clients
        )
        if event.pause is not None:
            line += self._("; restarting in {seconds:g} s").format(seconds=event.pause)
        return line + "\n"

    def pieces_of(self, connection: Connection) -> PeerText:
        """Return what writes the next piece of a client; it may be another one each time."""
        # The key is the whole connection: each worker process numbers its own connections.
        if connection not in self._texts:
            prefix = safe(f"[TCP/{connection.remote}]")
            self._texts[connection] = PeerText(prefix, self._encoding, self._terminal)
        return self._texts[connection]

    def _end(self, connection: Connection) -> Iterator[str]:
        """Yield what is left of a client's text: half a character that was never completed."""
        text = self._pop(connection)
        if text is not None:
            yield from text.lines(b"", final=True)

    def _end_all(self) -> None:
        for connection in list(self._texts):
            self._pop(connection)

    def _pop(self, connection: Connection) -> PeerText | None:
        text = self._texts.pop(connection, None)
        if text is not None:
            text.end()
        return text
