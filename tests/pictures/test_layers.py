"""The picture of the headers around a message."""

from __future__ import annotations

from typing import Any

import pytest
from layout import texts

from trio_echo.observe.packets import Layers
from trio_echo.pictures import layers

V4 = Layers(version=4, link=14, network=20, transport=32, data=5)
V6 = Layers(version=6, link=14, network=40, transport=32, data=5)


def test_the_picture_names_each_part_and_its_size() -> None:
    picture = layers(V4, V6)
    shown = set(texts(picture))
    assert {"Ethernet 14", "IPv4 20", "IPv6 40", "TCP 32", "data 5"} <= shown
    assert "IPv6: Ethernet 14, IP 40, TCP 32, data 5 bytes" in picture.description


def test_large_data_leaves_room_for_the_headers() -> None:
    picture = layers(Layers(version=4, link=14, network=20, transport=32, data=60_000))
    assert {"TCP 32", "data 60000, not drawn in full"} <= set(texts(picture))


@pytest.mark.parametrize(
    ("frames", "error", "words"),
    [
        ([], ValueError, "frames: give at least one"),
        ([[V4, V6]], TypeError, r"frames: each must be what packets\.layers.*, not list"),
    ],
)
def test_what_is_not_a_frame_is_refused(
    frames: list[Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        layers(*frames)
