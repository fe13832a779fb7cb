"""Unity Catalog through a SQL warehouse: a few statements on information_schema instead of a call a schema.

Catalogs themselves are still listed over REST, in one call: information_schema knows neither their types nor those
that are only federated or shared. Such catalogs, and whatever the warehouse cannot answer for, are listed over
REST as well, with the reason among the notes. Results are read inline, as JSON in chunks; one that is too large
for that is read as Arrow from the storage that the workspace links to.

Sources: the Statement Execution API; the SQL reference, `INFORMATION_SCHEMA`, relations `SCHEMATA`, `TABLES` and
`COLUMNS`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbxexplore import errors
from dbxexplore.catalog import schema
from dbxexplore.catalog.schema import Depth
from dbxexplore.connection import Json, mask
from dbxexplore.discovery.gather import Failed, Step
from dbxexplore.discovery.unity_rest import METASTORE, Rows, UnityCatalog

_WAREHOUSES, _STATEMENTS = "/api/2.0/sql/warehouses", "/api/2.0/sql/statements"
_HOLD = "10s"  # how long the server may hold a call until a statement is done
_POLLS = (0.2, 0.5, 1.0, 2.0, 5.0)  # seconds before each next look at a statement
_WAREHOUSE_POLL = 2.0  # seconds between two looks at a warehouse that starts
_WAREHOUSE_PATIENCE = 900.0  # seconds that it may take to start
_STATEMENT_PATIENCE = 1800.0  # seconds that a statement may take
_MOST_BY_ONE = 8  # catalogs that are asked for one by one; for more, all are asked for at once
_MOST_SPLIT = 64  # catalogs into which a statement that failed is split, at most

# What the SQL standard calls a table, and some emulators a view too; Unity Catalog names its own types.
_STANDARD_TYPE = "BASE TABLE"

_TOO_LARGE = "inline byte limit"  # in what the API says of a result that is too large to be given inline
_OTHER_FORM = "the result has another form than was asked for"

_NOTE = (
    "information_schema lists what this credential may use. It does not report what is closed to it, nor whether an "
    "object can only be browsed."
)


@dataclass(frozen=True)
class _Relation:
    """A relation of information_schema: the column that names the catalog, and what to select as what."""

    name: str
    catalog: str
    columns: dict[str, str]

    def statement(self, catalog: str | None) -> str:
        """Return the statement that reads it, of one catalog or of the whole metastore."""
        wanted = ", ".join(f"{expression} AS {name}" for name, expression in self.columns.items())
        return f"SELECT {wanted} FROM {quoted(catalog or 'system')}.information_schema.{self.name}"  # noqa: S608 - quoted


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


def quoted(identifier: str) -> str:
    """Return a name as an identifier of Databricks SQL, whatever it holds."""
    return f"`{identifier.replace('`', '``')}`"


@dataclass
class _Reading:
    """One statement and what has been read of its result."""

    relation: _Relation
    catalog: str | None  # None for the whole metastore
    linked: bool = False  # whether its result is to be had through links, because it is too large otherwise
    since: float = field(default_factory=time.monotonic)
    polls: int = 0
    parts: list[pa.Table] = field(default_factory=list)
    expected: int | None = None  # rows
    seen: set[int] = field(default_factory=set)  # chunks

    @property
    def scope(self) -> str:
        return METASTORE if self.catalog is None else self.catalog

    @property
    def rows(self) -> int:
        return sum(len(part) for part in self.parts)

    def table(self) -> pa.Table:
        """Return the rows so far, all as text."""
        empty = pa.schema([(name, pa.string()) for name in self.relation.columns]).empty_table()
        return pa.concat_tables([empty, *self.parts])


class InformationSchema:
    """The steps that list what catalogs hold into ``rows``, from information_schema.

    Args:
        rows: where the objects go.
        depth: how much to find out.
        catalogs: names of the catalogs to list; None lists all.
        warehouse_id: the SQL warehouse that answers.
        say: takes what a person who waits should know; an empty text when it is over.
    """

    def __init__(
        self, rows: Rows, depth: Depth, catalogs: Sequence[str] | None, warehouse_id: str, say: Callable[[str], None]
    ) -> None:
        self.unity = UnityCatalog(rows, depth, catalogs, self)
        self.notes: list[str] = []
        self.used = False  # whether any object came from information_schema
        self._rows = rows
        self._relations = _relations(depth)
        self._wanted = None if catalogs is None else list(dict.fromkeys(catalogs))
        self._warehouse = f"{_WAREHOUSES}/{quote(warehouse_id, safe='')}"
        self._warehouse_id = warehouse_id
        self._say = say
        self._catalogs: list[str] = []  # as REST lists them
        self._all_known = False  # whether that list is whole
        self._unusable = False  # whether SQL is given up
        self._open = 0  # statements that are not read to their end
        self._asked = False  # whether the statements were sent
        self._split = False  # whether the one for all catalogs failed, so that each has its own
        self._readings: list[_Reading] = []  # those that were read to their end
        self._failed: dict[str | None, str] = {}  # catalog, or None for all, to the reason
        self._by_rest: set[str] = set()
        self._asked_to_start: float | None = None  # when

    @property
    def count(self) -> int:
        """How many objects have come from SQL and are not among the rows yet."""
        return sum(reading.rows for reading in self._readings if reading.relation.name != "columns")

    def start(self) -> list[Step]:
        """Return the first steps: the list of catalogs, and a look at the warehouse."""
        return [self.unity.start(), self._look_at_warehouse()]

    # --- catalogs, as they are found over REST ---

    def take(self, catalogs: list[str]) -> Iterable[Step | Failed]:
        """Keep some more names of catalogs; over REST, where SQL is given up."""
        self._catalogs += catalogs
        return self._rest(catalogs) if self._unusable else ()

    def end(self) -> Iterable[Step | Failed]:
        """Go on once all catalogs are known."""
        self._all_known = True
        return self._settle()

    def _rest(self, catalogs: Iterable[str]) -> list[Step]:
        new = [name for name in catalogs if name not in self._by_rest]
        self._by_rest.update(new)
        return [step for name in new for step in self.unity.list_catalog(name)]

    # --- the warehouse ---

    def _look_at_warehouse(self, delay: float = 0.0) -> Step:
        return Step(METASTORE, self._warehouse, {}, self._take_warehouse, self._give_up, delay=delay)

    def _take_warehouse(self, answer: Json) -> Iterable[Step | Failed]:
        state = str(answer.get("state"))
        if state == "RUNNING":
            self._say("")
            return self._ask()
        if state in {"DELETED", "DELETING"}:
            return self._give_up_because(f"the warehouse is {state.lower()}")
        first = self._asked_to_start is None
        self._asked_to_start = self._asked_to_start or time.monotonic()
        if time.monotonic() - self._asked_to_start > _WAREHOUSE_PATIENCE:
            return self._give_up_because(f"the warehouse is still {state.lower()} after {_WAREHOUSE_PATIENCE:.0f} s")
        if not first or state == "STARTING":
            self._say(f"the SQL warehouse is {mask(state.lower(), 20)}, which may take minutes")
            return [self._look_at_warehouse(_WAREHOUSE_POLL)]
        self._say(f"the SQL warehouse is {mask(state.lower(), 20)} and is being started, which may take minutes")
        self.notes.append(f"The SQL warehouse {self._warehouse_id} was not running and was started for this discovery.")
        start = Step(METASTORE, f"{self._warehouse}/start", {}, self._started, self._give_up, body={})
        return [start]

    def _started(self, _answer: Json) -> Iterable[Step | Failed]:
        return [self._look_at_warehouse(_WAREHOUSE_POLL)]

    def _give_up(self, error: errors.WorkspaceError) -> Iterable[Step | Failed]:
        # Where the credential is not accepted, REST would not be either.
        if isinstance(error, errors.UnauthorizedError | errors.IpBlockedError):
            raise error
        return self._give_up_because(error.problem)

    def _give_up_because(self, reason: str) -> Iterable[Step | Failed]:
        self._say("")
        if self._unusable:
            return []
        self._unusable = True
        self.notes.append(f"Listed over REST, because the SQL warehouse could not be used: {mask(reason)}.")
        self._readings.clear()
        return self._rest(self._catalogs)

    # --- statements ---

    def _ask(self) -> Iterable[Step]:
        self._asked = True
        one_by_one = self._wanted is not None and len(self._wanted) <= _MOST_BY_ONE
        return self._ask_for(self._wanted or [] if one_by_one else [None])

    def _ask_for(self, catalogs: Sequence[str | None]) -> list[Step]:
        readings = [_Reading(relation, catalog) for catalog in catalogs for relation in self._relations]
        self._open += len(readings)
        return [self._execute(reading) for reading in readings]

    def _execute(self, reading: _Reading) -> Step:
        body: Json = {
            "warehouse_id": self._warehouse_id,
            "statement": reading.relation.statement(reading.catalog),
            "wait_timeout": _HOLD,
            "on_wait_timeout": "CONTINUE",
            "disposition": "EXTERNAL_LINKS" if reading.linked else "INLINE",
            "format": "ARROW_STREAM" if reading.linked else "JSON_ARRAY",
        }
        return self._step(reading, _STATEMENTS, lambda answer: self._take_statement(reading, answer), body=body)

    def _step(  # noqa: PLR0913 - what the call is, by keyword
        self,
        reading: _Reading,
        path: str,
        then: Callable[[Json], Iterable[Step | Failed]],
        *,
        body: Json | None = None,
        link: str | None = None,
        delay: float = 0.0,
    ) -> Step:
        def otherwise(error: errors.WorkspaceError) -> Iterable[Step | Failed]:
            if link is not None:
                return self._reading_failed(reading, error.problem)
            # A statement may be refused for one catalog, which says nothing of the others.
            if reading.catalog is not None and isinstance(error, errors.ForbiddenError | errors.NotFoundError):
                return self._reading_failed(reading, error.problem)
            return self._give_up(error)

        return Step(reading.scope, path, {}, then, otherwise, body=body, link=link, delay=delay)

    def _take_statement(self, reading: _Reading, answer: Json) -> Iterable[Step | Failed]:
        if self._unusable:
            return []
        status, statement = _mapping(answer.get("status")), answer.get("statement_id")
        state = status.get("state")
        if state in {"PENDING", "RUNNING"} and isinstance(statement, str):
            return self._wait_for(reading, statement)
        if state != "SUCCEEDED" or not isinstance(statement, str):
            said = str(_mapping(status.get("error")).get("message") or f"the statement is {state}")
            return (
                self._through_links(reading, said)
                if _TOO_LARGE in said.lower()
                else self._reading_failed(reading, said)
            )
        manifest = _mapping(answer.get("manifest"))
        if manifest.get("truncated") is True:
            return self._through_links(reading, "the result was cut short")
        total = manifest.get("total_row_count")
        reading.expected = total if isinstance(total, int) else None
        return self._take_chunk(reading, statement, _mapping(answer.get("result")))

    def _wait_for(self, reading: _Reading, statement: str) -> Iterable[Step | Failed]:
        if time.monotonic() - reading.since > _STATEMENT_PATIENCE:
            return self._reading_failed(reading, f"a statement runs for more than {_STATEMENT_PATIENCE:.0f} s")
        delay = _POLLS[min(reading.polls, len(_POLLS) - 1)]
        reading.polls += 1
        path = f"{_STATEMENTS}/{quote(statement, safe='')}"
        return [self._step(reading, path, lambda answer: self._take_statement(reading, answer), delay=delay)]

    def _through_links(self, reading: _Reading, reason: str) -> Iterable[Step | Failed]:
        """Ask again for a result that is too large to be given inline, unless that was done before."""
        if reading.linked:
            return self._reading_failed(reading, reason)
        return [self._execute(_Reading(reading.relation, reading.catalog, linked=True))]

    def _take_chunk(self, reading: _Reading, statement: str, result: Json) -> Iterable[Step | Failed]:
        if self._unusable:
            return []
        if links := result.get("external_links"):
            return self._follow(reading, statement, links)
        try:
            part = _as_table(result.get("data_array") or [], list(reading.relation.columns))
        except (pa.ArrowException, TypeError, ValueError):
            return self._reading_failed(reading, _OTHER_FORM)
        return self._keep(reading, statement, part, result.get("next_chunk_index"))

    def _follow(self, reading: _Reading, statement: str, links: object) -> Iterable[Step | Failed]:
        link = _mapping(links[0]) if isinstance(links, list) and len(links) == 1 else {}
        url = link.get("external_link")
        if not isinstance(url, str):
            return self._reading_failed(reading, _OTHER_FORM)

        def then(answer: Json) -> Iterable[Step | Failed]:
            if self._unusable:
                return []
            try:
                part = _from_arrow(answer["content"], list(reading.relation.columns))
            except (pa.ArrowException, TypeError, ValueError):
                return self._reading_failed(reading, _OTHER_FORM)
            return self._keep(reading, statement, part, link.get("next_chunk_index"))

        return [self._step(reading, "", then, link=url)]

    def _keep(self, reading: _Reading, statement: str, part: pa.Table, following: object) -> Iterable[Step | Failed]:
        """Keep a part of a result, and read the next, if there is one."""
        if reading.relation.name == "tables" and pc.any(pc.equal(part["object_type"], _STANDARD_TYPE)).as_py():
            return self._give_up_because(
                f"its information_schema is not that of Unity Catalog: it calls tables and views {_STANDARD_TYPE}"
            )
        reading.parts.append(part)
        if following is None:
            return self._finish(reading)
        # The link to the next chunk is made here and not taken from the answer, which might lead elsewhere.
        if not isinstance(following, int) or following in reading.seen:
            return self._reading_failed(reading, "the result repeats a chunk")
        reading.seen.add(following)
        path = f"{_STATEMENTS}/{quote(statement, safe='')}/result/chunks/{following}"
        # A chunk that is linked to is described like one that is given whole.
        return [self._step(reading, path, lambda answer: self._take_chunk(reading, statement, answer))]

    def _finish(self, reading: _Reading) -> Iterable[Step | Failed]:
        if reading.expected not in {None, reading.rows}:
            said = f"the result was to have {reading.expected:,} rows and has {reading.rows:,}"
            return self._reading_failed(reading, said)
        self._readings.append(reading)
        self._open -= 1
        return self._settle()

    def _reading_failed(self, reading: _Reading, reason: str) -> Iterable[Step | Failed]:
        self._failed.setdefault(reading.catalog, mask(reason))
        self._open -= 1
        return self._settle()

    def _settle(self) -> Iterable[Step | Failed]:
        """Go on once all statements are read and all catalogs are known, for what is not listed until now."""
        if self._unusable or not self._asked or self._open or not self._all_known:
            return []
        if None in self._failed and not self._split:
            self._split = True
            if len(self._catalogs) > _MOST_SPLIT:
                return self._give_up_because(self._failed[None])
            # What one statement cannot bring, such as a result that is too large, several may.
            self._readings.clear()
            return self._ask_for(self._catalogs)
        covered = self._covered()
        left = [name for name in self._catalogs if name not in covered]
        for name in left:
            reason = self._failed.get(name, "information_schema does not list it")
            self.notes.append(f"The catalog {mask(name, 255)} was listed over REST: {reason}.")
        return self._rest(left)

    def _covered(self) -> set[str]:
        """Return the catalogs that information_schema has told of: each has a schema of that name itself."""
        told = {
            name
            for reading in self._readings
            if reading.relation.name == "schemata"
            for name in pc.unique(reading.table()["catalog"]).to_pylist()
        }
        return told - set(self._failed)

    # --- results into rows ---

    def finish(self) -> list[Failed]:
        """Add what SQL has told of to the rows, and return what failed by the whole."""
        readings, self._readings = self._readings, []
        failed = {catalog for catalog in self._failed if catalog is not None}
        names = [name for name in self._catalogs if name not in self._by_rest and name not in failed]
        columns = [reading.table() for reading in readings if reading.relation.name == "columns"]
        held = _Columns(pa.concat_tables(columns)) if columns else None
        for reading in readings:
            if reading.relation.name != "columns":
                told = reading.table()
                # One catalog's own information_schema may tell of others, and all of those not asked for.
                wanted = names if reading.catalog is None else [name for name in names if name == reading.catalog]
                self._add(told.filter(pc.is_in(told["catalog"], value_set=pa.array(wanted, pa.string()))), held)
        if self.used:
            self.notes.insert(0, _NOTE)
        return self.unity.finish()

    def _add(self, told: pa.Table, held: _Columns | None) -> None:
        if not len(told):
            return
        self.used = True
        columns = {name: told[name] for name in told.column_names}
        for name in ("created_at", "updated_at"):
            if name in columns:
                columns[name] = columns[name].cast(pa.int64()).cast(pa.timestamp("ms", tz="UTC"))
        for name in ("object_type", "owner", "comment", "format"):
            if name in columns:
                columns[name] = _without_empty(columns[name])
        parts = [columns[name] for name in ("catalog", "schema", "name") if name in columns]
        columns["full_name"] = pc.binary_join_element_wise(*parts, ".")
        if "schema" in columns:
            is_view = pc.is_in(columns["object_type"], value_set=pa.array(schema.VIEW_TYPES))
            columns["kind"] = pc.if_else(is_view, "view", "table")
            if held is not None:
                columns["columns"] = held.of(told)
        else:
            columns["kind"] = pa.array(["schema"] * len(told))
        self._rows.add_arrays(columns, len(told))


class _Columns:
    """The columns of all relations, to be had for some of them."""

    def __init__(self, told: pa.Table) -> None:
        told = told.set_column(
            told.schema.get_field_index("position"), "position", told["position"].cast(pa.int64())
        ).append_column("key", _keys(told))
        told = told.sort_by([("key", "ascending"), ("position", "ascending")]).combine_chunks()
        keys = told["key"].combine_chunks() if len(told) else pa.array([], pa.string())
        starts = np.flatnonzero(_differs(keys))
        self._keys = keys.take(pa.array(starts))
        fields = [
            told["column"],
            told["type"],
            pc.equal(told["nullable"], "YES"),
            _without_empty(told["comment"]),
        ]
        structs = pa.StructArray.from_arrays([_one(values) for values in fields], fields=list(schema.COLUMN_STRUCT))
        self._lists = pa.ListArray.from_arrays(pa.array([*starts, len(told)], pa.int32()), structs)

    def of(self, told: pa.Table) -> pa.Array:
        """Return the columns of each relation, in their order; null for a relation of which none are told."""
        return self._lists.take(_one(pc.index_in(_keys(told), value_set=self._keys)))


def _differs(keys: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    if not len(keys):
        return np.zeros(0, dtype=bool)
    changed = pc.not_equal(keys.slice(1), keys.slice(0, len(keys) - 1)).to_numpy(zero_copy_only=False)
    return np.concatenate([[True], changed])


def _one(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    if not isinstance(values, pa.ChunkedArray):
        return values
    joined = values.combine_chunks()
    if isinstance(joined, pa.ChunkedArray):  # an older Arrow keeps a chunked array of no or one chunk
        return joined.chunk(0) if joined.num_chunks else pa.array([], values.type)
    return joined


def _keys(told: pa.Table) -> pa.ChunkedArray:
    # Names may hold dots, so parts are told apart by a character that no name holds.
    return pc.binary_join_element_wise(told["catalog"], told["schema"], told["name"], "\x00")


def _without_empty(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)


def _as_table(rows: object, names: list[str]) -> pa.Table:
    if not isinstance(rows, list) or any(not isinstance(row, list) or len(row) != len(names) for row in rows):
        raise TypeError
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    return pa.table({name: pa.array(_texts(values)) for name, values in zip(names, columns, strict=True)})


def _from_arrow(content: object, names: list[str]) -> pa.Table:
    if not isinstance(content, bytes):
        raise TypeError
    with pa.ipc.open_stream(content) as reader:
        table = reader.read_all()
    return pa.table([column.cast(pa.string()) for column in table.columns], names=names)


def _texts(values: Iterable[object]) -> pa.Array:
    # All values come as text, but for servers that leave numbers as they are.
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def _mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}
