"""The connection document: what to connect to, which objects, how to read the filters, and when.

This is the one source that every other form is rendered from. It is a versioned YAML document, strict on
keys and types; secrets appear in it by the name of their variable only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from croniter import croniter
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    InstanceOf,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from dbxexplore import errors
from dbxexplore.connection import AUTH_KINDS, Auth, ConnectionSettings, looks_like_secret
from dbxexplore.export import yaml_text
from dbxexplore.files import written_whole
from dbxexplore.filters import Dialect, Filters, Preview

VERSION = 1
NOTEBOOKS = "notebooks"  # second part of a notebook's asset key, where a table has its catalog

_CRON_FIELDS = 5


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def __init__(self, **fields: object) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise _config_error(error, type(self)) from None


class Schedule(_Model):
    """When the connection syncs: a cron expression of five fields, and the time zone it is in.

    Raises:
        ConfigError: it is no cron expression, or no time zone.
    """

    cron: str
    timezone: str = "UTC"

    @field_validator("cron")
    @classmethod
    def _check_cron(cls, value: str) -> str:
        text = " ".join(value.split())
        one_field = text.startswith("@")  # such as @daily
        if (one_field or text.count(" ") == _CRON_FIELDS - 1) and croniter.is_valid(text):
            return text
        raise _wrong("{value} is not a cron expression; expected five fields, such as 0 6 * * *", value)

    @field_validator("timezone")
    @classmethod
    def _check_timezone(cls, value: str) -> str:
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(value)
        except (ValueError, OSError, KeyError):
            raise _wrong("{value} is not a time zone; expected a name such as Europe/Berlin", value) from None
        return value


class ConnectionConfig(_Model):
    """A Dagster+ Databricks Connection, whole.

    ``name`` becomes the code location and the group of the assets, and the first part of their keys.
    ``dialect`` says how the filters are to be read, so that a preview and a sync agree.

    Raises:
        ConfigError: a field is missing, unknown, of the wrong type, or makes no sense.
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
            raise _wrong("{value} has white space at its ends or a control character", value)
        return value

    @field_validator("settings", mode="before")
    @classmethod
    def _read_settings(cls, value: object) -> object:
        return _read_settings(value) if isinstance(value, Mapping) else value

    @field_validator("dialect", mode="before")
    @classmethod
    def _read_dialect(cls, value: object) -> object:
        if isinstance(value, str):
            if value not in Dialect.named():
                raise _wrong(f"{{value}} is not a dialect; expected one of {', '.join(Dialect.named())}", value)
            return Dialect.named()[value]
        return _read_dialect(value) if isinstance(value, Mapping) else value

    @field_validator("filters")
    @classmethod
    def _check_filters(cls, value: Filters) -> Filters:
        value.check()
        return value

    @model_validator(mode="after")
    def _check_texts(self) -> ConnectionConfig:
        # A document that could be written but not read back would be found out too late.
        _Texts(None).plain(self.model_dump(), ())
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

    # --- YAML ---

    def to_yaml(self) -> str:
        """Return the document as YAML; `from_yaml` reads it back to an equal configuration."""
        fields = self.model_dump(mode="json", exclude_none=True)
        return yaml_text.dump({key: value for key, value in fields.items() if value != ""})

    @classmethod
    def from_yaml(cls, text: str) -> ConnectionConfig:
        """Read a document.

        Raises:
            ConfigError: it is no YAML, has an unknown or repeated key, another version, a value of the wrong
                type, a pattern that is no regular expression, or a secret where its variable's name belongs;
                with the line and the key, and without the secret.
        """
        document = yaml_text.load(text)
        fields = _Texts(document).plain(document, ())
        version = document.get("version")
        if version != VERSION or not isinstance(version, int) or isinstance(version, bool):
            line = yaml_text.line_of(document, ("version",))
            msg = "the version is missing" if "version" not in document else f"the version is {version!r}"
            raise errors.ConfigError(msg, line=line, path=["version"], expected=f"version: {VERSION}")
        try:
            # JSON is what pydantic reads strictly while still taking a list for a tuple.
            return cls.model_validate_json(json.dumps(fields))
        except ValidationError as error:
            found = _config_error(error, cls)
            raise found.at_line(yaml_text.line_of(document, found.path)) from None

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the document to a file and return its path; an interrupt leaves an older file whole."""
        target = Path(path)
        with written_whole(target, errors.ConfigError) as partial:
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
            raise error.in_file(str(path)) from None

    # --- what Dagster makes of it ---

    def preview(self, catalog: object) -> Preview:
        """Return the preview of ``catalog`` under this configuration's filters and dialect."""
        from dbxexplore.catalog import Catalog

        if not isinstance(catalog, Catalog):
            msg = f"Cannot preview a {type(catalog).__name__}"
            raise errors.FilterError(msg, expected="a Catalog, as dbx.discover returns")
        return self.filters.preview(catalog, self.dialect)

    def asset_keys(self, preview: Preview) -> list[list[str]]:
        """Return the asset keys of what ``preview`` includes, in its order.

        A table or view has ``[connection, catalog, schema, name]``, as documented for Dagster+ Databricks
        Connections. How those name notebooks is not documented; here it is ``[connection, "notebooks",
        *folders, name]``.
        """
        included = preview.catalog.objects[preview.included.to_numpy()]
        held = included[included["kind"].isin(["table", "view", "notebook"])]
        columns = (held[name].astype(object) for name in ("kind", "catalog", "schema", "name", "full_name"))
        return [self.asset_key(*row) for row in zip(*columns, strict=True)]

    def asset_key(self, kind: str, catalog: str | None, schema: str | None, name: str, full_name: str) -> list[str]:
        """Return the asset key of one table, view or notebook; see `asset_keys`."""
        if kind == "notebook":
            return [self.name, NOTEBOOKS, *(part for part in full_name.split("/") if part)]
        return [self.name, catalog or "", schema or "", name]


