"""Servers of several real processes, on both families."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
from collections import defaultdict
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, cast

import psutil
import pytest
import trio
from support import PATIENCE, Events, ipv6
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_echo import (
    EchoClient,
    Endpoint,
    Faults,
    IncompleteReceiveError,
    Limits,
    SocketCallError,
    connect,
    serve,
)
from trio_echo.errors import WorkerError
from trio_echo.events import (
    ClientClosed,
    ClientConnected,
    ClientIdle,
    ClientResetOnPurpose,
    ClientsRefused,
    ClientsWaiting,
    Draining,
    FamilyMissing,
    Listening,
    ServerEvent,
    Stopped,
    WorkerDied,
    WorkerReplaced,
)
from trio_echo.workers import kept, ports, supervisor
from trio_echo.workers.link import Command, Notice, WorkerConfig
from trio_echo.workers.process import STARTING_CALL
from trio_echo.workers.supervisor import supervise

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from trio_echo.workers.link import Link
    from trio_echo.workers.process import Process


FALSE = shutil.which("false") or "false"
# The exit status of a killed process.
if sys.platform == "win32":
    KILLED: int = signal.SIGTERM
else:
    KILLED = -signal.SIGKILL


def worker_processes() -> dict[int, psutil.Process]:
    """Return the live workers of this process, by process id."""
    found: dict[int, psutil.Process] = {}
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # killed, and not waited for yet
            if "trio_echo.workers.worker" in child.cmdline():
                found[child.pid] = child
    return found


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    before = psutil.Process().children()  # another test's fault is not reported again
    yield
    assert psutil.Process().children() == before


@pytest.fixture(
    params=[
        pytest.param(
            "own listeners",
            marks=pytest.mark.skipif(
                not ports.SPREADS, reason="one listener gets all clients here"
            ),
        ),
        pytest.param("the parent's", marks=pytest.mark.slow),
    ]
)
def _listeners(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to give workers their listeners: Linux's and that of other systems."""
    monkeypatch.setattr(ports, "SPREADS", request.param == "own listeners")


@pytest.fixture(params=["127.0.0.1", pytest.param("::1", marks=[pytest.mark.slow, ipv6])])
def host(request: pytest.FixtureRequest) -> str:
    """The loopback address of each family; starting workers takes long, so one is quick."""
    return str(request.param)


each_way = pytest.mark.usefixtures("_listeners")
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals or files")


class Server:
    """A running `supervise` and its clients."""

    def __init__(
        self, host: str, port: int, events: Events, stop: trio.Event, scope: trio.CancelScope
    ) -> None:
        self.host = host
        self.port = port
        self.events = events
        self.stop = stop
        self.scope = scope
        self._clients: list[EchoClient] = []

    async def connect(self) -> EchoClient:
        """Connect a client; `close` closes it."""
        self._clients.append(await connect(self.host, self.port))
        return self._clients[-1]

    async def close(self) -> None:
        """Close all clients."""
        for client in self._clients:
            await client.aclose()

    async def connected(self, count: int) -> dict[int, list[EchoClient]]:
        """Connect until every worker has clients; returns the clients by process id."""
        while True:
            for _ in range(count):
                assert await (await self.connect()).echo(b"hello") == b"hello"
            owners = self._owners()
            found: dict[int, list[EchoClient]] = defaultdict(list)
            for client in self._clients:
                if port_of(client) in owners:
                    found[owners[port_of(client)]].append(client)
            if set(found) == set(worker_processes()):
                return found

    async def owner(self, client: EchoClient) -> int:
        """Wait until a connection is accepted; returns the id of the process that serves it."""
        while (owner := self._owners().get(port_of(client))) is None:
            await trio.lowlevel.checkpoint()
        return owner

    def _owners(self) -> dict[int, int]:
        """Return the process id that serves each accepted client, by the client's port."""
        owners: dict[int, int] = {}
        for pid, process in worker_processes().items():
            with suppress(psutil.NoSuchProcess):
                for one in process.net_connections("tcp"):
                    if one.status != psutil.CONN_LISTEN:
                        owners[one.raddr[1]] = pid
        return owners


