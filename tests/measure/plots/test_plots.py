"""Plots: what they show, and that it can be read whatever was measured."""

from __future__ import annotations

import io
from array import array
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import runs
from layout import contrast, texts
from matplotlib.lines import Line2D
from msgspec.structs import replace
from PIL import Image

from trio_echo.measure import plots
from trio_echo.measure.load.keeping import fold
from trio_echo.measure.load.workload import Samples, Workload
from trio_echo.measure.plots.conditions import conditions
from trio_echo.measure.plots.style import DARK, LIGHT, SIZE, shown
from trio_echo.measure.results import environment
from trio_echo.measure.results.json_text import from_json, to_json
from trio_echo.measure.results.phases import PHASES
from trio_echo.measure.results.run import Round, Run, Target, collect
from trio_echo.measure.results.summary import percentiles, summarize
from trio_echo.measure.statistics import Estimate, Interval
from trio_echo.pictures.lettering import wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from trio_echo.pictures.canvas import Picture

HOSTILE = (
    "$x_1$ \\frac{}",
    "\x1b[2Jevil\nname",
    "한국.example:9000",
    "[2001:db8:1111:2222:3333:4444:5555:6666]:65535",
    "a" * 300,
    "",
    "_hidden",
    "{}%s\u202e$$",
)


def targets(*names: str) -> list[Target]:
    return [
        Target(name=name, address=f"127.0.0.1:{9000 + number}", family="IPv4")
        for number, name in enumerate(names)
    ]


def loads(**values: Sequence[int]) -> list[Workload]:
    """Every combination."""
    made = [Workload(duration=1.0)]
    for name, several in values.items():
        made = [replace(one, **{name: value}) for one in made for value in several]
    return made


TWO = targets("one", "two")
RUNS: dict[str, dict[str, Any]] = {
    "closed and open loop": {},
    "one target": {"targets": TWO[:1], "workloads": loads()},
    "one round": {"rounds": 1, "targets": TWO, "workloads": loads()},
    "a hundred rounds": {"rounds": 100, "messages": 30, "targets": TWO, "workloads": loads()},
    "eight targets": {"targets": targets(*map(str, range(8))), "workloads": loads()},
    "nine targets": {"targets": targets(*map(str, range(9))), "workloads": loads(size=[1, 2])},
    "hostile names": {"targets": targets(*HOSTILE), "workloads": loads()},
    "one hostile name": {"targets": targets(HOSTILE[0] * 9), "workloads": loads()},
    "sizes": {"targets": TWO, "workloads": loads(size=[1 << n for n in range(17)])},
    "connections": {"targets": TWO, "workloads": loads(connections=[1 << n for n in range(11)])},
    "both": {"targets": TWO, "workloads": loads(connections=[1, 4, 16, 64, 256], size=[1, 99])},
    "both, one target": {
        "targets": TWO[:1],
        "workloads": loads(connections=range(1, 13), size=[1, 10_000, 1_000_000]),
        "rounds": 1,
    },
    "depths": {"targets": TWO, "workloads": loads(pipeline=[1, 2, 64])},
    "connections for each message": {"targets": TWO, "workloads": runs.RECONNECTING},
    "one connection": {"targets": TWO, "workloads": runs.RECONNECTING, "messages": 1},
    "no messages": {"targets": TWO, "workloads": loads(), "messages": 0},
    "one message": {"targets": TWO, "workloads": loads(), "messages": 1},
    "partial": {"targets": TWO, "workloads": loads(), "rounds": 2, "partial": True},
    "no rounds": {"targets": TWO, "workloads": loads(), "rounds": 0, "partial": True},
}

PICTURES: dict[str, Callable[[Run, list[Samples]], Picture]] = {
    "size": lambda run, _: plots.throughput(run),
    "connections": lambda run, _: plots.throughput(run, against="connections"),
    "pipeline": lambda run, _: plots.throughput(run, against="pipeline", dark=True),
    "spectrum": lambda run, samples: plots.spectrum(run, samples, len(run.workloads) - 1),
    "spectrum of results": lambda run, _: plots.spectrum(run, None),
    "ecdf": lambda run, samples: plots.ecdf(run, samples, len(run.workloads) - 1),
    "over time": lambda run, samples: plots.over_time(run, samples),
    "phases": lambda run, _: plots.phases(run, dark=True),
    "page": plots.page,
    "dark page of results": lambda run, _: plots.page(run, None, dark=True),
}