_SETTINGS_THAT_ARE_TEXT = ("workspace_url", "warehouse_id", "workspace_id")
_SETTINGS = ("workspace_url", "auth", "warehouse_id", "workspace_id")


def _read_settings(value: Mapping[str, object]) -> ConnectionSettings:
    unknown = set(value) - set(_SETTINGS)
    if unknown:
        raise _at(_UNKNOWN_KEY, str(min(unknown, key=str)))
    texts: dict[str, str | None] = {}
    for key in _SETTINGS_THAT_ARE_TEXT:
        given = value.get(key)
        if key == "workspace_id" and isinstance(given, int) and not isinstance(given, bool):
            given = str(given)  # a number, as it stands in an address
        if not isinstance(given, str | None):
            raise _at("is not text; put it in quotes", key)
        texts[key] = given
    credential = _read_auth(value.get("auth"))
    try:
        return ConnectionSettings(auth=credential, **texts)
    except errors.SettingsError as error:
        raise _at(str(error), error.field or "workspace_url") from None


def _read_auth(auth: object) -> Auth:
    if not isinstance(auth, Mapping):
        raise _at("the credential is missing or no mapping; expected kind: token and env_var: NAME", "auth")
    kind = auth.get("kind")
    if not isinstance(kind, str) or kind not in AUTH_KINDS:
        raise _at(f"unknown kind of credential; expected one of {', '.join(AUTH_KINDS)}", "auth", "kind")
    make: Callable[..., Auth] = AUTH_KINDS[kind]
    known = [field.name for field in AUTH_KINDS[kind].FIELDS]
    values = {key: value for key, value in auth.items() if key != "kind"}
    unknown = next((key for key in values if key not in known), None)
    if unknown is not None:
        raise _at(_UNKNOWN_KEY, "auth", str(unknown))
    try:
        return make(**values)
    except errors.SettingsError as error:
        raise _at(str(error), "auth", error.field or "kind") from None
    except TypeError:
        missing = next((name for name in known if name not in values), "a field")
        raise _at(f"{missing} is missing", "auth") from None


_UNKNOWN_KEY = "unknown key"


def _wrong(message: str, value: str) -> PydanticCustomError:
    return PydanticCustomError("dbxexplore", message, {"value": repr(value[:100])})


def _at(message: str, *path: str) -> PydanticCustomError:
    return PydanticCustomError("dbxexplore", "{message}", {"message": message, "path": path})


def _read_dialect(value: Mapping[str, Any]) -> Dialect:
    known = Dialect.DATAHUB.settings()
    unknown = next((key for key in value if key not in known), None)
    if unknown is not None:
        raise _at(_UNKNOWN_KEY, str(unknown))
    for key, given in value.items():
        try:
            Dialect(**{key: given})
        except errors.FilterError as error:
            raise _at(str(error), key) from None
    return Dialect(**value)


# Of one document: a few short aliases of aliases can stand for millions of values.
_MAX_NODES = 100_000
_MAX_DEPTH = 20


