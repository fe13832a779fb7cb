"""The simulator's SQL warehouses: information_schema of the workspace, through the Statement Execution API."""

from __future__ import annotations

import contextlib
import itertools
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from simulator.faults import Faults
from simulator.workspace import CREATED, HIVE, VIEWS, Catalog, Json, Workspace

WAREHOUSES, STATEMENTS = "/api/2.0/sql/warehouses", "/api/2.0/sql/statements"
STORAGE = "/storage"  # where results are that are not given inline; its links carry their own signature
_COUNT = re.compile(
    r"SELECT (\d+) AS at, count\(\*\) AS rows FROM `((?:[^`]|``)*)`\.`((?:[^`]|``)*)`\.`((?:[^`]|``)*)`"
)
# What SQLite calls otherwise; times are whole microseconds there, and dates whole days.
_IN_SQLITE = {
    "`system`.information_schema.": "information_schema_",
    "system.access.": "access_",
    "current_timestamp()": "now_micros()",
    "current_date()": "today()",
}
_DAY = 86_400_000_000  # microseconds
_QUERY = re.compile(r"SELECT (.+) FROM `((?:[^`]|``)*)`\.information_schema\.(\w+)")
_SHOW = re.compile(rf"SHOW (SCHEMAS|TABLES|VIEWS) IN `{HIVE}`(?:\.`((?:[^`]|``)*)`)?")
_HISTORY = re.compile(r"DESCRIBE HISTORY `((?:[^`]|``)*)`\.`((?:[^`]|``)*)`\.`((?:[^`]|``)*)` LIMIT (\d+)")
_Row = dict[str, str | None]


@dataclass
class _Statement:
    rows: list[list[str | None]]
    failure: str | None
    polls: int
    base: str | None  # of the links to a result that is not given inline
    text: str
    hangs: bool