# The others are as good a check, and take half a minute.
QUICK = {"one hostile name"}


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(options, id=name, marks=[] if name in QUICK else [pytest.mark.slow])
        for name, options in RUNS.items()
    ],
)
def test_everything_can_be_read(options: dict[str, Any]) -> None:
    run, samples = runs.run(**options)
    for draw in PICTURES.values():
        assert texts(draw(run, samples))
    if len(run.targets) > 1:
        assert texts(plots.paired(run))


def test_histograms_are_drawn_as_raw_samples_are() -> None:
    options: dict[str, Any] = {"rounds": 2, "messages": 2000, "targets": TWO[:1]}
    run, raw = runs.run(**options)
    _, counted = runs.run(**options)
    fold(counted[0])  # one round is, the other is not
    for draw in (plots.spectrum, plots.ecdf):
        pairs = zip(drawn(draw(run, raw)), drawn(draw(run, counted)), strict=True)
        for exact, found in pairs:
            x, y = np.asarray(exact.get_xydata()).T, np.asarray(found.get_xydata()).T
            assert np.interp(x[0], *y) == pytest.approx(x[1], rel=0.02, abs=0.5)
    # The slices of time have other edges.
    pairs = zip(drawn(plots.over_time(run, raw)), drawn(plots.over_time(run, counted)), strict=True)
    for exact, found in pairs:
        one, other = np.asarray(exact.get_ydata()), np.asarray(found.get_ydata())
        if len(one) > 1:  # not a mark in the middle
            assert np.median(one) == pytest.approx(np.median(other), rel=0.2)


def drawn(picture: Picture, axes: int = 1) -> list[Line2D]:
    """The lines of one panel; the first axes are the sheet around them."""
    return list(picture.figure.axes[axes].get_lines())


def points(line: Line2D) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in np.asarray(line.get_xydata())]


def brought(
    seconds: float, intended: array[int], sent: array[int], received: array[int]
) -> Samples:
    ended = round(seconds * 1e9)
    return Samples(0, ended, intended=intended, sent=sent, received=received)


def one_target(times: Sequence[int], rate: float | None = None) -> tuple[Run, list[Samples]]:
    """A run of one round in which messages took so many nanoseconds."""
    load = Workload(duration=1.0, rate=rate)
    sent = [1000 * number for number in range(len(times))]
    received = [start + time for start, time in zip(sent, times, strict=True)]
    order = sorted(range(len(times)), key=received.__getitem__)
    arrays = (array("q", [some[one] for one in order]) for some in (sent, sent, received))
    samples = brought(1.0, *arrays)
    rounds = [Round(number=1, target=0, workload=0, summary=summarize(samples, load))]
    return collect(environment.describe(), TWO[:1], [load], rounds, partial=False), [samples]


@pytest.mark.parametrize("count", [11, 500, 20_000])
def test_a_spectrum_shows_times_that_messages_took_as_far_as_the_samples_allow(count: int) -> None:
    draw = np.random.default_rng(count)
    times = draw.integers(20_000, 900_000, count).tolist()
    curve, _ = drawn(plots.spectrum(*one_target(times)))
    ordered = sorted(times)
    for place, time in points(curve):
        rank = round(count * (1 - 10.0**-place))
        assert ordered[rank - 1] == time
    assert rank == count - 10  # ten are beyond the last one
    for name, value in percentiles(ordered).items():
        place = -np.log10(1 - float(name[1:]) / 100)
        near = min(points(curve), key=lambda one: abs(one[0] - place))
        assert near[1] == pytest.approx(value, rel=0.02)


def test_ten_messages_are_too_few_for_a_spectrum() -> None:
    assert "nothing came back" not in texts(plots.spectrum(*one_target([1000] * 11)))
    assert "too few messages" in texts(plots.spectrum(*one_target([1000] * 10)))


@pytest.mark.parametrize("count", [1, 7, 5000])
def test_an_ecdf_is_that_of_all_messages(count: int) -> None:
    draw = np.random.default_rng(count)
    times = draw.integers(20_000, 900_000, count).tolist()
    curve, _ = drawn(plots.ecdf(*one_target(times)))
    ordered = np.sort(times)
    for time, share in points(curve):
        assert np.count_nonzero(ordered <= time) / count * 100 == pytest.approx(share)
    assert points(curve)[-1] == (ordered[-1], 100)


