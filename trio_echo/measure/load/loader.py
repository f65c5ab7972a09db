"""One process of a load: `python -m trio_echo.measure.load.loader`, which `processes` starts.

It reads its `Job`, and connects. It writes how many connections are open, what TLS
they use, and what most of the others failed with:

    {"connected": 0, "tls": null, "failure": ["connect()", 111, "Connection refused"]}

It reads a line with the time to start, and loads the server. Several times a second it writes a
line, followed by the times of the messages that came back since the last line (`outgoing`). At the
end it writes a line with its CPU use and the scalars of its `Samples`, followed by the rest.
Anything more on its standard input, or the end of that, ends the load. So no loader outlives the
process that started it.
"""

from __future__ import annotations

import gc
import socket
import sys
import threading
import time
from bisect import bisect_right
from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

from ..histogram import Histogram
from .connections.lanes import Lanes
from .connections.opening import allow_files, connect, opened_by
from .connections.ports import Ports, own_ports
from .connections.tls import Tls, described
from .connections.traffic import FOREVER, Traffic
from .connections.transaction import Transactions
from .outgoing import ARRAYS, Outgoing, Outlet
from .pace import Pacer, Share
from .workload import STAGES, Samples, Workload

if TYPE_CHECKING:
    from io import RawIOBase

KEPT_SAMPLES = 10_000_000
"""A run keeps the times of so many messages by default: 16 or 24 bytes each."""

SCALARS = ("began", "ended", "failures", "unanswered", "cut")
"""The fields of `Samples` in the last line."""

# Descriptors beside the connections: standard streams, the poller, the pair that wakes it.
_OTHER_FILES = 32
# Seconds that a server has at the end for messages under way, so that closing resets nothing.
_DRAIN = 0.2


class Job(msgspec.Struct, frozen=True):
    """The first that a loader reads.

    Attributes:
        host: a numeric address, with a zone if it needs one.
        port: of the server.
        workload: of the whole round.
        share: this process's part of it.
        patience: seconds without an answer after which it opens no further connection, and after
            which a connection that waits for an echo has failed.
        tls: if the connections use it.
        keep: of how many messages every time is kept, for whoever reads them.
        watched: whether somebody looks at the times in the reports.
        payload: what messages consist of; random bytes if it is empty.
    """

    host: str
    port: int
    workload: Workload
    share: Share
    patience: float
    tls: Tls | None = None
    keep: int = KEPT_SAMPLES
    watched: bool = False
    payload: bytes = b""

    def to_bytes(self) -> bytes:
        """Write it as one line, the size of the payload as another one, and the payload."""
        line = msgspec.json.encode(structs.replace(self, payload=b""))
        return b"%b\n%d\n%b" % (line, len(self.payload), self.payload)

    def transactions(self) -> Transactions:
        """Return what makes its connections, if each message has one of its own."""
        load = self.workload
        return Transactions(
            self.host,
            self.port,
            size=load.size,
            verify=load.verify,
            patience=self.patience,
            ports=Ports(own_ports(self.share), but=self.port),
            secure=None if self.tls is None else self.tls.secure(),
            resume=load.resume,
            payload=self.payload,
        )

    @classmethod
    def read(cls, file: RawIOBase) -> Job | None:
        """Read what `to_bytes` wrote; `None` if the file ends before."""
        try:
            job = msgspec.json.decode(file.readline(), type=cls)
            payload = bytearray(int(file.readline()))
        except ValueError:
            return None
        rest = memoryview(payload)
        while rest:
            if not (count := file.readinto(rest)):
                return None
            rest = rest[count:]
        return structs.replace(job, payload=bytes(payload))


class Report(msgspec.Struct, frozen=True):
    """How far a part of a round is.

    Attributes:
        messages: how many came back so far.
        until: nanoseconds of the round that are over. What came back in them has been reported.
        failures: how many connections failed so far, by kind.
        times: how long the messages took that came back since the last report: by the second of
            the round, from 0, and by the names in `KINDS`. Empty if nobody looks.
        part: which one it is; `run_round` sets it.
    """

    messages: int
    until: int = 0
    failures: dict[str, int] = msgspec.field(default_factory=dict)
    times: dict[int, dict[str, Histogram]] = msgspec.field(default_factory=dict)
    part: int = 0


