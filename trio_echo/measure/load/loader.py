"""One process of a load: `python -m trio_echo.measure.load.loader`, which `processes` starts.

It reads a line of JSON, its `Job`, and connects. It writes how many connections are open, what TLS
they use, and what most of the others failed with:

    {"connected": 0, "tls": null, "failure": ["connect()", 111, "Connection refused"]}

It reads a line with the time to start, and loads the server. Now and then it writes a `Report`, and
at the end a line with its CPU use and the scalars of its `Samples`,
followed by their arrays. Anything more on its standard input, or its end, ends the load, so no
loader outlives the process that started it.
"""

from __future__ import annotations

import errno
import gc
import os
import socket
import sys
import threading
import time
from bisect import bisect_right

import msgspec

from .opening import allow_files, connect
from .pace import Pacer, Share
from .tls import Tls, described
from .traffic import FOREVER, Traffic
from .workload import Samples, Workload

SCALARS = ("began", "ended", "failures", "unanswered", "cut")
"""The fields of `Samples` in the last line."""
ARRAYS = ("intended", "sent", "received")
"""They follow it: 64-bit integers in this machine's byte order. The line has their sizes."""

# Nobody reads the pipe any more: on Windows the second.
_NOBODY_READS = {errno.EPIPE, errno.EINVAL}
# Descriptors beside the connections: standard streams, the poller, the pair that wakes it.
_OTHER_FILES = 32
# Seconds that a server has at the end for messages under way, so that closing resets nothing.
_DRAIN = 0.2


class Job(msgspec.Struct, frozen=True):
    """The first line that a loader reads.

    Attributes:
        host: a numeric address, with a zone if it needs one.
        port: of the server.
        workload: of the whole round.
        share: this process's part of it.
        patience: seconds without an answer after which it opens no further connection, and after
            which a connection that waits for an echo has failed.
        tls: if the connections use it.
    """

    host: str
    port: int
    workload: Workload
    share: Share
    patience: float
    tls: Tls | None = None

    def to_line(self) -> bytes:
        """Write it as one line."""
        return msgspec.json.encode(self) + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Job:
        """Read what `to_line` wrote."""
        return msgspec.json.decode(line, type=cls)


class Report(msgspec.Struct, frozen=True):
    """How far a load is.

    Attributes:
        messages: how many came back so far.
    """

    messages: int


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
    secure = None if job.tls is None else job.tls.secure()
    socks, failures = connect(
        job.host, job.port, len(job.share), wake, patience=job.patience, secure=secure
    )
    most = failures.most_common(1)
    try:
        _say(
            {
                "connected": len(socks),
                "tls": described(socks[0]) if socks else None,
                "failure": most[0][0] if most else None,
            }
        )
        commanded.wait()
        if starts:
            samples, busy, spun = load(job, socks, wake, starts[0])
            for failure, count in failures.items():
                kind = str(failure)
                samples.failures[kind] = samples.failures.get(kind, 0) + count
            _write(samples, busy=busy, spun=spun)
    except OSError as exc:
        if exc.errno not in _NOBODY_READS:
            raise
        os._exit(1)  # the interpreter would try to write again at its end


def load(
    job: Job, socks: list[socket.socket], wake: socket.socket, start: int
) -> tuple[Samples, float, float]:
    """Load the server from `start` on, a time of `time.perf_counter_ns`.

    Returns:
        The samples, and the shares of that time in which this process was busy, and spun.
    """
    clock, workload, share = time.perf_counter_ns, job.workload, job.share
    began = start + int(workload.warm_up * 1e9)
    end = FOREVER if workload.duration is None else began + int(workload.duration * 1e9)
    quota = FOREVER if workload.messages is None else share.count(workload.messages)
    traffic = Traffic(
        socks, wake, size=workload.size, verify=workload.verify, patience=job.patience
    )
    pacer = None if workload.rate is None else Pacer(workload.rate)
    traffic.allowance = quota if began == start else FOREVER
    gc.disable()  # the loop makes no cycles
    time.sleep(max(0, start - clock()) / 1e9)
    if pacer is None:
        traffic.start_closed(workload.pipeline)
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
    traffic.run(end, lambda count: _say(Report(count)))
    took, spun = max(1, clock() - since), traffic.spun - spun
    busy = max(0, time.process_time_ns() - cpu - spun)
    ended = max(began, min(clock(), end))  # it may be over before it began
    complete = not traffic.stopped and traffic.alive
    traffic.drain(_DRAIN)
    traffic.close()

    if pacer:  # what was due in the warm-up may have come back in the round
        traffic.keep_due(began)
    if complete and workload.messages is not None and traffic.received:
        ended = traffic.received[:quota][-1]
    kept = min(quota, bisect_right(traffic.received, ended))
    if pacer:
        due = FOREVER if complete and workload.duration is None else pacer.due_before(ended - began)
        unanswered = share.count(min(due, workload.messages or FOREVER)) - kept
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


def _say(fields: dict[str, object] | Report) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(fields) + b"\n")
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
