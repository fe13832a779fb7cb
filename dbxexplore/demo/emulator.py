"""The demo workspace: the ``minilake`` emulator of Databricks on a local port, filled with the sample."""

from __future__ import annotations

import base64
import http.client
import importlib.util
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dbxexplore import errors
from dbxexplore.connection import ConnectionSettings, TokenAuth
from dbxexplore.connection.credentials import without_warning_of_metadata
from dbxexplore.connection.secrets import DEFAULT_TOKEN_VARIABLE
from dbxexplore.demo import sample
from dbxexplore.demo._child import DATA_FOLDER, PORT_FILE
from dbxexplore.demo._process import child

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

_LOOPBACK = "127.0.0.1"
_UNITY = "/api/2.1/unity-catalog"
_AT_ONCE = 8  # calls while seeding; the emulator answers one at a time, but concurrency hides the round trip
_T = TypeVar("_T")


@dataclass(frozen=True)
class DemoWorkspace:
    """A running demo workspace.

    ``url`` is its workspace URL, ``token_env_var`` the name of the variable for its token, ``settings``
    the connection settings that use it.
    """

    url: str
    token_env_var: str
    token: str = field(repr=False)

    @property
    def settings(self) -> ConnectionSettings:
        """Connection settings that read the token from its variable."""
        return ConnectionSettings(self.url, TokenAuth(self.token_env_var))

    def client(self) -> WorkspaceClient:
        """Return a plain Databricks SDK client, which needs no variable to be set."""
        from databricks.sdk import WorkspaceClient
        from databricks.sdk.core import Config

        # An empty profile and a fixed auth type keep out other credentials of this machine.
        with without_warning_of_metadata():
            config = Config(host=self.url, token=self.token, auth_type="pat", profile="", http_timeout_seconds=30)
        return WorkspaceClient(config=config)

    def environment(self) -> dict[str, str]:
        """Return the environment variables for connecting: the token's, and those that bypass a proxy."""
        return {self.token_env_var: self.token, **_without_proxy()}


@contextmanager
def workspace(
    *, token_env_var: str = DEFAULT_TOKEN_VARIABLE, set_variable: bool = True, timeout: float = 60.0
) -> Iterator[DemoWorkspace]:
    """Start a demo workspace and stop it on the way out; nothing is left running or on disk.

    Several can run at once. It listens on a free port of the loopback interface and makes no outside calls.

    Args:
        token_env_var: the variable for the workspace's made-up token.
        set_variable: whether to set that variable in this process; it is restored afterwards.
        timeout: how many seconds the workspace may take to start.

    Yields:
        A `DemoWorkspace`, with everything that `dbxexplore.demo.sample` lists.

    Raises:
        DemoError: the emulator is not installed, or does not start.
    """
    if importlib.util.find_spec("minilake") is None:
        msg = "The demo workspace needs the package minilake, which is not installed"
        raise errors.DemoError(msg, remedy='Run: pip install "dbxexplore[demo]"')
    # Looks like a real token, so that the checks for real tokens apply to it too.
    token = f"dapi{secrets.token_hex(16)}"
    folder = Path(tempfile.mkdtemp(prefix="dbxexplore-demo-"))
    try:
        with _emulator(folder, timeout) as url:
            demo = DemoWorkspace(url, token_env_var, token)
            variables = demo.environment() if set_variable else _without_proxy()
            with _variables(variables):
                _seed(demo.client())
                yield demo
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _emulator(folder: Path, timeout: float) -> Iterator[str]:
    data = folder / DATA_FOLDER
    data.mkdir()
    log = folder / "emulator.log"
    arguments = ("emulator", str(folder))
    with child("The emulator", arguments=arguments, folder=data, log=log, environment=_isolated(data)) as server:
        port = server.wait_for(lambda: _port_in(folder / PORT_FILE), timeout)
        server.wait_for(lambda: _answer(port), timeout)
        yield f"http://{_LOOPBACK}:{port}"


def _isolated(data: Path) -> dict[str, str]:
    """Return an environment in which the emulator has only these settings and makes no outside calls."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MINILAKE_", "DATABRICKS_"))}
    return {
        **kept,
        "MINILAKE_DATA_DIR": str(data),
        "MINILAKE_NOTEBOOK": "0",
        "MINILAKE_SPARK_PREWARM": "0",  # would pull an image through Docker
        "MINILAKE_DUCKDB_EXTENSION_DIR": str(data / "extensions"),  # without one, DuckDB downloads extensions
    }


def _port_in(file: Path) -> int | None:
    return int(file.read_text()) if file.exists() else None


def _answer(port: int) -> bool | None:
    connection = http.client.HTTPConnection(_LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", "/api/2.0/preview/scim/v2/Me")
        return connection.getresponse().status == http.HTTPStatus.OK or None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


# --- variables of this process ---


def _without_proxy() -> dict[str, str]:
    """Return the variables that make calls to this machine bypass a configured proxy."""
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = [host for host in known.split(",") if host.strip()]
    together = ",".join(dict.fromkeys([*hosts, _LOOPBACK, "localhost"]))
    return {"no_proxy": together, "NO_PROXY": together}


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


# --- the sample ---


def _seed(client: WorkspaceClient) -> None:
    def post(path: str, body: Mapping[str, object]) -> None:
        client.api_client.do("POST", path, body={key: value for key, value in body.items() if value})

    def add(relation: sample.Relation) -> None:
        post(f"{_UNITY}/tables", _table(relation))
        if relation.owner:
            client.api_client.do("PATCH", f"{_UNITY}/tables/{relation.full_name}", body={"owner": relation.owner})

    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        # In order, so that every listing is the same.
        for catalog in sample.CATALOGS:
            post(f"{_UNITY}/catalogs", {"name": catalog.name, "comment": catalog.comment})
        for schema in sample.SCHEMAS:
            body = {"name": schema.name, "catalog_name": schema.catalog, "comment": schema.comment}
            post(f"{_UNITY}/schemas", body)
        _all(pool, add, sample.RELATIONS)
        _all(pool, lambda path: post("/api/2.0/workspace/import", _notebook(path)), sample.NOTEBOOKS)
    finally:
        pool.shutdown(cancel_futures=True)


def _all(pool: ThreadPoolExecutor, do: Callable[[_T], None], items: Iterable[_T]) -> None:
    for _ in pool.map(do, items):
        pass


def _table(relation: sample.Relation) -> dict[str, object]:
    return {
        "name": relation.name,
        "catalog_name": relation.catalog,
        "schema_name": relation.schema,
        "table_type": relation.object_type,
        "data_source_format": relation.format,
        "storage_location": relation.storage_location,
        "comment": relation.comment,
        "columns": [
            {
                "name": column.name,
                "type_text": column.type,
                "comment": column.comment or None,
                "position": position,
                "nullable": True,
            }
            for position, column in enumerate(relation.columns)
        ],
    }


def _notebook(path: str) -> dict[str, object]:
    title = json.dumps(path.rpartition("/")[2])
    source = f"# Databricks notebook source\nprint({title})\n"
    return {
        "path": path,
        "format": "SOURCE",
        "language": "PYTHON",
        "content": base64.b64encode(source.encode()).decode(),
    }
