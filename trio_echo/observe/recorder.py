"""The lives of the tasks of this Trio run, from their beginning to their end.

`Recorder` is an instrument (Trio's reference, "Instrument API"): Trio calls it when a task begins,
runs, waits and ends. Trio does not tell an instrument how a task ended, returned or raised; a task
can say it with `Recorder.note`. Whether it was cancelled can be seen.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import trio

from ..text import safe
from .tasks import first_and_main_task, short_name

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


@dataclass(slots=True, eq=False)
class Life:
    """A task's life, as a `Recorder` saw it. All times are seconds since the recording began.

    Attributes:
        name: the task's name, without the module and the class.
        parent: the life of the task whose nursery it lives in; `None` for the main task.
        began: `None` if the task is older than the recording.
        ended: `None` if the task outlives the recording.
        cancelled: when the cancellation of which it died woke it; `None` if it ended otherwise, or
            if a nursery of its own was cancelled and nothing tells that it was not the first.
        steps: how many times it ran, from one wait to the next.
        note: what the task said of itself, with `Recorder.note`.
    """

    name: str
    parent: Life | None
    began: float | None
    ended: float | None = None
    cancelled: float | None = None
    steps: int = 0
    note: str = ""


class Recorder(trio.abc.Instrument):
    """Records the tasks of this Trio run, but not Trio's own, while it is a context.

    What it recorded stays when the tasks are gone::

        with Recorder() as recorder:
            async with trio.open_nursery() as nursery:
                ...
        recorder.lives

    Attributes:
        seconds: how long the recording took; `None` while it goes on.
    """

    def __init__(self) -> None:
        self.seconds: float | None = None
        self._lives: list[Life] = []
        self._living: dict[trio.lowlevel.Task, Life] = {}
        # When a cancellation woke a task; None where that was the task's own doing.
        self._cancelled: dict[trio.lowlevel.Task, float | None] = {}
        self._start = 0.0

    def __enter__(self) -> Self:
        _, main = first_and_main_task()
        self.seconds = None
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
        # Trio itself takes off an instrument that raised; it has logged why.
        with contextlib.suppress(KeyError):
            trio.lowlevel.remove_instrument(self)
        self._refresh()
        self._living.clear()
        self._cancelled.clear()
        self.seconds = self._now()

    @property
    def lives(self) -> tuple[Life, ...]:
        """The lives so far, in the order in which the tasks began."""
        self._refresh()
        return tuple(self._lives)

    def note(self, text: object) -> None:
        """Note something on the life of the running task, in place of what it noted before.

        The server calls its observer in the task that the event is about, so an observer can
        note how a client ended.
        """
        life = self._living.get(trio.lowlevel.current_task())
        if life is not None:
            life.note = safe(str(text))

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        """Trio calls this when a task begins."""
        parent = self._parent(task)
        if parent is not None:  # else it is one of Trio's own
            self._add(task, parent, self._now())

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Trio calls this each time before a task runs."""
        life = self._living.get(task)
        if life is None:
            return
        life.steps += 1
        if not _is_cancelled():
            self._cancelled.pop(task, None)
        elif task not in self._cancelled:
            self._cancelled[task] = self._now() if _from_outside(task) else None

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Trio calls this each time a task begins to wait."""
        # Cancelled already: its own doing, as `trio.aclose_forcefully` does at the end of each
        # task of `trio.serve_tcp`.
        if task in self._living and _is_cancelled():
            self._cancelled.setdefault(task, None)

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        """Trio calls this when a task ends."""
        life = self._living.get(task)
        if life is None:
            return
        life.ended = self._now()
        life.name, life.parent = short_name(task.name), self._parent(task)
        cancelled = self._cancelled.pop(task, None)
        # What a task catches itself, such as its own time limit, cancels no nursery.
        if task.parent_nursery is not None and task.parent_nursery.cancel_scope.cancel_called:
            life.cancelled = cancelled
        del self._living[task]

    def _now(self) -> float:
        return trio.current_time() - self._start

    def _parent(self, task: trio.lowlevel.Task) -> Life | None:
        # A task that has not yet called `started()` is on its way to another nursery.
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
        """A task may be named, or move to another nursery, after it began."""
        for task, life in self._living.items():
            life.name, life.parent = short_name(task.name), self._parent(task)


def _is_cancelled() -> bool:
    """Tell whether the current task's waits end at once: minus infinity is Trio's sign for it."""
    return trio.current_effective_deadline() == -math.inf


def _from_outside(task: trio.lowlevel.Task) -> bool:
    """Tell a cancellation from further up from one that a nursery of the task's own began."""
    if not any(nursery.cancel_scope.cancel_called for nursery in task.child_nurseries):
        return True
    above = task.parent_nursery
    while above is not None:
        if above.cancel_scope.cancel_called:
            return True
        above = above.parent_task.parent_nursery
    return False
