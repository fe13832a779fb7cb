"""Unity Catalog through a SQL warehouse: a few statements on information_schema instead of one call per schema.

Catalogs themselves are still listed over REST, in one call: information_schema knows neither their types nor those
that are only federated or shared. Schemas are looked at over REST too, in a call per catalog, because information_schema
leaves out what can only be browsed. Catalogs where there is such, and whatever the warehouse cannot answer for, are
listed over REST as well, with the reason among the notes.

Source: the SQL reference, `INFORMATION_SCHEMA`, relations `SCHEMATA`, `TABLES` and `COLUMNS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbxexplore import errors
from dbxexplore.catalog import schema
from dbxexplore.catalog.schema import Depth
from dbxexplore.connection import Json, mask
from dbxexplore.discovery.answers import LATEST
from dbxexplore.discovery.engine import Failed, Request
from dbxexplore.discovery.hive import HiveMetastore
from dbxexplore.discovery.rest import METASTORE, UnityCatalog
from dbxexplore.discovery.rows import Rows
from dbxexplore.discovery.statements import Query, Statement, quoted
from dbxexplore.discovery.warehouse import Warehouse

_MOST_BY_ONE = 8  # catalogs that are asked for one by one; for more, all are asked for at once
_MOST_SPLIT = 64  # catalogs into which a statement that failed is split, at most

# What the SQL standard calls a table, and some emulators a view too; Unity Catalog names its own types.
_STANDARD_TYPE = "BASE TABLE"

_NOTE = (
    "information_schema lists what this credential may use. In schemas that are open to it, it does not report tables "
    "that are closed to it or can only be browsed."
)


@dataclass(frozen=True)
class _Relation:
    """A relation of information_schema: the column that names the catalog, and what to select as what."""

    name: str
    catalog: str
    columns: dict[str, str]

    def query(self, catalog: str | None) -> Query:
        """Return the statement that reads it, of one catalog or of the whole metastore."""
        wanted = ", ".join(f"{expression} AS {name}" for name, expression in self.columns.items())
        text = f"SELECT {wanted} FROM {quoted(catalog or 'system')}.information_schema.{self.name}"  # noqa: S608 - quoted
        columns = frozenset(self.columns)
        return Query(
            text,
            tuple(self.columns),
            names=columns & ({"catalog", "schema", "name"} | ({"object_type"} if self.name == "tables" else set())),
            numbers=columns & {"position"},
            times=columns & {"created_at", "updated_at"},
        )


def _times() -> dict[str, str]:
    return {"created_at": "unix_millis(created)", "updated_at": "unix_millis(last_altered)"}


def _relations(depth: Depth) -> list[_Relation]:
    schemata = {"catalog": "catalog_name", "name": "schema_name"}
    tables = {"catalog": "table_catalog", "schema": "table_schema", "name": "table_name", "object_type": "table_type"}
    if depth != "summary":
        schemata |= {"owner": "schema_owner", "comment": "comment", **_times()}
        tables |= {"owner": "table_owner", "comment": "comment", "format": "data_source_format", **_times()}
    found = [_Relation("schemata", "catalog_name", schemata), _Relation("tables", "table_catalog", tables)]
    if depth == "columns":
        columns = {"catalog": "table_catalog", "schema": "table_schema", "name": "table_name"}
        columns |= {"position": "ordinal_position", "column": "column_name", "type": "full_data_type"}
        columns |= {"nullable": "is_nullable", "comment": "comment"}
        found.append(_Relation("columns", "table_catalog", columns))
    return found


@dataclass
class _Reading:
    """The statement on one relation."""

    relation: _Relation
    catalog: str | None  # None for the whole metastore
    statement: Statement

    @property
    def rows(self) -> int:
        return self.statement.rows

    def table(self) -> pa.Table:
        """Return the rows so far, all as text."""
        return self.statement.table()


class InformationSchema:
    """The requests that list what catalogs hold into ``rows``, from information_schema.

    Args:
        rows: where the objects go.
        depth: how much to find out.
        catalogs: names of the catalogs to list; None lists all.
        warehouse_id: the SQL warehouse that answers.
        set_notice: takes what a person who waits should know; an empty text when it is over.
        hive: what else to list through the warehouse.
    """

    def __init__(  # noqa: PLR0913 - all but the first three by keyword
        self,
        rows: Rows,
        depth: Depth,
        catalogs: Sequence[str] | None,
        *,
        warehouse_id: str,
        set_notice: Callable[[str], None],
        hive: HiveMetastore | None = None,
    ) -> None:
        self.unity = UnityCatalog(rows, depth, catalogs, self)
        self.notes: list[str] = []
        self.used = False  # whether any object came from information_schema
        self.replaced = False  # whether a result held text that is not valid Unicode, which was replaced
        self._rows = rows
        self._relations = _relations(depth)
        self._wanted = None if catalogs is None else list(dict.fromkeys(catalogs))
        self._warehouse_id = warehouse_id
        self._set_notice = set_notice
        self._warehouse = Warehouse(
            warehouse_id=warehouse_id,
            scope=METASTORE,
            running=lambda: [*self._ask(), *(hive.ask() if hive else ())],
            unusable=lambda reason: [*self._give_up_because(reason), *(hive.give_up_because(reason) if hive else ())],
            refused=lambda error: [*self._give_up_because(error.problem), *(hive.give_up(error) if hive else ())],
            set_notice=set_notice,
        )
        self._catalogs: list[str] = []  # as REST lists them
        self._all_known = False  # whether that list is whole
        self._unusable = False  # whether SQL is given up
        self._open = 0  # statements that are not read to their end
        self._asked = False  # whether the statements were sent
        self._split = False  # whether the one for all catalogs failed, so that each has its own
        self._readings: list[_Reading] = []  # those that were read to their end
        self._failed: dict[str | None, str] = {}  # catalog, or None for all, to the reason
        self._by_rest: set[str] = set()
        self._looking = 0  # catalogs at whose schemas REST is still to look
        self._looked: dict[str, dict[str, Json] | str] = {}  # by catalog, as `UnityCatalog.look_at_schemas` has it

    @property
    def count(self) -> int:
        """How many objects have come from SQL and are not among the rows yet."""
        return sum(reading.rows for reading in self._readings if reading.relation.name != "columns")

    def start(self) -> list[Request]:
        """Return the first requests: the list of catalogs, and a look at the warehouse."""
        return [self.unity.start(), self._warehouse.look()]

    # --- catalogs, as they are found over REST ---

    def take(self, catalogs: list[str]) -> Iterable[Request | Failed]:
        """Keep some more names of catalogs; over REST, where SQL is given up."""
        self._catalogs += catalogs
        if self._unusable:
            return self._rest(catalogs)
        return self._look_at(catalogs) if self._asked else ()

    def end(self) -> Iterable[Request | Failed]:
        """Go on once all catalogs are known."""
        self._all_known = True
        return self._settle()

    def _rest(self, catalogs: Iterable[str]) -> list[Request]:
        new = [name for name in catalogs if name not in self._by_rest]
        self._by_rest.update(new)
        return [request for name in new for request in self.unity.list_catalog(name)]

    def _look_at(self, catalogs: Iterable[str]) -> list[Request]:
        """Return the requests that find out, in a call per catalog, what information_schema leaves out."""
        looks = []
        for name in catalogs:
            if name not in self.unity.browsed:
                self._looking += 1
                looks.append(self.unity.look_at_schemas(name, partial(self._see, name), lambda: self._unusable))
        return looks

    def _see(self, catalog: str, schemas: dict[str, Json] | str) -> Iterable[Request | Failed]:
        self._looked[catalog] = schemas
        self._looking -= 1
        return self._settle()

    # --- the warehouse ---

    def _give_up_because(self, reason: str) -> Iterable[Request | Failed]:
        self._set_notice("")
        if self._unusable:
            return []
        self._unusable = True
        self.notes.append(f"Listed over REST, because the SQL warehouse could not be used: {mask(reason)}.")
        self._readings.clear()
        return self._rest(self._catalogs)

    # --- statements ---

    def _ask(self) -> Iterable[Request]:
        self._asked = True
        looks = self._look_at(self._catalogs)
        one_by_one = self._wanted is not None and len(self._wanted) <= _MOST_BY_ONE
        return [*looks, *self._ask_for(self._wanted or [] if one_by_one else [None])]

    def _ask_for(self, catalogs: Sequence[str | None]) -> list[Request]:
        readings = [self._reading(relation, catalog) for catalog in catalogs for relation in self._relations]
        self._open += len(readings)
        return [reading.statement.execute() for reading in readings]

    def _reading(self, relation: _Relation, catalog: str | None) -> _Reading:
        def refused(error: errors.WorkspaceError) -> Iterable[Request | Failed]:
            # A statement may be refused for one catalog, which says nothing of the others.
            if catalog is not None and isinstance(error, errors.ForbiddenError | errors.NotFoundError):
                return self._reading_failed(reading, error.problem)
            return self._give_up_because(error.problem)

        def judged(part: pa.Table) -> Iterable[Request | Failed] | None:
            if relation.name == "columns" and part["column"].null_count:
                return self._reading_failed(reading, "it has a column without a name")
            if relation.name == "tables" and pc.any(pc.equal(part["object_type"], _STANDARD_TYPE)).as_py():
                return self._give_up_because(
                    f"its information_schema is not that of Unity Catalog: it calls tables and views {_STANDARD_TYPE}"
                )
            return None

        statement = Statement(
            self._warehouse_id,
            relation.query(catalog),
            METASTORE if catalog is None else catalog,
            done=lambda: self._finish(reading),
            failed=lambda reason: self._reading_failed(reading, reason),
            refused=refused,
            judged=judged,
            given_up=lambda: self._unusable,
        )
        reading = _Reading(relation, catalog, statement)
        return reading

    def _finish(self, reading: _Reading) -> Iterable[Request | Failed]:
        self._readings.append(reading)
        self._open -= 1
        return self._settle()

    def _reading_failed(self, reading: _Reading, reason: str) -> Iterable[Request | Failed]:
        self._failed.setdefault(reading.catalog, mask(reason))
        self._open -= 1
        return self._settle()

    def _settle(self) -> Iterable[Request | Failed]:
        """Go on once all statements are read and all catalogs are known, for what is not listed until now."""
        if self._unusable or not self._asked or self._open or self._looking or not self._all_known:
            return []
        if None in self._failed and not self._split:
            self._split = True
            if len(self._catalogs) > _MOST_SPLIT:
                return self._give_up_because(self._failed[None])
            # What one statement cannot bring, such as a result that is too large, several may.
            self._readings.clear()
            return self._ask_for(self._catalogs)
        listed = self._listed_schemas()
        requests: list[Request] = []
        left = []
        for name in self._catalogs:
            seen = self._looked.get(name, "some of it may only be browsed")
            if isinstance(seen, str) or name not in listed:
                left.append(name)
                reason = (
                    seen if isinstance(seen, str) else self._failed.get(name, "information_schema does not list it")
                )
                self.notes.append(f"The catalog {mask(name, 255)} was listed over REST: {reason}.")
            elif unlisted := {schema: item for schema, item in seen.items() if schema not in listed[name]}:
                requests += self.unity.add_schemas(name, unlisted)
                self.notes.append(
                    f"{len(unlisted):,} of the schemas of {mask(name, 255)} were listed over REST, because "
                    "information_schema does not list them."
                )
        return [*requests, *self._rest(left)]

    def _listed_schemas(self) -> dict[str, set[str]]:
        """Return the schemas that information_schema lists, by catalog: each catalog has one of that name itself."""
        listed: dict[str, set[str]] = {}
        for reading in self._readings:
            if reading.relation.name == "schemata":
                for row in reading.table().select(["catalog", "name"]).to_pylist():
                    listed.setdefault(row["catalog"], set()).add(row["name"])
        return {name: schemas for name, schemas in listed.items() if name not in self._failed}

    # --- results into rows ---

    def finish(self) -> list[Failed]:
        """Add what SQL has listed to the rows, and return what failed by the whole."""
        readings, self._readings = self._readings, []
        failed = {catalog for catalog in self._failed if catalog is not None}
        names = [name for name in self._catalogs if name not in self._by_rest and name not in failed]
        columns = [reading.table() for reading in readings if reading.relation.name == "columns"]
        columns_of = _Columns(pa.concat_tables(columns)) if columns else None
        for reading in readings:
            if reading.relation.name != "columns":
                rows = reading.table()
                # One catalog's own information_schema may list others, and all of those not asked for.
                wanted = names if reading.catalog is None else [name for name in names if name == reading.catalog]
                self._add(rows.filter(pc.is_in(rows["catalog"], value_set=pa.array(wanted, pa.string()))), columns_of)
        if self._warehouse.was_started:
            self.notes.insert(
                0, f"The SQL warehouse {self._warehouse_id} was not running and was started for this discovery."
            )
        self.replaced = any(reading.statement.replaced for reading in readings)
        if self.used:
            self.notes.insert(0, _NOTE)
        return self.unity.finish()

    def _add(self, rows: pa.Table, columns_of: _Columns | None) -> None:
        if not len(rows):
            return
        self.used = True
        columns = {name: rows[name] for name in rows.column_names}
        for name in ("created_at", "updated_at"):
            if name in columns:
                columns[name] = _times_of(columns[name])
        for name in ("object_type", "owner", "comment", "format"):
            if name in columns:
                columns[name] = _without_empty(columns[name])
        parts = [columns[name] for name in ("catalog", "schema", "name") if name in columns]
        columns["full_name"] = pc.binary_join_element_wise(*parts, ".")
        if "schema" in columns:
            is_view = pc.is_in(columns["object_type"], value_set=pa.array(schema.VIEW_TYPES))
            columns["kind"] = pc.if_else(is_view, "view", "table")
            if columns_of is not None:
                columns["columns"] = columns_of.of(rows)
        else:
            columns["kind"] = pa.array(["schema"] * len(rows))
        self._rows.add_arrays(columns, len(rows))


class _Columns:
    """The columns of all relations, to be had for some of them."""

    def __init__(self, rows: pa.Table) -> None:
        rows = rows.set_column(
            rows.schema.get_field_index("position"), "position", rows["position"].cast(pa.int64())
        ).append_column("key", _keys(rows))
        rows = rows.sort_by([("key", "ascending"), ("position", "ascending")]).combine_chunks()
        keys = rows["key"].combine_chunks() if len(rows) else pa.array([], pa.string())
        starts = np.flatnonzero(_differs(keys))
        self._keys = keys.take(pa.array(starts))
        fields = [
            rows["column"],
            rows["type"],
            pc.if_else(
                pc.is_in(rows["nullable"], value_set=pa.array(["YES", "NO"])),
                pc.equal(rows["nullable"], "YES"),
                pa.scalar(None, pa.bool_()),
            ),
            _without_empty(rows["comment"]),
        ]
        structs = pa.StructArray.from_arrays([_array(values) for values in fields], fields=list(schema.COLUMN_STRUCT))
        self._lists = pa.ListArray.from_arrays(pa.array([*starts, len(rows)], pa.int32()), structs)

    def of(self, rows: pa.Table) -> pa.Array:
        """Return the columns of each relation, in their order; null for a relation without any."""
        return self._lists.take(_array(pc.index_in(_keys(rows), value_set=self._keys)))


def _differs(keys: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    if not len(keys):
        return np.zeros(0, dtype=bool)
    changed = pc.not_equal(keys.slice(1), keys.slice(0, len(keys) - 1)).to_numpy(zero_copy_only=False)
    return np.concatenate([[True], changed])


def _array(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    if not isinstance(values, pa.ChunkedArray):
        return values
    joined = values.combine_chunks()
    if isinstance(joined, pa.ChunkedArray):  # an older Arrow keeps a chunked array of no or one chunk
        return joined.chunk(0) if joined.num_chunks else pa.array([], values.type)
    return joined


def _keys(rows: pa.Table) -> pa.ChunkedArray:
    # Names may contain dots, so join on NUL.
    return pc.binary_join_element_wise(rows["catalog"], rows["schema"], rows["name"], "\x00")


def _without_empty(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)


def _times_of(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts of milliseconds since 1970 as timestamps; what is not such a time is null."""
    null = pa.scalar(None, pa.string())
    whole = pc.if_else(pc.match_substring_regex(values, "^[0-9]{1,13}$"), values, null).cast(pa.int64())
    valid = pc.if_else(pc.less_equal(whole, LATEST), whole, pa.scalar(None, pa.int64()))
    return valid.cast(pa.timestamp("ms", tz="UTC"))