class Warehouses:
    """Starts warehouses and runs statements; only what discovery asks is understood."""

    def __init__(self, workspace: Workspace, faults: Faults) -> None:
        self.grant: Callable[[str], str | None] | None = None  # runs GRANT and REVOKE, and returns why it failed
        self.is_shown: Callable[[str], bool] = lambda _: True  # whether information_schema has an object of a full name
        self.statements: list[str] = []  # all that were sent
        self.cancelled: list[str] = []  # those of them that were given up
        self._workspace = workspace
        self._faults = faults
        self._states = dict(workspace.warehouses)
        self._starting = dict.fromkeys(self._states, 0)
        self._results: dict[str, _Statement] = {}
        self._ids = itertools.count(1)

    def text(self, number: str) -> str:
        """Return the text of a statement by its number."""
        return self._results[number].text if number in self._results else "nothing"

    def stored(self, path: str) -> bytes:
        """Return a chunk of a result as an Arrow stream."""
        number, _, index = path.removeprefix(f"{STORAGE}/").partition("/")
        rows = self._part(number, int(index))
        columns = list(zip(*rows, strict=True))
        table = pa.table({f"c{n}": pa.array(values, pa.string()) for n, values in enumerate(columns)})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        whole: bytes = sink.getvalue().to_pybytes()
        return whole

    def answer(self, path: str, body: Json | None, base: str) -> tuple[int, Json]:
        """Return status and answer of a request; ``base`` is the address that this server is reached at."""
        if path.startswith(f"{WAREHOUSES}/"):
            return self._warehouse(path.removeprefix(f"{WAREHOUSES}/"))
        if path == STATEMENTS and body is not None:
            return self._execute(body, base)
        number, cancel, _ = path.removeprefix(f"{STATEMENTS}/").partition("/cancel")
        number, _, chunk = number.partition("/result/chunks/")
        if number not in self._results:
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"No statement {number}"}
        if cancel:
            self.cancelled.append(self._results[number].text)
            return 200, {}
        return 200, self._chunk(number, int(chunk)) if chunk else self._status(number)

    def _warehouse(self, rest: str) -> tuple[int, Json]:
        name, _, action = rest.partition("/")
        if name not in self._states:
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"No warehouse {name}"}
        if action == "start":
            self._states[name] = "STARTING"
            self._starting[name] = self._faults.warehouse_polls
            return 200, {}
        if self._states[name] == "STARTING":
            self._starting[name] -= 1
            if self._starting[name] < 0:
                self._states[name] = "RUNNING"
        return 200, {"id": name, "state": self._states[name]}

    def _execute(self, body: Json, base: str) -> tuple[int, Json]:
        if self._states.get(str(body.get("warehouse_id"))) != "RUNNING":
            return 400, {
                "error_code": "BAD_REQUEST",
                "message": f"{body.get('warehouse_id')} is not a valid endpoint id.",
            }
        number = str(next(self._ids))
        text = str(body.get("statement"))
        self.statements.append(text)
        parameters = {str(one["name"]): str(one["value"]) for one in body.get("parameters") or ()}  # type: ignore[attr-defined]
        rows, failure = self._run(text, parameters)
        inline = body.get("disposition") != "EXTERNAL_LINKS"
        if inline and self._faults.inline_rows is not None and len(rows) > self._faults.inline_rows:
            failure = "Inline byte limit exceeded. Statements with disposition=INLINE can have 26214400 bytes at most."
        self._results[number] = _Statement(
            rows,
            failure,
            self._faults.statement_polls,
            None if inline else base,
            text,
            hangs=any(part in text for part in self._faults.statement_hangs),
        )
        return 200, self._status(number)

    def _status(self, number: str) -> Json:
        statement = self._results[number]
        about: Json = {"statement_id": number}
        if statement.polls > 0 or statement.hangs:
            statement.polls -= 1
            return {**about, "status": {"state": "RUNNING"}}
        if statement.failure is not None:
            error = {"error_code": "BAD_REQUEST", "message": statement.failure}
            return {**about, "status": {"state": "FAILED", "error": error}}
        total = len(statement.rows) + self._faults.rows_lost
        manifest = {"format": "JSON_ARRAY", "total_row_count": total, "truncated": self._faults.statement_truncated}
        return {**about, "status": {"state": "SUCCEEDED"}, "manifest": manifest, "result": self._chunk(number, 0)}

    def _part(self, number: str, index: int) -> list[list[str | None]]:
        length = self._faults.chunk_length
        return self._results[number].rows[index * length : (index + 1) * length]

    def _chunk(self, number: str, index: int) -> Json:
        statement, length = self._results[number], self._faults.chunk_length
        part = self._part(number, index)
        chunk: Json = {"chunk_index": index, "row_offset": index * length, "row_count": len(part)}
        following = 1 if self._faults.repeat_chunk else index + 1
        if following * length < len(statement.rows):
            link = f"{STATEMENTS}/{number}/result/chunks/{following}?row_offset={following * length}"
            chunk |= {"next_chunk_index": following, "next_chunk_internal_link": link}
        if statement.base is None:
            return chunk | ({"data_array": part} if part else {})
        link = f"{statement.base}{STORAGE}/{number}/{index}?expires={'0' * 100}&signature=secret"
        return {"external_links": [{**chunk, "external_link": link}]} if part else {}

    def _run(  # noqa: PLR0911 - one per kind of statement
        self, text: str, parameters: Mapping[str, str]
    ) -> tuple[list[list[str | None]], str | None]:
        if (show := _SHOW.fullmatch(text)) is not None:
            return self._show(text, show[1], None if show[2] is None else show[2].replace("``", "`"))
        if self.grant is not None and text.upper().startswith(("GRANT ", "REVOKE ")):
            return [], self.grant(text)
        query = _QUERY.fullmatch(text)
        if query is None and text == "SELECT 1":
            return [], None
        if (history := _HISTORY.fullmatch(text)) is not None:
            return self._describe(*(part.replace("``", "`") for part in history.groups()))
        if query is None:
            counts = [_COUNT.fullmatch(part) for part in text.split(" UNION ALL ")]
            return self._count(counts) if all(counts) else self._select(text, parameters)
        scope = query[2].replace("``", "`")
        if scope in self._faults.statement_fails:
            return [], self._faults.statement_fails[scope]
        wanted = [expression.rpartition(" AS ")[0] for expression in query[1].split(", ")]
        catalogs = [
            catalog
            for catalog in self._workspace.catalogs
            if scope in {"system", catalog.name} and catalog.name not in self._faults.sql_unlisted
        ]
        rows = [row for catalog in catalogs for row in _RELATIONS[query[3]](catalog) if self._is_open(row)]
        unknown = [name for name in wanted if rows and name not in rows[0]]
        if unknown:
            return [], f"[UNRESOLVED_COLUMN] {unknown[0]}"
        return [[row[name] for name in wanted] for row in rows], None

    def _show(self, text: str, what: str, name: str | None) -> tuple[list[list[str | None]], str | None]:
        """Answer what lists the Hive metastore."""
        for scope, message in self._faults.statement_fails.items():
            if scope in text:
                return [], message
        schemas = {schema.name: schema for schema in self._workspace.hive or ()}
        if name is None:
            return [[one] for one in schemas], None
        if name not in schemas:
            return [], f"[SCHEMA_NOT_FOUND] {name}"
        # SHOW TABLES has views too; temporary views belong to a session and to no schema.
        found = [table for table in schemas[name].tables if what == "TABLES" or table.table_type in VIEWS]
        rows: list[list[str | None]] = [[name, table.name, "false"] for table in found]
        rows.append(["", "temporary", "true"])
        return [[*row, "false"] for row in rows] if what == "VIEWS" else rows, None

    def _describe(self, catalog: str, schema: str, name: str, limit: str) -> tuple[list[list[str | None]], str | None]:
        table = self._workspace.table(catalog, schema, name)
        if table is None or f"{catalog}.{schema}.{name}" in self._faults.unreadable:
            return [], f"[TABLE_OR_VIEW_NOT_FOUND] {catalog}.{schema}.{name}"
        rows: list[list[str | None]] = []
        for version, (micros, operation) in reversed(list(enumerate(table.commits))):
            at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)
            time_text = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            rows.append([str(version), time_text, "1234", "ada@example.com", operation, "{}"])
        return rows[: int(limit)], None

    def _count(self, counts: Sequence[re.Match[str] | None]) -> tuple[list[list[str | None]], str | None]:
        rows: list[list[str | None]] = []
        for count in counts:
            assert count is not None
            catalog, schema, name = (part.replace("``", "`") for part in count.groups()[1:])
            table = self._workspace.table(catalog, schema, name)
            if table is None or f"{catalog}.{schema}.{name}" in self._faults.unreadable:
                return [], f"[TABLE_OR_VIEW_NOT_FOUND] {catalog}.{schema}.{name}"
            rows.append([count[1], str(table.rows)])
        return rows, None

    def _select(self, text: str, parameters: Mapping[str, str]) -> tuple[list[list[str | None]], str | None]:
        """Have SQLite answer what is not merely a whole relation."""
        for scope, message in self._faults.statement_fails.items():
            if scope in text:
                return [], message
        for ours, theirs in _IN_SQLITE.items():
            text = text.replace(ours, theirs)
        with contextlib.closing(sqlite3.connect(":memory:")) as database:
            database.create_function("unix_micros", 1, lambda micros: micros)
            database.create_function("timestamp_micros", 1, lambda micros: micros)
            database.create_function("now_micros", 0, lambda: time.time_ns() // 1000)
            database.create_function("today", 0, lambda: time.time_ns() // 1000 // _DAY)
            database.create_function("date_sub", 2, lambda day, days: day - days)
            for name, rows in self._relations().items():
                if f" {name} " in f"{text} ":
                    _load(database, name, rows)
            try:
                found = database.execute(text, parameters).fetchall()
            except sqlite3.Error as error:
                return [], f"[PARSE_SYNTAX_ERROR] {error}: {text}"
        return [[None if value is None else str(value) for value in row] for row in found], None

    def _relations(self) -> dict[str, Iterable[Mapping[str, object]]]:
        catalogs = [c for c in self._workspace.catalogs if c.name not in self._faults.sql_unlisted]
        tables = (row | {"last_altered": int(row["last_altered"])} for c in catalogs for row in _tables(c))
        columns = (row for c in catalogs for row in _columns(c))
        tags = (row for c in catalogs for row in _tags(c))
        return {
            "information_schema_table_tags": (row for row in tags if self._is_open(row)),
            "information_schema_tables": (row for row in tables if self._is_open(row)),
            "information_schema_columns": (row for row in columns if self._is_open(row)),
            "access_table_lineage": _lineage(self._workspace, of_columns=False),
            "access_column_lineage": _lineage(self._workspace, of_columns=True),
        }

    def _is_open(self, row: Mapping[str, object]) -> bool:
        catalog = row.get("table_catalog", row.get("catalog_name"))
        schema = row.get("table_schema", row.get("schema_name"))
        names = [catalog, schema, *([row["table_name"]] if "table_name" in row else [])]
        is_denied = {f"{catalog}", f"{catalog}.{schema}"} & self._faults.denied
        return not is_denied and self.is_shown(".".join(map(str, names)))


_MILLIS = {"unix_millis(created)": str(CREATED)}


def _schemata(catalog: Catalog) -> Iterator[_Row]:
    for schema in catalog.schemas:
        if catalog.is_browsed(schema):
            continue
        names = {"catalog_name": catalog.name, "schema_name": schema.name, "schema_owner": "admins", "comment": None}
        yield {**names, **_MILLIS, "unix_millis(last_altered)": str(CREATED)}


def _tables(catalog: Catalog) -> Iterator[_Row]:
    for schema in catalog.schemas:
        for table in schema.tables:
            if catalog.is_browsed(schema, table):
                continue
            yield {
                "table_catalog": catalog.name,
                "table_schema": schema.name,
                "table_name": table.name,
                "table_type": table.table_type,
                "table_owner": table.owner,
                "comment": table.comment,
                "data_source_format": "UNKNOWN_DATA_SOURCE_FORMAT" if table.table_type in VIEWS else "DELTA",
                **_MILLIS,
                "unix_millis(last_altered)": str(table.altered_at // 1000),
                "last_altered": str(table.altered_at),
            }


def _columns(catalog: Catalog) -> Iterator[_Row]:
    for schema in catalog.schemas:
        for table in schema.tables:
            if catalog.is_browsed(schema, table):
                continue
            # As a warehouse may: in no order.
            for position, (name, kind) in reversed(list(enumerate(table.columns))):
                yield {
                    "table_catalog": catalog.name,
                    "table_schema": schema.name,
                    "table_name": table.name,
                    "ordinal_position": str(position),
                    "column_name": name,
                    "full_data_type": kind,
                    "is_nullable": "YES" if position else "NO",
                    "comment": None,
                }


def _tags(catalog: Catalog) -> Iterator[_Row]:
    for schema in catalog.schemas:
        for table in schema.tables:
            names = {"catalog_name": catalog.name, "schema_name": schema.name, "table_name": table.name}
            for tag, value in table.tags.items():
                yield {**names, "tag_name": tag, "tag_value": value}


def _lineage(workspace: Workspace, *, of_columns: bool) -> Iterator[dict[str, object]]:
    today = time.time_ns() // 1000 // _DAY
    for event in workspace.lineage:
        row: dict[str, object] = {"event_date": today - event.days_ago}
        for end, table in (("source", event.source), ("target", event.target)):
            names = table or (None, None, None)
            row |= {
                f"{end}_table_{part}": name for part, name in zip(("catalog", "schema", "name"), names, strict=True)
            }
            row[f"{end}_table_full_name"] = ".".join(table) if table else None
        if not of_columns:
            yield row
        for source, target in event.columns if of_columns else ():
            yield row | {"source_column_name": source, "target_column_name": target}


def _load(database: sqlite3.Connection, name: str, rows: Iterable[Mapping[str, object]]) -> None:
    held = list(rows)
    columns = list(held[0]) if held else _COLUMNS[name]
    database.execute(f"CREATE TABLE {name} ({', '.join(map(_quoted, columns))})")
    marks = ", ".join("?" for _ in columns)
    database.executemany(f"INSERT INTO {name} VALUES ({marks})", [[row[one] for one in columns] for row in held])


def _quoted(name: str) -> str:
    return '"' + name + '"'


_NAMES = ["table_catalog", "table_schema", "table_name"]
_ENDS = [f"{end}_{name}" for end in ("source", "target") for name in _NAMES]
_COLUMNS = {  # of relations that hold no row
    "information_schema_tables": [*_NAMES, "last_altered"],
    "information_schema_columns": [
        *_NAMES,
        *("ordinal_position", "column_name", "full_data_type", "is_nullable", "comment"),
    ],
    "information_schema_table_tags": ["catalog_name", "schema_name", "table_name", "tag_name", "tag_value"],
    "access_table_lineage": [*_ENDS, "event_date"],
    "access_column_lineage": [*_ENDS, "source_column_name", "target_column_name", "event_date"],
}

_RELATIONS: dict[str, Callable[[Catalog], Iterator[_Row]]] = {
    "schemata": _schemata,
    "tables": _tables,
    "columns": _columns,
    "table_tags": _tags,
}
