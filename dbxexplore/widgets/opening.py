"""Opening an Explorer in a cell: `explore`, and the Explorers that cells of this kernel show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.connection import ConnectionSettings
from dbxexplore.export import ConnectionConfig
from dbxexplore.filters import Dialect, Filters
from dbxexplore.widgets.controls import reopen
from dbxexplore.widgets.explorer import Explorer
from dbxexplore.widgets.state import parts_of


@dataclass(frozen=True, eq=False)
class _Arguments:
    """The arguments that an Explorer was opened with."""

    catalog: Catalog | Path | None
    version: object
    """Differs when the path holds another catalog than before."""
    settings: ConnectionSettings | None
    filters: Filters | None
    dialect: Dialect | None
    config: ConnectionConfig | Path | None
    connection: ConnectionConfig | None
    """The connection, read if ``config`` is a path."""
    read_only: bool

    def differs_only_in_contents(self, other: _Arguments) -> bool:
        """Return whether all arguments are equal, but for the catalog and for what is in the file of the connection."""
        same = ("settings", "filters", "dialect", "config", "read_only")
        return all(getattr(self, name) == getattr(other, name) for name in same)

    def open(self) -> Explorer:
        """Return a new Explorer."""
        return Explorer(
            self.loaded_catalog(),
            self.settings,
            self.filters,
            self.dialect,
            config=self.connection,
            read_only=self.read_only,
        )

    def changed_since(self, before: _Arguments) -> dict[str, object]:
        """Return the values of the connection that its file has changed, without those of the other arguments.

        Edits of the user to other values stay.
        """
        if self.connection is None or before.connection is None:
            return {}
        old, new = parts_of(before.connection), parts_of(self.connection)
        given = {name for name in ("settings", "filters", "dialect") if getattr(self, name) is not None}
        return {name: value for name, value in new.items() if value != old[name] and name not in given}

    def loaded_catalog(self) -> Catalog | None:
        """Return the catalog, read if it is a path."""
        return Catalog.load(self.catalog) if isinstance(self.catalog, Path) else self.catalog


_MOST_KEPT = 8

# The Explorers of this kernel by the cells that show them. A kernel has one user, and a cell run again means the same one.
_opened: dict[str, tuple[_Arguments, Explorer]] = {}


def explore(  # noqa: PLR0913 - each is a value of its own
    catalog: Catalog | str | Path | None = None,
    settings: ConnectionSettings | None = None,
    *,
    filters: Filters | None = None,
    dialect: Dialect | None = None,
    config: ConnectionConfig | str | Path | None = None,
    read_only: bool = False,
    fresh: bool = False,
) -> Explorer:
    """Return the Explorer, to be shown as the last line of a cell.

    A cell that is run again shows the same Explorer as it was left: patterns, ticks, what is open, a discovery under
    way. With another catalog it is the same one with that catalog in it. Where the file of the connection has changed, its
    changes are applied, and undo restores your own patterns. With other arguments it starts over. It is sent
    to the page once more, so running the cell again also restores an Explorer that the page has lost; other outputs that
    show it become empty.

    Args:
        catalog: a catalog, or the path of a saved one, to browse from the start; without one, the Explorer begins at
            connecting.
        settings: what to fill the connect form with.
        filters: the patterns to start from.
        dialect: the matching rules; `Dialect.DATAHUB` by default.
        config: a connection, or the path of an exported one, to start from; the arguments above take precedence.
        read_only: only show a connection and a catalog: nothing can be edited, ticked, discovered or saved.
        fresh: start over, even in a cell that is run again.

    Raises:
        CatalogError: the saved catalog cannot be read.
        ConfigError: the exported connection cannot be read; or, to be read only, there is no catalog to show.
    """
    if read_only and catalog is None:
        msg = "A read-only Explorer needs a catalog"
        raise errors.ConfigError(msg, expected="a catalog, or the path of a saved one", remedy="Discover one first")
    source = _as_path(catalog)
    start = _as_path(config)
    connection = ConnectionConfig.load(start) if isinstance(start, Path) else start
    arguments = _Arguments(source, _version(source), settings, filters, dialect, start, connection, read_only)
    cell = _cell()
    before, explorer = _opened.get(cell, (None, None)) if cell else (None, None)
    if fresh or before is None or explorer is None or not arguments.differs_only_in_contents(before):
        explorer = arguments.open()
    else:
        if arguments.catalog is not None and arguments.version != before.version:
            explorer.catalog = arguments.loaded_catalog()
        changes = arguments.changed_since(before)
        if changes:
            with explorer.state.lock:
                explorer.state.finish()  # what is being typed can be restored with undo, as all edits before it
                explorer.state.history.close()
                explorer.state.update(**changes)
        with explorer.state.lock:
            # The page may have lost or closed some of it; a cell that is run again shows an Explorer that works.
            reopen(explorer)
    if cell:
        _opened.pop(cell, None)
        _opened[cell] = (arguments, explorer)  # at the end, as the one that was used last
        while len(_opened) > _MOST_KEPT:
            del _opened[next(iter(_opened))]
    return explorer


_Value = TypeVar("_Value")


def _as_path(value: _Value | str) -> _Value | Path:
    return Path(value) if isinstance(value, str) else value


def _version(catalog: Catalog | Path | None) -> object:
    if not isinstance(catalog, Path):
        return id(catalog)
    try:
        status = catalog.stat()
    except OSError:  # raised when it is read, if it is
        return catalog
    return catalog, status.st_mtime_ns, status.st_size


_calls: dict[str, int] = {}
"""How often the cell that is being run has asked for an Explorer, by the id of the request to run it."""


def _cell() -> str | None:
    """Return an id of this call in the running cell, None where the front end does not name cells."""
    from IPython.core.getipython import get_ipython

    request: object = getattr(get_ipython(), "get_parent", dict)()
    if not isinstance(request, Mapping):
        return None
    about, header = request.get("metadata"), request.get("header")
    name = about.get("cellId") if isinstance(about, Mapping) else None
    if not isinstance(name, str) or not name:
        return None
    run = str(header.get("msg_id")) if isinstance(header, Mapping) else ""
    number = _calls.get(run, 0)
    _calls.clear()
    _calls[run] = number + 1
    return f"{name}#{number}"
