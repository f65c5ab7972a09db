"""Checks of notebook 18: right and wrong answers."""

from __future__ import annotations

import pytest

from trio_echo.notebook.checks import planning


@pytest.mark.parametrize(
    ("rate", "machines", "right"),
    [
        (4 / 12e-6, 2, True),
        (333_333, 2.0, True),
        (333_000, 2, True),
        (250_000, 2, False),
        (83_333, 2, False),
        (4 / 12e-6, 1, False),
        (4 / 12e-6, 1.33, False),
        ("333333", 2, False),
        (4 / 12e-6, None, False),
        (4 / 12e-6, ..., None),
    ],
)
def test_limits(rate: object, machines: object, right: bool | None) -> None:
    assert planning.limits(rate, machines).right is right
