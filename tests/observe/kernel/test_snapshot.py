"""Snapshots: each TCP state, and the contents of the queues."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from random import SystemRandom
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import trio
from support import PATIENCE, among, end, has_ipv6, reset

from trio_echo import AddressError, Endpoint, connect, serve
from trio_echo.observe import kernel
from trio_echo.observe.kernel import sockdiag

if TYPE_CHECKING:
    from collections.abc import Iterator

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="queues are shown on Linux only")


class Sockets(ExitStack):
    """Makes sockets of one family, and closes them at the end."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self.host = host
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET

    def fresh(self) -> socket.socket:
        return self.enter_context(socket.socket(self.family))

    def bound(self) -> socket.socket:
        sock = self.fresh()
        sock.bind((self.host, 0))
        return sock

    def listener(self, backlog: int = 5) -> socket.socket:
        sock = self.bound()
        sock.listen(backlog)
        return sock

    def connected(self, listener: socket.socket) -> socket.socket:
        sock = self.fresh()
        sock.connect(listener.getsockname())
        return sock

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """Return a client's socket and the accepted one."""
        listener = self.listener()
        client = self.connected(listener)
        server = self.enter_context(listener.accept()[0])
        listener.close()
        return client, server


@pytest.fixture
def sockets(host: str) -> Iterator[Sockets]:
    with Sockets(host) as made:
        yield made


async def state(wanted: str, *ends: socket.socket) -> kernel.SocketRow:
    """Wait until one of these sockets' ends is in this state."""
    known = {end(sock) for sock in ends}
    sockets = {f"sock{number}": sock for number, sock in enumerate(ends)}
    with trio.fail_after(PATIENCE):
        taken = await kernel.until(
            lambda one: any(row.state == wanted for row in among(known, one)), **sockets
        )
    return next(row for row in among(known, taken) if row.state == wanted)


def fill(sock: socket.socket) -> int:
    """Send until both buffers are full; return the number of bytes."""
    sock.setblocking(False)
    sent = 0
    with suppress(BlockingIOError):
        while True:
            sent += sock.send(bytes(65536))
    return sent


def test_a_new_socket_has_a_protocol_and_no_address(sockets: Sockets) -> None:
    row = kernel.snapshot(sock=sockets.fresh())["sock"]
    assert (row.state, row.local, row.remote) == ("CLOSE", None, None)
    assert row.protocol == ("TCP/IPv6" if sockets.family == socket.AF_INET6 else "TCP/IPv4")
    assert row.process_id == os.getpid()


def test_a_bound_socket_is_shown_even_if_no_table_lists_it(sockets: Sockets) -> None:
    sock = sockets.bound()
    row = kernel.snapshot(sock=sock)["sock"]
    assert (row.state, row.local, row.remote) == ("CLOSE", end(sock), None)
    if sys.platform == "linux":
        assert among([end(sock)], kernel.snapshot(end(sock).port)) == []


def test_a_listener_is_shown_without_privilege(sockets: Sockets) -> None:
    listener = sockets.listener(backlog=7)
    (row,) = among([end(listener)], kernel.snapshot(end(listener).port))
    assert (row.state, row.local, row.remote) == ("LISTEN", end(listener), None)
    assert (row.process_id, row.name) == (os.getpid(), None)
    assert row.process_name == psutil.Process().name()


@on_linux
def test_a_listener_shows_how_many_wait_and_how_many_may(sockets: Sockets) -> None:
    listener = sockets.listener(backlog=7)
    clients = [sockets.connected(listener) for _ in range(3)]
    taken = kernel.snapshot(listen_sock=listener)
    row = taken["listen_sock"]
    assert (row.accept_queue, row.backlog) == (3, 7)
    assert row.waiting == "3 of 8 to be accepted"
    ends = [end(listener), *map(end, clients)]
    waiting = [one for one in among(ends, taken) if one.accepted is False]
    assert {one.remote for one in waiting} == set(map(end, clients))
    assert {(one.state, one.process_id) for one in waiting} == {("ESTABLISHED", None)}
    sockets.enter_context(listener.accept()[0])
    assert kernel.snapshot(listen_sock=listener)["listen_sock"].accept_queue == 2