@pytest.mark.slow
def test_ten_million_messages_are_drawn_as_a_thousand_points() -> None:
    count = 10_000_000
    stamps = array("q")
    stamps.frombytes((np.arange(count, dtype=np.int64) * 100).tobytes())
    later = array("q")
    later.frombytes((np.frombuffer(stamps, np.int64) + 50_000).tobytes())
    samples = brought(1.0, stamps, stamps, later)
    small, _ = one_target([50_000] * 20)
    picture = plots.page(small, [samples])
    assert sum(len(points(line)) for line in picture.figure.findobj(Line2D)) < 5000
    assert "99.9999 %" in texts(picture)


def test_coordinated_omission_is_seen() -> None:
    """A server stalls for a second: the messages that were due meanwhile go out late."""
    load = Workload(duration=2.0, rate=1000.0)
    due = [1_000_000 * number for number in range(2000)]
    sent = [max(one, 1_000_000_000) if one >= 500_000_000 else one for one in due]
    stamps = [array("q", one) for one in (due, sent, [one + 40_000 for one in sent])]
    samples = brought(2.0, *stamps)
    rounds = [Round(number=1, target=0, workload=0, summary=summarize(samples, load))]
    run = collect(environment.describe(), TWO[:1], [load], rounds, partial=False)
    picture = plots.spectrum(run, [samples])
    from_send, _, from_intended, _ = drawn(picture)
    assert max(time for _, time in points(from_send)) == 40_000
    assert max(time for _, time in points(from_intended)) > 400_000_000
    assert {"from the send", "from the intended send time"} <= set(texts(picture))


def test_throughput_is_the_median_with_its_interval() -> None:
    run, _ = runs.run(workloads=loads(size=[64, 1024]))
    picture = plots.throughput(run)
    messages, bytes_ = (drawn(picture, number) for number in (1, 2))
    for target, (one, other) in enumerate(zip(messages, bytes_, strict=True)):
        cells = [cell for cell in run.cells if cell.target == target]
        for line, quantity in ((one, "messages_per_second"), (other, "bytes_per_second")):
            medians = [getattr(cell, quantity).median for cell in cells]
            assert points(line) == list(zip([64, 1024], medians, strict=True))
    assert len(picture.figure.axes[1].collections) == 2  # the bars, for each target
    assert {"64 B", "1 KiB", "size of a message"} <= set(texts(picture))


def test_other_quantities_that_vary_have_their_own_lines() -> None:
    run, _ = runs.run(rounds=1, workloads=loads(size=[64, 128], connections=[1, 2, 3]))
    by_size: list[Any] = drawn(plots.throughput(run))
    assert len(by_size) == 2 * 3
    assert len({(one.get_color(), str(one._unscaled_dash_pattern)) for one in by_size}) == 6
    assert len(drawn(plots.throughput(run, against="connections"))) == 2 * 2


def test_of_many_lines_some_are_drawn_and_it_says_so() -> None:
    run, _ = runs.run(rounds=1, workloads=loads(size=[64], connections=range(1, 8)))
    picture = plots.throughput(run)
    assert "(4 of 7)" in texts(picture)
    assert {"1 connection", "7 connections"} <= set(texts(picture))


def test_each_pair_of_rounds_is_a_dot_and_the_sentence_stands_beside_it() -> None:
    run, _ = runs.run(12, workloads=loads())
    picture = plots.paired(run)
    said = " ".join(texts(picture))
    for number, compared in enumerate(run.comparisons, 1):
        assert compared.comparison.ratio is not None
        dots, interval = picture.figure.axes[number].collections
        ratios = sorted(float(x) for x, _ in np.asarray(dots.get_offsets()))
        assert len(ratios) == 12
        assert ratios[5] <= compared.comparison.ratio.median <= ratios[6]
        assert interval.get_paths()
        assert compared.comparison.sentence() in said


def test_each_phase_has_a_line_for_each_target_from_its_median_on() -> None:
    run, _ = runs.run(targets=TWO, workloads=runs.RECONNECTING)
    picture = plots.phases(run, 1)
    lines = [points(line) for line in drawn(picture)]
    cell = next(one for one in run.cells if (one.target, one.workload) == (1, 1))
    assert cell.phases is not None
    for estimates in (cell.phases.handshake_ns, cell.round_trip_ns):
        assert list(estimates) == ["p50", "p90"]
        ends = [one.median for one in estimates.values()]
        assert any([x for x, _ in line] == ends for line in lines)
    words = [text for text in texts(picture) if text in {*PHASES.values(), "whole connection"}]
    assert words == ["connect", "TLS handshake", "first byte", "close", "whole connection"]


