"""The state of an Explorer: one observable object that all panels share, without widgets.

`ExplorerState` holds each shared value once. A panel reads what it shows from the state, observes it, and writes what
the user sets; derived values (`preview`, `live`, `changed`, `config` and their problems) are computed here. Invariants:
when observers run, all values are consistent; row numbers always refer to the current catalog; no preview is of another
catalog.

While a pattern is typed, `draft` holds the filters as they would be, and views show `live`; `filters`, and with them
`preview`, `config` and undo, change when the edit is finished (`finish`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import traitlets

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.connection import ConnectionReport, ConnectionSettings, RuntimeAuth
from dbxexplore.discovery import Progress
from dbxexplore.export import ConnectionConfig, Schedule
from dbxexplore.export.config import DEFAULT_NAME
from dbxexplore.filters import Dialect, Filters, Preview
from dbxexplore.permissions import Audit
from dbxexplore.widgets.history import History, describe

_ANY_CRON = "0 0 * * *"
_EDITED = {"filters", "dialect"}
_JUDGED = {"catalog", *_EDITED}
_SHOWN = {"draft", *_JUDGED}
_AUDITED = ("settings", "catalog", "filters", "dialect")
_CONFIGURED = {"settings", *_EDITED, "connection_name", "description", "cron", "timezone"}
_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class Mask:
    """A boolean for each row of ``catalog.objects``. Two masks are never equal: a million rows are not compared."""

    flags: npt.NDArray[np.bool_]


class ExplorerState(traitlets.HasTraits):
    """The shared values of an Explorer.

    Assign or observe any value, from any thread. `lock` is held while a value is changed and its observers run, so that
    two threads never leave two views with different values. Nothing slow is done while it is held, except judging the
    catalog for `preview`, which every view waits for.

    Args:
        config: a connection to start from; ``values`` take precedence.
        clock: returns seconds; edits that follow each other closely are one step of `history`.
        values: initial values of traits by name. They are not an edit that can be undone.
    """

    # --- set by the user ---

    settings = traitlets.Instance(ConnectionSettings, allow_none=True)
    """Where to connect to (`ConnectionSettings`); None while the form is incomplete. By default None, and inside Databricks
    the identity of the notebook."""

    catalog = traitlets.Instance(Catalog, allow_none=True)
    """What was discovered (`Catalog`); None, the default, until then. While the first discovery is under way, it is replaced
    from time to time by one that holds more; selected and ticked rows are then those of the same objects."""

    filters = traitlets.Instance(Filters)
    """The patterns of all levels (`Filters`); by default those that include everything."""

    dialect = traitlets.Instance(Dialect)
    """The matching rules (`Dialect`); by default ``Dialect.DATAHUB``."""

    connection_name = traitlets.Unicode(DEFAULT_NAME)
    """The name of the connection, as typed (text); by default `DEFAULT_NAME`."""

    description = traitlets.Unicode("")
    """The description of the connection, as typed (text); by default empty."""

    cron = traitlets.Unicode("")
    """The cron expression of the schedule, as typed (text); empty, the default, for no schedule."""

    timezone = traitlets.Unicode("UTC")
    """The time zone of the schedule, as typed (text); by default UTC."""

    read_only = traitlets.Bool(default_value=False)
    """Whether the connection is only shown: nothing can be edited, ticked, discovered or saved (bool, False)."""

    # --- set while connecting ---

    report = traitlets.Instance(ConnectionReport, allow_none=True)
    """The result of the last test of ``settings`` (`ConnectionReport`); None, the default, if there was none."""

    attempted = traitlets.Bool(default_value=False)
    """Whether the user has tried to connect, so that the form says what is missing (bool, False)."""

    audit = traitlets.Instance(Audit, allow_none=True)
    """What a principal can see of what the filters include (`Audit`); None, the default, until that was checked, and again
    once the settings, the catalog or the filters have changed."""

    # --- set by the editor of patterns ---

    draft = traitlets.Instance(Filters, allow_none=True)
    """The filters with the pattern that is being typed (`Filters`); None, the default, while none is."""

    unfinished = traitlets.Tuple(default_value=())
    """The patterns that are being typed or are not valid, such as ``deny tables 1`` (texts); empty by default. They are
    not in ``filters``."""

    # --- reported by the page and the tree ---

    selected = traitlets.Int(-1)
    """The row of ``catalog.objects`` that was clicked last (int); -1, the default, for none."""

    ticked = traitlets.Instance(Mask, allow_none=True)
    """Which rows are ticked, or contain something that is (`Mask`); None, the default, for none."""

    ticked_text = traitlets.Unicode("")
    """How many objects are ticked, in words such as ``1,204 tables`` (text); empty, the default, for none, and where
    ``ticked`` was set without it."""

    discovering = traitlets.Bool(default_value=False)
    """Whether a discovery is under way (bool, False)."""

    progress = traitlets.Instance(Progress, allow_none=True)
    """How far the last discovery is (`Progress`); None, the default, before its first call."""

    cancelling = traitlets.Bool(default_value=False)
    """Whether the discovery under way is to stop, keeping what it has found (bool, False)."""

    page_width = traitlets.Int(0)
    """Width of the Explorer in the page, in pixels (int); 0, the default, until a page has reported it."""

    # --- derived ---

    preview = traitlets.Instance(Preview, allow_none=True)
    """What the filters include of the catalog (`Preview`). While a pattern is broken, this is the last one of the same
    catalog, if there was one. None, the default, without a catalog."""

    live = traitlets.Instance(Preview, allow_none=True)
    """What views show (`Preview`): what ``draft`` includes while there is one that can be previewed, otherwise `preview`."""

    problem = traitlets.Instance(errors.DbxExploreError, allow_none=True)
    """Why the filters, or those of ``draft``, cannot be previewed (an error); None, the default, while they can."""

    before = traitlets.Instance(Preview, allow_none=True)
    """What the filters included before the last edit (`Preview`); None, the default, before the first."""

    changed = traitlets.Instance(Mask, allow_none=True)
    """The rows whose verdict the last edit changed, or ``draft`` would change (`Mask`); None, the default, where there is
    nothing to compare."""

    config = traitlets.Instance(ConnectionConfig, allow_none=True)
    """The connection as it would be exported now (`ConnectionConfig`); None, the default, while it is incomplete.
    Assigning one sets all its values."""

    config_problems = traitlets.Tuple(default_value=())
    """Why the values do not make a connection (errors, one per field); empty, the default, if they do."""

    lock: AbstractContextManager[object] = nullcontext()  # until there is one
    """Held, re-entrantly, by the thread that changes values. Hold it to read several values of the same moment."""

    def __init__(
        self,
        config: ConnectionConfig | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        **values: Any,  # noqa: ANN401 - of several types
    ) -> None:
        unknown = sorted(set(values) - _VALUES)
        if unknown:
            msg = f"{type(self).__name__} has no value {unknown[0]!r}"
            raise TypeError(msg)
        super().__init__()
        for name in _VALUES:
            # A default is made when a value is first read. Made while another thread sets the value, it would replace it.
            getattr(self, name)
        self._clock = clock
        self._step = self._compared_step = 0  # the number of the last edit, and of the edit that `before` precedes
        self._set(**{**(parts_of(config) if config is not None else {}), **values})
        self._history = History((self.filters, self.dialect))
        self._in_force: errors.DbxExploreError | None = None  # why the filters in force cannot be previewed
        self._judge(_SHOWN)
        self._configure()
        self.lock = threading.RLock()

    def __setattr__(self, name: str, value: object) -> None:
        if name in _VALUES:
            self.update(**{name: value})
        else:
            super().__setattr__(name, value)

    def update(self, **values: object) -> None:
        """Set several values. Observers run once all of them are set, and what follows from them.

        Raises:
            traitlets.TraitError: a value has another type than its trait; then none of the values is set.
        """
        with self.lock, self.hold_trait_notifications():
            config = values.pop("config", None)
            if isinstance(config, ConnectionConfig):
                values = {**parts_of(config), **values}
            if "ticked" in values:
                values = {"ticked_text": "", **values}
            if values.get("catalog", self.catalog) is not self.catalog:
                values = {**self._rows_in(values["catalog"]), **values}
            if "filters" in values:
                values = {"draft": None, **values}
            if values.get("settings", self.settings) != self.settings:
                values = {"report": None, **values}
            if any(values.get(name, getattr(self, name)) != getattr(self, name) for name in _AUDITED):
                values = {"audit": None, **values}
            old = {name: getattr(self, name) for name in values}
            for name, value in values.items():
                super().__setattr__(name, value)
            self._follow({name for name in values if getattr(self, name) != old[name]})

    # --- edits ---

    def finish(self) -> None:
        """Put the filters of ``draft`` in force, if there are any."""
        with self.lock:
            if self.draft is not None:
                self.filters = self.draft

    @property
    def history(self) -> History[tuple[Filters, Dialect]]:
        """The edits of filters and dialect. To go back and forth, use `undo` and `redo`."""
        return self._history

    def undo(self) -> None:
        """Undo the last edit of filters and dialect, if there is one."""
        self._go(self._history.undo)

    def redo(self) -> None:
        """Redo the edit that was undone last, if there is one."""
        self._go(self._history.redo)

    def _go(self, move: Callable[[], tuple[Filters, Dialect]]) -> None:
        with self.lock:
            filters, dialect = move()
            self._step += 1
            self.update(filters=filters, dialect=dialect)

    def _rows_in(self, catalog: object) -> Mapping[str, object]:
        """Return which rows of another catalog are selected and ticked: none, unless this one was still being filled."""
        if not isinstance(catalog, Catalog) or self.catalog is None or not self.catalog.in_progress:
            return {"selected": -1, "ticked": None, "ticked_text": ""}
        selected, ticked = np.arange(len(self.catalog)) == self.selected, self.ticked
        return {
            "selected": next(iter(np.flatnonzero(_same_objects(self.catalog, selected, catalog)).tolist()), -1),
            "ticked": None if ticked is None else Mask(_same_objects(self.catalog, ticked.flags, catalog)),
        }

    # --- what follows ---

    def _follow(self, changed: set[str]) -> None:
        """Update the values that depend on those that changed."""
        last = self.preview
        if changed & _EDITED:
            value = (self.filters, self.dialect)
            edit = describe(self._history.value, value)
            if self._history.record(value, edit.key, self._clock(), ends=edit.ends):
                self._step += 1
        if changed & {"preview", *_SHOWN}:
            self._judge(changed)
            if self.preview is not last:
                self._remember(last)
            self._compare()
        if changed & _CONFIGURED:
            self._configure()

    def _judge(self, changed: set[str]) -> None:
        """Preview the filters in force, where they changed, and the draft."""
        preview = self.preview if self.preview is not None and self.preview.catalog is self.catalog else None
        if self.catalog is None:
            self._in_force = None
        elif changed & _JUDGED:
            preview, self._in_force = self._previewed(self.filters, preview)
        live, problem = preview, self._in_force
        if self.catalog is not None and self.draft is not None:
            live, problem = self._previewed(self.draft, preview)
        self._set(preview=preview, live=live, problem=problem)

    def _previewed(
        self, filters: Filters, otherwise: Preview | None
    ) -> tuple[Preview | None, errors.DbxExploreError | None]:
        """Return the preview of some filters, or another one and why there is none."""
        assert self.catalog is not None
        for known in (self.live, self.preview):  # a draft that is finished has been previewed
            is_of_catalog = known is not None and known.catalog is self.catalog
            if is_of_catalog and (known.filters, known.dialect) == (filters, self.dialect):
                return known, None
        try:
            return filters.preview(self.catalog, self.dialect), None
        except errors.DbxExploreError as error:
            return otherwise, error

    def _remember(self, last: Preview | None) -> None:
        """Keep the preview from before the last edit; a step of the history is one edit."""
        if self._compared_step != self._step or not _are_of_one_catalog(self.before, self.preview):
            self._set(before=last if _are_of_one_catalog(last, self.preview) else None)
            self._compared_step = self._step

    def _compare(self) -> None:
        """Compare what views show with what was before: before the last edit, or before the draft."""
        before, after = (self.before, self.preview) if self.draft is None else (self.preview, self.live)
        changed = None
        if before is not None and after is not None:
            changed = Mask(before.included.to_numpy() != after.included.to_numpy())
        self._set(changed=changed)

    def _configure(self) -> None:
        problems: list[errors.DbxExploreError] = []
        config = None
        if self.settings is not None:
            config = self._make_config(self.settings, problems)
        self._set(config=config, config_problems=tuple(problems))

    def _make_config(
        self, settings: ConnectionSettings, problems: list[errors.DbxExploreError]
    ) -> ConnectionConfig | None:
        def make(schedule: Schedule | None) -> ConnectionConfig:
            return ConnectionConfig(
                name=self.connection_name.strip(),
                description=self.description.strip(),
                settings=settings,
                filters=self.filters,
                dialect=self.dialect,
                schedule=schedule,
            )

        cron, timezone = self.cron.strip(), self.timezone.strip() or "UTC"
        # One at a time, because the model reports only the first invalid field.
        if cron:
            _attempt(lambda: Schedule(cron=cron), problems)
            _attempt(lambda: Schedule(cron=_ANY_CRON, timezone=timezone), problems)
        if problems:
            _attempt(lambda: make(None), problems)
            return None
        return _attempt(lambda: make(Schedule(cron=cron, timezone=timezone) if cron else None), problems)

    def _set(self, **values: object) -> None:
        """Set values without updating those that depend on them."""
        for name, value in values.items():
            super().__setattr__(name, value)

    @traitlets.default("settings")  # type: ignore[untyped-decorator]
    def _default_settings(self) -> ConnectionSettings | None:
        inside_databricks = "DATABRICKS_RUNTIME_VERSION" in os.environ
        return ConnectionSettings(None, RuntimeAuth()) if inside_databricks else None

    @traitlets.default("filters")  # type: ignore[untyped-decorator]
    def _default_filters(self) -> Filters:
        return Filters()

    @traitlets.default("dialect")  # type: ignore[untyped-decorator]
    def _default_dialect(self) -> Dialect:
        return Dialect.DATAHUB


_VALUES = frozenset(ExplorerState.class_trait_names())


def parts_of(config: ConnectionConfig) -> Mapping[str, object]:
    """Return the values that make up a connection."""
    schedule = config.schedule
    return {
        "settings": config.settings,
        "filters": config.filters,
        "dialect": config.dialect,
        "connection_name": config.name,
        "description": config.description,
        "cron": schedule.cron if schedule else "",
        "timezone": schedule.timezone if schedule else "UTC",
    }


_IDENTITY = ["kind", "catalog", "schema", "full_name"]


def _same_objects(old: Catalog, flags: npt.NDArray[np.bool_], new: Catalog) -> npt.NDArray[np.bool_]:
    """Return which rows of a catalog are the objects that are flagged in another one."""
    wanted = old.objects.loc[flags, _IDENTITY]
    found: npt.NDArray[np.bool_] = (
        new.objects["full_name"].isin(wanted["full_name"]).to_numpy(dtype=np.bool_, copy=True)
    )
    if found.any():
        names = [
            pd.MultiIndex.from_frame(rows.astype(object).fillna(""))
            for rows in (new.objects.loc[found, _IDENTITY], wanted)
        ]
        found[found] = names[0].isin(names[1])
    return found


def _are_of_one_catalog(before: Preview | None, after: Preview | None) -> bool:
    return before is not None and after is not None and before.catalog is after.catalog


def _attempt(make: Callable[[], _T], problems: list[errors.DbxExploreError]) -> _T | None:
    """Return what is made, or None and add the error to ``problems``."""
    try:
        return make()
    except errors.DbxExploreError as error:
        problems.append(error)
    return None