@asynccontextmanager
async def supervised(
    host: str,
    *,
    count: int = 2,
    limits: Limits = Limits(grace=0),
    faults: Faults = Faults(),
    quiet: bool = False,
) -> AsyncIterator[Server]:
    events, stop, scope = Events(), trio.Event(), trio.CancelScope()

    async def run(*, task_status: trio.TaskStatus[list[Endpoint]]) -> None:
        with scope:
            await start(task_status=task_status)

    async with trio.open_nursery() as nursery:
        start = partial(
            supervise,
            count,
            0,
            hosts=[host],
            limits=limits,
            faults=faults,
            quiet=quiet,
            observer=events,
            stop=stop,
        )
        endpoints = await nursery.start(run)
        server = Server(host, endpoints[0].port, events, stop, scope)
        with trio.fail_after(PATIENCE):
            yield server
            await server.close()
        scope.cancel()


def port_of(client: EchoClient) -> int:
    assert isinstance(client.stream, trio.SocketStream)
    return int(client.stream.socket.getsockname()[1])


async def echoes(client: EchoClient) -> bool:
    """Return whether a connection is alive."""
    try:
        return await client.echo(b"ping") == b"ping"
    except (SocketCallError, IncompleteReceiveError):
        return False


@pytest.mark.slow
@each_way
async def test_the_clients_of_one_port_are_spread_over_the_workers(host: str) -> None:
    async with supervised(host) as server:
        clients = await server.connected(20)
        assert set(clients) == set(worker_processes())
        assert len(clients) == 2
        for several in clients.values():
            assert all([await echoes(client) for client in several])


@ipv6
@each_way
async def test_all_workers_listen_on_both_families_with_the_same_free_port() -> None:
    async with trio.open_nursery() as nursery:
        events = Events()
        endpoints = await nursery.start(partial(supervise, 3, 0, observer=events))
        assert [endpoint.host for endpoint in endpoints] == ["127.0.0.1", "::1"]
        assert len({endpoint.port for endpoint in endpoints}) == 1
        assert events.seen == [Listening(endpoint) for endpoint in endpoints]
        for process in worker_processes().values():
            listening = [one.laddr for one in process.net_connections("tcp")]
            assert {(one.ip, one.port) for one in listening} == set(endpoints)
        assert len(worker_processes()) == 3
        nursery.cancel_scope.cancel()


@pytest.mark.slow
@each_way
async def test_a_worker_killed_under_load_cuts_off_only_its_own_clients(host: str) -> None:
    async with supervised(host) as server:
        clients = await server.connected(12)
        killed = next(iter(clients))
        rounds: dict[EchoClient, int] = defaultdict(int)
        replaced = trio.Event()

        async def load(client: EchoClient) -> None:
            try:
                while not replaced.is_set():
                    await client.echo(b"x" * 5000)
                    rounds[client] += 1
            except (SocketCallError, IncompleteReceiveError):
                lost.append(client)

        lost: list[EchoClient] = []
        async with trio.open_nursery() as nursery:
            for client in [one for several in clients.values() for one in several]:
                nursery.start_soon(load, client)
            while len(rounds) < 12:
                await trio.lowlevel.checkpoint()
            psutil.Process(killed).kill()
            died = await server.events.wait(WorkerDied)
            again = await server.events.wait(WorkerReplaced)
            replaced.set()
        assert died.cause == KILLED
        assert died.number == again.number
        assert died.clients == len(clients[killed])
        assert died.pause is not None
        assert set(lost) == set(clients[killed])
        assert killed not in worker_processes()
        assert len(worker_processes()) == 2
        assert len(await server.connected(2)) == 2  # also by the new one


@each_way
async def test_stopping_lets_the_clients_of_all_workers_finish(host: str) -> None:
    async with supervised(host, limits=Limits(grace=60)) as server:
        clients = await server.connected(6)
        everybody = [one for several in clients.values() for one in several]
        server.stop.set()
        draining = await server.events.wait(Draining)
        assert draining == Draining(len(everybody), 60)
        for one in everybody:
            assert await one.echo(b"bye") == b"bye"
            await one.aclose()
        stopped = await server.events.wait(Stopped)
        assert stopped == Stopped(len(everybody), 8 * len(everybody), cut_off=0)


