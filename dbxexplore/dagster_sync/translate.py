"""What Dagster makes of an object: one asset spec for each table, view and notebook that a preview includes.

Nothing here calls a workspace. What Dagster does not take as it is (a group name with a hyphen, an owner that is
no e-mail address, a tag with spaces) is made valid, and the raw text is kept in the metadata.

Sources: the limits of Dagster's names
(https://docs.dagster.io/guides/build/assets/metadata-and-tags), and the metadata that Dagster itself reads, under
``dagster/``.
"""

from __future__ import annotations

import logging
import re
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, TypeAlias
from uuid import UUID

import dagster as dg
import pyarrow as pa
from dagster_shared.check import CheckError
from pydantic import ValidationError

from dbxexplore.catalog.schema import ARROW_SCHEMA, table_from_series
from dbxexplore.connection import mask, object_url
from dbxexplore.discovery.changes import TableName
from dbxexplore.discovery.state import ObjectKey, Stale, object_key
from dbxexplore.export import ConnectionConfig
from dbxexplore.filters import Preview
from dbxexplore.text import shorten

_LOG = logging.getLogger("dbxexplore")

AssetKind: TypeAlias = Literal["table", "view", "notebook"]
Column: TypeAlias = Mapping[str, str | bool | None]

_KINDS: tuple[AssetKind, ...] = ("table", "view", "notebook")
_PREFIX = "dbxexplore"  # of our own tags and metadata
_UNITY = "unity_catalog"  # of the tags of Unity Catalog
_LONGEST_LABEL = 63
_BATCH = 4096  # rows that are Python values at one time

COLUMN_SCHEMA, VIEW_DEFINITION = "dagster/column_schema", f"{_PREFIX}/view_definition"

# Characters of one text. A code location is one message, and few such texts are as much as Dagster takes of one.
LONGEST_TYPE, LONGEST_COLUMN_COMMENT, LONGEST_TEXT = 1_000, 500, 20_000


@dataclass(frozen=True)
class DatabricksObject:
    """One table, view or notebook, with what is known of it; a row of the objects frame as plain values.

    ``columns`` are mappings of name, type, nullable and comment; None where they are not known. ``stale`` says why
    the last discovery did not see it. ``definition`` is the SQL of a view, None where it is not known. ``url`` leads to
    the object in the workspace. ``tags`` are those of Unity Catalog, empty where they are not known.
    """

    kind: AssetKind
    catalog: str | None
    schema: str | None
    name: str
    full_name: str
    object_type: str | None = None
    browse_only: bool | None = None
    owner: str | None = None
    comment: str | None = None
    format: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    columns: Sequence[Column] | None = None
    stale: Stale | None = None
    definition: str | None = None
    url: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> ObjectKey:
        """What tells it from all others; dotted names alone do not, because names may hold dots."""
        return (self.kind, self.catalog, self.schema, self.full_name)

    def __str__(self) -> str:
        return f"{self.kind} {self.full_name!r}"


def included_objects(
    preview: Preview,
    stale: Mapping[ObjectKey, Stale] | None = None,
    workspace_url: str | None = None,
    only: Collection[str] | None = None,
    tags: Mapping[TableName, Mapping[str, str]] = MappingProxyType({}),
) -> Iterator[DatabricksObject]:
    """Yield the tables, views and notebooks that ``preview`` includes, in the order of its frame.

    Args:
        preview: what is included.
        stale: why objects were not seen by the last discovery.
        workspace_url: where links lead.
        only: full names; None means all.
        tags: the tags of tables and views that have any.
    """
    objects = preview.catalog.objects
    held = objects[preview.included.to_numpy() & objects["kind"].isin(_KINDS).to_numpy()]
    if only is not None:
        held = held[held["full_name"].isin(only).to_numpy()]
    names = [name for name in ARROW_SCHEMA.names if name in held.columns]
    table: pa.Table = table_from_series({name: held[name] for name in names}).select(names)
    for batch in table.to_batches(max_chunksize=_BATCH):
        for row in batch.to_pylist():
            key = object_key(row["kind"], row["catalog"], row["schema"], row["full_name"])
            reason = stale.get(key) if stale else None
            url = _url(row, workspace_url) if workspace_url else None
            held_tags = tags.get(TableName(row["catalog"] or "", row["schema"] or "", row["name"]), {}) if tags else {}
            yield DatabricksObject(**row, stale=reason, url=url, tags=held_tags if row["kind"] != "notebook" else {})


def _url(row: Mapping[str, Any], workspace_url: str) -> str:
    names = () if row["kind"] == "notebook" else (row["catalog"] or "", row["schema"] or "", row["name"])
    return object_url(workspace_url, row["full_name"], *names)


