"""Helpers of several tests: events to wait for, the command line as a process, odd servers."""

from __future__ import annotations

import itertools
import math
import os
import queue
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, TypeAlias, TypeVar

import psutil
import pytest
import trio
from hypothesis import strategies as st

from trio_echo import Endpoint
from trio_echo.events import ServerEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from trio_echo.observe.kernel.sockets import Snapshot, SocketRow

CommandLine: TypeAlias = Callable[..., tuple[int, str, str]]
"""Takes the words of a command line; returns exit status, output and errors."""

EventT = TypeVar("EventT", bound=ServerEvent)

# Seconds. Nothing takes this long, even on a busy machine, except a test that is about to fail.
PATIENCE = 120.0


# The signal that ends a command. On Windows Ctrl-Break, because Ctrl-C reaches the whole console.
if sys.platform == "win32":
    INTERRUPT = signal.CTRL_BREAK_EVENT
    # Windows ignores LC_ALL: a pipe has the country's character set.
    _UTF8 = {"PYTHONUTF8": "1"}
else:
    INTERRUPT = signal.SIGINT
    _UTF8: dict[str, str] = {}


SESSION = """
[data to send] hello
[TCP client] 5 bytes sent.
[TCP client] 5 bytes received.
[received data] hello

[data to send] 한국
[TCP client] 6 bytes sent.
[TCP client] 6 bytes received.
[received data] 한국

[data to send] \n"""


def listening(host: str, port: int) -> str:
    """What the server's screen shows of an address."""
    return f"[TCP server] listening: IP address={host}, port={port}\n"


def served(host: str, port: int) -> list[str]:
    """What it shows of a client that sends hello."""
    return [
        "\n",
        f"[TCP server] client connected: IP address={host}, port={port}\n",
        f"[TCP/{Endpoint(host, port)}] hello\n",
        f"[TCP server] client closed: IP address={host}, port={port}\n",
    ]


class Events:
    """An observer that records the events and lets a test wait for them in order."""

    def __init__(self) -> None:
        self.seen: list[ServerEvent] = []
        self._arrived = trio.Event()
        self._read = 0

    def __call__(self, event: ServerEvent) -> None:
        self.seen.append(event)
        self._arrived.set()

    async def wait(self, kind: type[EventT]) -> EventT:
        """Wait for the next event of a kind, and skip those before it."""
        with trio.fail_after(PATIENCE):
            while True:
                while self._read < len(self.seen):
                    event = self.seen[self._read]
                    self._read += 1
                    if isinstance(event, kind):
                        return event
                self._arrived = trio.Event()
                await self._arrived.wait()


def running_alone() -> dict[str, Any]:
    """Return the `Popen` arguments of a process that `INTERRUPT` can reach alone."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {}


class Process:
    """`python -m trio_echo …` as a process; a test can wait for its lines.

    Args:
        arguments: the words of the command line.
        env: changes to the environment; by default the language is English.
    """

    def __init__(
        self,
        *arguments: str,
        env: dict[str, str] | None = None,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        stdout: int | IO[bytes] = subprocess.PIPE,
        prefix: tuple[str, ...] = (),
    ) -> None:
        neutral = {name: value for name, value in os.environ.items() if name != "LANGUAGE"}
        self.popen = subprocess.Popen(
            [*prefix, sys.executable, "-m", "trio_echo", *arguments],
            env={**neutral, "LC_ALL": "C.UTF-8", **_UTF8, **(env or {})},
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            **running_alone(),
        )
        self.out = Lines(self.popen.stdout)
        self.err = Lines(self.popen.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
        self.wait()
        if self.popen.stdin is not None:
            self.popen.stdin.close()

    def wait(self) -> int:
        """Wait until it ends; returns the exit status."""
        status = self.popen.wait(PATIENCE)
        self.out.finish()
        self.err.finish()
        return status

    def stop(self) -> int:
        """Interrupt it and wait until it ends; returns the exit status."""
        self.interrupt()
        return self.wait()

    def interrupt(self) -> None:
        """Send it `INTERRUPT`."""
        self.popen.send_signal(INTERRUPT)

    def endpoints(self) -> list[Endpoint]:
        """Wait for the listening lines of both families."""
        lines = [self.out.expect(r"listening: IP address=(.*), port=(\d+)") for _ in range(2)]
        return [Endpoint(line[1], int(line[2])) for line in lines]


class Lines:
    """The lines of a process, read by a thread, so that a test can wait with a time limit."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        self.seen: list[str] = []
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        if stream is not None:
            self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
            self._thread.start()

    @property
    def text(self) -> str:
        return "".join(self.seen)

    def expect(self, pattern: str) -> re.Match[str]:
        """Wait for a line that contains the pattern, and skip those before it."""
        while (line := self._queue.get(timeout=PATIENCE)) is not None:
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"no line with {pattern!r}:\n{self.text}")

    def finish(self) -> None:
        if self._thread is not None:
            self._thread.join(PATIENCE)

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                text = line.decode("utf-8", "backslashreplace")
                if sys.platform == "win32":  # Python's own line ends
                    text = text.replace("\r\n", "\n")
                self.seen.append(text)
                self._queue.put(text)
        self._queue.put(None)


def connected(host: str) -> tuple[socket.socket, socket.socket]:
    """Make a TCP connection; the second end has a small receive buffer."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        listener.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF, 4096
        )  # accepted sockets inherit it
        ours = socket.create_connection(listener.getsockname()[:2])
        peer, _ = listener.accept()
    return ours, peer


def stream_of(sock: socket.socket) -> trio.SocketStream:
    sock.setblocking(False)
    return trio.SocketStream(trio.socket.from_stdlib_socket(sock))


def reset(sock: socket.socket | trio.socket.SocketType) -> None:
    """Close a socket with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def receive_all(sock: socket.socket) -> bytes:
    """Receive until the end of the stream."""
    return b"".join(iter(lambda: sock.recv(65536), b""))


