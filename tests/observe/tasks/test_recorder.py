"""The lives of Trio's tasks, as an instrument records them."""

from __future__ import annotations

import contextlib

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_echo.observe.tasks.recorder import Life, Recorder


async def fail_after_a_second() -> None:
    await trio.sleep(1)
    raise ValueError


def by_name(recorder: Recorder) -> dict[str, Life]:
    lives = {life.name: life for life in recorder.lives}
    assert len(lives) == len(recorder.lives)
    return lives


async def test_it_records_begin_end_parent_and_steps(autojump_clock: MockClock) -> None:
    async def parent() -> None:
        await trio.sleep(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 2, name="child")

    with Recorder() as recorder:
        await trio.sleep(0.5)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(parent)
    lives = by_name(recorder)
    child = lives["child"]
    assert (child.began, child.ended, child.parent) == (1.5, 3.5, lives["parent"])
    assert (lives["parent"].began, lives["parent"].ended) == (0.5, 3.5)
    # Steps: the beginning, after its sleep, at the end of its nursery.
    assert (child.steps, lives["parent"].steps) == (2, 3)
    assert recorder.seconds == 3.5


def test_tasks_may_be_older_than_the_recording_and_outlive_it() -> None:
    async def main() -> None:
        recorder = Recorder()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever, name="older")
            with recorder:
                nursery.start_soon(trio.sleep_forever, name="younger")
                await trio.sleep(2)
            nursery.start_soon(trio.sleep_forever, name="too late")
            nursery.cancel_scope.cancel()
        lives = by_name(recorder)
        assert list(lives) == ["main", "older", "younger"]
        assert (lives["older"].began, lives["younger"].began) == (None, 0)
        assert all(life.ended is None for life in recorder.lives)
        assert [life.parent for life in recorder.lives] == [None, lives["main"], lives["main"]]

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_it_stops_when_its_block_raises() -> None:
    recorder = Recorder()
    with pytest.raises(KeyError, match="mine"), recorder:
        raise KeyError("mine")
    with pytest.raises(KeyError):
        trio.lowlevel.remove_instrument(recorder)
    lives = recorder.lives
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.lowlevel.checkpoint)
    assert recorder.lives == lives


async def test_a_task_that_fails_is_not_cancelled_and_its_siblings_are(
    autojump_clock: MockClock,
) -> None:
    recorder = Recorder()
    with pytest.RaisesGroup(ValueError), recorder:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail_after_a_second, name="fails")
            nursery.start_soon(trio.sleep_forever, name="sibling")
            nursery.start_soon(trio.sleep, 0.5, name="done before")
    lives = by_name(recorder)
    assert lives["sibling"].cancelled == lives["sibling"].ended == 1
    assert lives["fails"].cancelled is None
    assert lives["done before"].cancelled is None


async def test_a_time_limit_around_a_nursery_cancels_what_is_in_it(
    autojump_clock: MockClock,
) -> None:
    async def parent() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever, name="child")

    with Recorder() as recorder, trio.move_on_after(3):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(parent)
    lives = by_name(recorder)
    assert lives["parent"].cancelled == lives["child"].cancelled == 3


async def test_a_tasks_own_time_limits_and_nurseries_do_not_count_as_its_cancellation(
    autojump_clock: MockClock,
) -> None:
    async def own_limit() -> None:
        with trio.move_on_after(1):
            await trio.sleep_forever()

    async def own_nursery() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever, name="child")
            nursery.cancel_scope.cancel()

    async def closes_by_force() -> None:
        stream, other = trio.testing.memory_stream_pair()
        await trio.aclose_forcefully(stream)
        await other.aclose()

    with Recorder() as recorder:
        async with trio.open_nursery() as nursery:
            for function in (own_limit, own_nursery, closes_by_force):
                nursery.start_soon(function)
    lives = by_name(recorder)
    assert {name for name, life in lives.items() if life.cancelled is not None} == {"child"}


async def test_a_task_keeps_the_name_it_gave_itself_and_the_nursery_it_moved_to() -> None:
    async def service(task_status: trio.TaskStatus[None]) -> None:
        trio.lowlevel.current_task().name = "named by itself"
        assert by_name(recorder)["named by itself"].parent is by_name(recorder)["keeper"]
        task_status.started()
        await trio.sleep_forever()

    async def keeper(task_status: trio.TaskStatus[trio.Nursery]) -> None:
        async with trio.open_nursery() as nursery:
            task_status.started(nursery)
            await trio.sleep_forever()

    with Recorder() as recorder:
        async with trio.open_nursery() as nursery:
            kept = await nursery.start(keeper)
            await kept.start(service)
            lives = by_name(recorder)
            assert lives["named by itself"].parent is lives["keeper"]
            nursery.cancel_scope.cancel()
    assert lives["named by itself"].parent is lives["keeper"]


async def test_a_task_notes_how_it_ended() -> None:
    with Recorder() as recorder:

        async def ends() -> None:
            recorder.note("first word")
            recorder.note(ValueError("last\nword"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ends)
    assert by_name(recorder)["ends"].note == "last\\nword"


def test_trios_own_tasks_are_left_out() -> None:
    async def main() -> None:
        with Recorder() as recorder:
            trio.lowlevel.spawn_system_task(trio.sleep_forever, name="a system task")
            await wait_all_tasks_blocked()
        assert list(by_name(recorder)) == ["main"]

    trio.run(main)


async def test_it_keeps_no_task_alive_and_records_a_thousand() -> None:
    with Recorder() as recorder:
        async with trio.open_nursery() as nursery:
            for _ in range(1000):
                nursery.start_soon(trio.lowlevel.checkpoint)
        assert len(recorder._living) < 1000
    lives = [life for life in recorder.lives if life.name == "checkpoint"]
    assert len(lives) == 1000
    assert all(life.ended is not None for life in lives)
    assert not recorder._living
    assert not recorder._limits


async def test_a_second_recording_starts_empty() -> None:
    recorder = Recorder()
    for name in ("first", "second"):
        with recorder:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.lowlevel.checkpoint, name=name)
    assert "second" in by_name(recorder)
    assert "first" not in by_name(recorder)


def test_a_failure_is_named_and_a_cancellation_is_none() -> None:
    async def fail() -> None:
        raise ConnectionResetError

    async def both() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
            nursery.start_soon(trio.sleep_forever)

    async def caught() -> None:
        with contextlib.suppress(ExceptionGroup):
            await both()

    async def main() -> Recorder:
        with Recorder() as recorder:
            with contextlib.suppress(ExceptionGroup):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(both)
                    nursery.start_soon(trio.sleep_forever)
            await caught()
        return recorder

    lives = trio.run(main).lives
    failed = [(life.name, life.failed) for life in lives]
    assert failed.count(("fail", "ConnectionResetError")) == 2
    assert ("both", "ConnectionResetError") in failed
    assert failed.count(("sleep_forever", "")) == 3
