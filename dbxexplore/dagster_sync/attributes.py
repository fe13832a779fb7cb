"""The attributes of the component as ``defs.yaml`` has them: their types, what they mean, and an example of each."""

# Without lazy annotations, because Dagster reads those of the types.
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import dagster as dg
from dagster.components.utils.translation import TranslationFn, TranslationFnResolver
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, create_model

from dbxexplore.connection import AUTH_KINDS
from dbxexplore.dagster_sync.translate import DatabricksObject
from dbxexplore.discovery.lineage import DAYS
from dbxexplore.export.config import DEFAULT_NAME
from dbxexplore.filters import Dialect
from dbxexplore.filters.dialects import DIALECTS
from dbxexplore.filters.patterns import LEVELS

_EXAMPLE = {
    "version": 1,
    "name": DEFAULT_NAME,
    "settings": {
        "workspace_url": "{{ env.DATABRICKS_HOST }}",
        "auth": {"kind": "token", "env_var": "DATABRICKS_CONNECTION_TOKEN"},
    },
    "filters": {"catalogs": {"allow": ["^prod$"]}},
    "schedule": {"cron": "0 6 * * *", "timezone": "Europe/Berlin"},
}
_CRON = r"^\s*(@\w+|\S+(\s+\S+){4})\s*$"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Settings(_Strict):
    workspace_url: str | None = Field(None, description="Workspace URL, as copied from a browser; may use {{ env.X }}.")
    auth: dict[str, Any] = Field(description=f"The credential: its kind ({', '.join(AUTH_KINDS)}) and its fields.")
    warehouse_id: str | None = Field(
        None, description="A SQL warehouse, for lineage and freshness; may use {{ env.X }}."
    )
    workspace_id: str | int | None = Field(None, description="The number after ?o= in the workspace's address.")


class _Patterns(_Strict):
    allow: list[str] = Field([".*"], description="Regular expressions for what is included.")
    deny: list[str] = Field([], description="Regular expressions for what is excluded, which win.")


_Filters = create_model("_Filters", __base__=_Strict, **dict.fromkeys(LEVELS, (_Patterns | None, None)))  # type: ignore[call-overload]


class _Schedule(_Strict):
    cron: str = Field(pattern=_CRON, description="When the state is refreshed: a cron expression of five fields.")
    timezone: str | None = Field(None, description="A time zone, such as Europe/Berlin; UTC by default.")


class _Connection(_Strict):
    """A connection document: what ``dbxexplore export`` writes."""

    version: Literal[1] = Field(description="The version of this form of document.")
    name: str = Field(description="The connection's name: the group of the assets, and the first part of their keys.")
    description: str | None = Field(None, description="What the connection is for.")
    settings: _Settings = Field(description="The workspace, and the name of the variable that holds the credential.")
    filters: _Filters | None = Field(  # type: ignore[valid-type]
        None, description="What is included, by level; everything by default."
    )
    dialect: Literal[tuple(one.name for one in DIALECTS)] | dict[str, Any] | None = Field(  # type: ignore[valid-type]
        None, description=f"The matching rules; {Dialect.DATAHUB.name} by default."
    )
    schedule: _Schedule | None = Field(None, description="When the state is refreshed.")


def _resolve_file(context: dg.ResolutionContext, value: str | None) -> Path | None:
    if value is None:
        return None
    return context.resolve_source_relative_path(str(context.resolve_value(value)))


def _resolve_document(context: dg.ResolutionContext, value: Mapping[str, object] | None) -> Mapping[str, object] | None:
    if value is None or "settings" not in value:
        return value
    # Nothing else is rendered as a template, because a pattern may hold what Jinja takes for one.
    settings: Any = value["settings"]
    return {**value, "settings": context.resolve_value(settings)}


def _without_references(schema: Any, definitions: Mapping[str, Any]) -> Any:  # noqa: ANN401 - of JSON
    """Return a JSON schema with its definitions in place, so that it can be a part of another."""
    if isinstance(schema, list):
        return [_without_references(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _without_references(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {key: _without_references(value, definitions) for key, value in schema.items() if key != "$defs"}


def _schema() -> dict[str, Any]:
    whole = _Connection.model_json_schema()
    schema: dict[str, Any] = _without_references(whole, whole["$defs"])
    return {"anyOf": [schema, {"type": "null"}]}


def _plain(description: str, *, example: Any) -> dg.Resolver:  # noqa: ANN401 - of the attribute's own type
    made: dg.Resolver = dg.Resolver.default(description=description, examples=[example])
    return made


File = Annotated[
    Path | None,
    dg.Resolver(
        _resolve_file,
        model_field_type=str | None,
        description="An exported connection document; relative to the folder of this file. May use {{ env.X }}.",
        examples=["connection.yaml"],
    ),
]
Document = Annotated[
    Mapping[str, object] | None,
    dg.Resolver(
        _resolve_document,
        # The schema is what `dg check yaml` and editors look at. When definitions are loaded, the document is read as
        # any other, whose errors say what was expected and quote no secret.
        model_field_type=Annotated[dict | None, WithJsonSchema(_schema())],
        description="The connection document itself, in place of connection_file.",
        examples=[_EXAMPLE],
    ),
]
_translation = TranslationFnResolver[DatabricksObject](template_vars_for_translation_fn=lambda row: {"row": row})
_translation.description = "What an asset looks like; templates may use `spec`, as it would be, and `row`, the object."
_translation.examples = [{"group_name": "{{ row.schema or 'notebooks' }}", "tags": {"team": "sales"}}]
Translation = Annotated[TranslationFn[DatabricksObject] | None, _translation]
UseLineage = Annotated[
    bool, _plain("Whether dependencies come from the lineage system tables; takes a warehouse.", example=True)
]
LineageDays = Annotated[int, _plain("How many days of lineage are read.", example=DAYS)]
UseFreshness = Annotated[
    bool, _plain("Whether there is a sensor that reports changes; it is stopped at first.", example=True)
]
Interval = Annotated[
    int, _plain("Seconds between two looks for changes, each of which starts the warehouse.", example=900)
]
Changes = Annotated[
    Literal["data", "all"],
    _plain(
        "What is reported as a materialization: changes of data where that is known, or all changes.", example="data"
    ),
]
RowCounts = Annotated[
    bool, _plain("Whether rows of changed Delta tables are counted; takes a warehouse.", example=True)
]
SchemaChecks = Annotated[bool, _plain("Whether changed columns fail a check; takes a warehouse.", example=True)]
Cron = Annotated[
    str | None,
    dg.Resolver.default(
        model_field_type=Annotated[str, Field(pattern=_CRON)] | None,
        description="When a job refreshes the state: a cron expression; the connection's own schedule by default.",
        examples=["0 6 * * *"],
    ),
]
Collision = Annotated[
    Literal["error", "skip"],
    _plain(
        "What to do about an object whose asset key another connection has already: an error, or leave it out.",
        example="skip",
    ),
]
