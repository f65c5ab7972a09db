from __future__ import annotations

from itertools import cycle, islice

from hypothesis import given
from hypothesis import strategies as st

from trio_echo.measure.load.connections.contents import Contents


@given(st.binary(min_size=1, max_size=50), st.integers(1, 120), st.booleans())
def test_messages_are_a_file_again_and_again(payload: bytes, size: int, verify: bool) -> None:
    contents = Contents(size, payload, verify=verify)
    offsets = [contents.next() if contents.varied else 0 for _ in range(40)]
    sent = b"".join(contents.block[at : at + size] for at in offsets)
    assert sent == bytes(islice(cycle(payload), 40 * size))


def test_random_messages_that_are_verified_differ() -> None:
    contents = Contents(64, b"", verify=True)
    assert len({contents.block[at : at + 64] for at in (contents.next() for _ in range(99))}) == 99
    assert not Contents(64, b"", verify=False).varied
