r"""Programs in terminals side by side: what each screen shows, while they talk to each other.

    async def talk(desk):
        server = await desk.open("server", program, "0")
        port = (await server.shows(r"=(\d+)$"))[1]
        client = await desk.open("client", sys.executable, "-m", "trio_echo", "connect", port)
        await client.enter("hello")
        await client.shows("hello")

    await terminals.perform(talk, recording="recordings/hello.json")

A recording is shown if there is no C compiler, and is made by the same code: see
`trio_echo.lan.RECORD`.
"""

from __future__ import annotations

import codecs
import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec
import trio
from IPython.display import display

from trio_echo.errors import ungrouped
from trio_echo.lan import RECORD
from trio_echo.screen.text import safe
from trio_echo.writing import whole

from .compiling import compiler
from .screens import Screens

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

NO_COMPILER = "there is no C compiler (cc, gcc, clang) here"


class Terminal:
    """A program in a terminal of its own; made by `Desk.open`.

    Attributes:
        text: what its screen shows, with what was typed.
    """

    def __init__(
        self,
        process: trio.Process,
        encoding: str,
        on_change: Callable[[], object],
        *,
        echoes: bool,
    ) -> None:
        self.text = ""
        self._process = process
        self._keyboard = cast("trio.abc.SendStream", process.stdin)
        self._printed = cast("trio.abc.ReceiveStream", process.stdout)
        self._encoding = encoding
        self._on_change = on_change
        self._changed = trio.Event()
        self._echoes = echoes
        self._echo = ""  # what the program will show once more
        self._found = 0  # where the search of `shows` goes on
        self._is_over = False
        self._reading = trio.CancelScope()

    async def shows(self, pattern: str) -> re.Match[str]:
        """Wait until the screen shows a text that this pattern matches, after the last one found.

        Raises:
            EOFError: the program ended first.
        """
        wanted = re.compile(pattern, re.MULTILINE)
        while not (found := wanted.search(self.text, self._found)):
            await self._wait(f"does not show {pattern!r}")
        self._found = found.end()
        return found

    async def enter(self, line: str, *, pause: float = 0.0) -> None:
        """Type a line and press Enter, as soon as the screen ends with a space: a prompt.

        Args:
            line: without a newline.
            pause: seconds before each character, so that one can watch.

        Raises:
            EOFError: the program ended first.
        """
        while not self.text.endswith(" "):
            await self._wait("does not prompt")
        self._found = len(self.text)
        for character in line:
            await trio.sleep(pause)
            self._show(character)
        await trio.sleep(pause)
        self._show("\n")
        self._echo = f"{line}\n" if self._echoes else ""
        with suppress(trio.BrokenResourceError):  # it ended meanwhile
            await self._keyboard.send_all(f"{line}\n".encode(self._encoding))

    async def ended(self) -> int:
        """Wait until the program has ended by itself; return its exit status, and show it."""
        while not self._is_over:
            await self._changed.wait()
        status = await self._process.wait()
        line = "" if self.text.endswith("\n") or not self.text else "\n"
        self._show(f"{line}(exit status {status})\n")
        return status

    async def close(self) -> None:
        """Close the window: the program is killed. A child of it may keep the pipe open."""
        self._process.kill()
        self._reading.cancel()
        while not self._is_over:
            await self._changed.wait()
        await self._process.wait()
        await self._keyboard.aclose()

    async def run(self) -> None:
        """Show what the program prints, until it ends or this is cancelled."""
        decoder = codecs.getincrementaldecoder(self._encoding)("replace")
        try:
            with self._reading:
                async with self._printed as printed:
                    async for data in printed:
                        text = decoder.decode(data).replace("\r\n", "\n")
                        known = len(os.path.commonprefix([self._echo, text]))  # noqa: RUF071  no paths
                        self._echo = self._echo[known:]
                        self._show(text[known:])
        finally:  # also when cancelled: `close` waits for it
            self._is_over = True
            self._show(decoder.decode(b"", final=True))

    async def _wait(self, why: str) -> None:
        if self._is_over:
            raise EOFError(f"the program has ended: it {why}\n{self.text}")
        await self._changed.wait()

    def _show(self, text: str) -> None:
        self.text += text
        self._changed.set()
        self._changed = trio.Event()
        self._on_change()


