"""All that the workspace says about one object, read when a person asks for it.

Sources: the REST references of Unity Catalog, `catalogs`, `schemas` and `tables`, each of which reads one by its full
name, and of the workspace API, `get-status`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import pandas as pd

from dbxexplore.catalog.schema import Kind
from dbxexplore.connection import ConnectionSettings, Json, WorkspaceApi
from dbxexplore.discovery.answers import flag, text
from dbxexplore.discovery.arguments import check_source
from dbxexplore.discovery.rest import columns_in
from dbxexplore.discovery.rows import timestamps

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

_TIMEOUT = 20.0  # seconds; a person waits
_CATALOG = "/api/2.1/unity-catalog"


@dataclass(frozen=True)
class Column:
    """A column: its name, and its type, whether it may be null, and its comment where they are known."""

    name: str
    type: str | None
    nullable: bool | None
    comment: str | None


@dataclass(frozen=True)
class Details:
    """What is known about an object; None where the workspace does not say.

    ``columns`` is None where they are not known, as for an object that may only be browsed; ``location`` is where the
    data is stored.
    """

    owner: str | None = None
    comment: str | None = None
    format: str | None = None
    created_at: pd.Timestamp | None = None
    updated_at: pd.Timestamp | None = None
    updated_by: str | None = None
    location: str | None = None
    definition: str | None = None
    browse_only: bool | None = None
    columns: Sequence[Column] | None = None


def read_details(source: ConnectionSettings | WorkspaceClient, kind: Kind, full_name: str) -> Details:
    """Return what the workspace says about one object, with one call.

    Args:
        source: what to connect with.
        kind: what the object is.
        full_name: its names joined by dots; a notebook's path.

    Raises:
        WorkspaceError: it could not be read; a `NotFoundError` for one that is not there, or not visible any more.
        CredentialError: the credential is missing or cannot be used.
    """
    api = WorkspaceApi(check_source(source), timeout=_TIMEOUT, connections=1)
    try:
        if kind == "notebook":
            return _of_notebook(api.get("/api/2.0/workspace/get-status", {"path": full_name}))
        path = f"{_CATALOG}/{_ENDPOINTS[kind]}/{quote(full_name, safe='')}"
        return _of_securable(api.get(path, {"include_browse": True}))
    finally:
        api.close()


_ENDPOINTS: Mapping[Kind, str] = {"catalog": "catalogs", "schema": "schemas", "table": "tables", "view": "tables"}


def _of_securable(answer: Json) -> Details:
    columns = columns_in(answer.get("columns"))
    browse_only = flag(answer.get("browse_only"))
    known: Callable[[str], str | None] = lambda key: text(answer.get(key))  # noqa: E731 - short
    return Details(
        owner=known("owner"),
        comment=known("comment"),
        format=known("data_source_format"),
        created_at=_time(answer.get("created_at")),
        updated_at=_time(answer.get("updated_at")),
        updated_by=known("updated_by"),
        location=known("storage_location"),
        definition=known("view_definition"),
        browse_only=browse_only,
        # Of what may only be browsed, a list without columns says nothing about the object.
        columns=None if columns is None or (browse_only and not columns) else [Column(**column) for column in columns],  # type: ignore[arg-type]  # of a struct
    )


def _of_notebook(answer: Json) -> Details:
    return Details(created_at=_time(answer.get("created_at")), updated_at=_time(answer.get("modified_at")))


def _time(value: object) -> pd.Timestamp | None:
    moment = timestamps([value]).to_pandas()[0]
    return None if pd.isna(moment) else moment
