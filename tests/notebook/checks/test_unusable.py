"""What is no answer yet, and what no check can try."""

from __future__ import annotations

import pytest

from trio_echo.notebook.checks import NO_ANSWER, closing, meeting, unusable


async def untouched() -> None:
    """Come as the notebook does."""


def untouched_too() -> None: ...


async def forgets_to_return() -> None:
    str(1)


def plain() -> int:
    return 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (untouched, NO_ANSWER.why),
        (forgets_to_return, None),
        (plain, "Your function must be an async def."),
        (..., "Ellipsis is no function."),
        (5, "5 is no function."),
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


async def test_a_forgotten_return_is_no_missing_answer() -> None:
    def forgets(sock: object) -> None:
        str(sock)

    assert "is a `return` missing?" in (await meeting.facts(forgets)).why


def test_states_may_have_the_names_of_the_rfc_or_of_the_tables() -> None:
    a, b = ["FIN-WAIT-2", "CLOSE-WAIT"], ("CLOSE", "time_wait")
    assert closing.states(a, b, ("CLOSED", "CLOSED")).right
    assert closing.states(a, b, "CLOSED").right is False
