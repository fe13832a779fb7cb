"""The simulator's HTTP server: one event loop, answers made once and kept as bytes."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Self
from urllib.parse import parse_qsl, unquote

from simulator import peers, privileges
from simulator.faults import Faults, Record
from simulator.oauth import OAuth, as_json
from simulator.statements import STATEMENTS, STORAGE, WAREHOUSES, Warehouses
from simulator.workspace import CREATED, HIVE, Catalog, CatalogTables, Json, Notebook, Schema, Workspace

TOKEN = "dapi" + "c0ffee" * 5  # made up; shaped like a real one, so that leaks of it are found
CATALOGS, SCHEMAS, TABLES, SUMMARIES = (
    f"/api/2.1/unity-catalog/{name}" for name in ("catalogs", "schemas", "tables", "table-summaries")
)
FOLDERS = "/api/2.0/workspace/list"
ME, METASTORE = "/api/2.0/preview/scim/v2/Me", "/api/2.1/unity-catalog/metastore_summary"
_HTML = b"<!DOCTYPE html><html><head></head><body>Sign in to continue</body></html>"


@dataclass(frozen=True)
class Answer:
    """What is sent for a request; ``broken`` says how the connection fails instead."""

    body: bytes
    status: int = 200
    broken: str | None = None
    content_type: str = "application/json"
    retry_after: int | None = None
    workspace_id: int | None = None


def error(status: int, code: str, message: str) -> Answer:
    """Return an error as the Databricks APIs give it."""
    return Answer(json.dumps({"error_code": code, "message": message}).encode(), status)


class Api:
    """Answers requests on a workspace, with faults."""

    def __init__(self, workspace: Workspace, faults: Faults, token: str, world: privileges.World | None = None) -> None:
        self.workspace = workspace
        self.world = world  # may be replaced by another while it runs
        self.faults = faults
        self.record = Record()
        self.transports: set[asyncio.Transport] = set()
        self.oauth = OAuth()
        self.warehouses = Warehouses(workspace, faults)
        if world is not None:
            self.warehouses.grant, self.warehouses.is_shown = self._grant, self._in_sql
        self.alter: Callable[[str, bytes, Answer], Answer] | None = None  # takes target, body and answer of a request
        self._authorization = f"Bearer {token}"
        self._nth: Counter[str] = Counter()
        self._pages: dict[tuple[object, ...], bytes] = {}
        self._catalogs = {catalog.name: catalog for catalog in workspace.catalogs}
        self._schemas = {(c.name, s.name): s for c in workspace.catalogs for s in c.schemas}
        self._flat: dict[str, CatalogTables] = {}

    def answer(  # noqa: C901, PLR0911, PLR0912 - one line per kind of answer
        self, target: str, headers: dict[str, str], body: bytes = b""
    ) -> Answer:
        """Return what is to be sent for a request of ``target``, a path with its query; ``body`` makes it a POST."""
        path, _, raw_query = target.partition("?")
        path = unquote(path)
        faults, record = self.faults, self.record
        if faults.html_status is not None:
            return Answer(_HTML, faults.html_status, content_type="text/html")
        if path in self.oauth.hangs:
            return Answer(b"", broken="silent")
        if (given := self.oauth.answer(path, headers, body)) is not None:
            return Answer(as_json(given[1]), given[0])
        if faults.plain_json is not None:
            return Answer(json.dumps(faults.plain_json).encode())
        record.total += 1
        record.paths[path] += 1
        if faults.ceiling is not None and record.active > faults.ceiling:
            message = f"exceeded the concurrent limit of {faults.ceiling} requests"
            return self._slow_down(429, "REQUEST_LIMIT_EXCEEDED", message)
        if faults.ip_blocked:
            return error(403, "PERMISSION_DENIED", "Source IP address: 203.0.113.9 is blocked by Databricks IP ACL")
        if faults.refused_after is not None and record.total > faults.refused_after:
            return error(*faults.refusal)
        if faults.echo:
            return error(403, "PERMISSION_DENIED", f"{headers.get('authorization')} may not")
        if path.startswith(f"{STORAGE}/"):
            return self._stored(path, headers)
        if self.oauth.misses_workspace(headers):
            return error(400, "BAD_REQUEST", "Unable to load OAuth Config")
        if headers.get("authorization") != self._authorization:
            try:
                refusal = self.oauth.refuses(path, headers)
            except KeyError:
                refusal = (401, "Invalid access token")
            if refusal is not None:
                record.wrong_credentials += 1
                return error(refusal[0], "PERMISSION_DENIED" if refusal[0] == 403 else "UNAUTHENTICATED", refusal[1])
        if faults.expired_after is not None and record.total > faults.expired_after:
            return error(401, "UNAUTHENTICATED", "Token is expired")
        one = f"{target} {body.decode()}" if body else target
        nth = self._nth[one]
        self._nth[one] += 1
        drawn = faults.draw(one, nth)
        query = dict(parse_qsl(raw_query, keep_blank_values=True))
        record.queries.update(f"{path} {name}" for name in query)
        if drawn in {"reset", "truncated"}:
            return Answer(self._dispatch(path, query, target, body, headers).body, broken=drawn)
        return self._drawn(drawn) or self._dispatch(path, query, target, body, headers)

    def _drawn(self, name: str | None) -> Answer | None:
        if name in {"429", "503"}:
            code = {"429": "REQUEST_LIMIT_EXCEEDED", "503": "TEMPORARILY_UNAVAILABLE"}[name]
            return self._slow_down(int(name), code, "Please retry later")
        if name == "500":
            return error(500, "INTERNAL_ERROR", "Something broke")
        if name == "502":
            return Answer(b"upstream connect error", 502, content_type="text/plain")
        return Answer(_HTML, content_type="text/html") if name == "html" else None

    def _slow_down(self, status: int, code: str, message: str) -> Answer:
        answer = error(status, code, message)
        return Answer(answer.body, status, retry_after=self.faults.retry_after)

    def _stored(self, path: str, headers: dict[str, str]) -> Answer:
        if "authorization" in headers:
            self.record.wrong_credentials += 1
            return Answer(b"<Error>Only one auth mechanism allowed</Error>", 400, content_type="application/xml")
        if self.faults.storage_status != HTTPStatus.OK:
            return Answer(b"<Error>denied</Error>", self.faults.storage_status, content_type="application/xml")
        return Answer(self.warehouses.stored(path), content_type="application/octet-stream")

    def _dispatch(self, path: str, query: dict[str, str], target: str, body: bytes, headers: dict[str, str]) -> Answer:
        scope = _scope(path, query)
        self.record.scopes[scope] += 1
        if path.startswith((WAREHOUSES, STATEMENTS)):
            return self._scope_fault(scope, path) or self._sql(path, body, f"http://{headers.get('host')}")
        refused = self._scope_fault(scope, path)
        if refused is None and self.world is not None:
            return self._in_world(self.world, path, query, body, target)
        return refused or self._made(path, query, scope, target)

    def _in_world(self, world: privileges.World, path: str, query: dict[str, str], body: bytes, target: str) -> Answer:
        try:
            if path.startswith(tuple(f"{collection}/" for collection in (CATALOGS, SCHEMAS, TABLES))):
                return self._one(world, path, query)
            given = privileges.answer(world, path, query, json.loads(body) if body else None, self.faults.page_length)
        except privileges.RefusedError as refusal:
            return error(*refusal.args)
        except ValueError as wrong:
            return error(400, "INVALID_PARAMETER_VALUE", str(wrong))
        if given is None:
            names = {name: query[name].lower() for name in ("catalog_name", "schema_name") if name in query}
            return self._made(path, query | names, _scope(path, query), target)
        if given[1] is not world:
            self.world = given[1]
        token = query.get("page_token", "0")
        if "max_results" in query and not token.startswith("e") and self.faults.starts_empty(target):
            return _json({"next_page_token": f"e{token}"})
        return replace(_json(given[0]), workspace_id=privileges.WORKSPACE_ID)

    def _one(self, world: privileges.World, path: str, query: dict[str, str]) -> Answer:
        """Answer a request for one catalog, schema or table, or whether a table exists."""
        collection, _, full_name = path.removeprefix("/api/2.1/unity-catalog/").partition("/")
        full_name, _, exists = full_name.partition("/")
        kind, parts = collection.removesuffix("s").upper(), full_name.lower().split(".")
        found = world.by_name.get(".".join(parts))
        if found is None or found.kind != kind:
            return error(404, f"{kind}_DOES_NOT_EXIST", f"{kind.title()} '{full_name}' does not exist.")
        item: Json = {"name": parts[-1], "full_name": found.full_name}
        if kind == "TABLE":
            table = self.workspace.table(*parts)
            assert table is not None
            item = table.item(parts[0], parts[1], columns=True, properties=True, username=True)
        elif kind == "SCHEMA":
            item["catalog_name"] = parts[0]
        if exists:
            query = {**query, "include_browse": "true"}
        seen = privileges.shown(world, item, query, lists=False)
        if seen is None and not exists:
            return error(403, "PERMISSION_DENIED", f"User does not have access to {kind.title()} '{full_name}'.")
        return _json({"table_exists": seen is not None} if exists else seen)

    def _grant(self, text: str) -> str | None:
        """Run GRANT or REVOKE, and return why it failed."""
        assert self.world is not None
        try:
            self.world = privileges.run_sql(self.world, text, as_caller=True)
        except privileges.RefusedError as refusal:
            return str(refusal.args[2])
        return None

    def _in_sql(self, full_name: str) -> bool:
        """Whether information_schema has an object, which it never has if it can only be browsed."""
        assert self.world is not None
        return privileges.shown(self.world, {"full_name": full_name}, {}, lists=True) is not None

    def _sql(self, path: str, body: bytes, base: str) -> Answer:
        status, answer = self.warehouses.answer(path, json.loads(body) if body else None, base)
        return Answer(_dumps(answer), status)

    def _scope_fault(self, scope: str, path: str) -> Answer | None:
        faults = self.faults
        for one in (scope, path):
            if one in faults.denied:
                return error(403, "PERMISSION_DENIED", f"User does not have USE on {one}")
            if one in faults.broken:
                return error(faults.broken[one], "INTERNAL_ERROR", f"{one} cannot be reached")
            if one in faults.hung:
                return Answer(b"", broken="silent")
            if self._is_gone(one):
                return error(404, "RESOURCE_DOES_NOT_EXIST", f"{one} does not exist.")
        return None

    def _is_gone(self, scope: str) -> bool:
        return self.record.total > self.faults.gone.get(scope, self.record.total)

    def _made(self, path: str, query: dict[str, str], scope: str, target: str) -> Answer:  # noqa: PLR0911 - a table
        workspace = self.workspace
        if path == ME:
            return _json({"userName": workspace.identity, "id": "42"} if workspace.identity else {})
        if path == METASTORE:
            if workspace.metastore is None:
                return error(404, "METASTORE_DOES_NOT_EXIST", "No metastore assigned for the current workspace.")
            return _json({"name": workspace.metastore, "metastore_id": "11111111", "region": "eu-central-1"})
        if path == FOLDERS:
            return self._folder(query.get("path", "/"))
        if path == SUMMARIES and self.faults.summaries != HTTPStatus.OK:
            return _NO_SUMMARIES[self.faults.summaries]
        if path in {CATALOGS, SCHEMAS, TABLES, SUMMARIES}:
            return self._listing(path, query, scope, target)
        if path.startswith(f"{TABLES}/"):
            return self._table(unquote(path.removeprefix(f"{TABLES}/")))
        if path in peers.ANSWERS:
            return _json(peers.ANSWERS[path])
        return error(404, "ENDPOINT_NOT_FOUND", f"No API found for {path}")

    def _table(self, full_name: str) -> Answer:
        parts = full_name.split(".")
        table = self.workspace.table(*parts) if len(parts) == 3 else None
        if table is None:
            return error(404, "TABLE_DOES_NOT_EXIST", f"Table '{full_name}' does not exist.")
        return _json(table.item(parts[0], parts[1], columns=True, properties=True, username=True))

    # --- listings ---

    def _listing(self, path: str, query: dict[str, str], scope: str, target: str) -> Answer:
        rows = self._rows(path, query)
        if rows is None:
            return error(404, "RESOURCE_DOES_NOT_EXIST", f"{scope} does not exist.")
        faults = self.faults
        if self.world is not None:
            rows = [row for row in rows if self._in_list(path, query, row) is not None]
        try:
            start, empty = _offset(query.get("page_token"))
        except ValueError:
            return error(400, "INVALID_PARAMETER_VALUE", "The page token is not valid")
        asked = int(query.get("max_results") or 0)
        ceiling = faults.summaries_page_length if path == SUMMARIES else faults.page_length
        length = min(asked, ceiling) if asked > 0 else ceiling
        key = "tables" if path == SUMMARIES else path.rpartition("/")[2]
        if scope in faults.endless_empty:
            return _page(key, b"", f"o{start + 1}")
        if not empty and faults.starts_empty(target):
            return _page(key, b"", f"e{start}")
        if scope in faults.ignore_token:
            return _page(key, self._items(path, query, rows, 0, length), f"o{start + length}")
        following = f"o{start + length}" if start + length < len(rows) else None
        if scope in faults.repeat_token:
            following = "o0"
        first = max(0, start - 1) if faults.duplicate_rows else start
        return _page(key, self._items(path, query, rows, first, start + length), following)

    def _rows(self, path: str, query: dict[str, str]) -> Sequence[object] | None:
        if path == CATALOGS:
            hive = [] if self.workspace.hive is None else [Catalog(HIVE, catalog_type="INTERNAL_CATALOG")]
            return [*self.workspace.catalogs, *hive]
        catalog = self._catalogs.get(query.get("catalog_name", ""))
        if catalog is None:
            return None
        if path == SCHEMAS:
            return catalog.schemas
        if path == SUMMARIES:
            return self._flat.setdefault(catalog.name, CatalogTables(catalog))
        schema = self._schemas.get((catalog.name, query.get("schema_name", "")))
        return schema.tables if schema else None

    def _items(self, path: str, query: dict[str, str], rows: Sequence[object], start: int, end: int) -> bytes:
        flags = [query.get(name) == "true" for name in _FLAGS]
        key = (path, query.get("catalog_name"), query.get("schema_name"), *flags, start, end, self.workspace.changes)
        made = self._pages.get(key) if self.world is None else None
        if made is None:
            made = b",".join(self._item(path, query, row) for row in rows[start:end] if self._shown(path, query, row))
            if not self.faults.dropped and self.world is None:
                self._pages[key] = made
        return made

    def _shown(self, path: str, query: dict[str, str], row: object) -> bool:
        schema, one = row if isinstance(row, tuple) else (None, row)
        if path == SUMMARIES and f"{query['catalog_name']}.{schema.name}" in self.faults.denied:
            return False
        if path in {TABLES, SUMMARIES} and self.faults.dropped:
            schema_name = query.get("schema_name") if schema is None else schema.name
            after = self.faults.dropped.get(f"{query['catalog_name']}.{schema_name}.{one.name}")
            if after is not None and self.record.total > after:
                return False
        return query.get("include_browse") == "true" or not self._is_browsed(query, schema, one)

    def _in_list(self, path: str, query: dict[str, str], row: object) -> Json | None:
        """Return a row as the caller of the world is shown it, or None."""
        assert self.world is not None
        item = json.loads(self._described(path, query, row))
        return privileges.shown(self.world, item, {} if path == SUMMARIES else query, lists=True)

    def _is_browsed(self, query: dict[str, str], schema: Schema | None, one: object) -> bool:
        """Whether a row can only be browsed; ``schema`` is that of a summary."""
        if isinstance(one, Catalog):
            return one.browse_only
        catalog = self._catalogs[query["catalog_name"]]
        if isinstance(one, Schema):
            return catalog.is_browsed(one)
        return catalog.is_browsed(schema or self._schemas[catalog.name, query["schema_name"]], one)

    def _item(self, path: str, query: dict[str, str], row: object) -> bytes:
        if self.world is None or path == SUMMARIES:
            return self._described(path, query, row)
        return _dumps(self._in_list(path, query, row))

    def _described(self, path: str, query: dict[str, str], row: object) -> bytes:
        if path == SUMMARIES:
            schema, table = row
            full_name = f"{query['catalog_name']}.{schema.name}.{table.name}"
            return f'{{"full_name":{json.dumps(full_name)},"table_type":"{table.table_type}"}}'.encode()
        if isinstance(row, Catalog):
            return _dumps(
                {"name": row.name, "catalog_type": row.catalog_type, "owner": "admins", "full_name": row.name}
                | ({"browse_only": True} if row.browse_only else {})
            )
        catalog = query["catalog_name"]
        if isinstance(row, Schema):
            return _dumps(
                {"name": row.name, "catalog_name": catalog, "full_name": f"{catalog}.{row.name}", "owner": "admins"}
                | {"created_at": CREATED, "updated_at": CREATED}
                | ({"browse_only": True} if self._is_browsed(query, None, row) else {})
            )
        columns, properties, username = (
            query.get(f"omit_{w}") != "true" for w in ("columns", "properties", "username")
        )
        item = row.item(
            catalog,
            query["schema_name"],
            columns=columns,
            properties=properties,
            username=username,
            browse_only=self._is_browsed(query, None, row),
        )
        return _dumps(item)

    def _folder(self, path: str) -> Answer:
        items = self.workspace.folders.get(path)
        if items is None:
            return error(404, "RESOURCE_DOES_NOT_EXIST", f"Path ({path}) doesn't exist.")
        objects: list[Json] = [
            {
                "path": item.path,
                "object_type": "NOTEBOOK",
                "language": item.language,
                "object_id": zlib.crc32(item.path.encode()),
                "created_at": CREATED,
                "modified_at": CREATED,
            }
            if isinstance(item, Notebook)
            else {"path": item, "object_type": "DIRECTORY", "object_id": 2}
            for item in items
        ]
        return _json({"objects": objects} if objects else {})

    def warm(self) -> None:
        """Make every page beforehand, so that a measurement is not one of the server."""
        faults = self.faults
        flags = {"include_browse": "true", "omit_properties": "true", "omit_columns": "true", "omit_username": "false"}
        for catalog in self.workspace.catalogs:
            query = {"catalog_name": catalog.name}
            flat = self._flat.setdefault(catalog.name, CatalogTables(catalog))
            for start in range(0, len(flat), faults.summaries_page_length):
                self._items(SUMMARIES, query, flat, start, start + faults.summaries_page_length)
            for schema in catalog.schemas if faults.summaries_page_length > faults.page_length * 2 else ():
                for start in range(0, len(schema.tables), faults.page_length):
                    for options in (flags, {}):
                        full = {**query, "schema_name": schema.name, **options}
                        self._items(TABLES, full, schema.tables, start, start + faults.page_length)


_FLAGS = ("include_browse", "omit_columns", "omit_properties", "omit_username")
_NO_SUMMARIES = {
    404: error(404, "ENDPOINT_NOT_FOUND", "No API found for 'GET /unity-catalog/table-summaries'"),
    501: error(501, "NOT_IMPLEMENTED", "table-summaries is not implemented"),
    4040: Answer(b"<html><head></head><body><h1>Not Found</h1></body></html>", 404, content_type="text/html"),
}


def _scope(path: str, query: dict[str, str]) -> str:
    if path == FOLDERS:
        return query.get("path", "/")
    if path in {SCHEMAS, SUMMARIES}:
        return query.get("catalog_name", "")
    if path == TABLES:
        return f"{query.get('catalog_name')}.{query.get('schema_name')}"
    return path


def _offset(token: str | None) -> tuple[int, bool]:
    return (int(token[1:]), token[0] == "e") if token else (0, False)


def _page(key: str, items: bytes, following: str | None) -> Answer:
    token = b',"next_page_token":"%s"' % following.encode() if following else b""
    return Answer(b'{"%s":[%s]%s}' % (key.encode(), items, token))


def _dumps(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _json(value: object) -> Answer:
    return Answer(_dumps(value))


class _Connection(asyncio.Protocol):
    """One connection: requests are answered one after another, each after the latency."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._buffer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._api.transports.add(transport)
        self._api.record.connections += 1
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, _error: Exception | None) -> None:
        self._api.transports.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            length = int(headers.get("content-length", 0))
            if len(self._buffer) < end + 4 + length:
                return
            body = self._buffer[end + 4 : end + 4 + length]
            self._buffer = self._buffer[end + 4 + length :]
            self._request(head[0].split(" ")[1], headers, body)

    def _request(self, target: str, headers: dict[str, str], body: bytes) -> None:
        api = self._api
        if target == "/_simulator/record":
            self._send(Answer(api.record.to_json().encode()), counted=False)
            return
        api.record.active += 1
        api.record.max_concurrency = max(api.record.max_concurrency, api.record.active)
        answer = api.answer(target, headers, body)
        if api.alter is not None:
            answer = api.alter(target, body, answer)
        if api.faults.silent or answer.broken == "silent":
            api.record.answered("silent")
            return
        if api.faults.latency:
            asyncio.get_running_loop().call_later(api.faults.latency, self._send, answer)
        else:
            asyncio.get_running_loop().call_soon(self._send, answer)

    def _send(self, answer: Answer, counted: bool = True) -> None:
        if counted:
            self._api.record.active -= 1
            self._api.record.answered(answer.broken or str(answer.status))
        if answer.broken == "reset":
            raw = self._transport.get_extra_info("socket")
            if raw is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
            return
        head = f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\nContent-Type: {answer.content_type}\r\n"
        if answer.retry_after is not None:
            head += f"Retry-After: {answer.retry_after}\r\n"
        if answer.workspace_id is not None:
            head += f"X-Databricks-Org-Id: {answer.workspace_id}\r\n"
        self._transport.write(f"{head}Content-Length: {len(answer.body)}\r\n\r\n".encode())
        if answer.broken == "truncated":
            self._transport.write(answer.body[: len(answer.body) // 2])
            self._transport.close()
            return
        self._transport.write(answer.body)


class Simulator:
    """A simulated workspace on this machine, served from a thread; a context manager.

    ``url`` and ``token`` reach it, ``record`` tells what was asked, ``faults`` may be changed meanwhile. With a
    ``world``, whose ``workspace()`` it has to serve, answers follow the privileges of the world's caller.
    """

    def __init__(
        self,
        workspace: Workspace,
        faults: Faults | None = None,
        *,
        token: str = TOKEN,
        tls: ssl.SSLContext | None = None,
        world: privileges.World | None = None,
    ) -> None:
        self.workspace = workspace
        self.token = token
        self.api = Api(workspace, faults or Faults(), token, world)
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)
        self.port = 0

    @property
    def faults(self) -> Faults:
        return self.api.faults

    @property
    def record(self) -> Record:
        return self.api.record

    @property
    def oauth(self) -> OAuth:
        return self.api.oauth

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(60), "the simulator did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)

    def wait_until(self, condition: Callable[[Record], bool], seconds: float = 60.0) -> None:
        """Return as soon as the record fulfils a condition; fail if it never does."""
        deadline = time.monotonic() + seconds
        while not condition(self.record):
            assert time.monotonic() < deadline, "the simulator was not called as expected"
            time.sleep(0.002)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(serve(self.api, self._tls))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for transport in list(self.api.transports):
            transport.abort()
        self._loop.run_until_complete(asyncio.sleep(0))  # lets the connections be closed
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


async def serve(api: Api, tls: ssl.SSLContext | None = None) -> asyncio.Server:
    """Start to serve on a free port of the loopback interface."""
    return await asyncio.get_running_loop().create_server(lambda: _Connection(api), "127.0.0.1", 0, ssl=tls)
