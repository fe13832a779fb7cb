"""The other connections of a code location: no asset key twice, and lineage that leads from one to another.

Definitions are built one connection after the other. So a connection knows the assets of those that were built before
it, and works out those of the others, as far as it needs them, from its own state of the same workspace.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import dagster as dg

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.dagster_sync.translate import DatabricksObject, included_objects, table_name, translated_specs
from dbxexplore.discovery.changes import TableName
from dbxexplore.export import ConnectionConfig

_LOG = logging.getLogger("dbxexplore")
_MOST_WARNED = 20

OnCollision: TypeAlias = Literal["error", "skip"]
Pair: TypeAlias = tuple[DatabricksObject, dg.AssetSpec]


@dataclass(frozen=True)
class Built:
    """What a connection has defined: its workspace, the object of each asset, and what each depends on."""

    workspace_url: str | None
    objects: Mapping[dg.AssetKey, DatabricksObject]
    deps: Mapping[dg.AssetKey, Sequence[dg.AssetKey]]


@dataclass(frozen=True)
class Beside:
    """Another connection of the same code location; ``built`` is None until its definitions are."""

    config: ConnectionConfig
    get_asset_spec: Callable[[DatabricksObject], dg.AssetSpec | None]
    built: Built | None


def check_names(connections: Iterable[ConnectionConfig]) -> None:
    """Check that each connection of a project has a name of its own.

    Raises:
        ConfigError: two have the same name.
    """
    for name, number in Counter(one.name for one in connections).items():
        if number > 1:
            msg = f"{number} connections of this project are called {name!r}"
            remedy = "Rename them: the name starts the asset keys, and the state is stored under it"
            raise errors.ConfigError(msg, path=["name"], expected="a name of its own", remedy=remedy)


def without_taken(
    pairs: Sequence[Pair], config: ConnectionConfig, beside: Sequence[Beside], on_collision: OnCollision
) -> list[Pair]:
    """Return the objects whose keys no other connection has, and log those that are left out.

    Raises:
        ConfigError: a key is taken, and ``on_collision`` is ``error``.
    """
    taken = {key: (one.config.name, held) for one in beside if one.built for key, held in one.built.objects.items()}
    free: list[Pair] = []
    lost = 0
    for found, spec in pairs:
        if spec.key not in taken:
            free.append((found, spec))
            continue
        other, held = taken[spec.key]
        msg = (
            f"{found} of the connection {config.name!r} has the asset key {list(spec.key.path)}, which {held} of the "
            f"connection {other!r} has already"
        )
        if on_collision == "error":
            remedy = "Exclude one of them by a filter, give it another key, or set on_collision: skip"
            raise errors.ConfigError(msg, path=["attributes"], expected="a key of its own", remedy=remedy)
        lost += 1
        if lost <= _MOST_WARNED:
            _LOG.warning("%s. It is left out.", msg)
    if lost > _MOST_WARNED:
        _LOG.warning("The same goes for %d more objects.", lost - _MOST_WARNED)
    return free


def keys_beside(
    wanted: Collection[TableName], catalog: Catalog, workspace_url: str | None, beside: Sequence[Beside]
) -> dict[TableName, dg.AssetKey]:
    """Return the asset keys that other connections of the same workspace give to some tables and views."""
    found: dict[TableName, dg.AssetKey] = {}
    if not wanted or workspace_url is None:
        return found
    for one in beside:
        for item, key in _assets(one, wanted, catalog, workspace_url):
            name = table_name(item)
            if item.kind != "notebook" and name in wanted:
                found.setdefault(name, key)
    return found


def _assets(
    one: Beside, wanted: Collection[TableName], catalog: Catalog, workspace_url: str
) -> Iterator[tuple[DatabricksObject, dg.AssetKey]]:
    if one.built is not None:
        if one.built.workspace_url == workspace_url:
            yield from ((item, key) for key, item in one.built.objects.items())
    elif one.config.settings.workspace_url == workspace_url:
        names = {".".join(name) for name in wanted}
        items = included_objects(one.config.preview(catalog), workspace_url=workspace_url, only=names)
        yield from ((item, spec.key) for item, spec in translated_specs(items, one.get_asset_spec, one.config))
