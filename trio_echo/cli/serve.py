"""`serve`: the echo server of lab 4-1, on every address at once."""

from __future__ import annotations

import gc
import re
import sys
from contextlib import ExitStack, closing, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import click
import trio
from click.core import ParameterSource

from trio_echo.addresses import DEFAULT_PORT
from trio_echo.certificates import LiveCertificates
from trio_echo.errors import SocketCallError, WorkerError
from trio_echo.listening import ANY, LOOPBACK
from trio_echo.screen.display import FAREWELL, Complaint
from trio_echo.screen.json_lines import JsonLines
from trio_echo.screen.language import translations
from trio_echo.screen.output import Output, terminal
from trio_echo.screen.server_screen import ServerScreen
from trio_echo.screen.transcript import Transcript
from trio_echo.server import GC_THRESHOLD
from trio_echo.server import serve as serve_echo
from trio_echo.totals import Tally
from trio_echo.workers.supervisor import supervise, usable_cores

from . import systemd
from .certificates import certificate_files, certificate_options, reload_on_hangup
from .faulting import CommandWithFaults, fault_options
from .limiting import limit_options
from .metrics import missing_library
from .metrics import served as served_metrics
from .options import endpoint, language_options, port
from .self_signed import self_signed, trusting_command
from .signals import receive_stop_signals

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from trio_echo.addresses import Endpoint
    from trio_echo.certificates import CertificateFiles
    from trio_echo.faults import Faults
    from trio_echo.limits import Limits


def _host(text: str) -> str:
    """Read a name or an address; an IPv6 address may stand in brackets."""
    if not text:
        raise click.BadParameter("the host is empty")
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def _workers(text: str) -> int:
    """Read a number of worker processes; `auto` is the number of usable cores."""
    if text == "auto":
        return usable_cores()
    if not re.fullmatch("[0-9]{1,4}", text) or int(text) < 1:
        raise click.BadParameter(f"{text!r} is neither a number of processes nor auto")
    return int(text)


@click.command(cls=CommandWithFaults)
@click.option(
    "--host",
    "hosts",
    metavar="H",
    type=_host,
    multiple=True,
    help="Name or address to listen on; repeat it for several.  [default: 127.0.0.1 and ::1]",
)
@click.option("--any", "any_", is_flag=True, help="Listen on every interface, IPv4 and IPv6.")
@click.option(
    "--port",
    metavar="P",
    type=port,
    default=str(DEFAULT_PORT),
    show_default=True,
    help="Port to listen on; 0 takes a free one, the same for all addresses.",
)
@click.option("--quiet", is_flag=True, help="Show only the listening lines and errors.")
@limit_options
@click.option(
    "--workers",
    metavar="N",
    type=_workers,
    help="Serve with N processes; auto: one for each usable core.",
)
@certificate_options
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: each event is a JSON object on a line.",
)
@click.option(
    "--metrics",
    metavar="HOST:PORT",
    type=endpoint,
    help="Serve metrics for Prometheus there, at /metrics.",
)
@click.option("--portable", is_flag=True, help="Echo with Trio's streams only, also on Linux.")
@language_options
@fault_options
def serve(
    *,
    hosts: tuple[str, ...],
    any_: bool,
    port: int,
    quiet: bool,
    limits: Limits,
    workers: int | None,
    tls_cert: str | None,
    tls_key: str | None,
    tls_client_ca: str | None,
    tls_self_signed: bool,
    faults: Faults,
    log_format: str,
    metrics: Endpoint | None,
    portable: bool,
    lang: str | None,
    encoding: str,
) -> int:
    """Echo what TCP clients send, and show it.

    SIGINT (Ctrl-C) or SIGTERM stops it: it accepts no more clients, lets those connected finish,
    and prints a summary. A second signal ends it at once. With --tls-cert, SIGHUP reads the files
    of TLS again.
    """
    if any_ and hosts:
        raise click.UsageError("--any already listens on every address: leave out --host")
    window = terminal() if log_format == "text" else None
    form = (
        JsonLines(encoding)
        if log_format == "json"
        else Transcript(translations(lang), encoding, window)
    )
    paced = window is not None
    screen = ServerScreen(form, quiet=quiet, paced=paced)
    if metrics is not None and (missing := missing_library()) is not None:
        click.echo(f"trio-echo serve: {missing}", err=True)
        return 1
    if tls_self_signed and (tls_cert is not None or tls_key is not None):
        raise click.UsageError("--tls-self-signed makes a certificate: leave out the other one")
    remarks = [form.open_to_all()] if any_ and not (limits.allow or tls_client_ca) else []
    with ExitStack() as stack:
        try:
            if tls_self_signed:
                own = stack.enter_context(self_signed(hosts, tls_client_ca, in_memory=True))
                remarks.append(form.self_signed(trusting_command(own.authority, port)))
                files: CertificateFiles | None = own.files
            else:
                files = certificate_files(tls_cert, tls_key, tls_client_ca)
                if files is None and _is_given("handshake_timeout"):
                    raise click.UsageError(
                        "--tls-handshake-timeout needs --tls-cert or --tls-self-signed"
                    )
            certificates = None if files is None else LiveCertificates(files)
            opened, notifier = systemd.opened_listeners(), systemd.Notifier()
        except SocketCallError as exc:
            click.echo(form.describe(exc), err=True)
            return 1
        stack.enter_context(closing(notifier))
        if opened:
            _refuse_addresses(workers)
        service = partial(
            partial(
                serve_echo,
                observe_data=not quiet,
                take_over=screen.take_over,
                listeners=opened or None,
                ssl_context=certificates,
            )
            if workers is None
            else partial(supervise, workers, quiet=quiet, paced=paced, certificates=certificates),
            port,
            hosts=ANY if any_ else hosts or LOOPBACK,
            limits=limits,
            faults=faults,
            portable=portable,
        )
        return trio.run(_run, service, form, screen, remarks, notifier, certificates, metrics)