@pytest.mark.slow
@each_way
async def test_after_the_grace_period_the_other_clients_are_cut_off(host: str) -> None:
    async with supervised(host, limits=Limits(grace=0.01)) as server:
        clients = await server.connected(4)
        everybody = [one for several in clients.values() for one in several]
        server.stop.set()
        stopped = await server.events.wait(Stopped)
        assert stopped == Stopped(len(everybody), 5 * len(everybody), cut_off=len(everybody))
        assert not any([await echoes(one) for one in everybody])


@each_way
async def test_cancelling_ends_everything_at_once_and_still_reports_totals(host: str) -> None:
    async with supervised(host, limits=Limits(grace=3600)) as server:
        clients = await server.connected(4)
        everybody = [one for several in clients.values() for one in several]
        server.scope.cancel()
        stopped = await server.events.wait(Stopped)
        assert stopped == Stopped(len(everybody), 5 * len(everybody), cut_off=len(everybody))
        assert not any([await echoes(one) for one in everybody])


async def test_the_totals_include_a_killed_worker(host: str) -> None:
    async with supervised(host) as server:
        client = await server.connect()
        await client.echo(b"hello")
        await client.aclose()
        await server.events.wait(ClientClosed)
        client = await server.connect()
        await client.echo(b"hello")
        psutil.Process(await server.owner(client)).kill()
        await server.events.wait(WorkerReplaced)
        server.stop.set()
        stopped = await server.events.wait(Stopped)
        assert (stopped.clients, stopped.cut_off) == (2, 1)
        # What went back to the killed worker's client is known only if it was pinged meanwhile.
        assert stopped.echoed in (5, 10)


@pytest.mark.slow
async def test_a_worker_killed_while_draining_is_reported(host: str) -> None:
    async with supervised(host, limits=Limits(grace=60)) as server:
        client = await server.connect()
        await client.echo(b"hello")
        server.stop.set()
        await server.events.wait(Draining)
        psutil.Process(await server.owner(client)).kill()
        died = await server.events.wait(WorkerDied)
        assert (died.cause, died.clients, died.pause) == (KILLED, 1, None)
        assert await server.events.wait(Stopped) == Stopped(1, 5, cut_off=1)


async def test_max_clients_holds_for_all_workers_together(host: str) -> None:
    async with supervised(host, limits=Limits(max_clients=3, grace=0)) as server:

        async def client() -> None:
            async with await server.connect() as one:
                assert await one.echo(b"hello") == b"hello"

        async with trio.open_nursery() as nursery:
            for _ in range(40):
                nursery.start_soon(client)
        for _ in range(40):
            await server.events.wait(ClientClosed)
        seen: list[type] = []
        for event in server.events.seen:
            if isinstance(event, ClientConnected | ClientClosed):
                seen.append(type(event))
                assert seen.count(ClientConnected) - seen.count(ClientClosed) <= 3
        assert ClientsWaiting(3) in server.events.seen
        assert seen.count(ClientConnected) == 40


@pytest.mark.slow
async def test_a_limit_for_a_host_holds_for_all_workers_together(host: str) -> None:
    limits = Limits(max_clients_per_host=3, grace=0)
    async with supervised(host, limits=limits) as server, AsyncExitStack() as closing:

        async def served(count: int) -> list[EchoClient]:
            clients = [await server.connect() for _ in range(count)]
            for one in clients:
                closing.push_async_callback(one.aclose)
            return [one for one in clients if await echoes(one)]

        first = await served(20)
        assert len(first) == 3
        refused = 0
        while refused < 20 - 3:
            refused += (await server.events.wait(ClientsRefused)).clients
        killed = await server.owner(first[0])
        lost = [one for one in first if await server.owner(one) == killed]
        psutil.Process(killed).kill()
        await server.events.wait(WorkerReplaced)
        assert len(await served(20)) == len(lost)
        server.stop.set()
        assert (await server.events.wait(Stopped)).refused == 40 - 3 - len(lost)


