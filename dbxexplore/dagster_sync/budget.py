"""How much of a connection's metadata Dagster can load, and what is left off where there is more.

A code location sends all its definitions in one gRPC message, as JSON, and Dagster takes none beyond 100 MB: then the
whole code location does not load. What a column, a dependency or an asset takes was measured in what Dagster writes
(`dagster._core.remote_representation.external_data.RepositorySnap`); the test of this module measures it again.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from json.encoder import encode_basestring_ascii

import dagster as dg

from dbxexplore.dagster_sync.lineage import COLUMN_LINEAGE
from dbxexplore.dagster_sync.translate import COLUMN_SCHEMA, VIEW_DEFINITION

_LOG = logging.getLogger("dbxexplore")

COLUMN_COUNT = "dbxexplore/column_count"
# What may be left off, in this order: first what the materializations of an asset have as well.
_OPTIONAL = {
    COLUMN_SCHEMA: "their columns",
    COLUMN_LINEAGE: "the lineage of their columns",
    VIEW_DEFINITION: "the SQL of a view",
}

# Dagster's own variables. The code server heeds the one, and whatever loads the code location the other.
_LIMITS = ("DAGSTER_GRPC_MAX_SEND_BYTES", "DAGSTER_GRPC_MAX_RX_BYTES")
_LIMIT = 100_000_000
_SHARE = 0.75  # of the limit; the rest is for jobs, schedules and the other definitions of the code location

# Bytes in the message beside the texts themselves, rounded up.
_INSTEAD = 200  # of the number of columns that stands in for them
_ASSET = 1_250  # with a check of its columns, which takes some 500
_ENTRY, _TAG, _DEPENDENCY, _PART = 135, 10, 180, 2
_COLUMN, _TRACED, _TRACED_FROM = 175, 6, 125


def message_budget(connections: int = 1) -> int:
    """Return how many bytes the assets of one connection may take, where one code location has so many."""
    # gRPC takes a number below zero for no limit.
    limits = [value for name in _LIMITS if (value := _number(os.environ.get(name))) >= 0]
    return int(min(limits) * _SHARE / max(1, connections)) if limits else sys.maxsize


def _number(text: str | None) -> int:
    try:
        return int(text or _LIMIT)
    except ValueError:
        return _LIMIT


def within_budget(specs: Sequence[dg.AssetSpec], budget: int) -> list[dg.AssetSpec]:
    """Return the specs in their order, without the largest column schemas if all together exceed ``budget`` bytes.

    No asset is left out. The largest schemas go first, so that as many assets as possible keep theirs, and an asset
    without one has the number of its columns instead. Where that is not enough, the lineage of columns and then the
    SQL of views go in the same way. What goes depends on the specs alone.
    """
    measure = _Measure()
    held = [measure.sizes(spec) for spec in specs]
    excess = sum(sum(sizes.values()) for sizes in held) - budget
    if excess <= 0:
        return list(specs)
    gone: dict[int, list[str]] = {}
    told = []
    for name, what in _OPTIONAL.items():
        before = excess
        for at in sorted((at for at, sizes in enumerate(held) if name in sizes), key=lambda at: -held[at][name]):
            if excess <= 0 or held[at][name] <= _INSTEAD:
                break
            excess -= held[at][name] - _INSTEAD
            gone.setdefault(at, []).append(name)
        if excess < before:
            told.append(f"{sum(name in names for names in gone.values()):,} of them go without {what}")
    _LOG.warning(
        "The metadata of %s assets is more than Dagster loads in one code location, so %s. No asset is missing, and "
        "where a warehouse is named, materializations report the columns. To have all of it, narrow the filters, or "
        "set %s to more bytes wherever Dagster runs.",
        f"{len(specs):,}",
        ", ".join(told) or "the code location may not load",
        " and ".join(_LIMITS),
    )
    return [_without(spec, gone[at]) if at in gone else spec for at, spec in enumerate(specs)]


def _without(spec: dg.AssetSpec, names: Sequence[str]) -> dg.AssetSpec:
    metadata = {name: value for name, value in spec.metadata.items() if name not in names}
    columns = spec.metadata.get(COLUMN_SCHEMA)
    if COLUMN_SCHEMA in names and isinstance(columns, dg.TableSchema):
        metadata[COLUMN_COUNT] = len(columns.columns)
    return spec.replace_attributes(metadata=metadata)


# --- bytes ---


class _Measure:
    """Estimates what specs take in the message.

    Keys and columns are measured once each: the specs of one catalog share them, and hold them as long as this lives.
    """

    def __init__(self) -> None:
        self._known: dict[int, int] = {}

    def sizes(self, spec: dg.AssetSpec) -> dict[str, int]:
        """Return the bytes of what may be left off, by its name, and of the rest, under no name."""
        # Loops, which take a fifth less than generators: this is done for each asset whenever Dagster loads them.
        found = {"": 0}
        rest = _ASSET + 3 * self._key(spec.key) + _text(spec.description)  # a check names it twice more
        for owner in spec.owners:
            rest += _PART + _text(owner)
        for name, tag in spec.tags.items():
            rest += _TAG + len(name) + len(tag)
        for dep in spec.deps:
            rest += _DEPENDENCY + self._key(dep.asset_key)
        for name, value in spec.metadata.items():
            size = _ENTRY + len(name) + (_text(value) if type(value) is str else self._value(value))
            if name in _OPTIONAL:
                found[name] = size
            else:
                rest += size
        found[""] = rest
        return found

    def _value(self, value: object) -> int:
        if isinstance(value, str):
            return _text(value)
        if isinstance(value, dg.TableSchema):
            return _ENTRY + sum(map(self._column, value.columns))
        if isinstance(value, dg.TableColumnLineage):
            size = 0
            for name, deps in value.deps_by_column.items():
                size += _TRACED + _text(name)
                for dep in deps:
                    size += _TRACED_FROM + self._key(dep.asset_key) + _text(dep.column_name)
            return size
        return _text(str(value.value if isinstance(value, dg.MetadataValue) else value))

    def _column(self, column: dg.TableColumn) -> int:
        size = self._known.get(id(column))
        if size is None:
            size = _COLUMN + _text(column.name) + _text(column.type) + _text(column.description)
            self._known[id(column)] = size
        return size

    def _key(self, key: dg.AssetKey) -> int:
        size = self._known.get(id(key))
        if size is None:
            size = self._known[id(key)] = sum(_PART + _text(part) for part in key.path)
        return size


def _text(text: str | None) -> int:
    # As JSON has it, where a letter beyond ASCII takes six bytes or twelve.
    return len(encode_basestring_ascii(text)) if text else 2
