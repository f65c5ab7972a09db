"""The picture of the task tree."""

from __future__ import annotations

import math

import nbclient
import nbformat
import pytest
from layout import texts
from support import PATIENCE

from trio_echo.observe.tasks.tree import NurseryNode, TaskNode, TaskTree
from trio_echo.pictures import task_tree


def nursery(*tasks: TaskNode, name: str | None = None, cancelled: bool = False) -> NurseryNode:
    return NurseryNode(name, cancelled, math.inf, shielded=False, tasks=tasks)


def client(number: int) -> TaskNode:
    return TaskNode(f"client [::1]:{50000 + number}", "SocketStream.receive_some", (nursery(),))


def server(clients: int) -> TaskTree:
    listeners = [
        TaskNode(
            f"trio.serve_tcp, {host}",
            "serve_tcp",
            (nursery(TaskNode("_serve_one_listener", "SocketListener.accept", ())),),
        )
        for host in ("127.0.0.1", "::1")
    ]
    below = (
        nursery(*map(client, range(clients)), name="clients"),
        nursery(*listeners, name="listeners", cancelled=True),
    )
    return TaskTree(TaskNode("main", "running", (nursery(TaskNode("serve", "Event.wait", below)),)))


@pytest.mark.parametrize("clients", [0, 1, 12])
def test_it_shows_every_task_what_it_waits_in_and_every_nursery(clients: int) -> None:
    shown = texts(task_tree(server(clients)))
    names = [
        "main",
        "serve",
        "trio.serve_tcp, ::1",
        *(client(one).name for one in range(clients)),
    ]
    assert set(names) <= set(shown)
    assert shown.count("SocketStream.receive_some") == clients
    assert shown.count("nursery, no children") == clients
    assert shown.count("_serve_one_listener") == shown.count("SocketListener.accept") == 2
    assert "nursery listeners, cancelled" in shown


def test_it_shows_a_few_of_many_clients_and_counts_the_others() -> None:
    picture = task_tree(server(60))
    shown = texts(picture)
    assert shown.count("SocketStream.receive_some") == 10
    assert "… and 50 more" in shown
    assert picture.figure.get_size_inches()[1] < 10
    assert "66 tasks" in repr(picture)


@pytest.mark.parametrize(
    "root",
    [
        nursery(),
        nursery(TaskNode("$a$ and $", "about to start", ())),
        TaskNode("a" * 500, "b" * 500, (nursery(), nursery())),
    ],
)
def test_it_draws_odd_trees(root: TaskNode | NurseryNode) -> None:
    assert texts(task_tree(TaskTree(root)))


def test_deep_trees_stay_in_the_picture() -> None:
    node = TaskNode("innermost", "sleep", ())
    for _ in range(12):
        node = TaskNode("outer", "end of nursery", (nursery(node),))
    assert "innermost" in texts(task_tree(TaskTree(node)))


def test_the_same_tree_is_the_same_picture() -> None:
    once, again, other = (task_tree(server(count)).svg() for count in (3, 3, 4))
    assert once == again != other


@pytest.mark.slow
def test_it_works_in_a_notebook() -> None:
    code = """\
import trio, trio.testing
from trio_echo.observe import tasks
from trio_echo.pictures import task_tree
async with trio.open_nursery() as mine:
    mine.start_soon(trio.sleep_forever, name="the child")
    await trio.testing.wait_all_tasks_blocked()
    snapshot = tasks.tree()
    mine.cancel_scope.cancel()
display(snapshot, task_tree(snapshot))"""
    new_cell = nbformat.v4.new_code_cell
    cells = [new_cell(one) for one in ("%autoawait trio", code)]  # type: ignore[no-untyped-call]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=round(PATIENCE)).execute()
    text, picture = (output["data"] for output in notebook.cells[1].outputs)
    assert "nursery mine\n    └── the child ── sleep_forever" in text["text/html"]
    assert picture["text/html"].startswith("<img ")
