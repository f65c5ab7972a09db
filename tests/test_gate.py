"""Who is let in: networks, clients of each host, and what is reported of those refused."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from functools import partial
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

import pytest
import trio
from support import Events, ipv6, linked, receive_all
from trio.testing import wait_all_tasks_blocked

from trio_echo import Endpoint, Limits, connect, serve
from trio_echo.accepted import Accepted
from trio_echo.events import (
    ClientClosed,
    ClientConnected,
    ClientFailed,
    ClientsRefused,
    ClientsWaiting,
    Draining,
    Refusal,
    Stopped,
)
from trio_echo.gate import Gate, plain_address
from trio_echo.totals import Tally

if TYPE_CHECKING:
    from trio.testing import MockClock

    from trio_echo.events import ServerEvent
    from trio_echo.relay import BaseRelay

pytestmark = pytest.mark.usefixtures("way")

NOBODY = [ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")]


async def start(
    nursery: trio.Nursery, host: str, limits: Limits, events: Events, stop: trio.Event
) -> int:
    listeners = await nursery.start(
        partial(serve, 0, hosts=[host], limits=limits, observer=events, stop=stop)
    )
    port: int = listeners[0].socket.getsockname()[1]
    return port


@pytest.mark.parametrize("limits", [Limits(allow=NOBODY), Limits(allow=NOBODY, max_clients=1)])
async def test_a_client_of_another_network_is_closed_and_counted(host: str, limits: Limits) -> None:
    events, stop = Events(), trio.Event()
    async with trio.open_nursery() as nursery:
        port = await start(nursery, host, limits, events, stop)
        with socket.create_connection((host, port)) as client:
            end = Endpoint.from_sockaddr(client.getsockname())
            assert await trio.to_thread.run_sync(receive_all, client) == b""
        refused = await events.wait(ClientsRefused)
        assert refused == ClientsRefused(Refusal.NETWORK, 1, end)
        stop.set()
        assert await events.wait(Stopped) == Stopped(0, 0, 0, refused=1)
    assert not any(isinstance(one, ClientConnected) for one in events.seen)


@pytest.mark.parametrize(
    "networks",
    [
        ["127.0.0.0/8", "::1"],
        ["0.0.0.0/0", "::/0"],
        pytest.param(["::ffff:127.0.0.0/104", "::1/128"], id="mapped"),
    ],
)
async def test_a_client_of_an_allowed_network_is_served(host: str, networks: list[str]) -> None:
    events, stop = Events(), trio.Event()
    limits = Limits(allow=[ip_network(one) for one in networks])
    async with trio.open_nursery() as nursery:
        port = await start(nursery, host, limits, events, stop)
        async with await connect(host, port) as client:
            assert await client.echo(b"hello") == b"hello"
        stop.set()
    assert events.seen[-1] == Stopped(1, 5, 0)


@ipv6
async def test_an_ipv4_client_of_a_listener_for_both_families_counts_as_ipv4() -> None:
    events, stop = Events(), trio.Event()
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as both:
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(both.dup()))
    limits = Limits(allow=[ip_network("127.0.0.0/8")])
    async with trio.open_nursery() as nursery:
        await nursery.start(
            partial(serve, listeners=[listener], limits=limits, observer=events, stop=stop)
        )
        port = listener.socket.getsockname()[1]
        async with await connect("127.0.0.1", port) as client:
            assert await client.echo(b"hello") == b"hello"
        with socket.create_connection(("::1", port)) as refused:
            assert await trio.to_thread.run_sync(receive_all, refused) == b""
        stop.set()
    assert events.seen[-1] == Stopped(1, 5, 0, refused=1)


@pytest.mark.parametrize("max_clients", [None, 1])
async def test_a_host_may_have_so_many_clients(host: str, max_clients: int | None) -> None:
    events, stop = Events(), trio.Event()
    limits = Limits(max_clients_per_host=2, max_clients=max_clients)
    async with trio.open_nursery() as nursery:
        port = await start(nursery, host, limits, events, stop)
        with ExitStack() as clients:
            knock = partial(socket.create_connection, (host, port))
            first = clients.enter_context(knock())
            await events.wait(ClientConnected)
            second = clients.enter_context(knock())
            await events.wait(ClientsWaiting if max_clients else ClientConnected)
            third = clients.enter_context(knock())
            assert await trio.to_thread.run_sync(receive_all, third) == b""
            assert (await events.wait(ClientsRefused)).reason is Refusal.TOO_MANY
            first.close()  # now there is room for another one
            await events.wait(ClientClosed)
            second.close()
            async with await connect(host, port) as client:
                assert await client.echo(b"hello") == b"hello"
        stop.set()
    assert events.seen[-1] == Stopped(3, 5, 0, refused=1)


async def test_refusals_are_reported_once_a_second(autojump_clock: MockClock) -> None:
    seen: list[tuple[float, object]] = []

    def report(event: ServerEvent) -> None:
        seen.append((trio.current_time(), event))

    gate = Gate(Limits(allow=NOBODY), None, report, fail=never)
    start = trio.current_time()

    async def refuse(clients: int) -> Endpoint:
        for _ in range(clients):
            own, client = linked("127.0.0.1")
            with client:
                await gate.serve(served, Accepted(own), make_relay)
                end = Endpoint.from_sockaddr(client.getsockname())
        return end

    async with trio.open_nursery() as nursery:
        nursery.start_soon(gate.report_refusals)
        await wait_all_tasks_blocked()
        first = await refuse(1)
        await trio.sleep(0.25)
        await refuse(30)
        await trio.sleep(0.25)
        last = await refuse(1)
        await trio.sleep(10)
        again = await refuse(1)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert [(time - start, event) for time, event in seen] == [
        (0, ClientsRefused(Refusal.NETWORK, 1, first)),
        (1, ClientsRefused(Refusal.NETWORK, 31, last)),
        (10.5, ClientsRefused(Refusal.NETWORK, 1, again)),
    ]
    assert gate.refused.total() == 33


async def served(_sock: object, _relay: object) -> None:
    raise AssertionError("it was to be refused")


def never(_sock: object, _error: Exception) -> None:
    raise AssertionError("nothing was to fail")


def make_relay() -> BaseRelay:
    raise AssertionError("it was to be refused")


class BrokenSlots:
    """Slots with a bug."""

    async def take(self, host: str) -> bool:
        raise ZeroDivisionError(host)

    def free(self, host: str) -> None:
        raise AssertionError("it has taken none")

    async def __aenter__(self) -> None:
        raise ZeroDivisionError

    async def __aexit__(self, *_: object) -> None:
        raise AssertionError("it was not entered")


@pytest.mark.parametrize("given", ["host_slots", "client_slots"])
async def test_a_bug_at_the_gate_ends_only_the_client_who_met_it(given: str, host: str) -> None:
    events, stop = Events(), trio.Event()
    async with trio.open_nursery() as nursery:
        slots: dict[str, Any] = {given: BrokenSlots()}
        listeners = await nursery.start(
            partial(serve, 0, hosts=[host], observer=events, stop=stop, **slots)
        )
        for number in (1, 2):
            with socket.create_connection(listeners[0].socket.getsockname()[:2]) as client:
                assert await trio.to_thread.run_sync(receive_all, client) == b""
            failed = await events.wait(ClientFailed)
            assert failed.connection.number == number
            assert isinstance(failed.error, ZeroDivisionError)
            assert await events.wait(ClientClosed) == ClientClosed(failed.connection, 0)
        stop.set()
    assert events.seen[-1] == Stopped(2, 0, cut_off=0)


class SilentSlots:
    """Slots that never answer, as a parent that is busy."""

    async def take(self, _host: str) -> bool:
        await trio.sleep_forever()
        raise AssertionError

    def free(self, host: str) -> None:
        raise AssertionError("it has taken none")


async def test_a_client_that_waits_for_an_answer_about_its_host_is_counted(host: str) -> None:
    events, stop, tally = Events(), trio.Event(), Tally()
    limits = Limits(grace=0)
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(
            partial(
                serve, 0, hosts=[host], observer=events, stop=stop, tally=tally, limits=limits,
                host_slots=SilentSlots(),
            )
        )  # fmt: skip
        with socket.create_connection(listeners[0].socket.getsockname()[:2]):
            while not tally.totals().waiting:
                await trio.lowlevel.checkpoint()
            stop.set()
            assert await events.wait(Draining) == Draining(1, 0)
            assert await events.wait(Stopped) == Stopped(0, 0, cut_off=1)
    assert tally.totals().waiting == 0


@pytest.mark.parametrize(
    ("host", "plain"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_addresses_are_compared_without_their_disguise(host: str, plain: str) -> None:
    assert plain_address(host) == ip_address(plain)
