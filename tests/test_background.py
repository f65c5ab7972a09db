"""The server for synchronous code, used as its users do: with plain blocking sockets."""

from __future__ import annotations

import errno
import inspect
import math
import os
import signal
import socket
import subprocess
import sys
import threading
from functools import partial
from queue import Queue
from typing import TYPE_CHECKING

import pytest
import trio
from support import PATIENCE, exchange, has_ipv6, receive_all, receive_count

from trio_echo import (
    BackgroundServer,
    Endpoint,
    Faults,
    FaultSwitch,
    Limits,
    SocketCallError,
    serve,
)
from trio_echo.events import ClientClosed, DataReceived, Draining, Listening, ServerEvent, Stopped

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.usefixtures("way")


def test_plain_sockets_are_served_on_every_address() -> None:
    with BackgroundServer() as server:
        assert len(server.addresses) == 1 + has_ipv6()
        for address in server.addresses:
            with socket.create_connection(address) as sock:
                sock.sendall(b"hello")
                sock.shutdown(socket.SHUT_WR)
                assert receive_all(sock) == b"hello"


def test_it_is_listening_inside_the_block_and_gone_after_it(host: str) -> None:
    with BackgroundServer(hosts=[host]) as server:
        (address,) = server.addresses
        with socket.create_connection(address) as sock:
            sock.sendall(b"x")
            assert sock.recv(1) == b"x"
    assert not any(one.name == "trio_echo.BackgroundServer" for one in threading.enumerate())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def test_clients_still_connected_are_cut_off_at_the_end_of_the_block(host: str) -> None:
    events: list[ServerEvent] = []
    with BackgroundServer(hosts=[host], observer=events.append) as server:
        sock = socket.create_connection(server.addresses[0])
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
    with sock:
        assert sock.recv(1) == b""
    assert isinstance(events[0], Listening)
    assert isinstance(events[-2], ClientClosed)
    assert events[-1] == Stopped(clients=1, echoed=1, cut_off=1)


def test_faults_can_change_while_a_client_is_connected(host: str) -> None:
    switch = FaultSwitch()
    with (
        BackgroundServer(hosts=[host], faults=switch) as server,
        socket.create_connection(server.addresses[0]) as sock,
    ):
        sock.sendall(b"a")
        assert receive_count(sock, 1) == b"a"
        switch.faults = Faults(delay=math.inf)
        sock.sendall(b"b")
        switch.faults = Faults(close_after=1)
        assert receive_all(sock) == b"b"


def test_with_a_grace_period_the_end_of_the_block_waits_for_clients(host: str) -> None:
    with BackgroundServer(hosts=[host], limits=Limits(grace=30)) as server:
        sock = socket.create_connection(server.addresses[0])
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        finished: list[bytes] = []

        def finish_after_the_listener_is_gone() -> None:
            while True:
                try:
                    socket.create_connection(server.addresses[0]).close()
                except OSError:
                    break
            with sock:
                sock.sendall(b"later")
                sock.shutdown(socket.SHUT_WR)
                finished.append(receive_all(sock))

        thread = threading.Thread(target=finish_after_the_listener_is_gone)
        thread.start()
    thread.join()
    assert finished == [b"later"]


@pytest.mark.parametrize("observe_data", [True, False])
def test_it_can_be_portable_and_go_without_data(host: str, observe_data: bool) -> None:
    events: list[ServerEvent] = []
    with BackgroundServer(
        hosts=[host], observer=events.append, observe_data=observe_data, portable=True
    ) as server:
        exchange(server.addresses[0], b"hello")
    assert any(isinstance(event, DataReceived) for event in events) is observe_data


def test_it_takes_what_serve_takes() -> None:
    own = set(inspect.signature(BackgroundServer).parameters)
    assert own == set(inspect.signature(serve).parameters) - {"stop", "task_status"}


