"""What one call changed, one line a change."""

from __future__ import annotations

import socket
import sys
from dataclasses import replace

import pytest
import trio
from support import PATIENCE

from trio_echo import Endpoint
from trio_echo.observe.kernel.changes import changes
from trio_echo.observe.kernel.snapshot import snapshot, until
from trio_echo.observe.kernel.sockets import Snapshot, SocketRow

SERVER, CLIENT = Endpoint("127.0.0.1", 9000), Endpoint("127.0.0.1", 51188)
LISTENER = SocketRow(
    family=socket.AF_INET,
    state="LISTEN",
    local=SERVER,
    name="listen_sock",
    owned=True,
    process_id=7,
    process_name="python",
    descriptor=3,
    accept_queue=0,
    backlog=5,
)
CONNECTED = SocketRow(
    family=socket.AF_INET,
    state="ESTABLISHED",
    local=SERVER,
    remote=CLIENT,
    owned=True,
    process_id=7,
    process_name="python",
    descriptor=4,
    receive_queue=0,
    send_queue=0,
)
PENDING = replace(CONNECTED, owned=False, process_id=None, process_name=None, descriptor=None)
NEW = SocketRow(family=socket.AF_INET, state="CLOSE", name="sock", owned=True, process_id=7)


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ([LISTENER], [LISTENER], []),
        (
            [],
            [NEW],
            [
                "sock: new socket, TCP/IPv4, without an address; "
                "the kernel's tables of connections do not list it"
            ],
        ),
        ([NEW], [replace(NEW, local=CLIENT)], ["sock: local address none → 127.0.0.1:51188"]),
        (
            [replace(LISTENER, state="CLOSE", accept_queue=None, backlog=None)],
            [LISTENER],
            ["listen_sock: state CLOSE → LISTEN"],
        ),
        (
            [LISTENER],
            [replace(LISTENER, accept_queue=1), PENDING],
            [
                "listen_sock: connections to be accepted 0 → 1",
                "new connection, not accepted yet: 127.0.0.1:9000 → 127.0.0.1:51188, ESTABLISHED",
            ],
        ),
        (
            [PENDING],
            [replace(CONNECTED, name="client_sock")],
            ["client_sock: left the accept queue; its owner is python (7)"],
        ),
        (
            [CONNECTED],
            [replace(CONNECTED, receive_queue=5, send_queue=2)],
            [
                "the socket 127.0.0.1:9000 → 127.0.0.1:51188: bytes to be received 0 → 5",
                "the socket 127.0.0.1:9000 → 127.0.0.1:51188: bytes not acknowledged 0 → 2",
            ],
        ),
        (
            [replace(CONNECTED, name="client_sock")],
            [replace(CONNECTED, name="client_sock", state="CLOSE_WAIT", got_end=True)],
            [
                "client_sock: state ESTABLISHED → CLOSE_WAIT",
                "client_sock: end of stream (FIN) to be received",
            ],
        ),
        (
            [replace(CONNECTED, name="client_sock")],
            [replace(PENDING, state="TIME_WAIT")],
            [
                "client_sock: state ESTABLISHED → TIME_WAIT",
                "client_sock: no process owns it any more; only the kernel keeps it",
            ],
        ),
        (
            [LISTENER],
            [],
            ["listen_sock: closed (was 127.0.0.1:9000, LISTEN)"],
        ),
        (
            [replace(PENDING, state="TIME_WAIT")],
            [],
            ["the socket 127.0.0.1:9000 → 127.0.0.1:51188: gone (was TIME_WAIT)"],
        ),
        (
            [LISTENER],
            [replace(LISTENER, backlog=9)],
            ["listen_sock: backlog 5 → 9"],
        ),
        (
            [],
            [replace(LISTENER, name=None)],
            [
                "new socket: 127.0.0.1:9000, LISTEN, 0 of 6 to be accepted",
            ],
        ),
    ],
)
def test_each_change_is_a_line(
    before: list[SocketRow], after: list[SocketRow], lines: list[str]
) -> None:
    assert list(changes(Snapshot(tuple(before)), Snapshot(tuple(after)))) == lines


def test_two_listeners_on_one_endpoint_are_not_mixed_up() -> None:
    one, two = (replace(LISTENER, name=None, descriptor=number) for number in (3, 4))
    before, after = (one, two), (one, replace(two, accept_queue=1))
    assert list(changes(Snapshot(before), Snapshot(after))) == [
        "the socket 127.0.0.1:9000: connections to be accepted 0 → 1"
    ]


def test_a_name_may_be_given_to_another_socket() -> None:
    before = replace(CONNECTED, name="sock")
    after = replace(NEW, descriptor=9)
    assert list(changes(Snapshot((before,)), Snapshot((after, replace(before, name="old"))))) == [
        "sock: new socket, TCP/IPv4, without an address; "
        "the kernel's tables of connections do not list it"
    ]


def test_a_closers_socket_and_the_row_that_the_kernel_keeps_are_two() -> None:
    before = replace(CONNECTED, name="sock", state="FIN_WAIT2")
    after = (
        replace(PENDING, state="TIME_WAIT"),
        replace(before, state="CLOSE", remote=None),
    )
    assert list(changes(Snapshot((before,)), Snapshot(after))) == [
        "new socket: 127.0.0.1:9000 → 127.0.0.1:51188, TIME_WAIT",
        "sock: remote address 127.0.0.1:51188 → none",
        "sock: state FIN_WAIT2 → CLOSE",
    ]


def test_it_reads_as_a_list() -> None:
    nothing = changes(Snapshot(()), Snapshot(()))
    assert str(nothing) == "- Nothing changed."
    assert nothing._repr_html_() == "<ul><li>Nothing changed.</li></ul>"
    hostile = changes(
        Snapshot((PENDING,)), Snapshot((replace(CONNECTED, process_name="<i>\x1b[2J"),))
    )
    assert "\x1b" not in str(hostile)
    assert "&lt;i&gt;\\x1b[2J (7)" in hostile._repr_html_()


async def test_the_lines_follow_a_real_connection(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listen_sock, socket.socket(family) as sock:
        listen_sock.bind((host, 0))
        before = snapshot(listen_sock=listen_sock, sock=sock)
        listen_sock.listen()
        after = snapshot(listen_sock=listen_sock, sock=sock)
        assert str(changes(before, after)) == ("- listen_sock: state CLOSE → LISTEN")
        sock.connect(listen_sock.getsockname())
        before, after = after, snapshot(listen_sock=listen_sock, sock=sock)
        said = str(changes(before, after))
        assert "sock: remote address none → " in said
        assert "sock: state CLOSE → ESTABLISHED" in said
        if sys.platform == "linux":
            assert "new connection, not accepted yet" in said
        with listen_sock.accept()[0] as client_sock:
            before = after
            after = snapshot(listen_sock=listen_sock, sock=sock, client_sock=client_sock)
            if sys.platform == "linux":
                assert "client_sock: left the accept queue" in str(changes(before, after))
            sock.close()
            with trio.fail_after(PATIENCE):
                before, after = (
                    after,
                    await until(
                        lambda one: one["client_sock"].state == "CLOSE_WAIT",
                        listen_sock=listen_sock,
                        sock=sock,
                        client_sock=client_sock,
                    ),
                )
            said = str(changes(before, after))
            assert "client_sock: state ESTABLISHED → CLOSE_WAIT" in said
            if sys.platform == "linux":
                assert "sock: no process owns it any more; only the kernel keeps it" in said