@on_linux
def test_bytes_that_nobody_received_are_counted(sockets: Sockets) -> None:
    client, server = sockets.pair()
    client.sendall(b"hello")
    row = kernel.snapshot(server=server)["server"]
    assert (row.receive_queue, row.waiting) == (5, "5 B to be received")
    server.recv(2)
    assert kernel.snapshot(server=server)["server"].receive_queue == 3


@on_linux
async def test_bytes_that_a_full_peer_cannot_take_wait_at_the_sender(sockets: Sockets) -> None:
    client, server = sockets.pair()
    sent = fill(client)

    def settled(taken: kernel.Snapshot) -> bool:
        # The kernel lists one socket after the other: bytes may move on in between.
        queues = taken["server"].receive_queue, taken["client"].send_queue
        return sum(filter(None, queues)) >= sent  # received bytes may not be acknowledged yet

    taken = await kernel.until(settled, client=client, server=server)
    assert taken["server"].receive_queue
    waiting = taken["client"].send_queue
    assert waiting
    assert taken["client"].waiting == f"{waiting} B not acknowledged"


async def test_syn_sent(sockets: Sockets) -> None:
    if sys.platform != "linux":
        pytest.skip("elsewhere a full backlog refuses")
    listener = sockets.listener(backlog=0)
    clients = [sockets.fresh() for _ in range(3)]
    for sock in clients:
        sock.setblocking(False)
        sock.connect_ex(listener.getsockname())
    row = await state("SYN_SENT", listener, *clients)
    assert row.remote == end(listener)
    assert (row.send_queue, row.waiting) == (0, "SYN not acknowledged")


@on_linux
async def test_a_backlog_of_two_holds_three_connections(sockets: Sockets) -> None:
    listener = sockets.listener(backlog=2)
    for _ in range(3):
        sockets.connected(listener)
    outside = sockets.fresh()
    outside.setblocking(False)
    outside.connect_ex(listener.getsockname())
    await state("SYN_SENT", listener, outside)
    row = kernel.snapshot(listen_sock=listener)["listen_sock"]
    assert (row.backlog, row.places, row.waiting) == (2, 3, "3 of 3 to be accepted")


async def test_syn_received(sockets: Sockets) -> None:
    if sys.platform != "linux":
        pytest.skip("TCP_DEFER_ACCEPT is Linux's")
    listener = sockets.listener()
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 30)
    client = sockets.connected(listener)
    row = await state("SYN_RECV", listener, client)
    assert (row.local, row.remote) == (end(listener), end(client))
    assert row.process_id is None


def test_established(sockets: Sockets) -> None:
    client, server = sockets.pair()
    taken = kernel.snapshot(client=client, server=server)
    rows = among([end(client), end(server)], taken)
    assert [row.state for row in rows] == ["ESTABLISHED", "ESTABLISHED"]
    assert (taken["client"].local, taken["client"].remote) == (end(client), end(server))
    assert taken["server"].accepted


async def test_fin_wait_1_lasts_while_the_peer_is_full(sockets: Sockets) -> None:
    client, server = sockets.pair()
    fill(client)
    client.shutdown(socket.SHUT_WR)
    row = await state("FIN_WAIT1", client, server)
    assert row.local == end(client)
    if sys.platform == "linux":
        assert row.waiting == f"{row.send_queue} B and FIN not acknowledged"


async def test_fin_wait_2_and_close_wait_are_the_two_ends_of_a_half_close(sockets: Sockets) -> None:
    client, server = sockets.pair()
    client.sendall(b"hello")
    client.shutdown(socket.SHUT_WR)
    assert (await state("FIN_WAIT2", client, server)).local == end(client)
    row = await state("CLOSE_WAIT", client, server)
    assert row.local == end(server)
    if sys.platform == "linux":
        assert (row.receive_queue, row.waiting) == (5, "5 B and end of stream to be received")
        assert (server.recv(10), server.recv(10)) == (b"hello", b"")
        assert kernel.snapshot(server=server)["server"].waiting == ""


