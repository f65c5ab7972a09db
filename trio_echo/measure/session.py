"""A whole measurement: rounds of several targets, in turns.

async with served() as targets:
    run = await measure(targets[:1], sizes=[64, 1024], rounds=6)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING

import trio

from trio_echo.addresses import Endpoint, parse_endpoint, resolve
from trio_echo.client import connect
from trio_echo.errors import SocketCallError, TlsError

from .live import Live, Second
from .load.loader import KEPT_SAMPLES
from .load.processes import Processes
from .load.round import look_for_servers, run_round
from .load.workload import Samples, Workload
from .results import environment
from .results.environment import Environment
from .results.machines import machines_of
from .results.phases import phases_of
from .results.run import Round, Run, Target, collect
from .results.summary import summarize
from .serving import served
from .turns import visits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

    from .load.connections.tls import Tls  # noqa: TC004  nothing evaluates the type
    from .load.executor import Executor  # noqa: TC004  nothing evaluates the type
    from .load.loader import Report
    from .wired import Wired  # noqa: TC004  it takes long to import, and nothing evaluates the type

__all__ = ["Session", "measure", "named", "served"]

# Seconds that a connection waits for an echo, by default.
_TIMEOUT = 10.0
# Seconds for one of several addresses to take a connection.
_PATIENCE = 2.0


@dataclass(slots=True, kw_only=True)
class Session:
    """A measurement, before it runs, while it runs, and after.

    Attributes:
        targets: the servers; the others are compared with the first.
        workloads: the cells of the sweep.
        rounds: how many with each target and each workload.
        timeout: as `patience` of `run_round`; by default 10 seconds, and with a cable at least
            four times its longest round trip.
        tls: how the connections use TLS; `None` if they do not. The name in a server's certificate
            is that of its target, unless another one is given.
        wired: the cable that is between load and targets, if there is one.
        executor: what runs the parts of the load; by default processes of this machine, or of the
            load's end of the cable.
        environment: where and when.
        done: the rounds that have ended.
        samples: their samples.
        messages: how many came back so far in the round under way.
        keep: of how many messages of the run every time is kept. A round beyond that goes into
            histograms, whose relative error is 0.4 %.
        payload: what messages consist of, as `run_round` has it.
        watch: called with each second of a round, soon after it; `None` if nobody looks.
    """

    targets: Sequence[Target]
    workloads: Sequence[Workload]
    rounds: int
    timeout: float | None = None
    tls: Tls | None = None
    wired: Wired | None = None
    executor: Executor | None = None
    environment: Environment = field(default_factory=environment.describe)
    done: list[Round] = field(default_factory=list)
    samples: list[Samples] = field(default_factory=list)
    messages: int = 0
    keep: int = KEPT_SAMPLES
    payload: bytes = b""
    watch: Callable[[Second], object] | None = None

    def __len__(self) -> int:
        """Return how many rounds are planned."""
        return len(self.targets) * len(self.workloads) * self.rounds

    @property
    def kept(self) -> int:
        """For how many more messages every time is kept."""
        return max(0, self.keep - sum(len(one.received) for one in self.samples))

    @property
    def full(self) -> bool:
        """Whether the round under way goes into histograms."""
        return self.messages > self.kept

    @property
    def patience(self) -> float:
        """Seconds without an echo after which a connection has failed."""
        if self.timeout is not None:
            return self.timeout
        longest = 0.0 if self.wired is None else self.wired.wire.longest_round_trip
        return max(_TIMEOUT, 4 * longest)

    async def run(
        self,
        *,
        progress: Callable[[], object] = lambda: None,
        stop: trio.Event | None = None,
    ) -> None:
        """Run the rounds. Those that have ended stay here, even if this fails or is cancelled.

        Args:
            progress: called whenever something here has changed. It runs within the event loop.
            stop: ends the run early. The round under way is kept, as cut short.

        Raises:
            SocketCallError: of `connect()`, `socket()` or `do_handshake()`: a target took no
            connection.
            ClusterError: a machine of the load is gone.
        """

        def reported(report: Report) -> None:
            self.messages = report.messages
            if self.watch is not None:
                for second in live.add(report):
                    self.watch(second)
            progress()

        stop = trio.Event() if stop is None else stop
        endpoints = [parse_endpoint(one.address) for one in self.targets]
        if self.wired is None:
            servers = await look_for_servers(endpoints)
            executor = self.executor or Processes()
        else:
            servers = [self.wired.server] * len(endpoints)
            executor = self.executor or Processes(self.wired.net["load"].open_process)
        for number, workload, target in self.visits():
            live = Live(number, self.targets[target].name, self.workloads[workload])
            samples = await run_round(
                endpoints[target],
                self.workloads[workload],
                patience=self.patience,
                tls=self._tls_of(self.targets[target]),
                server=servers[target],
                executor=executor,
                payload=self.payload,
                keep=self.kept,
                watched=self.watch is not None,
                progress=reported,
                stop=stop,
            )
            self.messages = 0
            if self.watch is not None:
                for second in live.rest():
                    self.watch(second)
            if samples.cut and samples.ended == samples.began:
                return  # stopped before the load began, or during its warm-up
            self.samples.append(samples)
            self.done.append(
                Round(
                    number=number,
                    target=target,
                    workload=workload,
                    cut=samples.cut,
                    summary=summarize(samples, self.workloads[workload]),
                    usage=samples.usage,
                    tls=samples.tls,
                    phases=phases_of(samples),
                    missing=samples.missing,
                    machines=machines_of(samples, self.workloads[workload]),
                )
            )
            samples.machines.clear()  # the same samples again
            progress()
            if stop.is_set():
                return

    def visits(self) -> Iterator[tuple[int, int, int]]:
        """Yield number, workload and target of each round, when the one before it has ended."""
        return visits(len(self.targets), len(self.workloads), self.rounds)

    def _tls_of(self, target: Target) -> Tls | None:
        return None if self.tls is None else self.tls.of(parse_endpoint(target.name).host)

    def results(self) -> Run:
        """Return the results of the rounds that have ended."""
        partial = len(self.done) < len(self) or any(one.cut or one.missing for one in self.done)
        wire = None if self.wired is None else str(self.wired.wire)
        return collect(
            self.environment,
            self.targets,
            self.workloads,
            self.done,
            partial=partial,
            wire=wire,
        )


async def measure(
    targets: Sequence[Endpoint],
    *,
    rounds: int,
    seconds: float = 1.0,
    warm_up: float = 0.02,
    connections: Sequence[int] = (1,),
    sizes: Sequence[int] = (64,),
    pipelines: Sequence[int] = (1,),
    rate: float | None = None,
    reconnect: bool = False,
    processes: int = 1,
    tls: Tls | None = None,
    samples: list[Samples] | None = None,
    wired: Wired | None = None,
    cluster: Client | None = None,
) -> Run:
    """Measure echo servers with every combination of connections, sizes and pipelining depths.

    Args:
        targets: the servers; the others are compared with the first.
        rounds: how many with each target and combination; an interval needs at least six.
        seconds: how long a round is measured.
        warm_up: seconds of load before each round, which are not measured.
        connections: how many at once.
        sizes: bytes of a message.
        pipelines: messages under way on each connection.
        rate: messages a second in all, for an open loop; `None` for a closed one.
        reconnect: whether each message has a connection of its own.
        processes: how many share the connections; on a cluster, one on each worker at least.
        tls: how the connections use TLS; `None` if they do not.
        samples: the raw samples of each round are appended to it.
        wired: the cable that is between load and targets (`trio_echo.measure.wired`).
        cluster: a client of Dask, on whose workers the load runs; a part of it on each.

    Raises:
        AddressError: a host or a port is not valid.
        SocketCallError: of `getaddrinfo()`: there is no such host; of `connect()`: a target took
            no connection; of `do_handshake()`, `open()` and others: TLS failed.
        ClusterError: the cluster has no workers, or one of them cannot load.
        ValueError: the load cannot be made, or the Dask client is asynchronous.
    """
    session = Session(
        targets=[await named(target, tls=tls) for target in targets],
        workloads=[
            Workload(
                connections=count,
                size=size,
                pipeline=pipeline,
                rate=rate,
                reconnect=reconnect,
                processes=processes,
                duration=seconds,
                warm_up=warm_up,
            )
            for count, size, pipeline in product(connections, sizes, pipelines)
        ],
        rounds=rounds,
        tls=tls,
        wired=wired,
    )
    if cluster is None:
        await session.run()
    else:
        from .cluster.executor import on_cluster  # when it is needed: it takes Dask

        if cluster.asynchronous:
            raise ValueError("the Dask client is asynchronous: give one that is not")
        async with on_cluster(cluster) as executor:
            session.executor = executor
            session.workloads = [executor.spread(one) for one in session.workloads]
            await session.run()
    if samples is not None:
        samples += session.samples
    return session.results()


async def named(target: Endpoint, *, tls: Tls | None = None) -> Target:
    """Find the address of a target's name that is measured.

    If there are several, it is the first one that takes a connection: many names have an IPv6
    address on which their server does not listen. If none does, it is the first one, and the first
    round fails.

    Args:
        target: as the user gave it.
        tls: how a connection uses TLS, or the server would see a handshake that breaks off.

    Raises:
        AddressError: host or port is not valid.
        SocketCallError: of `getaddrinfo()`: there is no such host.
    """
    addresses = await resolve(*target)
    address = addresses[0]
    for one in addresses if len(addresses) > 1 else []:
        if await _takes_a_connection(one, None if tls is None else tls.of(target.host)):
            address = one
            break
    return Target(
        name=str(target), address=str(address), family="IPv6" if ":" in address.host else "IPv4"
    )


async def _takes_a_connection(address: Endpoint, tls: Tls | None) -> bool:
    context, name = (None, None) if tls is None else (tls.context(), tls.server_name)
    with trio.move_on_after(_PATIENCE), suppress(SocketCallError):
        try:
            async with await connect(*address, ssl_context=context, server_hostname=name):
                return True
        except TlsError:
            return True
    return False
