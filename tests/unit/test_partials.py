"""How often a discovery gives out what it has found so far."""

from __future__ import annotations

import pandas as pd
import pytest

import dbxexplore as dbx
from dbxexplore.discovery.partials import Partials
from dbxexplore.discovery.progress import Progress


def progress(objects: int, *, finished: bool = False) -> Progress:
    return Progress(1, 1, objects, 0, 0, 1, 0.0, finished)


@pytest.fixture
def catalog(small_catalog: dbx.Catalog) -> dbx.Catalog:
    """What was found while the discovery is under way."""
    pending = pd.DataFrame([("prod.gold", "pending", "Not listed yet")], columns=["scope", "reason", "message"])
    return dbx.Catalog(small_catalog.objects, pending, small_catalog.provenance)


class Receiver:
    """Takes partial catalogs, each for some seconds of its own clock."""

    def __init__(self, catalog: dbx.Catalog, cost: float) -> None:
        self.now, self.spent, self.times = 0.0, 0.0, list[float]()
        self._cost = cost
        self.partials = Partials(self._take, lambda: catalog, lambda: self.now)

    def _take(self, _catalog: dbx.Catalog) -> None:
        self.times.append(self.now)
        self.now += self._cost
        self.spent += self._cost


def test_the_first_comes_as_soon_as_there_is_something(catalog: dbx.Catalog) -> None:
    receiver = Receiver(catalog, 0.0)
    receiver.partials.on_progress(progress(0))
    assert receiver.times == []
    receiver.partials.on_progress(progress(1))
    assert receiver.times == [0.0]


def test_without_more_objects_there_is_none(catalog: dbx.Catalog) -> None:
    receiver = Receiver(catalog, 0.0)
    for receiver.now in (0.0, 10.0, 20.0):
        receiver.partials.on_progress(progress(5))
    receiver.now = 30.0
    receiver.partials.on_progress(progress(6, finished=True))
    assert receiver.times == [0.0]


def test_they_take_a_small_share_of_the_time_however_long_each_takes(catalog: dbx.Catalog) -> None:
    for cost in (0.01, 0.5, 4.0):
        receiver, objects = Receiver(catalog, cost), 0
        while receiver.now < 300:
            receiver.now += 0.1
            objects += 1
            receiver.partials.on_progress(progress(objects))
        assert len(receiver.times) > 3
        assert receiver.spent - 2 * cost <= 0.1 * receiver.now
        assert all(later - earlier >= 1 for earlier, later in zip(receiver.times, receiver.times[1:], strict=False))


def test_a_catalog_in_which_nothing_is_pending_is_left_to_the_end(small_catalog: dbx.Catalog) -> None:
    receiver = Receiver(small_catalog, 0.0)
    receiver.partials.on_progress(progress(5))
    assert receiver.times == []