def test_a_given_listener_is_served_and_closed_at_the_end(host: str) -> None:
    (listener,) = trio.run(partial(trio.open_tcp_listeners, 0, host=host))
    endpoint = Endpoint.from_sockaddr(listener.socket.getsockname())
    with BackgroundServer(listeners=[listener]) as server:
        assert server.addresses == (endpoint,)
        exchange(endpoint, b"hello")
    assert listener.socket.fileno() == -1


def test_a_client_that_takes_one_receive_for_one_message_fails(host: str) -> None:
    with (
        BackgroundServer(hosts=[host], faults=Faults(fragment=2, reset_after=5)) as server,
        socket.create_connection(server.addresses[0]) as sock,
    ):
        sock.sendall(b"hello, world")
        assert sock.recv(2) == b"he"
        assert receive_count(sock, 3) == b"llo"
        with pytest.raises(ConnectionResetError):
            sock.recv(1)


def test_a_port_in_use_is_an_error_when_the_block_begins(host: str) -> None:
    with BackgroundServer(hosts=[host]) as server:
        second = BackgroundServer(server.addresses[0].port, hosts=[host])
        with pytest.raises(SocketCallError) as failure, second:
            pass
    assert (failure.value.call, failure.value.errno) == ("bind()", errno.EADDRINUSE)


@pytest.mark.parametrize(
    ("port", "hosts", "error"),
    [(0, [], ValueError), (0, "127.0.0.1", TypeError), (70000, ["127.0.0.1"], ValueError)],
)
def test_arguments_that_serve_refuses_are_errors_when_the_block_begins(
    port: int, hosts: Sequence[str], error: type[Exception]
) -> None:
    with pytest.raises(error), BackgroundServer(port, hosts=hosts):
        pass


def test_an_error_in_its_thread_is_raised_when_the_block_ends(host: str) -> None:
    failed = threading.Event()

    def observe(event: ServerEvent) -> None:
        if isinstance(event, ClientClosed):
            failed.set()
            raise RuntimeError("bug")

    server = BackgroundServer(hosts=[host], observer=observe)
    server.start()
    socket.create_connection(server.addresses[0]).close()
    assert failed.wait(30)
    with pytest.raises(RuntimeError, match="bug"):
        server.stop()


def test_an_observer_cannot_stop_its_own_server(host: str) -> None:
    refused: Queue[Exception] = Queue()

    def observe(event: ServerEvent) -> None:
        if isinstance(event, ClientClosed):
            try:
                server.stop()
            except RuntimeError as exc:
                refused.put(exc)

    with BackgroundServer(hosts=[host], observer=observe) as server:
        socket.create_connection(server.addresses[0]).close()
        assert "in its own thread" in str(refused.get(timeout=PATIENCE))


def test_it_can_be_started_only_once(host: str) -> None:
    server = BackgroundServer(hosts=[host])
    with server, pytest.raises(RuntimeError, match="started before"), server:
        pass


def test_start_and_stop_do_what_a_block_does(host: str) -> None:
    events: list[ServerEvent] = []
    server = BackgroundServer(hosts=[host], observer=events.append)
    server.stop()
    assert not server.addresses
    server.start()
    with socket.create_connection(server.addresses[0]) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
    server.stop()
    assert isinstance(events[-1], Stopped)
    server.stop()
    with pytest.raises(RuntimeError, match="started before"):
        server.start()


def test_a_server_that_could_not_start_needs_no_stop(host: str) -> None:
    with BackgroundServer(hosts=[host]) as first:
        second = BackgroundServer(first.addresses[0].port, hosts=[host])
        with pytest.raises(SocketCallError):
            second.start()
        second.stop()


