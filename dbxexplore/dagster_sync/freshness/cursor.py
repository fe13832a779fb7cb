"""How far the sensor has read: the cursor that Dagster stores after each tick."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

from dbxexplore.discovery.changes import TableName

_LOG = logging.getLogger("dbxexplore")


@dataclass(frozen=True)
class Cursor:
    """Where to read on: at a time in microseconds since 1970, behind a name among what was altered at that time.

    ``of`` is a fingerprint of what it is a position in; that of an earlier version of this package is empty.
    """

    at: int = 0
    after: TableName | None = None
    of: str = ""

    @property
    def order(self) -> tuple[int, tuple[str, ...]]:
        """What cursors are compared by."""
        return self.at, self.after or ()

    def __str__(self) -> str:
        return json.dumps({"version": 1, "at": self.at, "after": self.after, "of": self.of})

    @classmethod
    def read(cls, text: str | None) -> Cursor:
        """Return the cursor that ``str`` made text of; any other text starts over, which doubles no event."""
        try:
            value = json.loads(text or "{}")
            after = TableName(*value["after"]) if value.get("after") else None
            return cls(int(value.get("at", 0)), after, str(value.get("of", "")))
        except (ValueError, TypeError, AttributeError):
            _LOG.warning("The cursor %.100r is not one of this sensor, so it starts over", text)
            return cls()
