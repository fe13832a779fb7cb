"""Lineage as Dagster has it: dependencies between assets, and which column was made from which.

Nothing here calls a workspace. A dependency leads only to an object that is an asset itself, because nobody would
ever materialize the key that an excluded object would have had; the names of excluded ones are told in the metadata.
Dagster takes no circle of assets, and real lineage has some (a table that is rebuilt from what was made of it), so a
dependency that closes one is left out, always the same one, and told. Dependencies that a spec has of its own are
somebody's decision, so they are never left out; a circle with them is broken where lineage is part of it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

import dagster as dg
import pyarrow as pa

from dbxexplore.discovery.changes import TableName
from dbxexplore.discovery.lineage import Lineage

# The parts of a name, equal to a `TableName`, which takes longer to make.
_Name: TypeAlias = tuple[str, ...]
_Traced: TypeAlias = tuple[dg.AssetKey, str]  # a column of an asset

_LOG = logging.getLogger("dbxexplore")
_BATCH = 16_384  # rows that are Python values at one time

COLUMN_LINEAGE = "dagster/column_lineage"
OUTSIDE, CIRCLE = "dbxexplore/upstream_outside", "dbxexplore/upstream_in_circle"


@dataclass
class _Upstream:
    """What one asset is made from."""

    keys: dict[dg.AssetKey, None] = field(default_factory=dict)
    outside: set[str] = field(default_factory=set)
    in_circle: list[dg.AssetKey] = field(default_factory=list)
    columns: dict[str, set[_Traced]] = field(default_factory=dict)


def with_lineage(
    specs: Sequence[dg.AssetSpec],
    keys: Mapping[TableName, dg.AssetKey],
    lineage: Lineage,
    *,
    beside: Mapping[TableName, dg.AssetKey] = MappingProxyType({}),
    fixed: Mapping[dg.AssetKey, Sequence[dg.AssetKey]] = MappingProxyType({}),
) -> list[dg.AssetSpec]:
    """Return the specs with their dependencies, in the same order.

    Args:
        specs: one spec for each key.
        keys: the asset key of each table and view that is included.
        lineage: what is known of lineage; what is unknown adds nothing.
        beside: the keys that other connections give to tables and views.
        fixed: dependencies between assets of other connections, which may be part of a circle.
    """
    if lineage.tables is None and lineage.columns is None:
        return list(specs)
    found = _upstream(
        {tuple(name): key for name, key in keys.items()}, lineage, {tuple(n): k for n, k in beside.items()}
    )
    own = {spec.key: held for spec in specs if (held := [dep.asset_key for dep in spec.deps])}
    _break_circles(found, {**fixed, **own})
    made_of: dict[_Traced, dg.TableColumnDep] = {}
    made = [_merged(spec, found[spec.key], made_of) if spec.key in found else spec for spec in specs]
    for spec in made:
        if CIRCLE in spec.metadata:
            _LOG.warning(
                "The lineage of %s runs in a circle, which Dagster does not take: the dependency on %s is left out.",
                list(spec.key.path),
                ", ".join(str(list(key.path)) for key in found[spec.key].in_circle),
            )
    return made


def sources(lineage: Lineage) -> set[TableName]:
    """Return the names of what anything is made from."""
    return {TableName(*source) for table in (lineage.tables, lineage.columns) for (source,) in _rows(table, "source")}


def _upstream(
    targets: Mapping[_Name, dg.AssetKey], lineage: Lineage, beside: Mapping[_Name, dg.AssetKey]
) -> dict[dg.AssetKey, _Upstream]:
    found: dict[dg.AssetKey, _Upstream] = {}
    keys = {**beside, **targets}
    for source, target in _rows(lineage.tables, "source", "target"):
        _add(found, keys, source, targets.get(target))
    known: dict[tuple[_Name, _Name], _Upstream | None] = {}  # because there are many rows of one pair of tables
    for source, target, (source_column,), (target_column,) in _rows(
        lineage.columns, "source", "target", "source_column", "target_column"
    ):
        pair = (source, target)
        if pair not in known:
            known[pair] = _add(found, keys, source, targets.get(target))
        here, upstream = known[pair], keys.get(source)
        if here is not None and upstream is not None:
            here.columns.setdefault(target_column, set()).add((upstream, source_column))
    return found


def _add(
    found: dict[dg.AssetKey, _Upstream], keys: Mapping[_Name, dg.AssetKey], source: _Name, key: dg.AssetKey | None
) -> _Upstream | None:
    """Keep that an asset is made from ``source``, and return what is known of it, None if there is no such asset."""
    upstream = keys.get(source)
    if key is None or key == upstream:
        return None
    here = found.setdefault(key, _Upstream())
    if upstream is None:
        here.outside.add(".".join(source))
    else:
        here.keys[upstream] = None
    return here


def _rows(table: pa.Table | None, *names: str) -> Iterator[tuple[tuple[str, ...], ...]]:
    """Yield for each row what ``names`` stand for: a column, or an end with its three parts."""
    if table is None:
        return
    parts = [
        [f"{name}_{part}" for part in TableName._fields] if name in {"source", "target"} else [name] for name in names
    ]
    for batch in table.to_batches(max_chunksize=_BATCH):
        columns = [zip(*(batch.column(one).to_pylist() for one in group), strict=True) for group in parts]
        yield from zip(*columns, strict=True)


def _break_circles(found: Mapping[dg.AssetKey, _Upstream], own: Mapping[dg.AssetKey, Sequence[dg.AssetKey]]) -> None:
    """Leave out each dependency that leads back to an asset which is being walked from, in the order of the keys.

    ``own`` are dependencies that cannot be left out. Where one of them leads back, the latest dependency on the way
    that can be is left out instead; where there is none, Dagster has to refuse the circle.
    """
    done: set[dg.AssetKey] = set()
    for start in sorted({*found, *own}, key=_path):
        if start in done:
            continue
        walked = {start: 0}  # the place of each in the stack, in its order
        stack = [(start, iter(_in_order(found, own, start)))]
        while stack:
            key, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                walked.pop(key)
                done.add(key)
            elif following in walked:
                way = [*walked, following]
                places = range(len(stack) - 1, walked[following] - 1, -1)
                at = next((at for at in places if way[at + 1] not in own.get(way[at], ())), None)
                if at is not None:
                    del found[way[at]].keys[way[at + 1]]
                    found[way[at]].in_circle.append(way[at + 1])
                    # What was walked from there is walked again where it is still needed.
                    del stack[at + 1 :]
                    for left in way[at + 1 : -1]:
                        walked.pop(left)
            elif following not in done and (following in found or following in own):
                walked[following] = len(stack)
                stack.append((following, iter(_in_order(found, own, following))))


def _in_order(
    found: Mapping[dg.AssetKey, _Upstream], own: Mapping[dg.AssetKey, Sequence[dg.AssetKey]], key: dg.AssetKey
) -> list[dg.AssetKey]:
    return sorted({*(found[key].keys if key in found else ()), *own.get(key, ())}, key=_path)


def _path(key: dg.AssetKey) -> tuple[str, ...]:
    return tuple(key.path)


def _merged(
    spec: dg.AssetSpec, upstream: _Upstream, made_of: MutableMapping[_Traced, dg.TableColumnDep]
) -> dg.AssetSpec:
    """Return a spec with what is upstream; ``made_of`` are the columns of others that several are made of."""

    def dep(one: _Traced) -> dg.TableColumnDep:
        known = made_of.get(one)
        if known is None:
            known = made_of[one] = dg.TableColumnDep(*one)
        return known

    metadata: dict[str, dg.MetadataValue | dg.TableColumnLineage] = {}
    columns = {
        name: [dep(one) for one in sorted(held, key=lambda one: (one[0].path, one[1]))]
        for name, deps in sorted(upstream.columns.items())
        if (held := [one for one in deps if one[0] in upstream.keys])
    }
    if columns:
        metadata[COLUMN_LINEAGE] = dg.TableColumnLineage(columns)
    if upstream.outside:
        metadata[OUTSIDE] = dg.MetadataValue.json(sorted(upstream.outside))
    if upstream.in_circle:
        metadata[CIRCLE] = dg.MetadataValue.json([key.to_user_string() for key in upstream.in_circle])
    own = {one.asset_key for one in spec.deps}
    deps = sorted((key for key in upstream.keys if key not in own), key=_path)
    return spec.replace_attributes(deps=[*spec.deps, *deps], metadata={**spec.metadata, **metadata})
