"""The simulator's SQL warehouses: information_schema of the workspace, through the Statement Execution API."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from simulator.faults import Faults
from simulator.workspace import CREATED, VIEWS, Catalog, Json, Workspace

WAREHOUSES, STATEMENTS = "/api/2.0/sql/warehouses", "/api/2.0/sql/statements"
STORAGE = "/storage"  # where results are that are not given inline; its links carry their own signature
_QUERY = re.compile(r"SELECT (.+) FROM `((?:[^`]|``)*)`\.information_schema\.(\w+)")
_Row = dict[str, str | None]


@dataclass
class _Statement:
    rows: list[list[str | None]]
    failure: str | None
    polls: int
    base: str | None  # of the links to a result that is not given inline


class Warehouses:
    """Starts warehouses and runs statements; only what discovery asks is understood."""

    def __init__(self, workspace: Workspace, faults: Faults) -> None:
        self.statements: list[str] = []  # all that were sent
        self._workspace = workspace
        self._faults = faults
        self._states = dict(workspace.warehouses)
        self._starting = dict.fromkeys(self._states, 0)
        self._results: dict[str, _Statement] = {}
        self._ids = itertools.count(1)

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
        number, _, chunk = path.removeprefix(f"{STATEMENTS}/").partition("/result/chunks/")
        if number not in self._results:
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"No statement {number}"}
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
        rows, failure = self._run(text)
        inline = body.get("disposition") != "EXTERNAL_LINKS"
        if inline and self._faults.inline_rows is not None and len(rows) > self._faults.inline_rows:
            failure = "Inline byte limit exceeded. Statements with disposition=INLINE can have 26214400 bytes at most."
        self._results[number] = _Statement(rows, failure, self._faults.statement_polls, None if inline else base)
        return 200, self._status(number)

    def _status(self, number: str) -> Json:
        statement = self._results[number]
        about: Json = {"statement_id": number}
        if statement.polls > 0:
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

    def _run(self, text: str) -> tuple[list[list[str | None]], str | None]:
        query = _QUERY.fullmatch(text)
        if query is None:
            return [], None if text == "SELECT 1" else f"[PARSE_SYNTAX_ERROR] {text}"
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

    def _is_open(self, row: Mapping[str, str | None]) -> bool:
        catalog = row.get("table_catalog", row.get("catalog_name"))
        schema = row.get("table_schema", row.get("schema_name"))
        return not {f"{catalog}", f"{catalog}.{schema}"} & self._faults.denied


_MILLIS = {"unix_millis(created)": str(CREATED)}


def _schemata(catalog: Catalog) -> Iterator[_Row]:
    for schema in catalog.schemas:
        names = {"catalog_name": catalog.name, "schema_name": schema.name, "schema_owner": "admins", "comment": None}
        yield {**names, **_MILLIS, "unix_millis(last_altered)": str(CREATED)}


def _tables(catalog: Catalog) -> Iterator[_Row]:
    for schema in catalog.schemas:
        for table in schema.tables:
            yield {
                "table_catalog": catalog.name,
                "table_schema": schema.name,
                "table_name": table.name,
                "table_type": table.table_type,
                "table_owner": table.owner,
                "comment": table.comment,
                "data_source_format": "UNKNOWN_DATA_SOURCE_FORMAT" if table.table_type in VIEWS else "DELTA",
                **_MILLIS,
                "unix_millis(last_altered)": str(CREATED + 86_400_000),
            }


def _columns(catalog: Catalog) -> Iterator[_Row]:
    for schema in catalog.schemas:
        for table in schema.tables:
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


_RELATIONS: dict[str, Callable[[Catalog], Iterator[_Row]]] = {
    "schemata": _schemata,
    "tables": _tables,
    "columns": _columns,
}
