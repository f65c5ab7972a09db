"""The clock of answers jumps over waits, and an answer that cannot be stopped is given up."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import trio

from trio_echo.notebook.checks import Verdict, clock

if TYPE_CHECKING:
    import pytest


async def test_a_wait_of_hours_takes_no_time() -> None:
    async def patient() -> Verdict:
        begun = trio.current_time()
        await trio.sleep(80_000)
        return Verdict(True, f"{trio.current_time() - begun:g} s")

    verdict = await clock.with_own_clock(patient)
    assert verdict is not None
    assert verdict.why == "80000 s"


async def test_an_answer_that_cannot_be_cancelled_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    let_go = threading.Event()

    async def stuck() -> None:
        let_go.wait()

    monkeypatch.setattr(clock, "_PATIENCE", 0.01)
    try:
        verdict = await clock.with_own_clock(stuck)
        assert verdict is not None
        assert "Restart the kernel" in verdict.why
    finally:
        let_go.set()