def main() -> None:
    """Do one job."""
    # Not the buffered one: its lock would be held by the thread below when the process ends.
    commands = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115  it stays
    if (job := Job.read(commands)) is None:
        return
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
    transactions = job.transactions() if job.workload.reconnect else None
    if transactions is None:
        secure = None if job.tls is None else job.tls.secure()
        socks, failures = connect(
            job.host, job.port, len(job.share), wake, patience=job.patience, secure=secure
        )
    else:  # one connection shows whether the server is there, and its TLS
        socks, failures = opened_by(transactions.probe, 1, wake, patience=job.patience)
    most = failures.most_common(1)
    outlet = Outlet(sys.stdout.fileno())
    outlet.write(
        {
            "connected": len(socks),
            "tls": described(socks[0]) if socks else None,
            "failure": most[0][0] if most else None,
        }
    )
    commanded.wait()
    if starts:
        if transactions is None:
            traffic: Traffic | Lanes = Traffic(
                socks,
                wake,
                size=job.workload.size,
                verify=job.workload.verify,
                patience=job.patience,
                payload=job.payload,
            )
        else:
            for probe in socks:
                probe.close()
            traffic = Lanes(transactions, wake, count=len(job.share), patience=job.patience)
        samples, busy, spun = load(job, traffic, starts[0], outlet)
        for failure, count in failures.items():
            kind = str(failure)
            samples.failures[kind] = samples.failures.get(kind, 0) + count
        fields = {name: getattr(samples, name) for name in SCALARS}
        arrays = [getattr(samples, name) for name in ARRAYS]
        outlet.write(fields | {"busy": busy, "spun": spun}, arrays)
    outlet.close()


def load(
    job: Job, traffic: Traffic | Lanes, start: int, outlet: Outlet
) -> tuple[Samples, float, float]:
    """Load the server from `start` on, a time of `time.perf_counter_ns`.

    Returns:
        The samples that have not yet gone to `outlet`, and the shares of that time in which this
        process was busy, and spun.
    """
    clock, workload, share = time.perf_counter_ns, job.workload, job.share
    began = start + int(workload.warm_up * 1e9)
    end = FOREVER if workload.duration is None else began + int(workload.duration * 1e9)
    quota = FOREVER if workload.messages is None else share.count(workload.messages)
    pacer = None if workload.rate is None else Pacer(workload.rate)
    traffic.allowance = quota if began == start else FOREVER
    gc.disable()  # the loop makes no cycles
    time.sleep(max(0, start - clock()) / 1e9)
    if pacer is None:
        if isinstance(traffic, Traffic):
            traffic.start_closed(workload.pipeline)
    else:  # its warm-up has the negative numbers
        first = min(0, 1 - pacer.due_before(began - start))
        traffic.start_open(began + pacer.due(number) for number in share.numbers(first))
    if began > start:
        traffic.run(began, lambda: traffic.forget(began))
        traffic.forget(began)
        if pacer is None:
            traffic.allowance = max(0, quota - len(traffic.received) - traffic.pending)
        else:
            traffic.allowance = quota
            traffic.start_open(began + pacer.due(number) for number in share.numbers())
    since, cpu, spun = clock(), time.process_time_ns(), traffic.spun
    outgoing = Outgoing(outlet, traffic, began, end, quota, open_loop=pacer is not None)
    traffic.run(end, outgoing.send)
    took, spun = max(1, clock() - since), traffic.spun - spun
    busy = max(0, time.process_time_ns() - cpu - spun)
    ended = max(began, min(clock(), end))  # it may be over before it began
    complete = not traffic.stopped and traffic.alive
    traffic.drain(_DRAIN)
    traffic.close()

    if pacer:  # what was due in the warm-up may have come back in the round
        traffic.keep_due(began)
    quota -= outgoing.count
    rest = traffic.received[:quota]
    if complete and workload.messages is not None and (rest or outgoing.count):
        ended = rest[-1] if rest else outgoing.last
    kept = min(quota, bisect_right(traffic.received, ended))
    if pacer:
        due = FOREVER if complete and workload.duration is None else pacer.due_before(ended - began)
        whole = share.count(min(due, workload.messages or FOREVER))
        unanswered = whole - outgoing.count - kept
    else:
        # The loop looks at the clock after each batch, so the last one may have sent too late.
        unanswered = traffic.under_way + sum(sent < ended for sent in traffic.sent[kept:quota])
    stages = {name: getattr(traffic, name)[:kept] for name in STAGES if workload.reconnect}
    samples = Samples(
        began,
        ended,
        intended=traffic.intended[:kept],
        sent=traffic.sent[:kept],
        received=traffic.received[:kept],
        failures=traffic.failures,
        unanswered=unanswered,
        cut=traffic.stopped,
        **stages,
    )
    return samples, busy / took, spun / took


if __name__ == "__main__":
    main()
