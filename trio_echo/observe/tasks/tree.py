"""The tasks and nurseries that live now in this Trio run.

Only Trio's documented attributes are read. What a task waits in and the name of a nursery come from
the frames of the functions that the task is in.
"""

from __future__ import annotations

import html
import inspect
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from trio_echo.screen.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType

_PATH = re.compile(r"(?:(?:[^\W\d]\w*|<locals>)\.)+([^\W\d]\w*|<lambda>)")
_DIGITS = re.compile("([0-9]+)")


@dataclass(frozen=True, slots=True)
class TaskNode:
    """A task.

    Attributes:
        name: its name, without the module and the class.
        waits_in: the function of Trio that it waits in, such as `SocketStream.receive_some`;
            `running` for the task that took the snapshot, `about to start` for a new one.
        nurseries: its open nurseries, the outer before the inner.
    """

    name: str
    waits_in: str
    nurseries: tuple[NurseryNode, ...]


@dataclass(frozen=True, slots=True)
class NurseryNode:
    """A nursery.

    Attributes:
        name: the variable that holds it, in the task that opened it; `None` if there is none.
        cancelled: its cancel scope was cancelled, or its deadline has passed.
        seconds_left: until its deadline; infinity without one.
        shielded: a cancellation from outside does not reach it.
        tasks: its children, sorted by name.
    """

    name: str | None
    cancelled: bool
    seconds_left: float
    shielded: bool
    tasks: tuple[TaskNode, ...]

    @property
    def title(self) -> str:
        """Its name and the state of its cancel scope."""
        words = ["nursery"] if self.name in (None, "nursery") else [f"nursery {self.name}"]
        if self.cancelled:
            words.append("cancelled")
        elif self.seconds_left != math.inf:
            words.append(f"deadline in {self.seconds_left:.3g} s")
        if self.shielded:
            words.append("shielded")
        if not self.tasks:
            words.append("no children")
        return ", ".join(words)


@dataclass(frozen=True, slots=True, repr=False)
class TaskTree:
    """The tasks and nurseries at one moment; `str()` and a notebook draw them with lines.

    Attributes:
        root: the task or nursery at the top.
    """

    root: TaskNode | NurseryNode

    def __str__(self) -> str:
        return "\n".join(_lines(self.root))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f'<pre style="font-family:monospace">{html.escape(str(self))}</pre>'

    def walk(self) -> Iterator[TaskNode | NurseryNode]:
        """Visit every node, each before its children."""
        todo = [self.root]
        while todo:
            node = todo.pop()
            yield node
            todo.extend(reversed(children(node)))


def children(node: TaskNode | NurseryNode) -> tuple[TaskNode, ...] | tuple[NurseryNode, ...]:
    """Return what is directly below: a task's nurseries or a nursery's tasks."""
    return node.nurseries if isinstance(node, TaskNode) else node.tasks


def tree(root: trio.lowlevel.Task | trio.Nursery | None = None) -> TaskTree:
    """Take a snapshot of the tasks and nurseries of this Trio run.

    Args:
        root: the task or nursery to begin at; by default the main task, which `trio.run` started.

    Raises:
        RuntimeError: this thread has no Trio run.
    """
    if root is None:
        root = main_task()
    if isinstance(root, trio.Nursery):
        return TaskTree(_nursery(root, _frames(root.parent_task)))
    return TaskTree(_task(root))


def main_task() -> trio.lowlevel.Task:
    """Find the task that `trio.run` was called for.

    Trio's own first task nests a nursery for each kind of child. The innermost one holds only the
    main task.

    Returns:
        Trio's first task if the main task has not started or has ended.

    Raises:
        RuntimeError: this thread has no Trio run.
    """
    first = trio.lowlevel.current_root_task()
    if first is None:
        raise RuntimeError("Trio has not started its first task yet")
    innermost = first.child_nurseries[-1:]
    return next((task for nursery in innermost for task in nursery.child_tasks), first)


def short_name(name: str) -> str:
    """Shorten `trio_echo.server.serve` to `serve`; a name that is not a dotted path stays."""
    path = _PATH.fullmatch(name)
    return safe(path[1] if path else name)


def _task(task: trio.lowlevel.Task) -> TaskNode:
    frames = _frames(task) if task.child_nurseries else []
    nurseries = tuple(_nursery(one, frames) for one in task.child_nurseries)
    return TaskNode(short_name(task.name), _waits_in(task), nurseries)


def _nursery(nursery: trio.Nursery, frames: list[FrameType]) -> NurseryNode:
    scope = nursery.cancel_scope
    return NurseryNode(
        name=_variable(nursery, frames),
        cancelled=scope.cancel_called,
        seconds_left=scope.deadline - trio.current_time(),
        shielded=scope.shield,
        tasks=tuple(sorted(map(_task, nursery.child_tasks), key=_order)),
    )


def _order(task: TaskNode) -> list[tuple[int, str]]:
    """Sort `worker 9` before `worker 10`: Trio keeps children in no order."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part)
        for part in _DIGITS.split(f"{task.name} {task.waits_in} {len(task.nurseries)}")
    ]


def _is_running(task: trio.lowlevel.Task) -> bool:
    return trio.lowlevel.in_trio_task() and task is trio.lowlevel.current_task()


def _frames(task: trio.lowlevel.Task) -> list[FrameType]:
    """Return the frames of the functions that a task is in, the outermost first."""
    if not _is_running(task):
        return [frame for frame, _ in task.iter_await_frames()]
    frames: list[FrameType] = []
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_globals is not globals():
            frames.insert(0, frame)
        frame = frame.f_back
    return frames


def _variable(value: object, frames: list[FrameType]) -> str | None:
    """Return the name of the variable that holds a value in one of the functions."""
    for frame in frames:
        for name, held in frame.f_locals.items():
            # Skip variables that Python and pytest make, such as `.0`.
            if held is value and name != "self" and name.isidentifier():
                return name
    return None


def _waits_in(task: trio.lowlevel.Task) -> str:
    """Return the function of Trio that the task called, or its own that waits by itself."""
    if _is_running(task):
        return "running"
    if inspect.getcoroutinestate(task.coro) == inspect.CORO_CREATED:
        return "about to start"
    codes: list[CodeType] = []
    frames = _frames(task)
    for frame in reversed(frames):
        if frame.f_globals.get("__name__", "").partition(".")[0] != "trio":
            break
        codes.insert(0, frame.f_code)
    if codes and codes[0].co_qualname == "NurseryManager.__aexit__":
        return "end of nursery"
    # `async with`, `async for` and Trio's helpers say less than what they call.
    names = [code.co_qualname for code in codes if not code.co_name.startswith("_")]
    if names == ["wait_task_rescheduled"]:  # all waits end there; its caller says more
        names = [frame.f_code.co_qualname for frame in frames[-len(codes) - 1 :]]
    return names[0].rpartition("<locals>.")[2].lstrip("_") if names else "something outside Trio"


def _lines(node: TaskNode | NurseryNode) -> Iterator[str]:
    if isinstance(node, TaskNode):
        yield f"{node.name} ── {node.waits_in}"
    else:
        yield node.title
    below = children(node)
    for child in below:
        first, others = ("└── ", "    ") if child is below[-1] else ("├── ", "│   ")
        for number, line in enumerate(_lines(child)):
            yield (others if number else first) + line
