"""What the targets of a run are called."""

from __future__ import annotations

import runs

from trio_echo.measure.results.names import labels
from trio_echo.measure.results.run import Target

V4, V6 = runs.TARGETS


def test_the_names_of_targets_differ_and_are_as_brief_as_possible() -> None:
    other_port = Target(name="[::1]:9001", address="[::1]:9001", family="IPv6")
    by_name = Target(name="localhost:9000", address="127.0.0.1:9000", family="IPv4")
    by_name_too = Target(name="localhost:9000", address="[::1]:9000", family="IPv6")
    assert labels([V4, V6]) == ["IPv4", "IPv6"]
    assert labels([by_name, by_name_too]) == ["IPv4", "IPv6"]
    assert labels([V4, other_port]) == ["127.0.0.1:9000", "[::1]:9001"]
    assert labels([by_name, by_name_too, V4]) == [
        "localhost:9000 (target 1)",
        "localhost:9000 (target 2)",
        "127.0.0.1:9000 (target 3)",
    ]
    assert labels([V4, V4, V6]) == ["IPv4 (target 1)", "IPv4 (target 2)", "IPv6"]
    assert labels([V4, V4, other_port]) == [
        "127.0.0.1:9000 (target 1)",
        "127.0.0.1:9000 (target 2)",
        "[::1]:9001",
    ]
    assert labels([]) == []
