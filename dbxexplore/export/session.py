"""A session: everything that an Explorer holds, as a JSON file with a snapshot of the catalog beside it.

Unlike a connection, a session may be incomplete. It is versioned, and holds secrets only by the names of their variables.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.connection import ConnectionSettings
from dbxexplore.export.config import DEFAULT_NAME
from dbxexplore.export.reading import PlainValues, read_dialect, read_settings
from dbxexplore.export.selection import selected_rows, selection_document
from dbxexplore.files import atomic_write
from dbxexplore.filters import Dialect, Filters
from dbxexplore.filters.patterns import LEVELS
from dbxexplore.filters.subjects import Flags

SUFFIX = ".dbxsession.json"
_VERSION = 2
_READABLE = (1, _VERSION)  # the first had no selection
_TEXTS = ("connection_name", "description", "cron", "timezone")
_KEYS = {"dbxexplore_session", "snapshot", "settings", "filters", "dialect", "selection", *_TEXTS}
_FILTERS = TypeAdapter(Filters)


@dataclass(frozen=True)
class Session:
    """The values of an Explorer, as typed; ``catalog`` is compared by identity.

    ``ticked`` says of each row of the catalog whether it is selected or contains something that is; None if nothing is.
    It is not compared.
    """

    catalog: Catalog | None = None
    settings: ConnectionSettings | None = None
    filters: Filters = field(default_factory=Filters)
    dialect: Dialect = Dialect.DATAHUB
    connection_name: str = DEFAULT_NAME
    description: str = ""
    cron: str = ""
    timezone: str = "UTC"
    ticked: Flags | None = field(default=None, compare=False)


def snapshot_of(path: Path) -> Path:
    """Return where the snapshot of a session is saved: ``x.parquet`` beside ``x.dbxsession.json``."""
    return path.with_name(path.name.removesuffix(SUFFIX) + ".parquet")


def save_session(session: Session, path: Path, *, snapshot: bool = True) -> None:
    """Write a session and, if it has a catalog, the snapshot beside it.

    Without ``snapshot``, the one that is beside it stays: it is the catalog of the session already.

    Raises:
        ConfigError: the file cannot be written, or a text looks like a secret; then nothing was written.
        CatalogError: the snapshot cannot be written.
    """
    settings = session.settings
    stored = None
    if settings is not None:
        stored = {"workspace_url": settings.workspace_url, "auth": settings.auth.document()}
        stored |= {"warehouse_id": settings.warehouse_id, "workspace_id": settings.workspace_id}
    document = {
        "dbxexplore_session": _VERSION,
        "snapshot": None if session.catalog is None else snapshot_of(path).name,
        "settings": stored,
        "filters": {
            level: {"allow": list(session.filters.level(level).allow), "deny": list(session.filters.level(level).deny)}
            for level in LEVELS
        },
        "dialect": session.dialect.settings(),
        **{name: getattr(session, name) for name in _TEXTS},
    }
    plain = PlainValues(None).of(document)
    assert isinstance(plain, dict)
    if session.catalog is not None and session.ticked is not None:
        # Names of the workspace, as in the snapshot: there may be many, and one may look like a secret.
        plain["selection"] = selection_document(session.catalog, session.ticked)
    text = json.dumps(plain, indent=2, ensure_ascii=False)
    if session.catalog is not None and snapshot:
        session.catalog.save(snapshot_of(path))
    with atomic_write(path, errors.ConfigError) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def load_session(path: Path) -> Session:
    """Read a session and its snapshot.

    Raises:
        ConfigError: the file cannot be read, is not a session, or has a version that is not known.
        CatalogError: the snapshot cannot be read.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{str(path)!r} cannot be read: {error.strerror or error}"
        raise errors.ConfigError(msg) from None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, Mapping) or "dbxexplore_session" not in document:
        msg = f"{str(path)!r} is not a session"
        raise errors.ConfigError(msg, expected=f"a file that was saved as {SUFFIX}")
    version = document["dbxexplore_session"]
    if version is True or version not in _READABLE:
        is_newer = isinstance(version, int) and version > _VERSION
        msg = f"{str(path)!r} has version {version!r} of sessions"
        remedy = "Upgrade dbxexplore to open it" if is_newer else "Save the session again"
        raise errors.ConfigError(msg, expected=f"version {' or '.join(map(str, _READABLE))}", remedy=remedy)
    try:
        return _read(document, path)
    except (PydanticCustomError, ValidationError, KeyError, TypeError) as error:
        key = f" (key {error.args[0]!r} is missing)" if isinstance(error, KeyError) else ""
        msg = f"{str(path)!r} is damaged{key}"
        raise errors.ConfigError(msg, remedy="Restore the file, or save the session again") from None


def _read(document: Mapping[str, object], path: Path) -> Session:
    PlainValues(None).of({key: value for key, value in document.items() if key != "selection"})
    texts = {name: str(document[name]) for name in _TEXTS}
    dialect, settings, snapshot = (document[name] for name in ("dialect", "settings", "snapshot"))
    read = read_dialect(dialect)
    # Several dialects may have equal settings but for their names.
    named = next((one for one in Dialect.named().values() if one == read), read)
    if not isinstance(named, Dialect) or set(document) - _KEYS:
        raise TypeError
    source = read_settings(settings) if settings is not None else None
    if snapshot is not None and (not isinstance(snapshot, str) or Path(snapshot).name != snapshot):
        raise TypeError  # only a file beside the session is read
    catalog = None if snapshot is None else Catalog.load(path.with_name(str(snapshot)))
    selection = document.get("selection")
    return Session(
        catalog=catalog,
        settings=source if isinstance(source, ConnectionSettings) else None,
        filters=_FILTERS.validate_json(json.dumps(document["filters"])),
        dialect=named,
        ticked=None if catalog is None or selection is None else selected_rows(catalog, selection),
        **texts,
    )
