"""`connect`: the echo client of lab 4-1."""

from __future__ import annotations

import errno
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import click
import trio

from trio_echo.addresses import DEFAULT_PORT, AddressError, Endpoint, check_target, parse_endpoint
from trio_echo.client import connect as connect_client
from trio_echo.errors import HANDSHAKE, SocketCallError, TlsError, strerror, ungrouped
from trio_echo.exact import IncompleteReceiveError
from trio_echo.screen.display import FAREWELL, Complaint, Screen, Text
from trio_echo.screen.language import translations
from trio_echo.screen.output import terminal
from trio_echo.screen.session import SessionTranscript
from trio_echo.screen.text import safe
from trio_echo.tls_problems import TlsProblem

from .console import Console, restored_terminal
from .options import client_tls, keepalive_option, language_options, positive_seconds, tls_options
from .signals import receive_stop_signals

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from trio_echo.client import EchoClient

_DEFAULT = Endpoint("localhost", DEFAULT_PORT)


@click.command
@click.argument("host", required=False)
@click.argument("port", required=False)
@click.option("-4", "ipv4", is_flag=True, help="Use IPv4 only.")
@click.option("-6", "ipv6", is_flag=True, help="Use IPv6 only.")
@click.option(
    "--timeout",
    metavar="S",
    type=positive_seconds,
    default="inf",
    show_default="no limit",
    help="Give up connecting, or waiting for an echo, after S seconds.",
)
@tls_options
@keepalive_option("server")
@language_options
def connect(
    *,
    host: str | None,
    port: str | None,
    ipv4: bool,
    ipv6: bool,
    timeout: float,
    tls: bool,
    tls_ca: str | None,
    tls_cert: str | None,
    tls_key: str | None,
    tls_server_name: str | None,
    keepalive: float,
    lang: str | None,
    encoding: str,
) -> int:
    """Send lines to an echo server and show what comes back.

    HOST and PORT default to localhost 9000; HOST:PORT and [IPV6]:PORT also work. An empty line or
    the end of input (Ctrl-D, on Windows Ctrl-Z and Enter) ends it.
    """
    if ipv4 and ipv6:
        raise click.UsageError("-4 and -6 cannot be used together")
    family = socket.AF_INET if ipv4 else socket.AF_INET6 if ipv6 else socket.AF_UNSPEC
    try:
        endpoint = parse_endpoint(f"{host or ''} {port or ''}", default=_DEFAULT)
        check_target(*endpoint)
    except AddressError as exc:
        raise click.UsageError(str(exc)) from exc
    transcript = SessionTranscript(translations(lang), encoding, terminal())
    try:
        context = client_tls(
            tls=tls, ca=tls_ca, cert=tls_cert, key=tls_key, server_name=tls_server_name
        )
    except SocketCallError as exc:
        click.echo(transcript.describe(exc), err=True)
        return 1
    server = _Server(endpoint, family, keepalive, context, tls_server_name or endpoint.host)
    with restored_terminal():
        return trio.run(_run, server, transcript, encoding, timeout)


class _Server(NamedTuple):
    """The server to talk to.

    Attributes:
        endpoint: where it listens.
        family: of the address to use.
        keepalive: as for `trio_echo.connect`.
        context: for TLS.
        name: in its certificate.
    """

    endpoint: Endpoint
    family: socket.AddressFamily
    keepalive: float
    context: ssl.SSLContext | None
    name: str


class _FailedError(Exception):
    """Ends the command with status 1; its text is the line to show."""


async def _run(
    server: _Server,
    transcript: SessionTranscript,
    encoding: str,
    timeout: float,  # noqa: ASYNC109  it limits each step, not this function
) -> int:
    screen = Screen(transcript)
    leaving, farewell = trio.CancelScope(), trio.CancelScope()
    session = _Session(screen, transcript, encoding, timeout, leaving)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(screen.run)
        with leaving:
            await nursery.start(_leave_on_signal, leaving, farewell)
            await session.run(server)
        with farewell:
            await screen.flush()
        nursery.cancel_scope.cancel()
    return 1 if screen.failure else session.status