class _Texts:
    """Turns a document into plain values, and refuses what is no text or must not be kept as text.

    ``root`` is the document that lines are looked up in, None where there are no lines.
    """

    def __init__(self, root: object) -> None:
        self._root = root
        self._nodes = 0

    def plain(self, value: object, path: tuple[str | int, ...]) -> object:
        """Return ``value`` as mappings, lists and scalars that JSON knows.

        Raises:
            ConfigError: it holds what looks like a secret, half a character, a key that is no text, or a value
                that YAML makes a date or something stranger of; without quoting it.
        """
        self._nodes += 1
        if self._nodes > _MAX_NODES or len(path) > _MAX_DEPTH:
            raise self._refused(path[:1], "holds too much, or itself", remedy="Write it out without aliases")
        if isinstance(value, Mapping):
            return {self._key(key, path): self.plain(item, (*path, str(key))) for key, item in value.items()}
        if isinstance(value, str):
            self._check_text(value, path)
            return str(value)
        if isinstance(value, Sequence) and not isinstance(value, bytes):
            return [self.plain(item, (*path, index)) for index, item in enumerate(value)]
        if value is None or isinstance(value, bool | int | float):
            return value
        # YAML reads an unquoted 2024-01-01 as a date; whoever wrote it meant text, but not necessarily this text.
        what = "with a tag" if isinstance(value, yaml_text.TaggedScalar) else f"as {type(value).__name__}"
        raise self._refused(path, f"is read {what}", expected="text", remedy="Put it in quotes")

    def _key(self, key: object, path: tuple[str | int, ...]) -> str:
        if not isinstance(key, str):
            msg = f"holds a key that is read as {type(key).__name__}"
            line = yaml_text.line_of(self._root, (*path, key))
            raise errors.ConfigError(msg, line=line, path=path, expected="keys that are text")
        if looks_like_secret(key):
            line = yaml_text.line_of(self._root, (*path, key))
            msg = "a key is what looks like a secret itself (not shown)"
            raise errors.ConfigError(msg, line=line, path=path, remedy=_REVOKE)
        return str(key)

    def _check_text(self, text: str, path: tuple[str | int, ...]) -> None:
        if looks_like_secret(text):
            msg = "holds what looks like a secret itself (not shown)"
            raise self._refused(path, msg, expected="the name of an environment variable", remedy=_REVOKE)
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise self._refused(path, _HALF_A_PAIR)

    def _refused(
        self, path: tuple[str | int, ...], problem: str, *, expected: str = "", remedy: str = ""
    ) -> errors.ConfigError:
        line = yaml_text.line_of(self._root, path)
        return errors.ConfigError(problem, line=line, path=path, expected=expected, remedy=remedy)


_HALF_A_PAIR = "holds half of a surrogate pair, which is no character"
_REVOKE = "Revoke that secret if this document was shared"


# What pydantic says of a wrong type, in the words of someone who edits the document.
_MESSAGES = {
    "extra_forbidden": (_UNKNOWN_KEY, ""),
    "unexpected_keyword_argument": (_UNKNOWN_KEY, ""),
    "missing": ("is missing", ""),
    "string_type": ("is not text", "text; put it in quotes"),
    "string_unicode": (_HALF_A_PAIR, ""),
    "dict_type": ("is not a mapping", "keys and values"),
    "model_type": ("is not a mapping", "keys and values"),
    "dataclass_type": ("is not a mapping", "keys and values"),
    "dataclass_exact_type": ("is not a mapping", "keys and values"),
    "sequence_str": ("is one text", "a list of patterns"),
    "is_instance_of": ("is not a list", "a list of patterns"),
}


def _config_error(error: ValidationError, model: type[BaseModel]) -> errors.ConfigError:
    """Tell the first thing that is wrong, and where, quoting no value that could be a secret."""
    first = error.errors(include_url=False, include_input=False)[0]
    context = first.get("ctx", {})
    path = [*first["loc"], *context.get("path", ())]
    cause = context.get("error")
    if isinstance(cause, errors.PatternError) and cause.place:
        return errors.ConfigError(cause.problem, path=["filters", *cause.place], remedy=cause.remedy)
    if isinstance(cause, errors.ConfigError):
        # From a constructor, which pydantic calls while it reads what that one is a part of.
        return errors.ConfigError(cause.what, path=[*path, *cause.path], expected=cause.expected, remedy=cause.remedy)
    if isinstance(cause, errors.DbxExploreError):
        return errors.ConfigError(cause.problem, path=path, expected=cause.expected, remedy=cause.remedy)
    message, expected = _MESSAGES.get(first["type"], (context.get("message") or first["msg"], ""))
    if message == _UNKNOWN_KEY:
        expected = f"one of {', '.join(_known_keys(path, model))}"
    return errors.ConfigError(message, path=path, expected=expected)


def _known_keys(path: Sequence[str | int], model: type[BaseModel]) -> list[str]:
    parents = [part for part in path[:-1] if isinstance(part, str)]
    if not parents:
        return list(model.model_fields)
    if parents[0] == "settings":
        if len(parents) == 1:
            return list(_SETTINGS)
        return sorted({field.name for kind in AUTH_KINDS.values() for field in kind.FIELDS} | {"kind"})
    if parents[0] == "filters":
        return list(Filters.__dataclass_fields__) if len(parents) == 1 else ["allow", "deny"]
    return list(Schedule.model_fields) if parents[0] == "schedule" else list(Dialect.DATAHUB.settings())