def table_name(found: DatabricksObject) -> TableName:
    """Return the parts of the name of a table or view."""
    return TableName(found.catalog or "", found.schema or "", found.name)


def asset_spec(found: DatabricksObject, config: ConnectionConfig) -> dg.AssetSpec:
    """Return the asset spec of one object; the name of the connection starts the key and makes the group."""
    owners, owner_label = _owners(found.owner)
    tags = {
        "object_type": found.object_type,
        "catalog": found.catalog,
        "schema": found.schema,
        "owner": owner_label,
        "browse_only": "true" if found.browse_only else None,
        "stale": found.stale.reason if found.stale else None,
    }
    return dg.AssetSpec(
        key=dg.AssetKey(config.asset_key(found.kind, found.catalog, found.schema, found.name, found.full_name)),
        description=shorten(found.comment, LONGEST_TEXT) if found.comment else None,
        group_name=group_name(config.name),
        owners=owners,
        tags={
            # Of two that become one name, the first in their order.
            **{f"{_UNITY}/{label(name)}": label(value) for name, value in sorted(found.tags.items(), reverse=True)},
            **{f"{_PREFIX}/{name}": label(value) for name, value in tags.items() if value},
        },
        kinds=_kinds(found),
        # Its own time does not move when a table behind it is written.
        is_virtual=found.object_type == "VIEW",
        metadata={
            **_dagster_metadata(found),
            **_own_metadata(found, config),
        },
    )


def _dagster_metadata(found: DatabricksObject) -> dict[str, object]:
    metadata: dict[str, object] = {}
    if found.url:
        metadata["dagster/uri"] = dg.MetadataValue.url(found.url)
    if found.kind != "notebook":
        metadata["dagster/table_name"] = found.full_name
        metadata["dagster/storage_kind"] = "databricks"
        # Of what may only be browsed, Databricks tells no columns, which is not the same as that it has none.
        if found.columns or (found.columns is not None and not found.browse_only):
            metadata[COLUMN_SCHEMA] = column_schema(found.columns)
    return metadata


def _own_metadata(found: DatabricksObject, config: ConnectionConfig) -> dict[str, object]:
    values: dict[str, object] = {
        "connection": config.name,
        "path": found.full_name if found.kind == "notebook" else None,
        "object_type": found.object_type,
        "format": found.format,
        "owner": found.owner,
        "created_at": dg.MetadataValue.timestamp(found.created_at) if found.created_at else None,
        "updated_at": dg.MetadataValue.timestamp(found.updated_at) if found.updated_at else None,
        "stale": str(found.stale) if found.stale else None,
        "tags": dg.MetadataValue.json(dict(found.tags)) if found.tags else None,
    }
    metadata = {f"{_PREFIX}/{name}": value for name, value in values.items() if value is not None}
    if found.definition:
        metadata[VIEW_DEFINITION] = dg.MetadataValue.md(fenced(shorten(found.definition, LONGEST_TEXT)))
    return metadata