async def test_last_ack_lasts_while_the_peer_is_full(sockets: Sockets) -> None:
    client, server = sockets.pair()
    client.shutdown(socket.SHUT_WR)
    await state("CLOSE_WAIT", client, server)
    fill(server)
    server.shutdown(socket.SHUT_WR)
    assert (await state("LAST_ACK", client, server)).local == end(server)


async def test_time_wait_is_the_kernels_own_and_the_closers_socket_says_close(
    sockets: Sockets,
) -> None:
    client, server = sockets.pair()
    ends = end(client), end(server)
    client.shutdown(socket.SHUT_WR)
    server.close()
    with trio.fail_after(PATIENCE):
        taken = await kernel.until(
            lambda one: any(row.state == "TIME_WAIT" for row in among(ends, one)), client=client
        )
    row = next(row for row in among(ends, taken) if row.state == "TIME_WAIT")
    assert (row.local, row.remote) == ends
    assert (row.process_id, row.name) == (None, None)
    if sys.platform == "linux":
        assert row.owned is False
    assert kernel.snapshot(client=client)["client"].state == "CLOSE"


def test_a_reset_leaves_nothing(sockets: Sockets) -> None:
    client, server = sockets.pair()
    ends = end(client), end(server)
    reset(client)
    server.close()
    assert among(ends, kernel.snapshot(ends[0].port)) == []


def test_a_closed_socket_is_left_out(sockets: Sockets) -> None:
    sock = sockets.bound()
    sock.close()
    taken = kernel.snapshot(sock=sock)
    with pytest.raises(KeyError, match="no socket here is named 'sock'"):
        taken["sock"]


def strangers(sockets: Sockets) -> dict[str, socket.socket]:
    """Return three sockets; others have their port numbers, on other addresses or families.

    The numbers are below those that the kernel hands out: connections that ended a moment ago may
    hold all of these.

    Raises:
        OSError: somebody else has one of these numbers.
    """
    port, client_port, bound_port = SystemRandom().sample(range(16_384, 32_768), 3)
    own = [sockets.enter_context(reusable(sockets.family)) for _ in range(3)]
    listener, client, bound = own
    for sock, number in zip(own, (port, client_port, bound_port), strict=True):
        sock.bind((sockets.host, number))
    listener.listen()
    client.connect(listener.getsockname())
    for family, host in ((socket.AF_INET, "127.0.0.2"), (socket.AF_INET6, "::1")):
        if host == sockets.host or (family == socket.AF_INET6 and not has_ipv6()):
            continue
        stranger = sockets.enter_context(reusable(family))
        stranger.bind((host, port))
        stranger.listen()
        for number in (client_port, bound_port):
            guest = sockets.enter_context(reusable(family))
            guest.bind((host, number))
            guest.connect((host, port))
    return {"listener": listener, "client": client, "bound": bound}


def reusable(family: int) -> socket.socket:
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return sock


@on_linux
def test_the_same_port_on_another_address_or_family_is_another_socket(sockets: Sockets) -> None:
    own: dict[str, socket.socket] = {}
    while not own:
        try:
            own = strangers(sockets)
        except OSError as exc:
            if exc.errno != errno.EADDRINUSE:
                raise
            sockets.close()
    for name, one in own.items():
        taken = kernel.snapshot(**{name: one})
        hosts = {one.host for row in taken.rows for one in (row.local, row.remote) if one}
        assert hosts == {sockets.host}


