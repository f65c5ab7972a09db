"""`bench`: load TCP echo servers, and report what was measured, on the screen and in files."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import product
from typing import TYPE_CHECKING, Any

import click
import trio

from trio_echo.errors import SocketCallError
from trio_echo.measure.load.connections.poller import MOST_SOCKETS
from trio_echo.measure.load.connections.tls import Tls
from trio_echo.measure.load.workload import Workload
from trio_echo.screen.text import safe

from ..options import client_tls, tls_options
from ..plot import check_library
from ..self_signed import self_signed
from .options.clusters import check_cluster, cluster_option
from .options.demands import demand_options
from .options.files import file_options
from .options.load import load_options
from .options.reconnecting import check_resume, reconnect_options
from .options.samples import samples_options
from .options.targets import target_options

if TYPE_CHECKING:
    from pathlib import Path

    from trio_echo.addresses import Endpoint
    from trio_echo.lan.options import Wire

    from .options.demands import Demands
    from .options.samples import Payload


@click.command
@target_options
@load_options
@reconnect_options
@cluster_option
@tls_options
@click.option("--verify", is_flag=True, help="Compare each echo with its message.")
@samples_options
@demand_options
@file_options
def bench(
    *,
    targets: tuple[Endpoint, ...],
    serve: bool,
    wire: Wire | None,
    counts: list[int],
    sizes: list[int] | None,
    duration: float | None,
    messages: int | None,
    rounds: int,
    timeout: float | None,
    output: Path | None,
    csv: Path | None,
    plot: Path | None,
    processes: int | None,
    cluster: str | None,
    payload: Payload | None,
    keep: int,
    json_lines: Path | None,
    demands: Demands,
    tls: bool,
    tls_ca: str | None,
    tls_cert: str | None,
    tls_key: str | None,
    tls_server_name: str | None,
    **load: Any,
) -> int:
    """Measure TCP echo servers: HOST:PORT or [IPV6]:PORT, one or several.

    Several targets take turns, in random order, and are compared with the first one. Times are
    round trips: from the sending of a message to the last byte of its echo. If a name has several
    addresses, the first one that takes a connection is measured.

    UDP is left out on purpose: it has no connection, and a lost message is not an error.
    """
    if serve == bool(targets):
        raise click.UsageError("give the targets to measure, or --serve")
    given = (tls_ca, tls_cert, tls_key, tls_server_name)
    if serve and tls and any(one is not None for one in given):
        raise click.UsageError("--serve makes its own certificate: leave out the others")
    if wire is not None and not serve:
        raise click.UsageError("--wire is for the server of --serve")
    if (missing := check_cluster(cluster, serve=serve, wire=wire is not None)) is not None:
        click.echo(f"trio-echo bench: {missing}", err=True)
        return 1
    check_resume(resume=load["resume"], tls=tls, reconnect=load["reconnect"])
    if duration is not None and messages is not None:
        raise click.UsageError("a round ends by --duration or by --messages: give one of them")
    if duration is None and messages is None:
        duration = 1.0
    if sizes is None:
        sizes = [64 if payload is None else len(payload.data)]
    load["payload"] = None if payload is None else payload.name
    try:
        workloads = [
            Workload(
                connections=count,
                size=size,
                duration=duration,
                messages=messages,
                processes=processes or 1,
                **load,
            )
            for count, size in product(counts, sizes)
        ]
    except ValueError as exc:
        raise click.UsageError(str(exc)) from exc
    demands.check(workloads, rounds)
    if MOST_SOCKETS is not None and max(counts) > MOST_SOCKETS * (processes or 1):
        raise click.UsageError(
            f"this system takes {MOST_SOCKETS} connections a process: give more --processes"
        )
    try:  # it says what is wrong with the files before the first process does
        client_tls(tls=tls, ca=tls_ca, cert=tls_cert, key=tls_key, server_name=tls_server_name)
    except SocketCallError as exc:
        click.echo(safe(str(exc)), err=True)
        return 1
    secured = Tls(tls_server_name, tls_ca, tls_cert, tls_key) if tls else None
    if plot is not None and not check_library("bench"):
        return 1
    # Imported here, or every other command would start more slowly.
    from trio_echo.measure.cluster.errors import ClusterError
    from trio_echo.measure.results.files import samples_path

    from ..output_files import check, failure
    from .json_lines import STANDARD_OUTPUT, becomes_file, opened
    from .measuring import Asked, Files, run

    samples = samples_path(output) if output is not None and output.name else None
    if output is not None and output.name.endswith(".samples.zip"):
        raise click.UsageError(f"--output is for the results, not their samples: {output}")
    names = {"--output": output, "its raw samples": samples, "--csv": csv, "--plot": plot}
    if json_lines is not None and becomes_file(json_lines):
        names["--json-lines"] = json_lines
    check(names)
    refusals: tuple[type[Exception], ...] = (SocketCallError, ClusterError)
    if wire is not None:
        from trio_echo.lan import LanError

        refusals += (LanError,)
    try:
        with (
            opened(json_lines) as lines,
            self_signed() if serve and tls else nullcontext() as own,
        ):
            certificates = None
            if own is not None:
                certificates, secured = own.files, Tls("localhost", own.authority)
            asked = Asked(
                targets=list(targets),
                serve=serve,
                wire=wire,
                workloads=workloads,
                rounds=rounds,
                timeout=timeout,
                tls=secured,
                certificates=certificates,
                keep=keep,
                payload=b"" if payload is None else payload.data,
                demands=demands,
                cluster=cluster,
                spread=processes is None,
            )
            aside = json_lines is not None and str(json_lines) == STANDARD_OUTPUT
            return trio.run(run, asked, Files(output, csv, plot, lines, aside))
    except refusals as exc:
        click.echo(safe(str(exc)), err=True)
    except OSError as exc:
        click.echo(failure(exc), err=True)
    return 1
