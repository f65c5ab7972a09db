"""One process of a load: `python -m trio_echo.measure.load.worker`, which `round` starts.

It reads a line of JSON, its `Job`, and connects. It writes how many connections are open, and the
call and the error number that most of the others failed with:

    {"connected": 0, "failure": ["connect()", 111]}

It reads a line with the time to start, and loads the server. Now and then it writes how many
messages came back, and at the end a line with its CPU use and the scalars of its `Samples`,
followed by their arrays. Anything more on its standard input, or its end, ends the load, so no
worker outlives the process that started it.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import selectors
import socket
import sys
import threading
import time
from bisect import bisect_right
from collections import Counter
from typing import TypeAlias, cast

import msgspec

from trio_echo.keepalive import KEEPALIVE, keep_alive

from .pace import Pacer, Share
from .traffic import FOREVER, Traffic, failure
from .workload import Samples, Workload

SCALARS = ("began", "ended", "failures", "unanswered", "cut")
"""The fields of `Samples` in the last line."""
ARRAYS = ("intended", "sent", "received")
"""They follow it: 64-bit integers in this machine's byte order. The line has their sizes."""

Failures: TypeAlias = "Counter[tuple[str, int]]"
"""How many connections could not be opened, by call and error number."""

# connect() goes on in the background: on Windows the second.
_UNDER_WAY = {errno.EINPROGRESS, errno.EWOULDBLOCK}
# Nobody reads the pipe any more: on Windows the second.
_NOBODY_READS = {errno.EPIPE, errno.EINVAL}
# Connections opened at once. A server's backlog has room for more.
_CONNECTING = 100
# Seconds. No system tries to connect for that long, and some cannot wait longer.
_LONGEST_WAIT = 3600.0
# Descriptors beside the connections: standard streams, the poller, the pair that wakes it.
_OTHER_FILES = 32
# Seconds that a server has at the end for messages under way, so that closing resets nothing.
_DRAIN = 0.2


class Job(msgspec.Struct, frozen=True):
    """The first line that a worker reads.

    Attributes:
        host: a numeric address, with a zone if it needs one.
        port: of the server.
        workload: of the whole round.
        share: this process's part of it.
        patience: seconds without an answer after which it opens no further connection, and after
            which a connection that waits for an echo has failed.
    """

    host: str
    port: int
    workload: Workload
    share: Share
    patience: float

    def to_line(self) -> bytes:
        """Write it as one line."""
        return msgspec.json.encode(self) + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Job:
        """Read what `to_line` wrote."""
        return msgspec.json.decode(line, type=cls)


def main() -> None:
    """Do one job."""
    # Not the buffered one: its lock would be held by the thread below when the process ends.
    commands = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115  it stays
    if not (line := commands.readline()):
        return
    job = Job.from_line(line)
    waker, wake = socket.socketpair()
    commanded = threading.Event()
    starts: list[int] = []

    def listen() -> None:
        start = commands.readline()
        if start.strip():
            starts.append(int(start))
            commanded.set()
            commands.read(1)
        waker.send(b"x")
        commanded.set()

    # A thread, because Windows cannot wait for a pipe and for sockets at once. It takes nothing
    # from the load: it sleeps in read().
    threading.Thread(target=listen, daemon=True).start()
    allow_files(len(job.share) + _OTHER_FILES)
    socks, failures = connect(job, wake)
    most = failures.most_common(1)
    try:
        _say({"connected": len(socks), "failure": most[0][0] if most else None})
        commanded.wait()
        if starts:
            samples, busy, spun = measure(job, socks, wake, starts[0])
            for (call, number), count in failures.items():
                kind = failure(call, OSError(number, ""))
                samples.failures[kind] = samples.failures.get(kind, 0) + count
            _write(samples, busy=busy, spun=spun)
    except OSError as exc:
        if exc.errno not in _NOBODY_READS:
            raise
        os._exit(1)  # the interpreter would try to write again at its end