async def test_an_object_that_holds_a_socket_can_be_shown_by_name(host: str) -> None:
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(lambda **kw: serve(0, hosts=[host], **kw))
        port = listener.socket.getsockname()[1]
        async with (
            await connect(host, port) as client,
            await trio.open_tcp_stream(host, port) as stream,
        ):
            sock = trio.socket.from_stdlib_socket(socket.socket(listener.socket.family))
            with sock:
                taken = kernel.snapshot(listener=listener, client=client, stream=stream, sock=sock)
        nursery.cancel_scope.cancel()
    assert [taken[name].state for name in ("listener", "client", "stream", "sock")] == [
        "LISTEN",
        "ESTABLISHED",
        "ESTABLISHED",
        "CLOSE",
    ]
    ends = [row.local for row in taken.rows if row.name in ("listener", "client", "stream")]
    rows = among(filter(None, ends), taken)
    assert len(rows) == 6  # the server's ends of both connections as well


def test_sockets_of_other_processes_are_shown(host: str) -> None:
    code = f"""
import socket, sys
family = socket.AF_INET6 if ":" in {host!r} else socket.AF_INET
listener = socket.create_server(({host!r}, 0), family=family, backlog=9)
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        (row,) = among([Endpoint(host, port)], kernel.snapshot(port))
    assert (row.process_id, row.state) == (other.pid, "LISTEN")
    if sys.platform == "linux":
        assert row.backlog == 9


def test_listeners_that_share_an_endpoint_are_distinguished(sockets: Sockets) -> None:
    if sys.platform != "linux":
        pytest.skip("queues are shown on Linux only")
    first = sockets.fresh()
    first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    first.bind((sockets.host, 0))
    first.listen(3)
    second = sockets.fresh()
    second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    second.bind(first.getsockname())
    second.listen(4)
    taken = kernel.snapshot(first=first, second=second)
    assert (taken["first"].backlog, taken["second"].backlog) == (3, 4)


def test_without_ports_every_socket_is_shown(sockets: Sockets) -> None:
    one, two = sockets.listener(), sockets.listener()
    assert {end(one), end(two)} <= {row.local for row in kernel.snapshot().rows}


def test_the_table_and_the_page_say_the_same_escaped() -> None:
    row = kernel.SocketRow(
        family=socket.AF_INET,
        state="LISTEN",
        local=Endpoint("127.0.0.1", 9000),
        owned=True,
        process_id=7,
        process_name="<b>evil\x1b[2J",
        accept_queue=1,
        backlog=3,
    )
    taken = kernel.Snapshot((row,))
    assert str(taken).splitlines() == [
        "Proto     Local address   Remote address  State   Waiting                Owner",
        "TCP/IPv4  127.0.0.1:9000  -               LISTEN  1 of 4 to be accepted  "
        "<b>evil\\x1b[2J (7)",
    ]
    page = taken._repr_html_()
    assert "&lt;b&gt;evil\\x1b[2J (7)" in page
    assert page.count("<td") == 6


def test_columns_stay_straight_beside_wide_characters() -> None:
    rows = [
        kernel.SocketRow(family=socket.AF_INET, state="CLOSE", name=name)
        for name in ("서버", "sock")
    ]
    heads, korean, english = str(kernel.Snapshot(tuple(rows))).splitlines()
    assert korean.index("TCP") + 2 == english.index("TCP") == heads.index("Proto")


def test_a_table_without_rows_says_so() -> None:
    assert str(kernel.Snapshot(())).splitlines()[1:] == ["There is no such socket."]
    assert "There is no such socket." in kernel.Snapshot((), "Not shown.")._repr_html_()


def test_a_system_that_hides_other_processes_shows_its_own_sockets(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(kind: str) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", denied)
    listener = sockets.listener()
    taken = kernel.snapshot(end(listener).port)
    assert [row.process_id for row in among([end(listener)], taken)] == [os.getpid()]
    assert "sockets only" in str(taken)


def test_windows_rows_of_process_0_have_no_owner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def listed(kind: str) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(
                family=socket.AF_INET,
                status="TIME_WAIT",
                laddr=("127.0.0.1", 9000),
                raddr=("127.0.0.1", 50000),
                pid=0,
                fd=-1,
            )
        ]

    monkeypatch.setattr(psutil, "net_connections", listed)
    monkeypatch.setattr(sockdiag, "queues", list)
    (row,) = kernel.snapshot(9000).rows
    assert not row.owned
    assert (row.process_id, row.process_name) == (None, None)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows shares no descriptors like this")
def test_a_socket_that_other_processes_share_belongs_to_this_process(sockets: Sockets) -> None:
    client, server = sockets.pair()
    listener = sockets.listener()
    files = [client.fileno(), server.fileno(), listener.fileno()]
    sharing = "import sys; sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", sharing], stdin=subprocess.PIPE, pass_fds=files
    ) as other:
        assert other.stdin is not None
        taken = kernel.snapshot(client=client, server=server, listener=listener)
        rows = among(map(end, (client, server, listener)), taken)
    assert [row.name for row in rows if row.name is None] == []
    assert {taken[name].state for name in ("client", "server")} == {"ESTABLISHED"}
    assert taken["listener"].state == "LISTEN"
    assert {row.process_id for row in rows} == {os.getpid()}


def test_one_socket_may_have_two_names(sockets: Sockets) -> None:
    listener = sockets.listener()
    with listener.dup() as again:
        taken = kernel.snapshot(listener=listener, again=again)
    assert (taken["listener"].state, taken["again"].state) == ("LISTEN", "LISTEN")


@pytest.mark.parametrize("kind", ["udp", "unix", "no socket"])
def test_something_that_is_not_a_tcp_socket_is_refused(kind: str) -> None:
    if kind == "unix" and not hasattr(socket, "AF_UNIX"):
        pytest.skip("this system has no Unix sockets")
    family = getattr(socket, "AF_UNIX", 0) if kind == "unix" else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as sock:
        thing: Any = None if kind == "no socket" else sock
        with pytest.raises(TypeError, match="thing is not a TCP socket"):
            kernel.snapshot(thing=thing)


def test_a_socket_without_a_name_is_refused() -> None:
    with socket.socket() as sock:
        nameless: Any = sock
        for look in (kernel.snapshot, kernel.Watch):
            with pytest.raises(TypeError, match="is not a port number; name a socket"):
                look(nameless)


@pytest.mark.parametrize("port", [-1, 65536])
def test_an_invalid_port_is_refused(port: int) -> None:
    with pytest.raises(AddressError, match="is not a port number"):
        kernel.snapshot(port)


@on_linux
def test_a_system_without_sock_diag_shows_all_but_the_queues(
    sockets: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(netlink: socket.socket) -> list[sockdiag.Queues]:
        raise PermissionError

    listener = sockets.listener()
    client = sockets.connected(listener)
    monkeypatch.setattr(sockdiag, "read", refuse)
    taken = kernel.snapshot(listener=listener, client=client)
    rows = among([end(listener), end(client)], taken)
    assert [row.waiting for row in rows] == ["", "", ""]
    assert {row.accepted for row in rows} == {None, True}  # nothing is claimed


def test_json_has_everything(sockets: Sockets) -> None:
    client, server = sockets.pair()
    rows = [row.as_json() for row in kernel.snapshot(client=client, server=server).rows]
    assert json.loads(json.dumps(rows)) == rows
    assert {"local": {"host": sockets.host, "port": end(client).port}}.items() <= next(
        row for row in rows if row["descriptor"] == client.fileno()
    ).items()


@on_linux
async def test_a_socket_that_lost_its_peer_is_not_taken_for_the_listener_of_its_port() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=5) as listener:
        sock = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        with sock, accepted:
            sock.shutdown(socket.SHUT_WR)
            accepted.shutdown(socket.SHUT_WR)
            with trio.fail_after(PATIENCE):
                now = await kernel.until(
                    lambda now: now["accepted"].state == "CLOSE", accepted=accepted
                )
            assert now["accepted"].waiting == ""