def receive_count(sock: socket.socket, count: int) -> bytes:
    """Receive exactly `count` bytes."""
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        assert piece, f"the connection ended after {len(data)} of {count} bytes"
        data += piece
    return data


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this system has no IPv6 loopback")
"""For a test that needs it."""


def text_of(encoding: str, *, hostile: bool = False) -> st.SearchStrategy[bytes]:
    """Bytes that are hard to show: all kinds of characters, and bytes that are not characters.

    Hostile text also has invalid escape sequences; some decoders fail on them.
    """
    characters = st.text("a가é😀\u200d\u3000\u202e\u2028\x85\x1b\x07\b\0\r\n[T", max_size=8)
    lines = st.just("\r\n[TCP/127.0.0.1:51188] \n[TCP server] \r")
    text = (characters | lines).map(lambda one: one.encode(encoding, "replace"))
    shifts = [b"\x1b$)C", b"\x0e", b"\x0f"]
    halves = [b"\xff", b"\xea\xb0", b"\r", b"\n"]
    nowhere = [b"\x1b&+\xff", b"\x1b", b"\x1b("] if hostile else []
    pieces = text | st.sampled_from([*shifts, *halves, *nowhere]) | st.binary(max_size=4)
    return st.lists(pieces, max_size=6).map(b"".join)


def end(sock: socket.socket) -> Endpoint:
    return Endpoint.from_sockaddr(sock.getsockname())


def among(ends: Iterable[Endpoint], taken: Snapshot) -> list[SocketRow]:
    """Return the rows of these ends and of the connections between them.

    A machine may have others on the same ports, such as an earlier test's in TIME_WAIT.
    """
    known = {*ends, None}
    return [row for row in taken.rows if {row.local, row.remote} <= known]


def exchange(address: tuple[str, int], data: bytes) -> tuple[str, int]:
    """Send data, shut down the sending side, check the echo; returns the client's endpoint."""
    with socket.create_connection(address) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        assert receive_all(sock) == data
        name = sock.getsockname()
        return str(name[0]), int(name[1])


class RawServer:
    """A blocking server for one client, which a function handles."""

    def __init__(self, treat: Callable[[socket.socket], None], host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self._thread = threading.Thread(target=self._run, args=(treat,))
        self.address = str(Endpoint.from_sockaddr(self._listener.getsockname()))

    def _run(self, treat: Callable[[socket.socket], None]) -> None:
        sock, _ = self._listener.accept()
        with sock:
            treat(sock)

    def __enter__(self) -> str:
        self._thread.start()
        return self.address

    def __exit__(self, *_: object) -> None:
        self._thread.join(PATIENCE)
        self._listener.close()


@contextmanager
def hanging_server(*, every: int = 0, after: float = math.inf) -> Iterator[Endpoint]:
    """An echo server that hangs: it keeps reading but does not answer.

    Args:
        every: hang for every client whose number, from 1, is a multiple of this; 0: for none.
        after: hang for all clients after this many pieces of data.
    """
    left = iter(range(sys.maxsize if after == math.inf else int(after)))
    stopped = threading.Event()

    def echo(number: int, sock: socket.socket) -> None:
        with sock, suppress(OSError):  # the client may reset it
            while data := sock.recv(65536):
                if not (every and number % every == 0) and next(left, None) is not None:
                    sock.sendall(data)

    def accept() -> None:
        for number in itertools.count(1):
            sock, _ = listener.accept()
            if stopped.is_set():
                sock.close()
                return
            threading.Thread(target=echo, args=(number, sock)).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield Endpoint.from_sockaddr(listener.getsockname())
        finally:
            stopped.set()
            socket.create_connection(listener.getsockname()).close()
            accepting.join(PATIENCE)


@contextmanager
def silent_listener() -> Iterator[Endpoint]:
    """A listener with a full backlog: Linux drops the SYN of every new client."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield Endpoint.from_sockaddr(listener.getsockname())


def without_module(name: str, folder: Path) -> dict[str, str]:
    """Return an environment in which a module cannot be imported."""
    (folder / "sitecustomize.py").write_text(f"import sys; sys.modules[{name!r}] = None")
    return {"PYTHONPATH": str(folder)}


def jupyter_settings(folder: Path) -> dict[str, str]:
    """Return an environment in which Jupyter and IPython find no user's settings."""
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    return {name: str(folder / name) for name in names}


def wait_for_end(process: psutil.Process) -> None:
    """Wait until an orphaned process ends; its new parent may take long to reap it."""
    deadline = time.monotonic() + PATIENCE
    with suppress(psutil.NoSuchProcess):
        while process.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            with suppress(psutil.TimeoutExpired):
                process.wait(0.01)


def lab_address(lab: Process) -> str:
    """Wait until JupyterLab answers; returns the address of its page, with the token."""
    lab.err.expect("is running at")
    address = lab.err.expect(r"http://127\.0\.0\.1:(\d+)/\S+")
    deadline = time.monotonic() + PATIENCE
    while True:
        # It prints the address shortly before it listens.
        try:
            socket.create_connection(("127.0.0.1", int(address[1]))).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, lab.err.text
        else:
            return address[0]


def linked(host: str) -> tuple[socket.socket, socket.socket]:
    """Connect two sockets over loopback; returns the accepted one and the connecting one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        far = socket.create_connection(listener.getsockname()[:2])
        near, _ = listener.accept()
    return near, far
