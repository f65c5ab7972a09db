"""The snapshot of Trio's task tree."""

from __future__ import annotations

import contextlib
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from support import Events
from trio.testing import wait_all_tasks_blocked

import trio_echo
from trio_echo.events import DataReceived
from trio_echo.observe import tasks
from trio_echo.observe.tasks.tree import short_name

if TYPE_CHECKING:
    from trio.testing import MockClock


async def sleeper() -> None:
    await trio.sleep_forever()


async def family(depth: int) -> None:
    async with trio.open_nursery() as kids:
        kids.start_soon(sleeper)
        if depth:
            kids.start_soon(family, depth - 1)


def names(tree: tasks.TaskTree) -> list[str]:
    return [node.name for node in tree.walk() if isinstance(node, tasks.TaskNode)]


async def test_it_draws_tasks_and_nurseries_with_what_each_task_waits_in() -> None:
    async with trio.open_nursery() as mine:
        mine.start_soon(family, 1)
        mine.start_soon(sleeper)
        await wait_all_tasks_blocked()
        assert str(tasks.tree(mine)) == (
            "nursery mine\n"
            "├── family ── end of nursery\n"
            "│   └── nursery kids\n"
            "│       ├── family ── end of nursery\n"
            "│       │   └── nursery kids\n"
            "│       │       └── sleeper ── sleep_forever\n"
            "│       └── sleeper ── sleep_forever\n"
            "└── sleeper ── sleep_forever"
        )
        mine.cancel_scope.cancel()


async def test_the_caller_may_ask_from_the_function_that_opened_the_nursery() -> None:
    async with trio.open_nursery() as mine:
        assert str(tasks.tree(mine)) == "nursery mine, no children"
        own = tasks.tree(trio.lowlevel.current_task()).root
        assert own.nurseries[-1].name == "mine"  # type: ignore[union-attr]


async def test_the_tree_of_a_task_begins_at_it() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(family, 0)
        await wait_all_tasks_blocked()
        (task,) = nursery.child_tasks
        assert names(tasks.tree(task)) == ["family", "sleeper"]
        nursery.cancel_scope.cancel()


async def test_the_caller_is_running_and_a_new_task_has_not_started() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleeper)
        root = tasks.tree(trio.lowlevel.current_task()).root
        assert isinstance(root, tasks.TaskNode)
        assert root.waits_in == "running"
        own = root.nurseries[-1]
        assert own.name == "nursery"
        assert own.tasks[0].waits_in == "about to start"
        nursery.cancel_scope.cancel()


async def test_what_a_task_waits_in_has_the_name_that_its_user_calls() -> None:
    send, receive = trio.open_memory_channel[None](0)
    limiter = trio.CapacityLimiter(1)

    async def in_loop() -> None:
        async for _ in receive:
            pass

    async def in_context() -> None:
        async with limiter:
            raise AssertionError

    async def in_own_trap() -> None:
        await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.SUCCEEDED)

    async with trio.open_nursery() as nursery:
        limiter.acquire_on_behalf_of_nowait("the test")
        for function in (in_loop, in_context, in_own_trap, trio.sleep_forever):
            nursery.start_soon(function)
        await wait_all_tasks_blocked()
        root = tasks.tree(nursery).root
        assert isinstance(root, tasks.NurseryNode)
        assert {task.name: task.waits_in for task in root.tasks} == {
            "in_loop": "MemoryReceiveChannel.receive",
            "in_context": "CapacityLimiter.acquire",
            "in_own_trap": "in_own_trap",
            "sleep_forever": "sleep_forever",
        }
        nursery.cancel_scope.cancel()
    send.close()


async def test_a_nursery_shows_its_deadline_its_shield_and_its_cancellation(
    mock_clock: MockClock,
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = trio.current_time() + 2.5
        nursery.cancel_scope.shield = True
        nursery.start_soon(sleeper)
        assert str(tasks.tree(nursery)).startswith("nursery, deadline in 2.5 s, shielded\n")
        mock_clock.jump(2.5)
        assert str(tasks.tree(nursery)).startswith("nursery, cancelled, shielded\n")


async def test_a_nursery_that_no_variable_holds_has_no_name() -> None:
    async with contextlib.AsyncExitStack() as stack:
        held = [await stack.enter_async_context(trio.open_nursery())]
        assert str(tasks.tree(held[0])) == "nursery, no children"


async def test_numbered_tasks_are_in_the_order_of_their_numbers() -> None:
    async with trio.open_nursery() as nursery:
        for number in (10, 9, 100, 1):
            nursery.start_soon(sleeper, name=f"worker {number}")
        expected = [f"worker {number}" for number in (1, 9, 10, 100)]
        assert names(tasks.tree(nursery)) == expected
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("trio_echo.server.serve", "serve"),
        ("tests.test_tasks.test.<locals>.worker", "worker"),
        ("client 127.0.0.1:9000", "client 127.0.0.1:9000"),
        ("127.0.0.1", "127.0.0.1"),
        ("<init>", "<init>"),
        ("a\x1b[2J\nb", "a\\x1b[2J\\nb"),
    ],
)
def test_names_are_short_and_harmless(name: str, shown: str) -> None:
    assert short_name(name) == shown


async def test_a_notebook_shows_names_as_text_and_not_as_html() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleeper, name="<script>&")
        shown = tasks.tree(nursery)._repr_html_()
        nursery.cancel_scope.cancel()
    assert "&lt;script&gt;&amp; ── about to start" in shown
    assert shown.startswith("<pre ")


async def test_a_thousand_tasks_are_all_there() -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(1000):
            nursery.start_soon(sleeper)
        assert len(names(tasks.tree(nursery))) == 1000
        nursery.cancel_scope.cancel()


def test_trios_own_tasks_are_left_out() -> None:
    async def main() -> None:
        trio.lowlevel.spawn_system_task(sleeper, name="a system task")
        assert names(tasks.tree()) == ["main"]

    trio.run(main)


def test_there_is_no_tree_outside_of_trio() -> None:
    with pytest.raises(RuntimeError):
        tasks.tree()


@pytest.mark.parametrize("portable", [True, False], ids=["portable", "reactor"])
def test_the_servers_tree_names_its_clients_and_its_listeners(host: str, portable: bool) -> None:
    if not portable and sys.platform != "linux":
        pytest.skip("the reactor takes epoll")

    async def main() -> None:
        events = Events()
        async with trio.open_nursery() as nursery:
            serve = partial(trio_echo.serve, 0, hosts=[host], observer=events, portable=portable)
            (listener,) = await nursery.start(serve)
            port = listener.socket.getsockname()[1]
            async with await trio_echo.connect(host, port) as client:
                await client.echo(b"hello")
                peer = (await events.wait(DataReceived)).connection.remote
                await wait_all_tasks_blocked()
                shown = str(tasks.tree(nursery))
            nursery.cancel_scope.cancel()
        waits_in = "SocketStream.receive_some" if portable else "SocketRelay.run"
        reactor = "    ├── nursery\n    │   └── reactor ── wait_readable\n"
        accepts_in = "SocketListener.accept" if portable else "wait_readable"
        assert shown == (
            "nursery\n"
            "└── serve ── Event.wait\n"
            f"{'' if portable else reactor}"
            "    ├── nursery clients\n"
            f"    │   └── client {peer} ── {waits_in}\n"
            "    │       └── nursery, no children\n"
            "    └── nursery listeners\n"
            f"        └── trio.serve_tcp, {host} ── serve_tcp\n"
            "            └── nursery\n"
            f"                └── _serve_one_listener ── {accepts_in}"
        )

    trio.run(main)
