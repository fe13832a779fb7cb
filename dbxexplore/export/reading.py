"""Reads the parts of a connection document, and reports what is wrong: the key and the line, never a secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from dbxexplore import errors
from dbxexplore.connection import AUTH_KINDS, Auth, ConnectionSettings, looks_like_secret
from dbxexplore.export import yaml_text
from dbxexplore.filters import Dialect, Filters

_SETTINGS_OF_TEXT = ("workspace_url", "warehouse_id", "workspace_id")
_UNKNOWN_KEY = "unknown key"


class Model(BaseModel):
    """A strict, immutable model whose constructor raises `ConfigError`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def __init__(self, **fields: object) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise config_error(error, type(self)) from None

    @classmethod
    def keys_beside(cls, path: Sequence[str | int]) -> list[str]:
        """Return the keys that the mapping at the end of ``path``, less its last part, may have."""
        parents = [part for part in path[:-1] if isinstance(part, str)]
        if not parents:
            return list(cls.model_fields)
        if parents[0] == "settings":
            if len(parents) == 1:
                return ["workspace_url", "auth", "warehouse_id", "workspace_id"]
            return sorted({field.name for kind in AUTH_KINDS.values() for field in kind.FIELDS} | {"kind"})
        if parents[0] == "filters":
            return list(Filters.__dataclass_fields__) if len(parents) == 1 else ["allow", "deny"]
        return list(Dialect.DATAHUB.settings())


def read_settings(value: object) -> ConnectionSettings:
    """Return the settings in a document; raises what a validator of pydantic raises."""
    if isinstance(value, ConnectionSettings):
        return value
    if not isinstance(value, Mapping):
        raise PydanticCustomError("dict_type", "")
    unknown = set(value) - {"auth", *_SETTINGS_OF_TEXT}
    if unknown:
        raise _wrong_at(_UNKNOWN_KEY, str(min(unknown, key=str)))
    texts: dict[str, str | None] = {}
    for key in _SETTINGS_OF_TEXT:
        text = value.get(key)
        if key == "workspace_id" and isinstance(text, int) and not isinstance(text, bool):
            text = str(text)  # a number, as in the address of a workspace
        if not isinstance(text, str | None):
            raise _wrong_at("is not text; put it in quotes", key)
        texts[key] = text
    credential = _read_auth(value.get("auth"))
    try:
        return ConnectionSettings(auth=credential, **texts)
    except errors.SettingsError as error:
        raise _wrong_at(str(error), error.field or "workspace_url") from None


def _read_auth(auth: object) -> Auth:
    if not isinstance(auth, Mapping):
        raise _wrong_at("the credential is missing or not a mapping; expected kind: token and env_var: NAME", "auth")
    kind = auth.get("kind")
    if not isinstance(kind, str) or kind not in AUTH_KINDS:
        raise _wrong_at(f"unknown kind of credential; expected one of {', '.join(AUTH_KINDS)}", "auth", "kind")
    make: Callable[..., Auth] = AUTH_KINDS[kind]
    known = [field.name for field in AUTH_KINDS[kind].FIELDS]
    values = {key: value for key, value in auth.items() if key != "kind"}
    unknown = next((key for key in values if key not in known), None)
    if unknown is not None:
        raise _wrong_at(_UNKNOWN_KEY, "auth", str(unknown))
    try:
        return make(**values)
    except errors.SettingsError as error:
        raise _wrong_at(str(error), "auth", error.field or "kind") from None
    except TypeError:
        missing = next((name for name in known if name not in values), "a field")
        raise _wrong_at(f"{missing} is missing", "auth") from None


def read_dialect(value: object) -> object:
    """Return the dialect that a document names, or describes by its settings; anything else as it is."""
    if isinstance(value, str):
        if value not in Dialect.named():
            raise wrong(f"{{value}} is not a dialect; expected one of {', '.join(Dialect.named())}", value)
        return Dialect.named()[value]
    if not isinstance(value, Mapping):
        return value
    known = Dialect.DATAHUB.settings()
    unknown = next((key for key in value if key not in known), None)
    if unknown is not None:
        raise _wrong_at(_UNKNOWN_KEY, str(unknown))
    for key, setting in value.items():
        try:
            Dialect(**{key: setting})
        except errors.FilterError as error:
            raise _wrong_at(str(error), key) from None
    return Dialect(**value)


def wrong(message: str, value: str) -> PydanticCustomError:
    """Return what a validator raises; ``{value}`` in ``message`` becomes the beginning of ``value``, quoted."""
    return PydanticCustomError("dbxexplore", message, {"value": repr(value[:100])})


def _wrong_at(message: str, *path: str) -> PydanticCustomError:
    return PydanticCustomError("dbxexplore", "{message}", {"message": message, "path": path})


