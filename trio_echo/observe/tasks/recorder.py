"""The lives of the tasks of this Trio run, from beginning to end.

`Recorder` is an instrument (Trio's reference, "Instrument API"): Trio calls it when a task begins,
runs, waits and ends. Trio does not tell an instrument what a task raised, so the recorder looks
among the errors of the nursery that the task lived in.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import trio

from trio_echo.screen.text import safe

from .tree import main_task, short_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self


@dataclass(slots=True, eq=False)
class Life:
    """A task's life, as a `Recorder` saw it. Times are seconds since the recording began.

    Attributes:
        name: the task's name, without the module and the class.
        parent: the life of the task whose nursery it lives in; `None` for the main task.
        began: `None` if the task is older than the recording.
        ended: `None` if the task outlives the recording.
        cancelled: when it first woke to a cancellation from outside: of a nursery around it, at any
            depth, or by a time limit that was around it when it began. A scope between the two that
            is cancelled by a call is missed: Trio does not show it.
        failed: the name of the exception that ended it, unless that was only a cancellation.
        steps: how many times it ran, from one wait to the next.
        note: what the task noted with `Recorder.note`.
    """

    name: str
    parent: Life | None
    began: float | None
    ended: float | None = None
    cancelled: float | None = None
    failed: str = ""
    steps: int = 0
    note: str = ""


class Recorder(trio.abc.Instrument):
    """A context manager that records the tasks of this Trio run, except Trio's own.

    The recording remains when the tasks have ended::

        with Recorder() as recorder:
            async with trio.open_nursery() as nursery:
                ...
        recorder.lives
    """

    def __init__(self) -> None:
        self._lives: list[Life] = []
        self._living: dict[trio.lowlevel.Task, Life] = {}
        # The time limits around each task when it began, on Trio's clock.
        self._limits: dict[trio.lowlevel.Task, float] = {}
        # How many errors the nursery around the running task had before this step.
        self._errors = 0
        self._start = 0.0
        self._seconds: float | None = 0.0

    def __enter__(self) -> Self:
        main = main_task()
        self._seconds = None
        self._lives.clear()
        self._start = trio.current_time()
        self._add_older(main, None)
        trio.lowlevel.add_instrument(self)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Trio itself removes an instrument that raised, and logs why.
        with contextlib.suppress(KeyError):
            trio.lowlevel.remove_instrument(self)
        self._refresh()
        self._living.clear()
        self._limits.clear()
        self._seconds = self._now()

    @property
    def seconds(self) -> float:
        """The length of the recording, so far or in all."""
        return self._now() if self._seconds is None else self._seconds

    @property
    def lives(self) -> tuple[Life, ...]:
        """The lives so far, in the order in which the tasks began."""
        self._refresh()
        return tuple(self._lives)

    def note(self, text: object) -> None:
        """Note a text on the life of the running task; it replaces an earlier note.

        The server calls its observer in the task that the event is about, so an observer can note
        how a client ended.
        """
        life = self._living.get(trio.lowlevel.current_task())
        if life is not None:
            life.note = safe(str(text))

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        """Trio calls this when a task begins."""
        parent = self._parent(task)
        if parent is not None:  # otherwise it is one of Trio's own
            self._add(task, parent, self._now())

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Trio calls this each time before a task runs."""
        life = self._living.get(task)
        if life is None:
            return
        life.steps += 1
        self._errors = len(_errors(task))
        if life.cancelled is None:
            deadline = trio.current_effective_deadline()
            if life.steps == 1 and life.began is not None:
                self._limits[task] = deadline  # it cannot have set its own limits yet
            # Minus infinity means that a wait ends at once. That is not enough: the limit may be
            # the task's own, and `trio.sleep` is made of such limits.
            if deadline == -math.inf and self._cancelled_from_outside(task):
                life.cancelled = self._now()

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        """Trio calls this when a task ends."""
        life = self._living.get(task)
        if life is None:
            return
        life.ended = self._now()
        life.failed = next(map(_failure, _errors(task)[self._errors :]), "")
        life.name, life.parent = short_name(task.name), self._parent(task)
        del self._living[task]
        self._limits.pop(task, None)

    def _now(self) -> float:
        return trio.current_time() - self._start

    def _parent(self, task: trio.lowlevel.Task) -> Life | None:
        # A task that has not called `started()` yet will move to another nursery.
        nursery = task.eventual_parent_nursery or task.parent_nursery
        return None if nursery is None else self._living.get(nursery.parent_task)

    def _add(self, task: trio.lowlevel.Task, parent: Life | None, began: float | None) -> None:
        self._living[task] = life = Life(short_name(task.name), parent, began)
        self._lives.append(life)

    def _add_older(self, task: trio.lowlevel.Task, parent: Life | None) -> None:
        self._add(task, parent, None)
        for child in chain.from_iterable(one.child_tasks for one in task.child_nurseries):
            self._add_older(child, self._living[task])

    def _refresh(self) -> None:
        """Update names and parents: both may change after a task began."""
        for task, life in self._living.items():
            life.name, life.parent = short_name(task.name), self._parent(task)

    def _cancelled_from_outside(self, task: trio.lowlevel.Task) -> bool:
        if trio.current_time() >= self._limits.get(task, math.inf):
            return True
        nursery = task.parent_nursery
        while nursery is not None and not nursery.cancel_scope.cancel_called:
            nursery = nursery.parent_task.parent_nursery
        return nursery is not None


def _errors(task: trio.lowlevel.Task) -> Sequence[BaseException]:
    """Return what the nursery around a task will raise. Trio has no public name for it."""
    return getattr(task.parent_nursery, "_pending_excs", ())


def _failure(error: BaseException) -> str:
    """Name an exception, or return "" if it is only a cancellation."""
    if isinstance(error, BaseExceptionGroup):
        names = {_failure(one) for one in error.exceptions} - {""}
        return names.pop() if len(names) == 1 else type(error).__name__ if names else ""
    return "" if isinstance(error, trio.Cancelled) else type(error).__name__
