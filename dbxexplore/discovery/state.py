"""What is known of a workspace after several discoveries: what the last saw, and what it missed but one before saw.

A state is one file, so that storing it is all or nothing: a ZIP archive of the catalog as `Catalog.save` writes it,
a table of what is stale, and a description with the version of this format.
"""

from __future__ import annotations

import json
import logging
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dbxexplore import errors
from dbxexplore._version import __version__
from dbxexplore.catalog import Catalog
from dbxexplore.catalog.schema import ARROW_SCHEMA, table_from_series
from dbxexplore.discovery.lineage import COLUMN_LINEAGE, TABLE_LINEAGE, Lineage
from dbxexplore.discovery.rest import METASTORE
from dbxexplore.discovery.tags import TABLE_TAGS, Tags
from dbxexplore.files import atomic_write

FORMAT = 3
_READ = (1, 2, 3)  # the first one knows no lineage, the second no tags
ObjectKey: TypeAlias = tuple[str, str | None, str | None, str]  # kind, catalog, schema, full name
_LOG = logging.getLogger("dbxexplore")

_ABOUT, _CATALOG, _STALE = "state.json", "catalog.parquet", "stale.parquet"
_TAGS = "tags.parquet"
_LINEAGE = {
    "tables": ("table_lineage.parquet", TABLE_LINEAGE),
    "columns": ("column_lineage.parquet", COLUMN_LINEAGE),
}
# What the readers of an archive and of its tables raise where bytes of it are not as they were written.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    pa.ArrowException,
    OSError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    OverflowError,
    RuntimeError,  # and with it NotImplementedError, for a flag or a compression that ZIP does not have
)
_BROWSED = "the credential may only browse it"
_KEY_COLUMNS = ("kind", "catalog", "schema", "full_name")
_STALE_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in (*_KEY_COLUMNS, "scope", "reason", "message")),
        ("last_seen", pa.timestamp("us", tz="UTC")),
    ]
)


@dataclass(frozen=True)
class Stale:
    """Why an object that the last discovery could not see is still there.

    ``scope`` could not be listed, for ``reason`` (denied, throttled, error, cancelled) and with ``message``;
    ``last_seen`` is when the object was listed for the last time, in UTC, if known.
    """

    scope: str
    reason: str
    message: str
    last_seen: datetime | None = None

    def __str__(self) -> str:
        seen = f" Last seen {self.last_seen:%Y-%m-%d %H:%M} UTC." if self.last_seen else ""
        message = self.message.rstrip(".")
        return f"{self.scope} could not be listed ({self.reason}): {message}. This is as it was before.{seen}"


