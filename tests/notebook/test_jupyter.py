"""`%load_ext trio_echo` in a real kernel, and in IPython at a terminal."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest
from jupyter_client.manager import start_new_kernel
from support import PATIENCE, has_ipv6, jupyter_settings

import trio_echo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from IPython.core.interactiveshell import InteractiveShell
    from jupyter_client.blocking.client import BlockingKernelClient
    from jupyter_client.manager import KernelManager

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such thing")


@dataclass
class Ran:
    """The result of a cell."""

    status: str = ""
    error: str = ""
    text: str = ""
    shown: list[dict[str, Any]] = field(default_factory=list)


class Kernel:
    """A kernel as in JupyterLab: cells go in through its shell channel, outputs come back."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client

    def run(self, cell: str) -> Ran:
        """Run a cell to its end."""
        return self.outputs_of(self.client.execute(cell))

    def send(self, kind: str, content: dict[str, object]) -> Ran:
        """Send another message, like a widget on the page."""
        message = self.client.session.msg(kind, content)
        self.client.shell_channel.send(message)
        return self.outputs_of(message["header"]["msg_id"])

    def begin(self, cell: str) -> str:
        """Start a cell that prints "here" before it goes on, and wait for that."""
        request: str = self.client.execute(cell)
        while self._next_of(request)["content"].get("text", "").strip() != "here":
            pass
        return request

    def outputs_of(self, request: str) -> Ran:
        """Collect the outputs of a request, until it is done."""
        ran = Ran()
        while True:
            message = self._next_of(request)
            content = message["content"]
            match message["msg_type"]:
                case "stream":
                    ran.text += content["text"]
                case "execute_result":
                    ran.text += content["data"]["text/plain"]
                case "display_data" | "update_display_data":
                    ran.shown.append(content)
                case "error":
                    ran.error += f"{content['ename']}: {content['evalue']}"
                case "status" if content["execution_state"] == "idle":
                    ran.status = "error" if ran.error else "ok"
                    return ran

    def _next_of(self, request: str) -> dict[str, Any]:
        while True:
            try:
                message: dict[str, Any] = self.client.get_iopub_msg(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError("the kernel no longer answers") from None
            if message["parent_header"].get("msg_id") == request:
                return message


@pytest.fixture(scope="module")
def real_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    manager, client = start_new_kernel(
        kernel_name="python3",
        env={**os.environ, **jupyter_settings(tmp_path_factory.mktemp("jupyter"))},
    )
    try:
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel()


@pytest.fixture
def kernel(real_kernel: Kernel) -> Iterator[Kernel]:
    """The kernel, with cells in Trio."""
    ran = real_kernel.run("import signal, trio, trio.testing, trio_echo\n%load_ext trio_echo")
    assert (ran.status, ran.error) == ("ok", "")
    yield real_kernel
    assert real_kernel.run("%unload_ext trio_echo").status == "ok"


def test_cells_run_in_trio_with_and_without_await(kernel: Kernel) -> None:
    assert kernel.run("trio.current_time() > 0").text == "True"
    assert kernel.run("await trio.sleep(0)\ntrio.lowlevel.in_trio_run()").text == "True"


def test_a_cells_task_is_named_cell(kernel: Kernel) -> None:
    for wait in ("", "await trio.sleep(0)\n"):
        assert kernel.run(f"{wait}trio.lowlevel.current_task().name").text == "'cell'"


def test_an_untouched_answer_is_recognised(kernel: Kernel) -> None:
    kernel.run("from trio_echo.notebook.checks import unusable")
    kernel.run('async def answer(stream):\n    """Answer."""\n    ...')
    assert kernel.run("unusable(answer)").text.startswith("No answer yet.")
    kernel.run('async def answer(stream):\n    """Answer."""\n    return 5')
    assert kernel.run("unusable(answer)") == Ran("ok")


def test_sockets_live_from_cell_to_cell(kernel: Kernel) -> None:
    for cell, text in [
        ("listener = trio.socket.socket()", ""),
        ("await listener.bind(('127.0.0.1', 0))", ""),
        ("listener.listen()", ""),
        ("client = trio.socket.socket()", ""),
        ("await client.connect(listener.getsockname())", ""),
        ("peer, _ = await listener.accept()", ""),
        ("await client.send(b'hello')", "5"),
        ("await peer.recv(10)", "b'hello'"),
        ("stream = trio.SocketStream(peer)", ""),
        ("await stream.send_all(b'bye')", ""),
        ("await client.recv(10)", "b'bye'"),
        ("for one in (client, stream.socket, listener): one.close()", ""),
    ]:
        ran = kernel.run(cell)
        assert (ran.error, ran.text) == ("", text), cell


def test_a_background_server_serves_across_cells(kernel: Kernel) -> None:
    kernel.run("events = []")
    kernel.run("server = trio_echo.BackgroundServer(observer=events.append)")
    assert kernel.run("server.start()").text.startswith("<BackgroundServer: 127.0.0.1:")
    for number in range(1 + has_ipv6()):
        assert (
            kernel.run(f"client = await trio_echo.connect(*server.addresses[{number}])").error == ""
        )
        assert kernel.run("await client.echo(b'hello')").text == "b'hello'"
        assert kernel.run("await client.aclose()").error == ""
    assert kernel.run("server.stop()") == Ran("ok")
    assert kernel.run("server.stop()") == Ran("ok")
    assert kernel.run("events[-1].clients").text == str(1 + has_ipv6())


@pytest.mark.slow
@pytest.mark.usefixtures("hosts_allowed")
def test_hosts_and_their_cable_live_from_cell_to_cell(kernel: Kernel) -> None:
    for cell, text in [
        ("from trio_echo import lan", ""),
        ("net = lan.BackgroundHosts('client', 'server').start()", ""),
        ("client, server = net.hosts.values()", ""),
        ("(listener, *_) = await server.open_tcp_listeners(9000, host=server.ipv4)", ""),
        ("stream = await client.open_tcp_stream(server.ipv4, 9000)", ""),
        ("accepted = await listener.accept()", ""),
        ("net.cable.rules.append(lan.drop(lan.data, first=1))", ""),
        ("await stream.send_all(b'hello')\nawait accepted.receive_some()", "b'hello'"),
        ("net.cable.rules[0].acted", "1"),
        ("net.cable.cut()\nawait stream.send_all(b'again')", ""),
        ("net.cable.heal()\nawait accepted.receive_some()", "b'again'"),
        ("(await client.run(['hostname'], capture_stdout=True)).stdout", r"b'client\n'"),
        ("for one in (stream, accepted, listener): await one.aclose()", ""),
        ("net.stop()", ""),
        ("net = lan.BackgroundHosts('client', 'server').start()", ""),
        ("net.cable.rules.append(lan.drop(lambda header: header.nonsense))", ""),
        ("sock = net['client'].blocking_socket()", ""),
        ("sock.setblocking(False)", ""),
        ("started = sock.connect_ex((net['server'].ipv4, 9000))", ""),
    ]:
        ran = kernel.run(cell)
        assert (ran.error, ran.text) == ("", text), cell
    for cell in ("while net.cable: await trio.sleep(0.001)", "net.stop()"):
        # IPython prints it as text, because it was in a nursery's group.
        assert "AttributeError: 'Header'" in kernel.run(cell).text
    assert kernel.run("sock.close()") == Ran("ok")


@posix
@pytest.mark.parametrize(
    "cell",
    [
        "print('here')\nawait trio.sleep_forever()",
        "print('here')\nwhile True: pass",
        "print('here')\nimport time\ntime.sleep(1000)",
    ],
)
def test_an_interrupted_cell_ends_and_the_next_one_works(kernel: Kernel, cell: str) -> None:
    request = kernel.begin(cell)
    kernel.manager.interrupt_kernel()
    assert kernel.outputs_of(request).error == "KeyboardInterrupt: "
    assert kernel.run("await trio.sleep(0)\nprint('fine')").text == "fine\n"


@posix
def test_an_interrupted_nursery_ends_its_tasks(kernel: Kernel) -> None:
    request = kernel.begin(
        "async def child():\n"
        "    try:\n"
        "        await trio.sleep_forever()\n"
        "    finally:\n"
        "        print('the child has ended')\n"
        "async with trio.open_nursery() as nursery:\n"
        "    nursery.start_soon(child)\n"
        "    await trio.testing.wait_all_tasks_blocked()\n"
        "    print('here')"
    )
    kernel.manager.interrupt_kernel()
    ran = kernel.outputs_of(request)
    assert "the child has ended" in ran.text
    assert "KeyboardInterrupt" in ran.text
    assert kernel.run("trio.current_time() > 0").text == "True"


def test_a_nurserys_exception_is_shown_and_the_kernel_continues(kernel: Kernel) -> None:
    ran = kernel.run(
        "async def fail():\n"
        "    raise ValueError('told you')\n"
        "async with trio.open_nursery() as nursery:\n"
        "    nursery.start_soon(fail)"
    )
    assert "ValueError: told you" in ran.text
    assert kernel.run("trio.current_time() > 0").text == "True"


def test_a_cell_inside_a_cell_may_compute_but_not_wait(kernel: Kernel) -> None:
    kernel.run("%%capture captured\nprint(trio.current_time() > 0)")
    assert kernel.run("captured.stdout").text == repr("True\n")
    refusal = "RuntimeError: a cell inside a cell cannot wait: move its await out of it"
    assert kernel.run("%%capture x\nawait trio.sleep(0)").error == refusal


def test_loading_twice_is_harmless(kernel: Kernel) -> None:
    kernel.run("trio_echo.load_ipython_extension(get_ipython())")
    kernel.run("%reload_ext trio_echo")
    assert kernel.run("trio.current_time() > 0").text == "True"
    kernel.run("%unload_ext trio_echo")
    assert "must be called from async context" in kernel.run("trio.current_time()").error
    kernel.run("trio_echo.unload_ipython_extension(get_ipython())")


def test_unloading_restores_the_earlier_runner(real_kernel: Kernel) -> None:
    state = "[str(getattr(get_ipython(), n)) for n in ('autoawait', 'loop_runner', 'trio_runner')]"
    for before in ("%autoawait False", "%autoawait trio", "%autoawait asyncio"):
        real_kernel.run(before)
        expected = real_kernel.run(state).text
        real_kernel.run("import trio, trio_echo\n%load_ext trio_echo")
        assert real_kernel.run("await trio.sleep(0)").error == ""
        real_kernel.run("%unload_ext trio_echo")
        assert real_kernel.run(state).text == expected
    assert real_kernel.run("import asyncio\nawait asyncio.sleep(0, 'asyncio')").text == "'asyncio'"


@posix
def test_the_signal_handling_of_asyncio_and_the_kernel_is_put_back(kernel: Kernel) -> None:
    kernel.run("%unload_ext trio_echo")
    state = (
        "wakeup = signal.set_wakeup_fd(-1)\n"
        "(wakeup, signal.set_wakeup_fd(wakeup), signal.getsignal(signal.SIGINT))"
    )
    kernel.run("import asyncio\nloop = asyncio.get_running_loop()\nawait asyncio.sleep(0)")
    kernel.run("received = []")
    kernel.run(
        "await asyncio.sleep(0)\nloop.add_signal_handler(signal.SIGUSR1, received.append, 1)"
    )
    expected = kernel.run(state).text
    assert not expected.startswith("(-1")
    kernel.run("%load_ext trio_echo")
    assert kernel.run("await trio.sleep(0)") == Ran("ok")  # no warning of a conflict
    kernel.run("%unload_ext trio_echo")
    assert kernel.run(state).text == expected
    ran = kernel.run(
        "import os\nos.kill(os.getpid(), signal.SIGUSR1)\n"
        "while not received: await asyncio.sleep(0)\n"
        "loop.remove_signal_handler(signal.SIGUSR1)"
    )
    assert ran.text == "True"
    kernel.run("%load_ext trio_echo")


def test_a_widgets_callback_may_run_trio_itself_and_draw(kernel: Kernel) -> None:
    kernel.run("import ipywidgets\nfrom IPython.display import display")
    kernel.run("server = trio_echo.BackgroundServer()\nserver.start()")
    shown = kernel.run(
        "async def echoed(count):\n"
        "    async with await trio_echo.connect(*server.addresses[0]) as client:\n"
        "        return await client.echo(bytes(count))\n"
        "def changed(change):\n"
        "    picture.update(trio.run(echoed, change.new))\n"
        "slider = ipywidgets.IntSlider(1)\n"
        "slider.observe(changed, 'value')\n"
        "picture = display(await echoed(1), display_id=True)"
    ).shown
    assert shown[0]["data"]["text/plain"] == repr(bytes(1))
    identifier = kernel.run("print(slider.comm.comm_id)").text.strip()
    for value in (2, 3):  # the kernel still works after a callback
        update = {"method": "update", "state": {"value": value}}
        ran = kernel.send("comm_msg", {"comm_id": identifier, "data": update})
        assert ran.error == ran.text == ""
        assert [one["data"]["text/plain"] for one in ran.shown] == [repr(bytes(value))]
        assert ran.shown[0]["transient"] == shown[0]["transient"]
    assert kernel.run("await echoed(4)").text == repr(bytes(4))
    kernel.run("server.stop()")


@pytest.mark.slow
def test_ipython_at_a_terminal_runs_cells_in_trio_too(tmp_path: Path) -> None:
    lines = ["%load_ext trio_echo", "import trio", "trio.current_time() > 0", "await trio.sleep(0)"]
    ran = subprocess.run(
        [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--no-confirm-exit"],
        input="\n".join([*lines, "trio.lowlevel.in_trio_run()", "exit", ""]),
        env={**os.environ, **jupyter_settings(tmp_path), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert ran.returncode == 0
    assert "Error" not in ran.stdout + ran.stderr
    assert ran.stdout.count("True") == 2


def test_something_that_is_not_a_shell_is_a_clear_error() -> None:
    with pytest.raises(RuntimeError, match="only Jupyter and IPython run cells"):
        trio_echo.load_ipython_extension(cast("InteractiveShell", None))