async def _leave_on_signal(
    leaving: trio.CancelScope,
    farewell: trio.CancelScope,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Let a signal end the session, and limit the time that its last lines wait for the screen."""
    with receive_stop_signals() as signals:
        task_status.started()
        async for _ in signals:
            leaving.cancel()
            farewell.deadline = min(farewell.deadline, trio.current_time() + FAREWELL)


class _Session:
    """One run of the client: prompt, send, receive, show, until the input ends.

    Attributes:
        status: the exit status if the session ended now.
    """

    def __init__(
        self,
        screen: Screen,
        transcript: SessionTranscript,
        encoding: str,
        timeout: float,
        leaving: trio.CancelScope,
    ) -> None:
        self.status = 1
        self._screen = screen
        self._transcript = transcript
        self._encoding = encoding
        self._timeout = timeout
        self._leaving = leaving
        self._console = Console()

    def fail(self, line: str) -> None:
        """Show a line on standard error, and let the command exit with status 1."""
        self._screen.post(Complaint(line))
        self.status = 1

    async def run(self, server: _Server) -> None:
        """Connect and echo line by line; errors are shown."""
        with self._reporting():
            async with await self._connect(server) as client:
                self.status = 0
                # Show an error before closing: that is a checkpoint, and a signal would replace it.
                with self._reporting():
                    while line := await self._next_line(client):
                        await self._exchange(client, self._encoded(line))

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except _FailedError as exc:
            self.fail(str(exc))
        except (SocketCallError, IncompleteReceiveError) as exc:
            self.fail(self._transcript.describe(exc))

    async def _connect(self, server: _Server) -> EchoClient:
        deadline, where = trio.current_time() + self._timeout, str(server.endpoint)
        try:
            with trio.fail_at(deadline):
                client = await connect_client(
                    *server.endpoint,
                    family=server.family,
                    keepalive=server.keepalive,
                    observer=self._screen.post,
                )
        except trio.TooSlowError:
            reason = TimeoutError(errno.ETIMEDOUT, strerror(errno.ETIMEDOUT))
            raise SocketCallError("connect()", reason, where) from None
        if server.context is not None:
            try:
                with trio.fail_at(deadline):
                    await client.start_tls(server.context, server.name, where=where)
            except trio.TooSlowError:
                raise TlsError(HANDSHAKE, TlsProblem.TIMED_OUT, where=where) from None
        return client

    async def _next_line(self, client: EchoClient) -> str | None:
        """Show the prompt and read a line; a pipe gives the same transcript as a terminal."""
        edits, prompt = self._console.edits, self._transcript.prompt
        self._screen.post(Text("\n" if edits else "\n" + prompt))
        await self._screen.flush()
        if self._screen.failure is not None:
            self.status = 1
            return None
        ended, unsolicited = "", b""
        broken: SocketCallError | None = None
        line, was_read = None, False

        async def watch(*, task_status: trio.TaskStatus[None]) -> None:
            nonlocal ended, unsolicited, broken
            task_status.started()  # bytes already received are seen before the line is read
            try:
                unsolicited = await client.receive_unsolicited()
                ended = self._transcript.closed_by_server()
            except SocketCallError as exc:
                broken = exc
            nursery.cancel_scope.cancel()

        try:
            with ungrouped(SocketCallError):
                async with trio.open_nursery() as nursery:
                    await nursery.start(watch)
                    line = await self._console.read_line(prompt)
                    was_read = True
                    nursery.cancel_scope.cancel()
        finally:
            # A terminal shows what is typed, and the newline. For a pipe, we do.
            if line is None:
                self._screen.post(Text("\n"))
            elif not edits:
                self._screen.post(Text(safe(line) + "\n"))
        if unsolicited:
            raise _FailedError(self._transcript.unsolicited(len(unsolicited)))
        if broken is not None:
            raise broken
        if ended and not was_read:  # a line that was already there is still sent
            raise _FailedError(ended)
        return line

    def _encoded(self, line: str) -> bytes:
        try:
            return line.encode(self._encoding, "surrogateescape")
        except UnicodeEncodeError as exc:
            raise _FailedError(self._transcript.cannot_express(exc)) from exc

    async def _exchange(self, client: EchoClient, data: bytes) -> None:
        received = None
        try:
            with trio.fail_after(self._timeout):
                received = await client.echo(data)
        except trio.TooSlowError:
            text = self._transcript.timed_out(len(client.buffered), len(data))
            raise _FailedError(text) from None
        finally:
            if received is None and self._leaving.cancel_called:
                self.fail(self._transcript.interrupted(len(client.buffered), len(data)))
        if received != data:
            self.fail(self._transcript.differs(data, received))
