"""The echo servers that are raced: which can run here, how they start, and what they cost.

All of them run as their projects recommend, each in its own process.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import trustme

from trio_echo import Endpoint
from trio_echo.measure.load.connections.tls import Tls

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

FOLDER = Path(__file__).parent
_OPTIONS = {
    "trio_echo": ["--quiet"],
    "trio_echo_display": [],
    "trio_echo_terminal": [],
    "trio_echo_portable": ["--quiet", "--portable"],
}
OURS = tuple(_OPTIONS)

# In the certificate of the servers.
_NAME = "localhost"
# Seconds.
_PATIENCE = 10.0
# Seconds that a server may take to listen on a busy machine; one that dies is noticed at once.
_STARTING = 120.0
_PAUSE = 0.03
# A server is at rest when it takes less than this share of a pause.
_REST = 0.1


@dataclass(frozen=True, slots=True)
class Rival:
    """An echo server that can be raced.

    Attributes:
        name: on the command line; that of its file, but for the C program and for ours.
        title: for people.
        package: the distribution that it needs and whose version is named; of none, Python's.
        tls: whether it can serve over TLS.
        on_terminal: whether it shows its lines on a terminal, not in a file.
    """

    name: str
    title: str
    package: str | None = None
    tls: bool = False
    on_terminal: bool = False

    def missing(self, *, tls: bool = False) -> str | None:
        """Return the reason why it cannot run here, if there is one."""
        if tls and not self.tls:
            return "it has no TLS"
        if self.on_terminal and sys.platform == "win32":
            return "it takes a terminal of POSIX"
        if self.name == "c_epoll":
            if sys.platform != "linux":
                return "it takes Linux"
            return None if shutil.which("cc") else "there is no C compiler (cc)"
        try:
            self.version()
        except metadata.PackageNotFoundError:
            return f"{self.package} is not installed"
        return None

    def version(self) -> str:
        """Name what it runs on, with its version."""
        if self.name == "c_epoll":
            done = subprocess.run(["cc", "--version"], check=True, capture_output=True, text=True)
            return done.stdout.partition("\n")[0]
        if self.package is None:
            return f"Python {platform.python_version()}"
        return f"{self.package} {metadata.version(self.package)}"

    def command(self, folder: Path, pem: Path | None = None) -> list[str]:
        """Return the command that serves on 127.0.0.1.

        Args:
            folder: for compiled programs.
            pem: for TLS: the file with the server's certificate and its key.
        """
        if self.name == "c_epoll":
            return [compiled("echo", folder), "127.0.0.1", "0"]
        if self.name in OURS:
            command = [sys.executable, "-m", "trio_echo", "serve", "--host", "127.0.0.1"]
            command += ["--port", "0", "--lang", "en", *_OPTIONS[self.name]]
            return command + (["--tls-cert", str(pem), "--tls-key", str(pem)] if pem else [])
        command = [sys.executable, str(FOLDER / f"{self.name}.py"), "0"]
        return command + ([str(pem)] if pem else [])


RIVALS = {
    one.name: one
    for one in (
        Rival("c_epoll", "C, epoll"),
        Rival("uvloop_protocol", "uvloop `Protocol`", "uvloop", tls=True),
        Rival("asyncio_protocol", "asyncio `Protocol`", tls=True),
        Rival("asyncio_streams", "asyncio streams", tls=True),
        Rival("gevent_server", "gevent", "gevent"),
        Rival("anyio_streams", "AnyIO on asyncio", "anyio"),
        Rival("trio_tutorial", "Trio's tutorial", "trio", tls=True),
        Rival("trio_echo", "trio_echo `--quiet`", "trio-echo", tls=True),
        Rival("trio_echo_display", "trio_echo, to a file", "trio-echo", tls=True),
        Rival(
            "trio_echo_terminal",
            "trio_echo, on a terminal",
            "trio-echo",
            tls=True,
            on_terminal=True,
        ),
        Rival("trio_echo_portable", "trio_echo `--portable`", "trio-echo", tls=True),
    )
}


class Server:
    """A rival that runs.

    Attributes:
        rival: which.
        endpoint: where it listens.
        pid: of its process.
    """

    def __init__(self, rival: Rival, port: int, pid: int) -> None:
        self.rival = rival
        self.endpoint = Endpoint("127.0.0.1", port)
        self.pid = pid
        if sys.platform == "linux":
            self._clock = _cpu_clock(pid)

    def cpu_ns(self) -> int:
        """Return how much CPU time it has taken, all threads together, user and system.

        On Linux in nanoseconds; elsewhere by psutil, which is coarser.
        """
        if sys.platform == "linux":
            return time.clock_gettime_ns(self._clock)
        times = psutil.Process(self.pid).cpu_times()
        return int((times.user + times.system) * 1e9)

    def rest(self) -> None:
        """Wait until it has finished the work of its last load. Blocks."""
        deadline = time.monotonic() + _PATIENCE
        before = self.cpu_ns()
        while time.monotonic() < deadline:
            time.sleep(_PAUSE)
            before, last = self.cpu_ns(), before
            if before - last < _REST * _PAUSE * 1e9:
                return


def _cpu_clock(pid: int) -> int:
    """Return the clock of a process's CPU time (clock_getcpuclockid(3), Linux)."""
    clock = ctypes.c_int()
    if error := ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock)):
        raise OSError(error, os.strerror(error))
    return clock.value