def _refuse_addresses(workers: int | None) -> None:
    """Refuse options that do not go with sockets that systemd has opened."""
    if workers is not None:
        raise click.UsageError("--workers opens its own sockets: it cannot use those of systemd")
    for name in ("hosts", "any_", "port"):
        if _is_given(name):
            raise click.UsageError(
                "systemd has opened the sockets: leave out --host, --any and --port"
            )


def _is_given(name: str) -> bool:
    """Return whether an option is on the command line."""
    context = click.get_current_context()
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


async def _run(
    service: partial[Coroutine[Any, Any, None]],
    form: Transcript | JsonLines,
    screen: ServerScreen,
    remarks: list[str],
    notifier: systemd.Notifier,
    certificates: LiveCertificates | None,
    metrics: Endpoint | None,
) -> int:
    gc.set_threshold(GC_THRESHOLD)
    for remark in remarks:
        screen.post(Complaint(remark))
    tally, status = Tally(), 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(screen.run)
        stop = trio.Event()
        serving = trio.CancelScope()
        await nursery.start(_stop_on_signal, stop, serving)
        nursery.start_soon(notifier.run, stop)
        if certificates is not None:
            await nursery.start(reload_on_hangup, certificates, screen.observe, stop)
        with serving:
            try:
                async with (
                    nullcontext()
                    if metrics is None
                    else served_metrics(metrics, tally, screen, form)
                ):
                    await service(
                        observer=screen.observe, stop=stop, tally=tally, task_status=notifier
                    )
            except (SocketCallError, WorkerError) as exc:
                screen.post(Complaint(form.describe(exc)))
                status = 1
        with trio.move_on_after(FAREWELL):
            await screen.flush()
        nursery.cancel_scope.cancel()
    if screen.unshown:
        err = Output(sys.stderr)
        with trio.move_on_after(FAREWELL), suppress(OSError):
            await err.write(err.encoded(form.dropped(screen.unshown)))
    return status


async def _stop_on_signal(
    stop: trio.Event,
    serving: trio.CancelScope,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Let the first signal stop the server, and the second one end it at once."""
    with receive_stop_signals() as signals:
        task_status.started()
        async for _ in signals:
            if stop.is_set():
                serving.cancel()
            stop.set()
