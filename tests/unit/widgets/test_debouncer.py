"""Work in a thread of which only the newest matters."""

from __future__ import annotations

import threading
from collections.abc import Callable

from dbxexplore.widgets.work import Debouncer


def test_only_the_newest_work_is_done() -> None:
    latest, done = Debouncer(0.05), list[int]()
    for number in range(20):
        latest.start(lambda _wanted, number=number: done.append(number))
    assert latest.wait(30)
    assert done == [19]


def test_work_under_way_can_ask_whether_it_is_wanted() -> None:
    latest, asked = Debouncer(0.0), list[bool]()
    begun, go_on, over = threading.Event(), threading.Event(), threading.Event()

    def work(is_wanted: Callable[[], bool]) -> None:
        asked.append(is_wanted())
        begun.set()
        assert go_on.wait(30)
        asked.append(is_wanted())
        over.set()

    latest.start(work)
    assert begun.wait(30)
    latest.cancel()
    assert latest.wait(0)
    go_on.set()
    assert over.wait(30)
    assert asked == [True, False]


def test_old_work_that_ends_does_not_pass_for_the_newest() -> None:
    latest, go_on, begun = Debouncer(0.0), threading.Event(), threading.Event()
    done: list[str] = []

    def old(_is_wanted: Callable[[], bool]) -> None:
        begun.set()
        assert go_on.wait(30)
        done.append("old")

    def new(_is_wanted: Callable[[], bool]) -> None:
        done.append("new")

    latest.start(old)
    assert begun.wait(30)
    latest.start(new)
    assert not latest.wait(0)
    go_on.set()
    assert latest.wait(30)
    assert done == ["old", "new"]


def test_work_that_fails_is_over() -> None:
    latest = Debouncer(0.0)
    latest.start(lambda _wanted: 1 / 0)  # type: ignore[arg-type,return-value]
    assert latest.wait(30)
