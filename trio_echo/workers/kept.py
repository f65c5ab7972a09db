"""A worker as its parent sees it."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import trio

from trio_echo.totals import Ending, Totals

if TYPE_CHECKING:
    from trio_echo.errors import SocketCallError

    from .link import Command, HostAnswer, Link

SILENT_TICKS = 5
"""A worker is killed if it sends nothing for this many of the supervisor's ticks: 10 s."""
STARTING_TICKS = 30
"""The same while its process starts on a busy machine: a minute."""


class KeptWorker:
    """A worker as its parent sees it: one process, then those that replace it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.listening = trio.Event()
        self.link: Link | None = None
        self.error: SocketCallError | None = None
        self.killed = False
        """Whether its process was killed because it did not answer or end."""
        self.silent = 0
        """For how many ticks its process has sent nothing."""
        self.patience = STARTING_TICKS
        """After how many silent ticks its process is killed."""
        self.ends_by = math.inf
        """When its process should have ended."""
        self.slots = 0
        self.hosts: Counter[str] = Counter()
        self.present = Totals()
        """What its process has done."""
        self.past = Totals()
        """What its earlier processes had done."""

    def send(self, command: Command | HostAnswer) -> None:
        """Send it a command, if it has a process."""
        if self.link is not None:
            self.link.post(command)

    def heard(self) -> None:
        """Note that its process has sent something."""
        self.silent, self.patience = 0, SILENT_TICKS

    def end_process(self) -> int:
        """Add the ended process to the past; returns how many clients it cut off.

        Those that waited for their turn are among them.
        """
        present, self.present = self.present, Totals()
        lost = present.connected
        present = replace(
            present,
            connected=0,
            waiting=0,
            cut_off=present.cut_off + lost + present.waiting,
            ended=present.ended + Counter({Ending.CUT_OFF: lost}),
        )
        self.past += present
        self.error = None
        self.killed = False
        self.silent, self.patience = 0, STARTING_TICKS
        self.ends_by = math.inf
        return present.cut_off