class Desk:
    """A desk with terminals, side by side. All end with its block in `perform`.

    Args:
        nursery: for the tasks that read what the programs print.
        show: called with all screens whenever one changes.
    """

    def __init__(self, nursery: trio.Nursery, show: Callable[[Screens], object]) -> None:
        self._nursery = nursery
        self._show = show
        self._terminals: dict[str, Terminal] = {}
        self._notes: dict[str, str] = {}

    async def open(
        self, name: str, *command: str, encoding: str = "utf-8", echoes: bool = False
    ) -> Terminal:
        """Run a program in a new terminal.

        Args:
            name: of the terminal.
            command: the program and its arguments.
            encoding: what the terminal speaks.
            echoes: whether the program itself shows what it reads from a pipe, as `trio_echo
                connect` does.

        Raises:
            OSError: the program does not start.
        """
        process = await trio.lowlevel.open_process(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONIOENCODING": encoding},
        )
        terminal = Terminal(process, encoding, self._changed, echoes=echoes)
        self._terminals[name] = terminal
        self._nursery.start_soon(terminal.run)
        return terminal

    def note(self, name: str, text: str) -> None:
        """Show a text of our own beside the terminals, or continue it by a line."""
        self._notes[name] = f"{self._notes.get(name, '')}{text}\n"
        self._changed()

    def screens(self) -> Screens:
        """Return what is shown now."""
        texts = {name: one.text for name, one in self._terminals.items()}
        return Screens({**texts, **self._notes})

    async def close(self) -> None:
        """Close all windows. What the others print about that is not shown."""
        self._show = lambda _: None
        for terminal in self._terminals.values():
            await terminal.close()

    def _changed(self) -> None:
        self._show(self.screens())


async def perform(
    talk: Callable[[Desk], Awaitable[object]],
    *,
    recording: str | Path | None = None,
    show: bool = True,
) -> Screens:
    """Let programs talk in terminals: live if there is a C compiler, else recorded.

    Args:
        talk: opens the terminals. They are closed when it returns.
        recording: a file, loaded if there is no compiler. With `TRIO_ECHO_RECORD` set, it is
            written instead. Not needed if no program of the talk is compiled.
        show: whether to show the screens while they talk.

    Returns:
        What the screens show at the end.

    Raises:
        OSError: the recording is needed and cannot be read, or cannot be written.
        ValueError: the recording is needed and is not one.
    """
    if recording is not None and compiler() is None:
        screens = _load(Path(recording))
        if show:
            display(screens)
        return screens
    shown = display(Screens({}), display_id=True) if show else None
    screens = await run(talk, shown.update if shown is not None else lambda _: None)
    if recording is not None and RECORD in os.environ:
        with whole(recording) as file:
            file.write(msgspec.json.format(msgspec.json.encode(screens.texts), indent=1) + b"\n")
    return screens


async def run(
    talk: Callable[[Desk], Awaitable[object]], show: Callable[[Screens], object]
) -> Screens:
    """Let programs talk; return what their screens show at the end.

    Args:
        talk: as for `perform`.
        show: called with all screens whenever one changes.
    """
    with ungrouped(Exception):
        async with trio.open_nursery() as nursery:
            desk = Desk(nursery, show)
            try:
                await talk(desk)
                screens = desk.screens()
            finally:
                with trio.CancelScope(shield=True):
                    await desk.close()
    return screens


def _load(path: Path) -> Screens:
    try:
        texts = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except msgspec.MsgspecError as exc:
        raise ValueError(f"{safe(path.name)} is not a recording of screens") from exc
    return Screens(texts, f"recorded, for: {NO_COMPILER}")
