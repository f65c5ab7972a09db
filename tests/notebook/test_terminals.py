"""Programs in terminals side by side."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import psutil
import pytest
import trio
from support import PATIENCE

from trio_echo import lan
from trio_echo.notebook import terminals

if TYPE_CHECKING:
    from pathlib import Path

    from trio_echo.notebook.screens import Screens
    from trio_echo.notebook.terminals import Desk

ASKS = "print('hello ' + input('name: '), flush=True)"
PYTHON = (sys.executable, "-c")


def ignore(_: Screens) -> None: ...


async def greet(desk: Desk) -> None:
    asks = await desk.open("asks", *PYTHON, ASKS)
    with trio.fail_after(PATIENCE):
        await asks.enter("한국")
        await asks.shows("^hello 한국$")
        assert await asks.ended() == 0
    desk.note("a note", "one")
    desk.note("a note", "two")


async def test_a_screen_shows_what_was_typed_and_printed() -> None:
    shown: list[Screens] = []
    screens = await terminals.run(greet, shown.append)
    assert screens.texts == {
        "asks": "name: 한국\nhello 한국\n(exit status 0)\n",
        "a note": "one\ntwo\n",
    }
    assert [one["asks"] for one in shown[:3]] == ["name: ", "name: 한", "name: 한국"]
    assert shown[-1].texts == screens.texts
    assert screens.source == "live"


async def test_what_a_program_shows_of_its_input_by_itself_is_shown_once() -> None:
    program = "line = input('name: '); print(line); print('hello', line, end='')"

    async def talk(desk: Desk) -> None:
        one = await desk.open("one", *PYTHON, program, echoes=True)
        with trio.fail_after(PATIENCE):
            await one.enter("Kim")
            await one.ended()

    screens = await terminals.run(talk, ignore)
    assert screens["one"] == "name: Kim\nhello Kim\n(exit status 0)\n"


async def test_a_program_that_ends_too_early_is_an_error_with_its_screen() -> None:
    async def waits(desk: Desk) -> None:
        one = await desk.open("one", *PYTHON, "print('gone')")
        with trio.fail_after(PATIENCE):
            await one.shows("hello")

    async def types(desk: Desk) -> None:
        one = await desk.open("one", *PYTHON, "print('gone')")
        with trio.fail_after(PATIENCE):
            await one.enter("hello")

    for talk, why in ((waits, "does not show 'hello'"), (types, "does not prompt")):
        with pytest.raises(EOFError) as caught:
            await terminals.run(talk, ignore)
        assert str(caught.value).replace("\r", "") == f"the program has ended: it {why}\ngone\n"


async def test_no_program_outlives_the_desk(autojump_clock: trio.testing.MockClock) -> None:
    found: list[psutil.Process] = []

    async def talk(desk: Desk) -> None:
        one = await desk.open("one", *PYTHON, "import os; print(os.getpid()); input('wait: ')")
        found.append(psutil.Process(int((await one.shows(r"\d+(?=\s)"))[0])))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await terminals.run(talk, ignore)
    assert not found[0].is_running()


async def test_a_talk_that_is_cancelled_ends() -> None:
    async def talk(desk: Desk) -> None:
        one = await desk.open("one", *PYTHON, "input('wait: ')")
        await one.shows("wait")
        scope.cancel()
        await trio.sleep_forever()

    with trio.CancelScope() as scope:
        await terminals.run(talk, ignore)
    assert scope.cancelled_caught


async def test_what_programs_print_while_they_are_closed_is_not_shown() -> None:
    both = "import sys; print('one', flush=True); sys.stdin.read(); print('two')"
    shown: list[Screens] = []

    async def talk(desk: Desk) -> None:
        terminal = await desk.open("one", *PYTHON, both)
        await terminal.shows("one\n")
        nursery.start_soon(terminal._keyboard.aclose)

    async with trio.open_nursery() as nursery:
        screens = await terminals.run(talk, shown.append)
    assert [screens["one"], shown[-1]["one"]] == ["one\n", "one\n"]


async def test_an_encoding_other_than_utf_8() -> None:
    async def talk(desk: Desk) -> None:
        one = await desk.open("one", *PYTHON, ASKS, encoding="cp949")
        with trio.fail_after(PATIENCE):
            await one.enter("한국")
            await one.ended()

    assert "hello 한국" in (await terminals.run(talk, ignore))["one"]


async def test_without_a_compiler_the_recording_is_shown_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminals, "compiler", lambda: "cc")
    monkeypatch.setenv(lan.RECORD, "1")
    recording = tmp_path / "talk.json"
    live = await terminals.perform(greet, recording=recording, show=False)
    monkeypatch.setattr(terminals, "compiler", lambda: None)
    recorded = await terminals.perform(greet, recording=recording)
    assert recorded.texts == live.texts
    assert recorded.source == "recorded, for: there is no C compiler (cc, gcc, clang) here"
    assert recorded.source in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "[]", '{"one": 1}'])
async def test_a_file_that_is_not_a_recording(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminals, "compiler", lambda: None)
    (tmp_path / "talk.json").write_text(text, "utf-8")
    with pytest.raises(ValueError, match=r"^talk\.json is not a recording of screens$"):
        await terminals.perform(greet, recording=tmp_path / "talk.json")


async def test_a_child_that_keeps_the_screen_does_not_hold_up_the_end() -> None:
    program = (
        "import subprocess, sys; sleep = [sys.executable, '-c', 'import time; time.sleep(3600)'];"
        "child = subprocess.Popen(sleep); print(child.pid, flush=True); child.wait()"
    )
    children: list[psutil.Process] = []

    async def talk(desk: Desk) -> None:
        parent = await desk.open("parent", *PYTHON, program)
        children.append(psutil.Process(int((await parent.shows(r"^(\d+)$"))[1])))

    try:
        with trio.fail_after(PATIENCE):
            screens = await terminals.run(talk, ignore)
    finally:
        for child in children:
            child.kill()
    assert screens["parent"].strip() == str(children[0].pid)
