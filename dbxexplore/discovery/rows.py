"""The rows that a discovery has found so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from dbxexplore.catalog import schema
from dbxexplore.discovery.answers import LATEST

_BATCH = 4096  # rows that are collected as Python values before they become Arrow arrays
_TIMES = ("created_at", "updated_at")


class Rows:
    """The rows found so far, as Arrow tables, so that all but the last few thousand are no Python objects."""

    def __init__(self) -> None:
        self.count = 0
        self._tables: list[pa.Table] = []
        # An Arrow array costs as much for a page of fifty rows as for thousands, so rows with the same columns
        # are collected first.
        self._pending: dict[tuple[str, ...], dict[str, list[object]]] = {}

    def add(self, columns: Mapping[str, Sequence[object]], length: int) -> None:
        """Add rows by columns of `schema.ARROW_SCHEMA`; columns that are not given are null.

        Times are milliseconds since 1970, as the APIs give them.
        """
        if not length:
            return
        self.count += length
        key = tuple(columns)
        pending = self._pending.setdefault(key, {name: [] for name in key})
        for name, values in columns.items():
            pending[name].extend(values)
        if len(pending[key[0]]) >= _BATCH:
            self._convert(key)

    def add_arrays(self, columns: Mapping[str, pa.Array], length: int) -> None:
        """Add rows that are Arrow arrays already."""
        self.count += length
        self._tables.append(schema.table_from_columns(columns, length))

    def table(self) -> pa.Table:
        """Return all rows in one table."""
        for key in list(self._pending):
            self._convert(key)
        return pa.concat_tables(self._tables) if self._tables else schema.ARROW_SCHEMA.empty_table()

    def _convert(self, key: tuple[str, ...]) -> None:
        pending = self._pending.pop(key)
        columns: dict[str, Sequence[object] | pa.Array] = dict(pending)
        for name in _TIMES:
            if name in pending:
                columns[name] = timestamps(pending[name])
        self._tables.append(schema.table_from_columns(columns, len(pending[key[0]])))


def timestamps(values: Sequence[object]) -> pa.Array:
    """Return milliseconds since 1970, as the APIs give them, as timestamps; what is not such a time is null."""
    valid = [value if type(value) is int and 0 <= value <= LATEST else None for value in values]
    whole = pa.array(valid, pa.int64())
    return whole.cast(pa.timestamp("ms", tz="UTC")).cast(pa.timestamp("ns", tz="UTC"), safe=False)