@dataclass(frozen=True)
class State:
    """What is known of a workspace.

    ``catalog`` holds the objects of the last discovery and those kept from before, with the failures and the
    provenance of the last discovery. ``stale`` says of each one that was kept why. ``notebooks`` is whether
    notebooks were looked for. ``lineage`` and ``tags`` are what is known of them, with what could not be read as it
    was before.
    """

    catalog: Catalog
    stale: Mapping[ObjectKey, Stale] = field(default_factory=dict)
    notebooks: bool = True
    lineage: Lineage = field(default_factory=Lineage)
    tags: Tags = field(default_factory=Tags)

    def save(self, path: Path) -> None:
        """Write this state to a file; an interrupt leaves an older file whole."""
        about = {
            "format": FORMAT,
            "tool_version": __version__,
            "notebooks": self.notebooks,
            "lineage": _about_lineage(self.lineage),
            "tags": {"problem": self.tags.problem},
        }
        with atomic_write(path, errors.CatalogError) as partial, tempfile.TemporaryDirectory() as folder:
            pq.write_table(_stale_table(self.stale), Path(folder) / _STALE)
            with zipfile.ZipFile(partial, "w") as archive:
                archive.writestr(_ABOUT, json.dumps(about))
                archive.write(self.catalog.save(Path(folder) / _CATALOG), _CATALOG)
                archive.write(Path(folder) / _STALE, _STALE)
                parts = [(file, getattr(self.lineage, name)) for name, (file, _) in _LINEAGE.items()]
                for file, table in [*parts, (_TAGS, self.tags.table)]:
                    if table is not None:
                        pq.write_table(table, Path(folder) / file)
                        archive.write(Path(folder) / file, file)

    @classmethod
    def load(cls, path: Path, *, remedy: str = "Discover the workspace again") -> State:
        """Read what `save` wrote; ``remedy`` is what to do about a file that cannot be read.

        Raises:
            CatalogError: the file is no state, is damaged, or was written by another version.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                about = json.loads(archive.read(_ABOUT))
                found = about.get("format") if isinstance(about, dict) else None
                if found not in _READ:
                    by = (
                        about.get("tool_version", "an unknown version") if isinstance(about, dict) else "something else"
                    )
                    msg = f"The stored state has the format {found!r}, as dbxexplore {by} writes it"
                    raise errors.CatalogError(
                        msg,
                        expected=f"format {_READ[0]} to {_READ[-1]}, which dbxexplore {__version__} reads",
                        remedy=remedy,
                    )
                with tempfile.TemporaryDirectory() as folder:
                    catalog = Catalog.load(archive.extract(_CATALOG, folder))
                    stale = _read_stale(pq.read_table(archive.extract(_STALE, folder)))
                    lineage = _read_lineage(archive, Path(folder), about.get("lineage"))
                    tags = _read_tags(archive, Path(folder), about.get("tags"))
        except _DAMAGED as error:
            if isinstance(error, errors.CatalogError):
                raise
            msg = f"The stored state {str(path)!r} cannot be read: {str(error)[:200]}"
            raise errors.CatalogError(msg, expected="a file that dbxexplore wrote", remedy=remedy) from None
        return cls(catalog, stale, notebooks=about.get("notebooks") is not False, lineage=lineage, tags=tags)

    def followed_by(self, new: Catalog, *, notebooks: bool) -> State:
        """Return the state after a later discovery, with the lineage and the tags of this one.

        An object of this state that ``new`` lacks is gone, unless it is in a scope that could not be listed: then
        nothing is known of it, so it stays as it was, and is stale. Notebooks that were not looked for are gone. What
        was a table and is a view now is one object, which is as it was seen last.

        Of an object that may only be browsed now, nobody tells the columns and the SQL: they stay as they were, and it
        is stale.
        """
        scopes = {
            scope: Stale(scope, reason, message, self.catalog.provenance.taken_at)
            for scope, reason, message in new.failures.itertuples(index=False, name=None)
        }
        new, stale = self._completed(new)
        keep = np.zeros(len(self.catalog), dtype=bool)
        for position in self._missing_from(new):
            key = _key_of(self.catalog, position)
            if key[0] == "notebook" and not notebooks:
                continue
            reason = next((scopes[scope] for scope in _scopes_of(key) if scope in scopes), None)
            if reason is not None:
                earlier = self.stale.get(key)
                last_seen = earlier.last_seen if earlier else reason.last_seen
                stale[key] = Stale(reason.scope, reason.reason, reason.message, last_seen)
                keep[position] = True
        return State(_joined(new, self.catalog.objects[keep]), stale, notebooks, self.lineage, self.tags)

    def _completed(self, new: Catalog) -> tuple[Catalog, dict[ObjectKey, Stale]]:
        """Return ``new`` with what is known from before of the objects that may only be browsed, and which those are."""
        closed = _without_columns(new)
        if not closed:
            return new, {}
        before = pc.index_in(_joined_keys(new).take(pa.array(closed)), value_set=_joined_keys(self.catalog)).to_pylist()
        known = [(here, there) for here, there in zip(closed, before, strict=True) if there is not None]
        tables = [_table_of(one.objects) for one in (new, self.catalog)]
        told = [pc.list_value_length(tables[1]["columns"]), tables[1]["definition"]]
        known = [(here, there) for here, there in known if told[0][there].as_py() or told[1][there].as_py()]
        if not known:
            return new, {}
        places = np.arange(len(new))
        for here, there in known:
            places[here] = len(new) + there
        table = tables[0]
        for name in ("columns", "definition"):
            both = pa.chunked_array([*tables[0][name].chunks, *tables[1][name].chunks], ARROW_SCHEMA.field(name).type)
            table = table.set_column(
                table.column_names.index(name), ARROW_SCHEMA.field(name), both.take(pa.array(places))
            )
        stale = {}
        for here, _ in known:
            key = _key_of(new, here)
            earlier = self.stale.get(key)
            last_seen = earlier.last_seen if earlier else self.catalog.provenance.taken_at
            stale[key] = Stale(f"The columns of {key[3]}", "denied", _BROWSED, last_seen)
        failures = list(new.failures.itertuples(index=False, name=None))
        return Catalog.from_table(table, failures, new.provenance), stale

    def _missing_from(self, new: Catalog) -> Sequence[int]:
        known = pc.is_in(_joined_keys(self.catalog), value_set=_joined_keys(new))
        return [int(position) for position in np.flatnonzero(~known.to_numpy(zero_copy_only=False))]


def earlier_state(path: Path, new: Catalog) -> State | None:
    """Return the state in a file that a discovery goes on from, None if there is none or it is of another workspace.

    Raises:
        CatalogError: ``new`` is incomplete, and the file cannot be read.
    """
    if not path.is_file():
        return None
    try:
        state = State.load(path)
    except errors.CatalogError as error:
        if new.complete:
            return None  # nothing of it is needed
        msg = f"{len(new.failures)} scopes couldn't be listed, and the earlier state with their contents cannot be read"
        remedy = f"{error} To start over, delete the stored state"
        raise errors.CatalogError(msg, remedy=remedy) from None
    if state.catalog.provenance.workspace_url != new.provenance.workspace_url:
        _LOG.info("The earlier state is of another workspace, so nothing of it is kept")
        return None
    return state


def _key_of(catalog: Catalog, position: int) -> ObjectKey:
    row = catalog.objects.iloc[position]
    return object_key(*(row[name] for name in _KEY_COLUMNS))


def _table_of(frame: pd.DataFrame) -> pa.Table:
    return table_from_series({name: frame[name] for name in frame.columns})


def _without_columns(catalog: Catalog) -> list[int]:
    """Return the positions of the tables and views that may only be browsed, so that their columns are not told."""
    objects = catalog.objects
    names = [name for name in ("kind", "browse_only", "columns") if name in objects.columns]
    table = table_from_series({name: objects[name] for name in names})
    is_relation = pc.is_in(table["kind"].cast(pa.string()), value_set=pa.array(["table", "view"]))
    none = pc.equal(pc.fill_null(pc.list_value_length(table["columns"]), 0), 0)
    closed = pc.and_(pc.and_(is_relation, pc.fill_null(table["browse_only"], False)), none)  # noqa: FBT003 - Arrow's signature
    return [int(position) for position in np.flatnonzero(closed.to_numpy())]


def _joined_keys(catalog: Catalog) -> pa.Array:
    # By a character that no name holds, because names may hold dots. A table and a view share one name space.
    table = table_from_series({name: catalog.objects[name] for name in _KEY_COLUMNS})
    kind = table["kind"].cast(pa.string())
    table = table.set_column(0, "kind", pc.if_else(pc.equal(kind, "view"), "table", kind))
    parts = [
        pa.concat_arrays(table[name].cast(pa.string()).chunks or [pa.array([], pa.string())]) for name in _KEY_COLUMNS
    ]
    return pc.binary_join_element_wise(*parts, "\x00", null_handling="replace", null_replacement="")


def _scopes_of(key: ObjectKey) -> Iterator[str]:
    """Yield the scopes that an object is listed in, from the nearest outwards, as discovery names them."""
    kind, catalog, schema, full_name = key
    if kind == "notebook":
        folder = full_name.rpartition("/")[0]
        while folder:
            yield folder
            folder = folder.rpartition("/")[0]
        yield "/"
        return
    if kind in {"table", "view"}:
        yield f"{catalog}.{schema}"
    # A container's own scope counts as well: it was known when its contents were asked for.
    yield full_name if catalog is None else catalog
    if kind == "schema":
        yield full_name
    yield METASTORE


def _about_lineage(lineage: Lineage) -> dict[str, object]:
    taken_at = lineage.taken_at.isoformat() if lineage.taken_at else None
    return {"problems": list(lineage.problems), "taken_at": taken_at}


def _read_lineage(archive: zipfile.ZipFile, folder: Path, described: object) -> Lineage:
    about = described if isinstance(described, dict) else {}
    there = set(archive.namelist())
    tables = {
        name: pq.read_table(archive.extract(file, folder)).select(schema.names)
        for name, (file, schema) in _LINEAGE.items()
        if file in there
    }
    problems, taken_at = about.get("problems"), about.get("taken_at")
    return Lineage(
        tables.get("tables"),
        tables.get("columns"),
        tuple(str(problem) for problem in problems) if isinstance(problems, list) else (),
        datetime.fromisoformat(str(taken_at)) if taken_at else None,
    )


def _read_tags(archive: zipfile.ZipFile, folder: Path, described: object) -> Tags:
    problem = described.get("problem") if isinstance(described, dict) else None
    is_there = _TAGS in archive.namelist()
    table = pq.read_table(archive.extract(_TAGS, folder)).select(TABLE_TAGS.names) if is_there else None
    return Tags(table, str(problem or ""))


def _joined(new: Catalog, kept: pd.DataFrame) -> Catalog:
    if kept.empty:
        return new
    tables = [_table_of(frame) for frame in (new.objects, kept)]
    failures = list(new.failures.itertuples(index=False, name=None))
    return Catalog.from_table(pa.concat_tables(tables), failures, new.provenance)


def _stale_table(stale: Mapping[ObjectKey, Stale]) -> pa.Table:
    rows = [{**dict(zip(_KEY_COLUMNS, key, strict=True)), **vars(reason)} for key, reason in stale.items()]
    return pa.Table.from_pylist(rows, schema=_STALE_SCHEMA)


def _read_stale(table: pa.Table) -> dict[ObjectKey, Stale]:
    found: dict[ObjectKey, Stale] = {}
    for row in table.select(_STALE_SCHEMA.names).to_pylist():
        seen = row["last_seen"]
        last_seen = datetime.fromtimestamp(seen.timestamp(), UTC) if seen else None
        key = object_key(*(row[name] for name in _KEY_COLUMNS))
        found[key] = Stale(row["scope"], row["reason"], row["message"], last_seen)
    return found


def object_key(kind: object, catalog: object, schema: object, full_name: object) -> ObjectKey:
    """Return the key of a row of the objects frame, whose missing values may be of any sort."""
    return cast("ObjectKey", (kind, _or_none(catalog), _or_none(schema), full_name))


def _or_none(value: object) -> object:
    return value if isinstance(value, str) else None