def test_a_server_that_is_not_stopped_ends_silently_with_its_process() -> None:
    program = """
import socket, trio_echo
server = trio_echo.BackgroundServer()
server.start()
sock = socket.create_connection(server.addresses[0])
sock.sendall(b"x")
assert sock.recv(1) == b"x"
sock.close()
"""
    ran = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def run_apart(program: str) -> str:
    """Run a program in its own process; returns its output."""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program],
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    return ran.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_leaves_the_block_at_once_and_the_server_continues(way: str) -> None:
    said = run_apart(f"""
import os, socket, trio_echo
portable = {way == "portable"}
with trio_echo.BackgroundServer(portable=portable) as server:
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
        with socket.create_connection(server.addresses[0]) as sock:
            sock.sendall(b"x")
            assert sock.recv(1) == b"x"
        print("served")
if not child:
    server.stop()
    with trio_echo.BackgroundServer(portable=portable) as another:
        socket.create_connection(another.addresses[0]).close()
    os._exit(0)
""")
    assert said == "served\n"


# What the processes of the next tests share.
INTERRUPTED = """
import dis, itertools, random, signal, sys, threading, time
import psutil
import trio_echo, trio_echo.trio_thread

def held():
    return threading.active_count(), process.num_threads(), process.num_fds()

def expect_nothing_left(after):
    deadline = time.monotonic() + 30
    while held() != before:  # the system's thread lives a moment longer than Python's
        assert time.monotonic() < deadline, (after, before, held(), threading.enumerate())
        time.sleep(0.001)

process = psutil.Process()
with trio_echo.BackgroundServer():
    pass
before = 1, 1, process.num_fds()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows counts descriptors otherwise")
@pytest.mark.parametrize("method", ["start", "stop"])
def test_an_interrupt_at_any_point_leaves_nothing_behind(method: str, way: str) -> None:
    said = run_apart(f"""{INTERRUPTED}
files = {{trio_echo.trio_thread.__file__, threading.__file__}}

# Calls it, and raises KeyboardInterrupt at one of the points where Python would.
def interrupt_at(number, call):
    points = itertools.count()
    last = {{}}  # of each frame, the instruction before
    def trace(frame, event, _):
        if frame.f_code.co_filename not in files:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            before = last.get(frame, "")
            last[frame] = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            if before.startswith(("CALL", "RESUME")) and next(points) == number:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace
    sys._getframe().f_trace_opcodes = True  # else 3.12 counts none
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(None)

for number in itertools.count():
    server = trio_echo.BackgroundServer(hosts=["127.0.0.1"], portable={way == "portable"})
    if {method!r} == "stop":
        server.start()
    try:
        interrupt_at(number, server.{method})
    except KeyboardInterrupt:
        if {method!r} == "stop":
            server.stop()  # it may have been interrupted before it began
        expect_nothing_left(number)
    else:
        server.stop()
        break
print(number)
""")
    assert int(said) > 10


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no interval timers")
def test_starts_interrupted_at_random_leave_nothing_behind(way: str) -> None:
    said = run_apart(f"""{INTERRUPTED}
def interrupt(*_):
    raise KeyboardInterrupt

def report(unraisable):
    # In a weak reference's callback, nobody can be interrupted: Python only reports it.
    if unraisable.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(unraisable)

sys.unraisablehook = report
signal.signal(signal.SIGALRM, interrupt)
interrupted = 0
for number in range(600):
    server = trio_echo.BackgroundServer(hosts=["127.0.0.1"], portable={way == "portable"})
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 4e-3))
            server.start()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        interrupted += 1
    server.stop()
    expect_nothing_left(number)
print(interrupted)
""")
    assert int(said) > 10


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot signal one thread")
def test_an_interrupt_while_clients_finish_cuts_them_off(host: str) -> None:
    def interrupt(event: ServerEvent) -> None:
        if isinstance(event, Draining) and sys.platform != "win32":
            signal.pthread_kill(main, signal.SIGINT)

    main = threading.get_ident()
    server = BackgroundServer(hosts=[host], limits=Limits(grace=math.inf), observer=interrupt)
    server.start()
    with socket.create_connection(server.addresses[0]) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        with pytest.raises(KeyboardInterrupt):
            server.stop()
        assert sock.recv(1) == b""
    assert not any(one.name == "trio_echo.BackgroundServer" for one in threading.enumerate())


def test_if_the_system_refuses_a_thread_it_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="can't start"), BackgroundServer():
        pass
