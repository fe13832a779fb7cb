"""Reads answers without trusting their shape: what is not as documented is an error, and never taken for empty.

A key that is absent stands for an empty list, as the API documents. A list that is null or anything else than a list,
and rows that are not objects are reported.
"""

from __future__ import annotations

from dbxexplore import errors
from dbxexplore.connection import Json

LATEST = 9_223_372_036_854  # milliseconds since 1970, beyond which a time does not fit into nanoseconds


def objects_in(answer: Json, key: str, scope: str) -> tuple[list[Json], int]:
    """Return the JSON objects listed under ``key``, and how many rows of the list are something else.

    Raises:
        NotDatabricksError: there is something under ``key`` that is not a list.
    """
    if key not in answer:
        return [], 0
    rows = answer[key]
    if not isinstance(rows, list):
        msg = f"The answer for {scope} holds no list of objects under {key!r}"
        raise errors.NotDatabricksError(msg)
    if set(map(type, rows)) <= {dict}:
        return rows, 0
    objects = [row for row in rows if isinstance(row, dict)]
    return objects, len(rows) - len(objects)


def misread(scope: str, count: int) -> errors.NotDatabricksError:
    """Return the error for so many rows of a list that cannot be read."""
    rows = "1 row that is" if count == 1 else f"{count:,} rows that are"
    msg = f"The list of {scope} holds {rows} not as documented, so what is there cannot be told"
    return errors.NotDatabricksError(msg, remedy="Discover again; what could be read is kept")


def text(value: object) -> str | None:
    """Return a text that is not empty, None for anything else."""
    return value if isinstance(value, str) and value else None


def texts(items: list[Json], key: str) -> list[str | None]:
    """Return what `text` returns for ``key`` of each item."""
    return [value if isinstance(value := item.get(key), str) and value else None for item in items]


def is_odd_text(item: Json, key: str) -> bool:
    """Return whether there is something under ``key`` that is not a text with at least one character."""
    return key in item and text(item[key]) is None


def flag(value: object) -> bool | None:
    """Return a boolean, None for anything else: a flag that cannot be read is unknown."""
    return value if isinstance(value, bool) else None