def test_a_single_target_is_not_compared() -> None:
    run, _ = runs.run(targets=TWO[:1], workloads=loads())
    with pytest.raises(ValueError, match="nothing to compare"):
        plots.paired(run)


def test_rounds_are_drawn_when_they_ran() -> None:
    run, samples = runs.run(2, workloads=loads())
    lines = drawn(plots.over_time(run, samples))
    dots = [points(one)[0] for one in lines if one.get_marker() in ("o", "s")]
    assert [x for x, _ in dots] == sorted(x for x, _ in dots)
    for number, (x, _) in enumerate(dots):
        assert 1.25 * number < x < 1.25 * number + 1


def test_the_page_says_what_was_measured_where_and_when() -> None:
    run, samples = runs.run(partial=True)
    run = replace(run, failures={"recv(): Connection reset by peer": 3})
    said = " ".join(texts(plots.page(run, samples)))
    for words in (
        "Partial: the run ended early.",
        "3 x recv(): Connection reset by peer",
        "127.0.0.1:9000; [::1]:9000",
        "1 or 3 connections, 64 B or 1 KiB",
        "closed loop or open loop of 1,000 messages a second",
        "6 rounds of 1 s or 100 messages",
        run.environment.python,
        run.environment.date[:10],
    ):
        assert words in said


def test_the_conditions_count_what_the_load_counts() -> None:
    run, _ = runs.run()
    loads = [replace(one, reconnect=True) for one in run.workloads]
    said = " ".join(conditions(replace(run, workloads=tuple(loads))))
    assert "open loop of 1,000 connections a second" in said
    assert "of 1 s or 100 connections" in said


@pytest.mark.slow
@pytest.mark.parametrize("value", [0.0, 5e-324, 1e19])
def test_the_least_and_the_most_that_results_may_hold_can_be_drawn(value: float) -> None:
    run, samples = runs.run()
    ends = Estimate(median=value, interval=Interval(low=0.0, high=1e19), rounds=6)
    times = {"p50": ends, "p99.99": ends}
    cells = [
        replace(one, messages_per_second=ends, bytes_per_second=ends, round_trip_ns=times)
        for one in run.cells
    ]
    compared = [
        replace(one, comparison=replace(one.comparison, ratio=ends)) for one in run.comparisons
    ]
    run = replace(run, cells=tuple(cells), comparisons=tuple(compared))
    assert from_json(to_json(run)) == run
    for one in samples:
        one.began = one.ended = 7
    for brought in (None, samples):
        plots.page(run, brought).figure.savefig(io.BytesIO())


def test_samples_of_other_rounds_are_refused() -> None:
    run, samples = runs.run(2)
    with pytest.raises(ValueError, match=r"\w"):
        plots.page(run, samples[:-1])


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_a_theme_is_legible_and_distinguishes_lines_without_colours(theme: Any) -> None:
    for colour in (theme.ink, theme.muted):
        assert contrast(colour, theme.paper) > 4.5
    for colour in theme.colours:
        assert contrast(colour, theme.paper) > 3
    styles = [theme.style(number) for number in range(30)]
    assert len({(one.colour, one.marker) for one in styles}) == 30
    assert len({(one.marker) for one in styles[:8]}) == 8


def test_a_dark_page_is_dark(tmp_path: Path) -> None:
    run, samples = runs.run(1)
    for dark in (False, True):
        plots.spectrum(run, samples, dark=dark).save(tmp_path / "page.png")
        grey = np.asarray(Image.open(tmp_path / "page.png").convert("L"))
        assert (np.median(grey) < 60) == dark


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_made_drawable_and_short(name: str) -> None:
    assert len(shown(name)) <= 50
    assert shown(name).isprintable()


def test_a_text_is_wrapped_by_its_width() -> None:
    assert wrap("MMMM " * 20, 2.0, SIZE) == ["MMMM MMMM MMMM MMMM"] * 5
    assert "".join(wrap("W" * 100, 1.0, SIZE)) == "W" * 100
