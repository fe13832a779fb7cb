"""The connection document, `ConnectionConfig`: the workspace, the filters, the matching rules and the schedule.

Every other form is rendered from it. It is a versioned YAML document, strict on keys and types; a secret appears in it
only by the name of its variable.
"""

from __future__ import annotations

import calendar
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from croniter import croniter
from pydantic import Field, InstanceOf, ValidationError, field_serializer, field_validator, model_validator

from dbxexplore import errors
from dbxexplore.connection import ConnectionSettings
from dbxexplore.export import yaml_text
from dbxexplore.export.reading import Model, PlainValues, config_error, read_dialect, read_settings, wrong
from dbxexplore.files import atomic_write
from dbxexplore.filters import Dialect, Filters, Patterns, Preview
from dbxexplore.filters.patterns import LEVELS

VERSION = 1
DEFAULT_NAME = "databricks_unity_catalog"  # of a connection that nobody has named yet
NOTEBOOKS = "notebooks"  # second part of a notebook's asset key, where a table has its catalog

_CRON_FIELDS = 5


class Schedule(Model):
    """When the connection syncs: a cron expression of five fields, and its time zone.

    Raises:
        ConfigError: ``cron`` is not a cron expression, or ``timezone`` is not a time zone.
    """

    cron: str
    timezone: str = "UTC"

    @field_validator("cron")
    @classmethod
    def _check_cron(cls, value: str) -> str:
        text = " ".join(value.split())
        one_field = text.startswith("@")  # such as @daily
        if not (one_field or text.count(" ") == _CRON_FIELDS - 1) or not croniter.is_valid(text):
            raise wrong("{value} is not a cron expression; expected five fields, such as 0 6 * * *", value)
        if not _occurs(text):
            raise wrong("{value} never occurs, because no such month has that day; expected a day that exists", value)
        return text

    @field_validator("timezone")
    @classmethod
    def _check_timezone(cls, value: str) -> str:
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(value)
        except (ValueError, OSError, KeyError):
            raise wrong("{value} is not a time zone; expected a name such as Europe/Berlin", value) from None
        return value


def _occurs(cron: str) -> bool:
    """Return whether a valid cron expression occurs at all, and Dagster takes it.

    With a weekday, cron also runs on the weekday. Dagster refuses the 30th and 31st of February nevertheless
    (``is_valid_cron_string`` in ``dagster._utils.schedules``).
    """
    (_, _, days, months, weekdays), *_ = croniter.expand(cron)
    numbers = [day for day in days if isinstance(day, int)]
    if len(numbers) < len(days) or not all(isinstance(month, int) for month in months):
        return True  # any day, the last day, or any month
    if months == [2] and days in ([30], [31]):
        return False
    # 2024 is a leap year: 29 February occurs.
    return weekdays != ["*"] or min(numbers) <= max(calendar.monthrange(2024, month)[1] for month in months)


