"""The end of a connection as a picture, of steps made here."""

from __future__ import annotations

import numpy as np
import pytest
from layout import shape, texts
from matplotlib.patches import FancyArrowPatch
from matplotlib.path import Path

from trio_echo.observe.experiments.parting import GONE, Step
from trio_echo.pictures.parting import parting

STEPS = {
    "close": [
        Step("client", "close()", "", "FIN_WAIT2", "CLOSE_WAIT"),
        Step("server", "recv(100)", "returned b''", "FIN_WAIT2", "CLOSE_WAIT"),
        Step("server", "close()", "", "TIME_WAIT", GONE),
    ],
    "data and its reset": [
        Step("server", "close()", "", "CLOSE_WAIT", "FIN_WAIT2"),
        Step("client", "send(b'hello')", "returned 5", GONE, GONE),
        Step("client", "recv(100)", "raised ConnectionResetError", GONE, GONE),
    ],
    "reset": [Step("server", "close(), linger 0", "", GONE, GONE)],
}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_all_words_are_legible_and_no_arrow_crosses_them(steps: list[Step]) -> None:
    picture = parting(steps)
    assert texts(picture)
    (axes,) = picture.figure.axes
    words = [shape(one) for one in axes.texts if one.get_text()]
    arrows = [one for one in axes.patches if isinstance(one, FancyArrowPatch)]
    assert arrows
    for arrow in arrows:
        points = np.asarray(arrow.get_path().vertices)[:-1]  # the last one only closes its head
        line = axes.transData.transform_path(Path(points))
        assert not any(one.intersects_path(line) for one in words)


def test_a_reset_that_answers_data_leaves_the_other_end() -> None:
    assert {"data", "RST"} < set(texts(parting(STEPS["data and its reset"])))
