"""A worker as its parent sees it."""

from __future__ import annotations

from collections import Counter

from trio_echo.totals import Ending, Totals
from trio_echo.workers.kept import KeptWorker


def test_a_process_that_dies_cuts_off_the_clients_that_it_served_and_those_that_waited() -> None:
    worker = KeptWorker(1)
    worker.present = Totals(clients=5, connected=2, waiting=3, cut_off=1)
    assert worker.end_process() == 6
    ended = Counter({Ending.CUT_OFF: 2})
    assert worker.past == Totals(clients=5, cut_off=6, ended=ended)
    assert worker.present == Totals()
