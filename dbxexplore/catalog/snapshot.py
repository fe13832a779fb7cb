"""A catalog: the objects frame, the failures frame, and where and when they were taken."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dbxexplore import _version, errors
from dbxexplore.catalog import schema
from dbxexplore.files import atomic_write
from dbxexplore.text import plural

_METADATA_KEY = b"dbxexplore"
_FORMAT = 1
_T = TypeVar("_T")


@dataclass(frozen=True)
class Provenance:
    """Where a catalog comes from.

    ``taken_at`` is in UTC; ``depth`` is how much was asked for; ``strategy`` how it was read (``rest``,
    ``sql`` or ``frame``); ``notes`` are sentences for a reader on what that way could not see. What is not known is None.
    """

    workspace_url: str | None = None
    metastore: str | None = None
    identity: str | None = None
    taken_at: datetime | None = None
    depth: str | None = None
    strategy: str = "frame"
    tool_version: str = _version.__version__
    notes: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        taken = f"{self.taken_at:%Y-%m-%d %H:%M} UTC" if self.taken_at else None
        parts = [
            self.workspace_url,
            f"metastore {self.metastore}" if self.metastore else None,
            f"as {self.identity}" if self.identity else None,
            f"taken {taken}" if taken else None,
            f"depth {self.depth}" if self.depth else None,
        ]
        return " · ".join(part for part in parts if part) or "from a frame"


class Catalog:
    """What one credential saw of a workspace at one time.

    ``objects`` is the objects frame, one row per object, sorted by ``full_name`` within ``kind``, index
    0..n-1. ``failures`` has one row for each scope that could not be listed: ``scope``, ``reason``
    (denied, throttled, error, cancelled; pending while a discovery is under way) and ``message``. Neither is meant to be changed in place.
    """

    def __init__(self, objects: pd.DataFrame, failures: pd.DataFrame, provenance: Provenance) -> None:
        self.objects = objects
        self.failures = failures
        self.provenance = provenance
        self._derived: dict[object, object] = {}

    def derived(self, key: type[_T], make: Callable[[], _T]) -> _T:
        """Return what ``make`` returns, made once for this catalog: for tables worked out from the frame."""
        if key not in self._derived:
            self._derived[key] = make()
        value = self._derived[key]
        assert isinstance(value, key)
        return value

    @classmethod
    def from_table(cls, table: pa.Table, failures: Sequence[tuple[str, str, str]], provenance: Provenance) -> Catalog:
        """Return a catalog of an Arrow table of `schema.ARROW_SCHEMA` and (scope, reason, message) rows."""
        return cls(schema.frame_from_table(table), schema.failures_frame(failures), provenance)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Catalog:
        """Return a catalog of a frame of one's own.

        ``frame`` needs ``kind``, ``catalog``, ``schema``, ``name`` and ``full_name``; the other columns of the
        objects frame are optional, and so are rows for the containers. The result is sorted again.

        Raises:
            CatalogError: a column is missing, a kind unknown, or a row names no object.
        """
        return cls.from_table(schema.table_from_frame(frame), [], Provenance())

    @property
    def complete(self) -> bool:
        """False as soon as one scope could not be listed: then, absent does not mean that it does not exist.

        What was never asked for does not count, such as notebooks or ``hive_metastore``; the notes of ``provenance``
        say what the way of listing leaves out.
        """
        return self.failures.empty

    @property
    def in_progress(self) -> bool:
        """True if this is what a discovery under way has found so far: what it has not listed yet is pending."""
        return bool((self.failures["reason"] == "pending").any())

    @property
    def not_listed(self) -> str:
        """What could not be listed, in words: ``3 catalogs/schemas couldn't be listed``; empty if nothing is missing."""
        is_pending = self.failures["reason"] == "pending"
        parts = [
            f"{scopes} {verb}"
            for part, verb in ((~is_pending, "couldn't be listed"), (is_pending, "not listed yet"))
            if (scopes := _scopes(self.failures.loc[part, "scope"]))
        ]
        return ", ".join(parts)

    def reasons(self) -> dict[str, str]:
        """Return why each scope could not be listed, by its full name: its names joined by dots, or a folder's path."""
        failures = self.failures
        return dict(zip(failures["scope"].astype(str), failures["reason"].astype(str), strict=True))

    def __len__(self) -> int:
        return len(self.objects)

    def counts(self) -> dict[str, int]:
        """Return how many objects there are of each kind, in the order of the kinds."""
        found = self.objects["kind"].value_counts()
        return {kind: int(found.get(kind, 0)) for kind in schema.KINDS}

    def __repr__(self) -> str:
        state = "complete" if self.complete else f"incomplete: {self.not_listed}"
        return f"<Catalog: {counted(self.counts())}; {state}; {self.provenance}>"

    def _repr_html_(self) -> str:
        head = (
            f"<p><strong>{html.escape(counted(self.counts()))}</strong><br>"
            f"<small>{html.escape(str(self.provenance))}</small></p>"
        )
        notes = "".join(f"<p><small>{html.escape(note)}</small></p>" for note in self.provenance.notes)
        return head + self._catalogs_html() + self._failures_html() + notes

    def _catalogs_html(self) -> str:
        contents = self.objects[self.objects["catalog"].notna()]
        if contents.empty:
            return ""
        table = pd.crosstab(contents["catalog"], contents["kind"]).reindex(
            columns=["schema", "table", "view"], fill_value=0
        )
        return table.head(50).to_html(border=0, index_names=False, escape=True)

    def _failures_html(self) -> str:
        if self.complete:
            return ""
        shown = self.failures.head(20).to_html(border=0, index=False, escape=True)
        return f"<p><strong>Incomplete:</strong> {self.not_listed}; contents unknown.</p>{shown}"

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the catalog to a Parquet file, with its failures and provenance, and return the path.

        The file is written beside its place and moved there, so an interrupt leaves the old one whole.
        """
        target = Path(path)
        columns = {name: self.objects[name] for name in schema.ARROW_SCHEMA.names if name in self.objects.columns}
        table = schema.table_from_series(columns)
        provenance = asdict(self.provenance)
        provenance["taken_at"] = self.provenance.taken_at.isoformat() if self.provenance.taken_at else None
        # Outside the rows, because they describe the whole: the file stays one plain table for other tools.
        meta = {
            "format": _FORMAT,
            "provenance": provenance,
            "failures": self.failures.astype(object).to_numpy().tolist(),
        }
        table = table.replace_schema_metadata({_METADATA_KEY: json.dumps(meta).encode()})
        with atomic_write(target, errors.CatalogError) as partial:
            pq.write_table(table, partial)
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Catalog:
        """Read what `save` wrote, without any call to a workspace.

        Raises:
            CatalogError: the file does not exist, is not a Parquet file, or was not written by `save`.
        """
        source = Path(path)
        try:
            # Not read_table, which takes a folder for a table and `key=value` in a path for a column.
            with pq.ParquetFile(source) as file:
                table = file.read()
        except FileNotFoundError:
            msg = f"There is no file {str(source)!r}"
            raise errors.CatalogError(
                msg, remedy="Check the path, or create one with `dbxexplore discover --output`"
            ) from None
        except (pa.ArrowException, OSError) as error:
            msg = f"{str(source)!r} cannot be read as a Parquet file: {str(error)[:200]}"
            raise errors.CatalogError(msg, expected="a file made by Catalog.save") from None
        meta = _read_metadata(source, table)
        try:
            failures = _read_failures(meta.get("failures"))
            return cls.from_table(_read_rows(table), failures, _read_provenance(_mapping(meta.get("provenance"))))
        except (pa.ArrowException, ValueError, TypeError) as error:
            msg = f"{str(source)!r} is damaged: {str(error)[:200]}"
            raise errors.CatalogError(msg, expected="a file as Catalog.save wrote it") from None


def _scopes(scopes: pd.Series) -> str:
    """Return how many scopes there are, in words; empty for none."""
    folders = int(scopes.astype(str).str.startswith("/").sum())
    others = len(scopes) - folders
    parts = [f"{others:,} {'catalog/schema' if others == 1 else 'catalogs/schemas'}"] if others else []
    parts += [plural(folders, "folder")] if folders else []
    return " and ".join(parts)


def _read_rows(table: pa.Table) -> pa.Table:
    missing = [name for name in schema.REQUIRED if name not in table.column_names]
    if missing:
        msg = f"it lacks {', '.join(missing)}"
        raise ValueError(msg)
    columns = {name: table[name] for name in schema.ARROW_SCHEMA.names if name in table.column_names}
    rows = schema.table_from_columns(columns, len(table))
    known = pc.is_in(rows["kind"].cast(pa.string()), value_set=pa.array(schema.KINDS))
    if not pc.all(known, min_count=0).as_py() or rows["full_name"].null_count or rows["name"].null_count:
        msg = "it has rows that are no objects"
        raise ValueError(msg)
    return rows


def _read_failures(value: object) -> list[tuple[str, str, str]]:
    failures: list[tuple[str, str, str]] = []
    for row in value if isinstance(value, list) else []:
        scope, reason, message = (str(part) for part in row)
        if reason not in schema.REASONS:
            msg = f"a failure has the reason {reason!r}"
            raise ValueError(msg)
        failures.append((scope, reason, message))
    return failures


def _read_provenance(stored: Mapping[str, object]) -> Provenance:
    known = {f.name for f in fields(Provenance)} - {"taken_at", "notes"}
    texts = {key: str(value) for key, value in stored.items() if key in known and value is not None}
    taken, notes = stored.get("taken_at"), stored.get("notes")
    return replace(
        Provenance(**texts),  # type: ignore[arg-type]  # all but the two set below are texts
        taken_at=datetime.fromisoformat(str(taken)).astimezone(UTC) if taken else None,
        notes=tuple(str(note) for note in notes) if isinstance(notes, list) else (),
    )


def _read_metadata(source: Path, table: pa.Table) -> Mapping[str, object]:
    raw = (table.schema.metadata or {}).get(_METADATA_KEY)
    if raw is None:
        msg = f"{str(source)!r} is a Parquet file, but not a saved catalog"
        raise errors.CatalogError(
            msg, expected="a file made by Catalog.save", remedy="For a table of your own, use Catalog.from_frame"
        )
    try:
        meta = _mapping(json.loads(raw))
    except ValueError:
        msg = f"{str(source)!r} is damaged: its description cannot be read"
        raise errors.CatalogError(msg, expected="a file as Catalog.save wrote it") from None
    if meta.get("format") != _FORMAT:
        msg = f"{str(source)!r} has the format {meta.get('format')!r}, which this version does not read"
        raise errors.CatalogError(msg, expected=f"format {_FORMAT}", remedy="Update dbxexplore, or discover again")
    return meta


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def counted(counts: Mapping[str, int]) -> str:
    """Return counts by kind as text for a reader: ``4 catalogs, 21 schemas, 260 tables``."""
    return ", ".join(plural(number, kind) for kind, number in counts.items() if number) or "no objects"