# Limits for one document: a few short aliases of aliases can expand to millions of values.
_MAX_NODES = 100_000
_MAX_DEPTH = 20
_SURROGATE = "contains an unpaired surrogate"
_REVOKE = "Revoke that secret if this document was shared"


class PlainValues:
    """Turns a document into plain values, and rejects what is not text or must not be stored.

    ``root`` is the document that lines are looked up in, or None.
    """

    def __init__(self, root: object) -> None:
        self._root = root
        self._nodes = 0

    def of(self, value: object, path: tuple[str | int, ...] = ()) -> object:
        """Return ``value`` as mappings, lists and scalars that JSON knows.

        Raises:
            ConfigError: it contains what looks like a secret, an unpaired surrogate, a key that is not text, or a value
                that YAML reads as a date or a tagged value; without quoting it.
        """
        self._nodes += 1
        if self._nodes > _MAX_NODES or len(path) > _MAX_DEPTH:
            raise self._refused(path[:1], "is too large, or contains itself", remedy="Write it out without aliases")
        if isinstance(value, Mapping):
            return {self._key(key, path): self.of(item, (*path, str(key))) for key, item in value.items()}
        if isinstance(value, str):
            if looks_like_secret(value):
                msg = "contains what looks like a secret (not shown)"
                raise self._refused(path, msg, expected="the name of an environment variable", remedy=_REVOKE)
            if any("\ud800" <= character <= "\udfff" for character in value):
                raise self._refused(path, _SURROGATE)
            return str(value)
        if isinstance(value, Sequence) and not isinstance(value, bytes):
            return [self.of(item, (*path, index)) for index, item in enumerate(value)]
        if value is None or isinstance(value, bool | int | float):
            return value
        # YAML reads an unquoted 2024-01-01 as a date; whoever wrote it meant text, but not necessarily this text.
        what = "with a tag" if isinstance(value, yaml_text.TaggedScalar) else f"as {type(value).__name__}"
        raise self._refused(path, f"is read {what}", expected="text", remedy="Put it in quotes")

    def _key(self, key: object, path: tuple[str | int, ...]) -> str:
        if isinstance(key, str) and not looks_like_secret(key):
            return str(key)
        line = yaml_text.line_of(self._root, (*path, key))
        if isinstance(key, str):
            msg = "a key is what looks like a secret itself (not shown)"
            raise errors.ConfigError(msg, line=line, path=path, remedy=_REVOKE)
        msg = f"has a key that is read as {type(key).__name__}"
        raise errors.ConfigError(msg, line=line, path=path, expected="keys that are text")

    def _refused(
        self, path: tuple[str | int, ...], problem: str, *, expected: str = "", remedy: str = ""
    ) -> errors.ConfigError:
        line = yaml_text.line_of(self._root, path)
        return errors.ConfigError(problem, line=line, path=path, expected=expected, remedy=remedy)


# The messages of pydantic, in the words of someone who edits the document.
_MESSAGES = {
    "extra_forbidden": (_UNKNOWN_KEY, ""),
    "unexpected_keyword_argument": (_UNKNOWN_KEY, ""),
    "missing": ("is missing", ""),
    "string_type": ("is not text", "text; put it in quotes"),
    "string_unicode": (_SURROGATE, ""),
    "dict_type": ("is not a mapping", "keys and values"),
    "model_type": ("is not a mapping", "keys and values"),
    "dataclass_type": ("is not a mapping", "keys and values"),
    "dataclass_exact_type": ("is not a mapping", "keys and values"),
    "sequence_str": ("is a single text", "a list of patterns"),
    "is_instance_of": ("is not a list", "a list of patterns"),
}


def config_error(error: ValidationError, model: type[Model]) -> errors.ConfigError:
    """Translate the first problem that pydantic reports, with its path and without a value that could be a secret."""
    first = error.errors(include_url=False, include_input=False)[0]
    context = first.get("ctx", {})
    path = [*first["loc"], *context.get("path", ())]
    cause = context.get("error")
    if isinstance(cause, errors.PatternError) and cause.place:
        return errors.ConfigError(cause.problem, path=["filters", *cause.place], remedy=cause.remedy)
    if isinstance(cause, errors.ConfigError):
        # From the constructor of a part, which pydantic calls while it reads the whole.
        return errors.ConfigError(cause.what, path=[*path, *cause.path], expected=cause.expected, remedy=cause.remedy)
    if isinstance(cause, errors.DbxExploreError):
        return errors.ConfigError(cause.problem, path=path, expected=cause.expected, remedy=cause.remedy)
    message, expected = _MESSAGES.get(first["type"], (context.get("message") or first["msg"], ""))
    if message == _UNKNOWN_KEY:
        expected = f"one of {', '.join(model.keys_beside(path))}"
    return errors.ConfigError(message, path=path, expected=expected)
