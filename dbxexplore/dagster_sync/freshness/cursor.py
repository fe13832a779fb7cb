"""How far the sensor has looked: the cursor that Dagster stores after each tick."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from dbxexplore.discovery.changes import TableName

_LOG = logging.getLogger("dbxexplore")
_VERSION = 2


class Position(NamedTuple):
    """A place among all changes: a time in microseconds since 1970, behind a name among what was altered right then."""

    at: int = 0
    after: TableName = TableName("", "", "")


@dataclass(frozen=True)
class Cursor:
    """Where to look on, and when.

    ``start`` is where a look at all begins. One that takes several ticks goes on at ``resume``; it began at ``began``,
    microseconds since 1970 by the workspace's clock. ``of`` is a fingerprint of what these are positions in.

    No tick looks before ``due``, in seconds since 1970 by this machine's clock. ``tries`` is how many looks in a row
    had no answer; ``failed`` is why looking has failed, which the ticks until ``due`` say.
    """

    start: Position = Position()  # noqa: RUF009 - cannot be changed
    resume: Position | None = None
    began: int = 0
    of: str = ""
    due: float = 0.0
    tries: int = 0
    failed: str = ""

    def __str__(self) -> str:
        return json.dumps({"version": _VERSION, **asdict(self)})

    @classmethod
    def read(cls, text: str | None) -> Cursor:
        """Return the cursor that ``str`` made text of; any other text starts over, which doubles no event."""
        if not text:
            return cls()
        try:
            value = json.loads(text)
            if value.pop("version") != _VERSION:
                raise ValueError  # noqa: TRY301 - handled as any other text is
            start, resume = _position(value.pop("start")), value.pop("resume")
            kinds = {"began": int, "of": str, "due": float, "tries": int, "failed": str}
            rest = {name: kind(value[name]) for name, kind in kinds.items()}
            return cls(start, None if resume is None else _position(resume), **rest)
        except (ValueError, TypeError, AttributeError, KeyError):
            _LOG.info("The cursor %.100r is not one of this version, so all is looked at again", text)
            return cls()


def _position(value: Sequence[Any]) -> Position:
    # Anything but a position is a ValueError or a TypeError.
    at, (catalog, schema, name) = value
    return Position(int(at), TableName(str(catalog), str(schema), str(name)))
