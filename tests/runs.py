"""Made-up rounds, and whole runs of them."""

from __future__ import annotations

import random
from array import array
from typing import TYPE_CHECKING

from trio_echo.measure.load.usage import Usage
from trio_echo.measure.load.workload import Samples, Workload
from trio_echo.measure.results import environment
from trio_echo.measure.results.phases import phases_of
from trio_echo.measure.results.run import Round, Run, Target, collect
from trio_echo.measure.results.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Sequence

TARGETS = (
    Target(name="127.0.0.1:9000", address="127.0.0.1:9000", family="IPv4"),
    Target(name="[::1]:9000", address="[::1]:9000", family="IPv6"),
)
WORKLOADS = (
    Workload(duration=1.0, warm_up=0.5),
    Workload(size=1024, messages=100, rate=1000.0, connections=3, verify=True),
)
RECONNECTING = (
    Workload(duration=1.0, reconnect=True),
    Workload(duration=1.0, reconnect=True, resume=True),
)
"""A connection for each message, without TLS and with."""
QUIET = Usage(load=(0.7, 0.6), server=0.8, others=0.04, load_average=1.25)
_SECOND = 1_000_000_000


def samples(
    messages: int = 100, *, seed: int = 0, late: bool = False, start: float = 5.0
) -> Samples:
    """A round of one second."""
    draw = random.Random(seed)
    began = int(start * _SECOND)
    sent = [began + i * _SECOND // max(messages, 1) for i in range(messages)]
    return Samples(
        began=began,
        ended=began + _SECOND,
        intended=array("q", [one - 1_000 * late for one in sent]),
        sent=array("q", sent),
        received=array("q", [one + draw.randrange(20_000, 90_000) for one in sent]),
    )


def connections(samples: Samples, *, tls: bool) -> None:
    """Make a connection of each message: a tenth to connect, then TLS, the echo, a fifth to close.

    Every second handshake resumes a session.
    """
    for number, (sent, received) in enumerate(zip(samples.sent, samples.received, strict=True)):
        tenth = (received - sent) // 10
        samples.connected.append(sent + tenth)
        samples.answered.append(sent + 6 * tenth)
        samples.echoed.append(received - 2 * tenth)
        if tls:
            samples.secured.append(sent + 4 * tenth)
            samples.resumed.append(number % 2)


def run(
    rounds: int = 6,
    *,
    messages: int = 100,
    targets: Sequence[Target] = TARGETS,
    workloads: Sequence[Workload] = WORKLOADS,
    partial: bool = False,
) -> tuple[Run, list[Samples]]:
    """A run; of two targets, in a closed and in an open loop, unless others are given."""
    ran: list[Round] = []
    brought: list[Samples] = []
    for number in range(1, rounds + 1):
        for i, workload in enumerate(workloads):
            for target in random.Random(number).sample(range(len(targets)), len(targets)):
                late, start = workload.rate is not None, 5 + 1.25 * len(ran)
                one = samples(messages, seed=len(ran), late=late, start=start)
                if workload.reconnect:
                    connections(one, tls=workload.resume)
                ran.append(
                    Round(
                        number=number,
                        target=target,
                        workload=i,
                        summary=summarize(one, workload),
                        usage=QUIET,
                        phases=phases_of(one),
                    )
                )
                brought.append(one)
    made = collect(environment.describe(), targets, workloads, ran, partial=partial)
    return made, brought