@pytest.mark.slow
@each_way
async def test_the_slots_of_a_killed_worker_are_free_again(host: str) -> None:
    async with supervised(host, limits=Limits(max_clients=1, grace=0)) as server:
        served = await server.connect()
        await served.echo(b"hello")
        killed = await server.owner(served)
        waiting: list[EchoClient] = []  # three clients of the other worker
        while len(waiting) < 3:
            client = await server.connect()
            if await server.owner(client) != killed:
                waiting.append(client)
        assert await server.events.wait(ClientsWaiting) == ClientsWaiting(1)
        psutil.Process(killed).kill()
        for client in waiting:
            assert await client.echo(b"hello") == b"hello"
            await client.aclose()
        await server.events.wait(WorkerReplaced)

        one = await server.connect()
        await one.echo(b"hello")
        another = await server.connect()
        await server.events.wait(ClientsWaiting)
        await one.aclose()
        assert await echoes(another)


@pytest.mark.slow
async def test_the_other_options_reach_every_worker(host: str) -> None:
    async with supervised(host, faults=Faults(reset_after=3)) as server:
        for _ in range(4):
            assert not await echoes(await server.connect())
            assert (await server.events.wait(ClientResetOnPurpose)).echoed == 3
    async with supervised(host, limits=Limits(idle_timeout=0.01)) as server:
        client = await server.connect()
        assert await client.stream.receive_some() == b""
        assert (await server.events.wait(ClientIdle)).idle_timeout == 0.01


@pytest.mark.slow
async def test_a_quiet_server_reports_a_dead_worker_and_its_clients(
    host: str,
) -> None:
    async with supervised(host, quiet=True) as server:
        clients = await server.connected(4)
        killed = next(iter(clients))
        for client in clients[killed] * 3:  # then the worker has reported its clients
            assert await echoes(client)
        psutil.Process(killed).kill()
        assert (await server.events.wait(WorkerDied)).clients == len(clients[killed])
        kinds = {type(event) for event in server.events.seen}
        assert kinds == {Listening, WorkerDied}


@each_way
async def test_a_port_in_use_is_an_error(host: str) -> None:
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(serve, 0, hosts=[host]))
        port = listener.socket.getsockname()[1]
        with pytest.raises(SocketCallError) as caught:
            await supervise(2, port, hosts=[host])
        assert caught.value.call == "bind()"
        assert caught.value.errno == errno.EADDRINUSE
        nursery.cancel_scope.cancel()


@pytest.mark.slow
@each_way
async def test_two_servers_of_several_processes_do_not_share_a_port(host: str) -> None:
    async with supervised(host) as server:
        for one in (partial(supervise, 2), serve):
            with pytest.raises(SocketCallError) as caught:
                await one(server.port, hosts=[host])
            assert caught.value.errno == errno.EADDRINUSE


async def test_an_empty_list_of_hosts_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one address"):
        await supervise(2, 0, hosts=[])


@posix
async def test_a_worker_that_does_not_start_ends_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", FALSE)
    events = Events()
    with pytest.raises(WorkerError, match="did not start: exit status 1") as caught:
        await supervise(2, 0, observer=events)
    assert caught.value.status == 1
    assert events.seen == []


async def test_a_process_that_cannot_be_started_ends_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    with pytest.raises(SocketCallError) as caught:
        await supervise(2, 0)
    assert (caught.value.call, caught.value.errno) == (STARTING_CALL, errno.ENOENT)