def compiled(name: str, folder: Path, *, tls: bool = False) -> str:
    """Compile one of the C programs of this directory; returns the path of the result.

    Raises:
        SystemExit: the compiler is missing, or it fails: TLS takes the headers of OpenSSL.
    """
    program = str(folder / name)
    compiler = shutil.which("cc") or sys.exit("there is no C compiler (cc)")
    options = ["-DTLS", "-lssl", "-lcrypto"] if tls else []
    command = [compiler, "-O2", "-o", program, str(FOLDER / f"{name}.c"), *options]
    if subprocess.run(command, check=False).returncode:
        sys.exit(f"{name}.c does not compile" + " (is libssl-dev installed?)" * tls)
    return program


@contextmanager
def terminal(shown: Path) -> Iterator[int]:
    """Open a terminal whose screen is appended to a file; yields the end for programs."""
    if sys.platform == "win32":
        raise NotImplementedError("it takes a terminal of POSIX")
    screen, end = os.openpty()

    def read() -> None:
        with suppress(OSError), shown.open("ab", buffering=0) as file:  # EIO: no program is left
            while data := os.read(screen, 65536):
                file.write(data)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield end
    finally:
        os.close(end)
        reader.join()
        os.close(screen)


@contextmanager
def running(
    command: Sequence[str], shown: Path, *, on_terminal: bool = False
) -> Iterator[tuple[int, int]]:
    """Run a server; yields its port, the last number in its first line, and its process id.

    Args:
        command: that starts it.
        shown: a new file, which what it shows is appended to: it may be emptied meanwhile.
        on_terminal: it shows that on a terminal.

    Raises:
        RuntimeError: it does not start.
    """
    with terminal(shown) if on_terminal else shown.open("ab") as out:
        server = subprocess.Popen(command, stdout=out)
        try:
            yield _port(server, shown), server.pid
        finally:
            server.kill()
            server.wait()
    shown.unlink()


def _port(server: subprocess.Popen[bytes], shown: Path) -> int:
    """Wait for its first line, which ends with the port."""
    deadline = time.monotonic() + _STARTING
    while time.monotonic() < deadline and server.poll() is None:
        if found := re.match(rb".*?(\d+)\s*\n", shown.read_bytes()):
            return int(found[1])
        time.sleep(_PAUSE)
    raise RuntimeError(f"{server.args!r} does not listen")


class Field:
    """Where a race takes place: a temporary folder, and two cores if there are two.

    Args:
        names: of the rivals that are wanted; of none, all.
        against: the one that the others are compared with.
        tls: whether the servers use TLS.

    Attributes:
        rivals: those that can run here, the baseline first.
        conditions: where the servers and where the load run.
        folder: for what is compiled and shown.
        tls: what a load needs for TLS; `None` without it.

    Raises:
        SystemExit: the baseline or all others cannot run here.
    """

    def __init__(self, names: Sequence[str], against: str, *, tls: bool = False) -> None:
        self.rivals = []
        self.tls: Tls | None = None
        self._pem: Path | None = None
        self._with_tls = tls
        for name in dict.fromkeys((against, *(names or RIVALS))):
            reason = RIVALS[name].missing(tls=tls)
            if reason is None:
                self.rivals.append(RIVALS[name])
            else:
                print(f"left out: {name}: {reason}", file=sys.stderr)
        if len(self.rivals) < 2 or self.rivals[0].name != against:
            sys.exit("there is nothing to compare")
        self.conditions = "servers and load on all cores"
        self._cores: list[int] = []
        if sys.platform == "linux":
            self._cores = sorted(os.sched_getaffinity(0))
            if len(self._cores) > 1:
                self.conditions = "one core for the servers, another for the load"
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        if self._with_tls:
            self._certify()
        self._pin(0, 0)
        self._stack.callback(self._unpin)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def started(self, rivals: Sequence[Rival]) -> Iterator[list[Server]]:
        """Run rivals, all on one core, away from this process."""
        with ExitStack() as stack:
            servers = []
            for one in rivals:
                shown = self.folder / f"{one.name}.out"
                command = one.command(self.folder, self._pem)
                server = running(command, shown, on_terminal=one.on_terminal)
                port, pid = stack.enter_context(server)
                self._pin(pid, 1)
                servers.append(Server(one, port, pid))
            yield servers

    def _certify(self) -> None:
        """Make a certificate, and an authority that the load trusts."""
        authority = trustme.CA()
        ca, self._pem = self.folder / "ca.pem", self.folder / "server.pem"
        authority.cert_pem.write_to_path(ca)
        issued = authority.issue_cert(_NAME)
        issued.private_key_and_cert_chain_pem.write_to_path(self._pem)
        self.tls = Tls(server_name=_NAME, ca=str(ca))

    def forget(self) -> None:
        """Empty the files that hold what the servers printed."""
        for shown in self.folder.glob("*.out"):
            os.truncate(shown, 0)

    def _pin(self, pid: int, core: int) -> None:
        if sys.platform == "linux" and len(self._cores) > 1:
            os.sched_setaffinity(pid, {self._cores[core]})

    def _unpin(self) -> None:
        if sys.platform == "linux":
            os.sched_setaffinity(0, self._cores)