def fenced(sql: str) -> str:
    """Return ``sql`` as a block of code in Markdown, whatever it holds: its fence is longer than any in it."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", sql)), default=0))
    return f"{fence}sql\n{sql}\n{fence}"


def column_schema(columns: Sequence[Column]) -> dg.TableSchema:
    """Return the columns of a table, in their order."""
    return dg.TableSchema(
        [
            _table_column(
                str(column["name"]),
                str(column["type"] or "unknown"),
                str(column["comment"]) if column["comment"] else None,
                is_required=column["nullable"] is False,
            )
            for column in columns
        ]
    )


# Tables of one workspace have many columns in common, and one that is made once serves all of them.
@lru_cache(maxsize=65_536)
def _table_column(name: str, kind: str, description: str | None, *, is_required: bool) -> dg.TableColumn:
    if len(kind) > LONGEST_TYPE:
        # With a mark of the whole, because a check compares types, and a change may be in what is cut off.
        kind = f"{shorten(kind, LONGEST_TYPE)} ({len(kind):,} characters, {zlib.crc32(kind.encode()):08x})"
    if description is not None:
        description = shorten(description, LONGEST_COLUMN_COMMENT)
    return dg.TableColumn(name, kind, description, constraints=_REQUIRED if is_required else _NULLABLE)


_NULLABLE, _REQUIRED = dg.TableColumnConstraints(nullable=True), dg.TableColumnConstraints(nullable=False)


def translated_specs(
    rows: Iterable[DatabricksObject],
    translate: Callable[[DatabricksObject], dg.AssetSpec | None],
    config: ConnectionConfig,
) -> list[tuple[DatabricksObject, dg.AssetSpec]]:
    """Return the spec of each object, without those that ``translate`` leaves out.

    One that Dagster refuses must not take the code location down, and with it other people's assets: that object gets
    the spec that it would have without translation, and a warning names it.

    Raises:
        DagsterError: each of several objects was refused, so that the translation itself is wrong.
    """
    made: list[tuple[DatabricksObject, dg.AssetSpec]] = []
    refused: list[tuple[DatabricksObject, Exception]] = []
    for row in rows:
        try:
            spec = translate(row)
        except _REFUSED as error:
            refused.append((row, error))
            spec = asset_spec(row, config)
        if spec is not None:
            made.append((row, spec))
    if len(refused) > 1 and len(refused) == len(made):
        raise refused[0][1]
    for row, reason in refused[:_MOST_WARNED]:
        _LOG.warning(
            "Dagster does not take what the translation makes of %s, so it is not translated: %s",
            row,
            mask(str(reason)),
        )
    if len(refused) > _MOST_WARNED:
        _LOG.warning("The same goes for %d more objects.", len(refused) - _MOST_WARNED)
    return made


# What Dagster raises for a key, group, tag, kind, owner or dependency that it does not take.
_REFUSED = (dg.DagsterError, CheckError, ValidationError)
_MOST_WARNED = 20


# --- made valid ---


@lru_cache(maxsize=1024)
def label(text: str) -> str:
    """Return ``text`` as Dagster takes it for the value of a tag: other characters become ``_``, 63 at most."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text)[:_LONGEST_LABEL]


@lru_cache(maxsize=64)
def group_name(connection: str) -> str:
    """Return the group of a connection's assets: its name, made valid where Dagster does not take it.

    The asset keys keep the name as it is.
    """
    if _is_taken(group_name=connection):
        return connection
    made = re.sub(r"[^A-Za-z0-9_]", "_", connection)
    return made if made.strip("_") else "databricks"


def _kinds(found: DatabricksObject) -> set[str]:
    # Dagster shows three at most. A view's format says nothing, its type does; a notebook's type is its language.
    more = found.format if found.kind == "table" else found.object_type
    third = label(more.lower()) if more and more not in {"VIEW", "UNKNOWN_DATA_SOURCE_FORMAT"} else None
    return {"databricks", found.kind, *([third] if third else [])}


@lru_cache(maxsize=1024)
def _owners(owner: str | None) -> tuple[list[str], str | None]:
    """Return the owners as Dagster takes them, and what is left for a tag.

    Databricks knows users, groups and service principals. A user is an e-mail address and a group a team; the id
    of a service principal, or an address that Dagster does not take, is neither.
    """
    if not owner or not owner.strip():
        return [], None
    if "@" not in owner and not _is_uuid(owner):
        owner = f"team:{owner.removeprefix('team:')}"
    return ([owner], None) if _is_taken(owners=[owner]) else ([], owner)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _is_taken(group_name: str | None = None, owners: Sequence[str] = ()) -> bool:
    # Dagster itself is asked, because what it takes differs between its versions.
    try:
        dg.AssetSpec("probe", group_name=group_name, owners=owners)
    except dg.DagsterInvalidDefinitionError:
        return False
    return True


# --- keys ---


def without_collisions(specs: Iterable[tuple[DatabricksObject, dg.AssetSpec]]) -> list[dg.AssetSpec]:
    """Return one spec for each key, in their order.

    Objects that share a key share an asset, because Dagster knows no other way: a table and a notebook of a folder
    that is called like its schema, or two objects that a subclass gave one key. The first one describes the asset,
    which names the others in its metadata; each is logged as well.
    """
    first: dict[dg.AssetKey, tuple[DatabricksObject, dg.AssetSpec]] = {}
    others: dict[dg.AssetKey, list[DatabricksObject]] = {}
    for found, spec in specs:
        if spec.key in first:
            others.setdefault(spec.key, []).append(found)
        else:
            first[spec.key] = (found, spec)
    for key, sharing in others.items():
        found, spec = first[key]
        for other in sharing:
            _LOG.warning(
                "%s and %s both have the asset key %s, so they share one asset. It describes the %s. "
                "Rename one of them, or exclude it by a filter.",
                found,
                other,
                list(key.path),
                found.kind,
            )
        shared = {f"{_PREFIX}/shared_with": dg.MetadataValue.json([str(other) for other in sharing])}
        first[key] = (found, spec.merge_attributes(metadata=shared))
    return [spec for _, spec in first.values()]