def allow_files(count: int) -> None:
    """Raise the limit of open files (setrlimit(2)) as far as needed and allowed."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < count:
            most = count if hard == resource.RLIM_INFINITY else min(count, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def connect(job: Job, wake: socket.socket) -> tuple[list[socket.socket], Failures]:
    """Open a worker's connections, many at a time.

    Returns:
        The open connections, and the number of failed ones by call and error number. If none was
        answered for the job's patience, the rest has failed. Both are incomplete if something
        arrived on `wake`.
    """
    info = socket.getaddrinfo(
        job.host, job.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
    )
    family, _, _, _, address = info[0]
    connected: list[socket.socket] = []
    failures: Failures = Counter()
    to_open = len(job.share)
    with selectors.DefaultSelector() as selector:
        selector.register(wake, selectors.EVENT_READ)
        while to_open or len(selector.get_map()) > 1:
            while to_open and len(selector.get_map()) <= _CONNECTING:
                to_open -= 1
                try:
                    sock = socket.socket(family, socket.SOCK_STREAM)
                except OSError as exc:
                    failures["socket()", exc.errno or 0] += 1
                    continue
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                keep_alive(sock, KEEPALIVE)
                error = sock.connect_ex(address)
                if error in _UNDER_WAY:
                    selector.register(sock, selectors.EVENT_WRITE)
                else:
                    _settle(sock, error, connected, failures)
            # Without one under way there is only `wake`, which may never come.
            wait = min(job.patience, _LONGEST_WAIT) if len(selector.get_map()) > 1 else 0
            settled = selector.select(wait)
            if wait and not settled:
                to_open += _give_up(selector, wake)
                failures["connect()", errno.ETIMEDOUT] += to_open
                break
            for key, _ in settled:
                one = cast("socket.socket", key.fileobj)
                if one is wake:
                    return connected, failures
                selector.unregister(one)
                error = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                _settle(one, error, connected, failures)
    return connected, failures


def _give_up(selector: selectors.BaseSelector, wake: socket.socket) -> int:
    """Close the sockets that are still connecting; returns how many."""
    socks = [key.fileobj for key in selector.get_map().values() if key.fileobj is not wake]
    for sock in socks:
        cast("socket.socket", sock).close()
    return len(socks)


def _settle(
    sock: socket.socket, error: int, connected: list[socket.socket], failures: Failures
) -> None:
    if not error and _is_its_own_peer(sock):
        error = errno.ECONNREFUSED
    if error:
        sock.close()
        failures["connect()", error] += 1
    else:
        connected.append(sock)


def _is_its_own_peer(sock: socket.socket) -> bool:
    """Return whether a socket has connected to itself.

    For a connection to a free port of this machine, the system may choose that very port as the
    source. This is a simultaneous open (RFC 9293, section 3.5).
    """
    try:
        return bool(sock.getsockname() == sock.getpeername())
    except OSError:  # the peer has reset it by now; the load will see that
        return False


def measure(
    job: Job, socks: list[socket.socket], wake: socket.socket, start: int
) -> tuple[Samples, float, float]:
    """Load the server from `start` on, a time of `time.perf_counter_ns`.

    Returns:
        The samples, and the shares of that time in which this process was busy, and spun.
    """
    clock, load, share = time.perf_counter_ns, job.workload, job.share
    began = start + int(load.warm_up * 1e9)
    end = FOREVER if load.duration is None else began + int(load.duration * 1e9)
    quota = FOREVER if load.messages is None else share.count(load.messages)
    traffic = Traffic(socks, wake, size=load.size, verify=load.verify, patience=job.patience)
    pacer = None if load.rate is None else Pacer(load.rate)
    traffic.allowance = quota if began == start else FOREVER
    gc.disable()  # the loop makes no cycles
    time.sleep(max(0, start - clock()) / 1e9)
    if pacer is None:
        traffic.start_closed(load.pipeline)
    else:  # its warm-up has the negative numbers
        first = min(0, 1 - pacer.due_before(began - start))
        traffic.start_open(began + pacer.due(number) for number in share.numbers(first))
    if began > start:
        traffic.run(began)
        traffic.forget(began)
        if pacer is None:
            traffic.allowance = max(0, quota - len(traffic.received) - traffic.pending)
        else:
            traffic.allowance = quota
            traffic.start_open(began + pacer.due(number) for number in share.numbers())
    since, cpu, spun = clock(), time.process_time_ns(), traffic.spun
    traffic.run(end, lambda count: _say({"messages": count}))
    took, spun = max(1, clock() - since), traffic.spun - spun
    busy = max(0, time.process_time_ns() - cpu - spun)
    ended = max(began, min(clock(), end))  # it may be over before it began
    complete = not traffic.stopped and traffic.alive
    traffic.drain(_DRAIN)
    traffic.close()

    if pacer:  # what was due in the warm-up may have come back in the round
        traffic.keep_due(began)
    if complete and load.messages is not None and traffic.received:
        ended = traffic.received[:quota][-1]
    kept = min(quota, bisect_right(traffic.received, ended))
    if pacer:
        due = FOREVER if complete and load.duration is None else pacer.due_before(ended - began)
        unanswered = share.count(min(due, load.messages or FOREVER)) - kept
    else:
        # The loop looks at the clock after each batch, so the last one may have sent too late.
        unanswered = traffic.under_way + sum(sent < ended for sent in traffic.sent[kept:quota])
    samples = Samples(
        began,
        ended,
        intended=(traffic.intended if pacer else traffic.sent)[:kept],
        sent=traffic.sent[:kept],
        received=traffic.received[:kept],
        failures=traffic.failures,
        unanswered=unanswered,
        cut=traffic.stopped,
    )
    return samples, busy / took, spun / took


def _say(fields: dict[str, object]) -> None:
    sys.stdout.buffer.write(json.dumps(fields).encode() + b"\n")
    sys.stdout.buffer.flush()


def _write(samples: Samples, *, busy: float, spun: float) -> None:
    fields = {"busy": busy, "spun": spun} | {name: getattr(samples, name) for name in SCALARS}
    for name in ARRAYS:
        fields[name] = getattr(samples, name).itemsize * len(getattr(samples, name))
    _say(fields)
    for name in ARRAYS:
        sys.stdout.buffer.write(getattr(samples, name))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
