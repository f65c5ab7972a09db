"""Happy eyeballs as a picture."""

from __future__ import annotations

import pytest
from layout import texts

from trio_echo import Endpoint
from trio_echo.observe.experiments.eyeballs import CONNECTED, GIVEN_UP, Attempt, Race
from trio_echo.pictures import eyeballs


def test_each_attempt_has_its_outcome_beside_its_bar() -> None:
    tried = (
        Attempt(Endpoint("::1", 9000), 0.0002, 0.2512, GIVEN_UP),
        Attempt(Endpoint("127.0.0.1", 9000), 0.2505, 0.2512, CONNECTED),
    )
    picture = eyeballs(Race(tried, 0.25))
    assert {"given up", "connected at 251.2 ms"} <= set(texts(picture))
    assert picture.description == (
        "delay 250 ms: [::1]:9000 0 to 251 ms, given up; 127.0.0.1:9000 250 to 251 ms, connected"
    )


def test_long_addresses_and_errors_have_room() -> None:
    endpoint = Endpoint("2001:db8:1111:2222:3333:4444:5555:6666", 65535)
    error = "[connect()] Network is unreachable"
    shown = texts(eyeballs(Race((Attempt(endpoint, 0.1, 0.9, error),), 0.25)))
    assert {str(endpoint), error} <= set(shown)
    assert texts(eyeballs(Race((Attempt(endpoint, 0.1, 0.9, error * 5),), 0.25)))


def test_a_race_without_an_attempt_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="nothing was tried"):
        eyeballs(Race((), 0.25))