@pytest.mark.slow
@posix
async def test_a_worker_that_keeps_dying_is_restarted_with_exponential_backoff(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(supervisor, "_MOST_PAUSE", 0.3)
    async with supervised("127.0.0.1") as server:
        python = sys.executable
        monkeypatch.setattr(sys, "executable", FALSE)
        first, second = worker_processes()
        psutil.Process(first).kill()
        assert (await server.events.wait(WorkerDied)).cause == KILLED
        pauses = [0.0]
        while pauses[-2:] != [0.3, 0.3]:  # the most
            died = await server.events.wait(WorkerDied)
            assert died.cause == 1
            assert died.pause is not None
            pauses.append(died.pause)
        assert max(pauses) == 0.3
        assert 0.02 in pauses
        # The other worker continues and gets every client.
        for _ in range(5):
            client = await server.connect()
            await client.echo(b"hello")
            assert await server.owner(client) == second
        monkeypatch.setattr(sys, "executable", python)
        await server.events.wait(WorkerReplaced)
        assert len(await server.connected(2)) == 2


@pytest.mark.slow
async def test_a_worker_that_lived_for_a_while_resets_the_backoff(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(supervisor, "_MOST_PAUSE", 0.01)  # no process starts and ends in that time
    async with supervised("127.0.0.1", count=1) as server:
        for _ in range(3):
            (pid,) = worker_processes()
            psutil.Process(pid).kill()
            assert (await server.events.wait(WorkerDied)).pause == 0.001
            await server.events.wait(WorkerReplaced)


@each_way
@pytest.mark.usefixtures("without_ipv6")
async def test_a_missing_family_is_reported_and_the_workers_serve_the_other() -> None:
    events = Events()
    async with trio.open_nursery() as nursery:
        endpoints = await nursery.start(partial(supervise, 2, 0, observer=events))
        assert [endpoint.host for endpoint in endpoints] == ["127.0.0.1"]
        assert [type(event) for event in events.seen] == [FamilyMissing, Listening]
        nursery.cancel_scope.cancel()


@pytest.mark.slow
@each_way
async def test_stopping_does_not_wait_for_a_worker_without_a_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "_FIRST_PAUSE", 3600)
    monkeypatch.setattr(supervisor, "_MOST_PAUSE", 3600)
    async with supervised("127.0.0.1", limits=Limits(grace=3600)) as server:
        psutil.Process(next(iter(worker_processes()))).kill()
        await server.events.wait(WorkerDied)
        server.stop.set()
        await server.events.wait(Stopped)


@pytest.mark.slow
@each_way
async def test_a_server_stopped_before_it_starts_listens_and_stops() -> None:
    events, stop = Events(), trio.Event()
    stop.set()
    with trio.fail_after(PATIENCE):
        await supervise(2, 0, hosts=["127.0.0.1"], observer=events, stop=stop)
    assert [type(event) for event in events.seen] == [Listening, Stopped]


async def test_an_exception_from_the_observer_ends_the_server_and_is_raised() -> None:
    def observe(event: ServerEvent) -> None:
        if isinstance(event, ClientConnected):
            raise KeyError("a bug of mine")

    with trio.fail_after(PATIENCE), pytest.RaisesGroup(KeyError, flatten_subgroups=True):
        async with trio.open_nursery() as nursery:
            start = partial(supervise, 2, 0, hosts=["127.0.0.1"], observer=observe)
            (endpoint,) = await nursery.start(start)
            async with await connect(*endpoint):
                await trio.sleep_forever()


@pytest.mark.parametrize("cancel", [False, True])
async def test_a_worker_that_hangs_at_the_end_is_killed(
    monkeypatch: pytest.MonkeyPatch, cancel: bool
) -> None:
    monkeypatch.setattr(supervisor, "_FAREWELL", 0.1)
    # Only one worker: on a busy machine, a healthy one may need longer than the limit.
    async with supervised("127.0.0.1", count=1) as server:
        (hung,) = worker_processes()
        psutil.Process(hung).suspend()
        if not cancel:
            server.stop.set()
            await server.events.wait(Stopped)
            assert not worker_processes()
    (died,) = [one for one in server.events.seen if isinstance(one, WorkerDied)]
    assert (died.cause, died.pause) == (None, None)


class Ticks:
    """Replaces `_tick`: the test decides whether a tick comes at once or never."""

    def __init__(self) -> None:
        self.at_once = trio.Event()

    async def __call__(self) -> None:
        await self.at_once.wait()
        await trio.lowlevel.checkpoint()


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Ticks:
    found = Ticks()
    monkeypatch.setattr(supervisor, "_tick", found)
    return found


async def test_a_stopped_worker_is_killed_and_replaced(host: str, ticks: Ticks) -> None:
    async with supervised(host, count=1) as server:
        served = await server.connect()
        await served.echo(b"hello")
        await server.events.wait(ClientConnected)  # so the worker has sent its totals too
        (stopped,) = worker_processes()
        psutil.Process(stopped).suspend()
        swallowed = await server.connect()
        await swallowed.stream.send_all(b"is anybody there?")
        ticks.at_once.set()
        died = await server.events.wait(WorkerDied)
        ticks.at_once = trio.Event()
        assert (died.cause, died.clients) == (None, 1)
        assert died.pause is not None
        assert await server.events.wait(WorkerReplaced) == WorkerReplaced(1)
        assert stopped not in worker_processes()
        assert not await echoes(served)
        assert await echoes(await server.connect())


@pytest.mark.slow
async def test_a_worker_stopped_while_draining_is_killed_before_the_grace_period_ends(
    ticks: Ticks,
) -> None:
    async with supervised("127.0.0.1", count=1, limits=Limits(grace=3600)) as server:
        await (await server.connect()).echo(b"hello")
        server.stop.set()
        await server.events.wait(Draining)
        (stopped,) = worker_processes()
        psutil.Process(stopped).suspend()
        ticks.at_once.set()
        died = await server.events.wait(WorkerDied)
        assert (died.cause, died.clients, died.pause) == (None, 1, None)
        assert await server.events.wait(Stopped) == Stopped(1, 5, cut_off=1)


async def test_a_worker_that_hangs_before_it_listens_ends_the_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ticks: Ticks
) -> None:
    hang = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"
    (tmp_path / "sitecustomize.py").write_text(hang, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    ticks.at_once.set()
    with pytest.raises(WorkerError, match="did not start: no answer"):
        await supervise(1, 0)


class Watched:
    """The parts of a process and its link that `_watch` uses."""

    def __init__(self) -> None:
        self.killed = trio.Event()
        self.asked = 0

    def kill(self) -> None:
        self.killed.set()

    def post(self, value: object) -> None:
        assert value is Command.PING
        self.asked += 1


async def test_a_parent_that_was_stopped_does_not_kill_its_workers(
    mock_clock: MockClock,
) -> None:
    with ports.reserved([Endpoint("127.0.0.1", 0)]) as reserved:
        config = WorkerConfig(
            reserved.endpoints, [], Limits(), Faults(), quiet=False, portable=False
        )
        one = supervisor._Supervisor(1, config, reserved, Events(), trio.Event())
    (worker,) = one._workers
    watched = Watched()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one._watch, worker, cast("Link", watched), cast("Process", watched))
        for _ in range(3 * kept.STARTING_TICKS):
            await wait_all_tasks_blocked()
            one._handle(worker, [Notice.PONG])
            mock_clock.jump(supervisor._TICK)
        for _ in range(kept.SILENT_TICKS - 1):
            await wait_all_tasks_blocked()
            assert not watched.killed.is_set()
            mock_clock.jump(3600)
        await wait_all_tasks_blocked()
        assert not watched.killed.is_set()
        one._handle(worker, [Notice.PONG])  # just in time
        jumps = 0
        while not watched.killed.is_set():
            mock_clock.jump(supervisor._TICK)
            jumps += 1
            await wait_all_tasks_blocked()
        assert jumps == kept.SILENT_TICKS + 1  # the answer came within a tick
    assert watched.asked >= 3 * kept.STARTING_TICKS


@pytest.mark.slow
@posix
async def test_workers_ignore_signals_sent_to_every_process() -> None:
    async with supervised("127.0.0.1") as server:
        clients = await server.connected(2)
        for number in (signal.SIGTERM, signal.SIGINT):
            for pid in worker_processes():
                os.kill(pid, number)
        for one in [one for several in clients.values() for one in several]:
            assert await echoes(one)
        assert not [event for event in server.events.seen if isinstance(event, WorkerDied)]


def test_usable_cores_follow_the_affinity() -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux has sched_setaffinity()")
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert supervisor.usable_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert supervisor.usable_cores() == len(allowed)
