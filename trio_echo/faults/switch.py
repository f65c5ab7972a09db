"""Faults that change while connections are open."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import trio

from .course import Course
from .settings import Faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NONE = Faults()


class FaultSwitch:
    """Faults that any thread can change, while a server runs.

    For example::

        switch = FaultSwitch()
        with BackgroundServer(faults=switch) as server:
            ...
            switch.faults = Faults(black_hole=True)  # hits all connections, from their next piece
            ...
            switch.faults = Faults()

    A change wakes connections that pause or wait for the end of a delay: the new faults decide
    about what was not sent yet. What a black hole has swallowed is lost. With `only_first` or
    `only_share`, only connections that come after the change can be hit, and they are numbered from
    1 again.

    A server with a switch echoes with Trio's streams, even if there are no faults yet.

    Args:
        faults: what goes wrong at first; by default nothing.

    Raises:
        TypeError: `faults` is not a `Faults`, here or when it is set.
    """

    def __init__(self, faults: Faults = _NONE) -> None:
        self._faults = _checked(faults)
        self._changes = 0
        self._connections = 0  # since the last change
        self._watchers: dict[Callable[[], object], trio.lowlevel.TrioToken] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<FaultSwitch: {self._faults}>"

    @property
    def faults(self) -> Faults:
        """What goes wrong. Setting it is safe in any thread, and never waits.

        Raises:
            TypeError: it was set to something else than a `Faults`.
        """
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        checked = _checked(faults)
        with self._lock:
            self._faults = checked
            self._changes += 1
            self._connections = 0
            watchers = [*self._watchers.items()]
        for changed, token in watchers:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(changed)

    @property
    def changes(self) -> int:
        """How often the faults were set."""
        return self._changes

    def open(self) -> tuple[int, Course]:
        """Return the number of changes, and what goes wrong with a new connection."""
        with self._lock:
            self._connections += 1
            number = self._connections
            changes, faults = self._changes, self._faults
        return changes, _course(faults if faults.hit(number) else _NONE, number)

    def follow(self) -> tuple[int, Course]:
        """Return the number of changes, and what goes wrong with a connection that was open."""
        with self._lock:
            changes, faults = self._changes, self._faults
        return changes, _course(_NONE if faults.selective else faults, 0)

    @contextmanager
    def watched(self, changed: Callable[[], object]) -> Iterator[None]:
        """Call something in this run of Trio after each change, during a `with` block."""
        with self._lock:
            self._watchers[changed] = trio.lowlevel.current_trio_token()
        try:
            yield
        finally:
            with self._lock:
                self._watchers.pop(changed)


def _checked(faults: object) -> Faults:
    if not isinstance(faults, Faults):
        raise TypeError(f"faults must be Faults(...), not {faults!r}")
    return faults


def _course(faults: Faults, number: int) -> Course:
    return Course(faults, number, 0.0 if faults.lifetime is None else trio.current_time())