class ConnectionConfig(Model):
    """A complete Dagster+ Databricks Connection.

    ``name`` becomes the code location and the group of the assets, and the first part of their keys. ``dialect`` sets the
    matching rules of the filters, so that a preview and a sync agree.

    Raises:
        ConfigError: a field is missing, unknown, of the wrong type, or invalid.
    """

    version: Literal[1] = 1
    name: Annotated[str, Field(min_length=1, max_length=255)]
    description: str = ""
    settings: InstanceOf[ConnectionSettings]
    filters: Filters = Field(default_factory=Filters)
    dialect: Dialect = Dialect.DATAHUB
    schedule: Schedule | None = None

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        if value != value.strip() or not value.isprintable():
            raise wrong("{value} starts or ends with white space, or contains a control character", value)
        return value

    @field_validator("settings", mode="before")
    @classmethod
    def _read_settings(cls, value: object) -> object:
        return read_settings(value)

    @field_validator("dialect", mode="before")
    @classmethod
    def _read_dialect(cls, value: object) -> object:
        return read_dialect(value)

    @field_validator("filters")
    @classmethod
    def _check_filters(cls, value: Filters) -> Filters:
        value.check()
        return value

    @model_validator(mode="after")
    def _check_texts(self) -> ConnectionConfig:
        # Otherwise a document could be written that cannot be read back.
        PlainValues(None).of(self.model_dump())
        return self

    @field_serializer("settings")
    def _write_settings(self, value: ConnectionSettings) -> dict[str, object]:
        fields = {"workspace_url": value.workspace_url, "auth": value.auth.document()}
        fields |= {"warehouse_id": value.warehouse_id, "workspace_id": value.workspace_id}
        return {key: field for key, field in fields.items() if field is not None}

    @field_serializer("dialect")
    def _write_dialect(self, value: Dialect) -> object:
        named = next((name for name, dialect in Dialect.named().items() if dialect == value), None)
        return named or value.settings()

    @classmethod
    def keys_beside(cls, path: Sequence[str | int]) -> list[str]:
        """Return the keys that stand beside the last of ``path``."""
        return list(Schedule.model_fields) if path[0] == "schedule" else super().keys_beside(path)

    # --- YAML ---

    def to_yaml(self) -> str:
        """Return the document as YAML; `from_yaml` reads it back to an equal configuration."""
        fields = self.model_dump(mode="json", exclude_none=True)
        # A level that is left out is read as the default: it includes everything.
        changed = [level for level in LEVELS if self.filters.level(level) != Patterns()]
        fields["filters"] = {level: fields["filters"][level] for level in changed}
        if not changed:
            del fields["filters"]
        return yaml_text.dump({key: value for key, value in fields.items() if value != ""})

    @classmethod
    def from_yaml(cls, text: str) -> ConnectionConfig:
        """Read a document.

        Raises:
            ConfigError: it is not YAML, or has an unknown or duplicate key, another version, a value of the wrong type, a
                pattern that is not a regular expression, or a secret in place of its variable's name; with the line
                and the key, and without the secret.
        """
        document = yaml_text.load(text)
        fields = PlainValues(document).of(document)
        version = document.get("version")
        if version != VERSION or not isinstance(version, int) or isinstance(version, bool):
            line = yaml_text.line_of(document, ("version",))
            msg = "the version is missing" if "version" not in document else f"the version is {version!r}"
            raise errors.ConfigError(msg, line=line, path=["version"], expected=f"version: {VERSION}")
        try:
            # JSON is what pydantic reads strictly while still taking a list for a tuple.
            return cls.model_validate_json(json.dumps(fields))
        except ValidationError as error:
            problem = config_error(error, cls)
            raise problem.at(line=yaml_text.line_of(document, problem.path)) from None

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the document to a file and return its path; after an interrupt, an older file is unchanged."""
        target = Path(path)
        with atomic_write(target, errors.ConfigError) as partial:
            partial.write_text(self.to_yaml(), encoding="utf-8")
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ConnectionConfig:
        """Read a document from a file.

        Raises:
            ConfigError: as `from_yaml` does, and with the file; or the file cannot be read.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            msg = f"{str(path)!r} cannot be read: {reason}"
            raise errors.ConfigError(msg) from None
        try:
            return cls.from_yaml(text)
        except errors.ConfigError as error:
            raise error.at(file=str(path)) from None

    # --- assets in Dagster ---

    def preview(self, catalog: object) -> Preview:
        """Return the preview of ``catalog`` under this configuration's filters and dialect."""
        from dbxexplore.catalog import Catalog

        if not isinstance(catalog, Catalog):
            msg = f"Cannot preview a {type(catalog).__name__}"
            raise errors.FilterError(msg, expected="a Catalog, as dbx.discover returns")
        return self.filters.preview(catalog, self.dialect)

    def asset_keys(self, preview: Preview) -> list[list[str]]:
        """Return the asset keys of the objects that ``preview`` includes, in its order.

        A table or view has ``[connection, catalog, schema, name]``, as documented for Dagster+ Databricks
        Connections. Their keys for notebooks are not documented; here they are ``[connection, "notebooks", *folders,
        name]``.
        """
        return asset_keys(self.name, preview)

    def asset_key(self, kind: str, catalog: str | None, schema: str | None, name: str, full_name: str) -> list[str]:
        """Return the asset key of one table, view or notebook; see `asset_keys`."""
        return asset_key(self.name, kind, catalog, schema, name, full_name)


def asset_keys(connection: str, preview: Preview) -> list[list[str]]:
    """Return the asset keys of a connection of that name; see `ConnectionConfig.asset_keys`.

    Keys depend on the name and the filters alone, so no workspace is needed.
    """
    included = preview.catalog.objects[preview.included.to_numpy()]
    assets = included[included["kind"].isin(["table", "view", "notebook"])]
    columns = (assets[name].astype(object) for name in ("kind", "catalog", "schema", "name", "full_name"))
    return [asset_key(connection, *row) for row in zip(*columns, strict=True)]


def asset_key(  # noqa: PLR0913, PLR0917 - the connection, and the columns of a row
    connection: str, kind: str, catalog: str | None, schema: str | None, name: str, full_name: str
) -> list[str]:
    """Return the asset key of one table, view or notebook; see `ConnectionConfig.asset_keys`."""
    if kind == "notebook":
        return [connection, NOTEBOOKS, *(part for part in full_name.split("/") if part)]
    return [connection, catalog or "", schema or "", name]
