"""Answers that no check can try: empty functions, the wrong kind, and other objects."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from trio_echo.notebook.checks import NO_ANSWER, closing, meeting, unusable


async def untouched() -> None:
    """Come as the notebook does."""


def untouched_too() -> None: ...


async def untouched_method(self: object, *peers: str, patience: float = 1) -> None:
    # A learner's note.
    ...


async def only_says_what_it_does() -> None:
    """Wait for a client."""


async def passes() -> None:
    pass


async def calls_nothing_but_waits() -> None:
    """Look empty."""
    await trio.lowlevel.checkpoint()


async def returns_a_constant() -> int:
    return 5


without_source: dict[str, Any] = {}
exec("async def function(): return 5", without_source)  # noqa: S102


async def forgets_to_return() -> None:
    str(1)


def plain() -> int:
    return 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (untouched, NO_ANSWER.why),
        (untouched_method, NO_ANSWER.why),
        (only_says_what_it_does, NO_ANSWER.why),
        (passes, NO_ANSWER.why),
        (forgets_to_return, None),
        (calls_nothing_but_waits, None),
        (returns_a_constant, None),
        (without_source["function"], None),
        (plain, "Your function must be an async def."),
        (..., "Ellipsis is not a function."),
        (5, "5 is not a function."),
    ],
)
def test_a_function_to_await(answer: object, why: str | None) -> None:
    verdict = unusable(answer)
    assert (verdict.why if verdict else None) == why


def test_a_plain_function() -> None:
    assert unusable(plain, awaits=False) is None
    assert unusable(untouched_too, awaits=False) is NO_ANSWER
    wrong = unusable(forgets_to_return, awaits=False)
    assert wrong is not None
    assert wrong.why == "Your function must be a def."


async def test_a_forgotten_return_is_not_a_missing_answer() -> None:
    def forgets(sock: object) -> None:
        str(sock)

    assert "Is a `return` missing?" in (await meeting.facts(forgets)).why


def test_states_may_have_the_names_of_the_rfc_or_of_linux() -> None:
    a, b = ["FIN-WAIT-2", "CLOSE-WAIT"], ("CLOSE", "time_wait")
    assert closing.states(a, b, ("CLOSED", "CLOSED")).right
    assert closing.states(("FIN WAIT 2", "CLOSE WAIT"), b, ("CLOSE", "CLOSE")).right
    assert closing.states(a, b, "CLOSED").right is False
