"""Partial catalogs of a discovery that is under way, given out at growing intervals."""

from __future__ import annotations

import time
from collections.abc import Callable

from dbxexplore.catalog import Catalog
from dbxexplore.discovery.progress import Progress

_SHARE = 0.08  # of the time of a discovery, which making partial catalogs and showing them may take
_LEAST = 1.0  # seconds between two of them


class Partials:
    """Gives out what was found so far: once there is something, and then as often as its share of the time allows.

    Args:
        give: takes a partial catalog. The time that it takes counts, except for the first, for which what shows it may
            have to be built.
        make: makes one.
        clock: returns seconds.
    """

    def __init__(
        self, give: Callable[[Catalog], None], make: Callable[[], Catalog], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._give = give
        self._make = make
        self._clock = clock
        self._due = clock()
        self._objects = 0  # in the last one

    def on_progress(self, progress: Progress) -> None:
        """Give out a partial catalog if it is time for one and more objects were found since."""
        started = self._clock()
        if progress.finished or progress.objects <= self._objects or started < self._due:
            return
        catalog = self._make()
        if not catalog.in_progress:
            return  # all was listed since the progress was counted: the whole catalog is about to be returned
        is_first, self._objects = self._objects == 0, progress.objects
        self._give(catalog)
        ended = self._clock()
        cost = 0.0 if is_first else ended - started
        self._due = ended + max(_LEAST, cost * (1 / _SHARE - 1))
