"""The component: a connection document in; out, an asset for each object that its filters let through.

Source: Dagster's state-backed components
(https://docs.dagster.io/guides/build/components/state-backed-components).
"""

# Without lazy annotations, because Dagster reads the fields' types from the class.
import asyncio
import gc
import hashlib
import logging
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any

import dagster as dg

# Dagster gives out no public name for where states are stored and under which version, which a discovery that is
# incomplete, or that fails, has to know.
from dagster._core.storage.defs_state.base import DefsStateStorage
from dagster.components import DefsStateConfig, DefsStateConfigArgs, ResolvedDefsStateConfig
from dagster.components.utils.project_paths import get_local_state_path
from dagster_shared.serdes.objects.models.defs_state_info import LOCAL_STATE_VERSION

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.dagster_sync.budget import message_budget, within_budget
from dbxexplore.dagster_sync.freshness import FreshnessSensor, Watched, schema_checks
from dbxexplore.dagster_sync.lineage import COLUMN_LINEAGE, with_lineage
from dbxexplore.dagster_sync.masking import masked
from dbxexplore.dagster_sync.refresh import identifier, refresh_schedule
from dbxexplore.dagster_sync.scaffold import ConnectionScaffolder
from dbxexplore.dagster_sync.state import REFRESH, State
from dbxexplore.dagster_sync.translate import (
    DatabricksObject,
    asset_spec,
    group_name,
    included_objects,
    table_name,
    without_collisions,
)
from dbxexplore.discovery import discover
from dbxexplore.discovery.changes import TableName
from dbxexplore.discovery.lineage import DAYS, Lineage, read_lineage
from dbxexplore.export import ConnectionConfig, Schedule, yaml_text

_LOG = logging.getLogger("dbxexplore")
_PATIENCE = 300.0  # seconds that a warehouse may take to start before a refresh goes on without lineage
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_READABLE = 60  # characters of a name that is not plain
_LOCAL, _VERSIONED = "LOCAL_FILESYSTEM", "VERSIONED_STATE_STORAGE"

# Why the state could not be refreshed while definitions are loaded; None while none are. Dagster refreshes and loads in
# one method, without a step in between.
_failed: ContextVar[list[errors.DbxExploreError] | None] = ContextVar("_failed", default=None)

# The state that a refresh replaces. Dagster tells only where the new one goes.
_earlier: ContextVar[Path | None] = ContextVar("_earlier", default=None)


def _resolve_file(context: dg.ResolutionContext, value: str | None) -> Path | None:
    if value is None:
        return None
    return context.resolve_source_relative_path(str(context.resolve_value(value)))


def _as_it_is(_context: dg.ResolutionContext, value: Mapping[str, object] | None) -> Mapping[str, object] | None:
    # Not rendered as a template, because a pattern may hold what Jinja takes for one.
    return value


_File = Annotated[
    Path | None,
    dg.Resolver(
        _resolve_file,
        model_field_type=str | None,
        description="An exported connection document; relative to the folder of this file.",
        examples=["connection.yaml"],
    ),
]
_Document = Annotated[
    Mapping[str, object] | None,
    dg.Resolver(
        _as_it_is,
        model_field_type=dict | None,
        description="The connection document itself, in place of a file. Not rendered as a template.",
    ),
]


@dg.scaffold_with(ConnectionScaffolder)
@dataclass
class DatabricksConnectionComponent(dg.StateBackedComponent, dg.Resolvable):
    """An exported connection as assets: what its filters let through, under the keys of a Dagster+ Connection.

    One of ``connection_file`` and ``connection`` names what to sync. The state is a discovery at depth ``columns``
    with the connection's own credential; the filters are applied when definitions are built, so an edited filter
    takes effect without another discovery. An object that a discovery could not see, because the scope it is in
    could not be listed, stays and is marked stale; one that is gone from a scope that was listed is dropped.

    Where the connection names a SQL warehouse, three more things come through it, each of which can be turned off:

    - ``lineage``: dependencies between the assets and which column was made from which, as the system tables have
      recorded it within ``lineage_days``. It is part of the state. Where it cannot be read, it stays as it was.
    - ``freshness``: a sensor that reports a materialization whenever ``last_altered`` of a table has moved, at most
      one each ``freshness_interval`` seconds, with the columns and (``row_counts``) the number of rows of Delta
      tables. Its first ticks report each table once, as it stands. A tick starts the warehouse if it rests.
    - ``schema_checks``: a check of each table and view that fails when a column was added, removed or retyped
      between the latest two materializations. The sensor runs it.

    ``refresh_schedule`` is a cron expression for a job that refreshes the state; without it, the connection's own
    schedule counts, if there is one.

    Override `get_asset_spec` to change what an asset looks like.

    Example:
        .. code-block:: yaml

            # defs.yaml
            type: dbxexplore.dagster_sync.DatabricksConnectionComponent
            attributes:
              connection_file: connection.yaml
              refresh_schedule: "0 6 * * *"

    Raises:
        ConfigError: the document is missing, given twice, or cannot be read, or another attribute makes no sense.
    """

    connection_file: _File = None
    connection: _Document = None
    defs_state: ResolvedDefsStateConfig = field(default_factory=DefsStateConfigArgs.local_filesystem)
    lineage: bool = True
    lineage_days: int = DAYS
    freshness: bool = True
    freshness_interval: int = 900
    row_counts: bool = True
    schema_checks: bool = True
    refresh_schedule: str | None = None

    def __post_init__(self) -> None:
        for name in ("lineage_days", "freshness_interval"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                msg = f"{name} is {value!r}"
                raise errors.ConfigError(msg, path=["attributes", name], expected="a whole number, at least 1")
        if self.refresh_schedule is not None:
            try:
                Schedule(cron=self.refresh_schedule)
            except errors.ConfigError as error:
                path = ["attributes", "refresh_schedule"]
                raise errors.ConfigError(error.what, path=path, expected=error.expected) from None
        if (self.connection_file is None) == (self.connection is None):
            what = "neither connection_file nor connection is" if self.connection is None else "both are"
            msg = f"{what} given"
            raise errors.ConfigError(msg, path=["attributes"], expected="one of connection_file and connection")

    @cached_property
    def config(self) -> ConnectionConfig:
        """The connection document.

        Raises:
            ConfigError: its file cannot be read; with the line and the key.
        """
        if self.connection_file is not None:
            return ConnectionConfig.load(self.connection_file)
        try:
            return ConnectionConfig.from_yaml(yaml_text.dump(self.connection or {}))
        except errors.ConfigError as error:
            # Its lines are not those of the file that it stands in.
            path = ["attributes", "connection", *error.path]
            raise errors.ConfigError(error.what, path=path, expected=error.expected, remedy=error.remedy) from None

    @cached_property
    def schedule(self) -> Schedule | None:
        """When the state is refreshed: ``refresh_schedule`` in the time zone of the connection's, or the latter."""
        own = self.config.schedule
        if self.refresh_schedule is None:
            return own
        return Schedule(cron=self.refresh_schedule, timezone=own.timezone if own else "UTC")

    @property
    def defs_state_config(self) -> DefsStateConfig:
        """Where the state is stored, under a key that names the connection.

        Raises:
            ConfigError: the state is to live in the memory of the code server.
        """
        key = f"{type(self).__name__}[{_state_name(self.config.name)}]"
        config = DefsStateConfig.from_args(self.defs_state, default_key=key)
        if config.management_type.value not in {_LOCAL, _VERSIONED}:
            # It would be lost with each restart, and with it what an incomplete discovery has to keep.
            msg = f"{config.management_type.value} keeps no earlier state"
            path = ["attributes", "defs_state", "management_type"]
            raise errors.ConfigError(msg, path=path, expected=f"{_LOCAL} or {_VERSIONED}")
        return config

    # --- the state ---

    def discover(self) -> Catalog:
        """Return the workspace as it is now, at depth ``columns``; called when the state is refreshed."""
        # Not through a warehouse: information_schema leaves out what is closed to the credential without a word,
        # which would look as if it were gone.
        return discover(self.config.settings, depth="columns", notebooks=_wants_notebooks(self.config), strategy="rest")

    def read_lineage(self, catalogs: Sequence[str]) -> Lineage | None:
        """Return the lineage of what some catalogs hold, None if it is not asked for; called as `discover` is."""
        settings = self.config.settings
        if not self.lineage or settings.warehouse_id is None:
            return None
        return read_lineage(settings, catalogs=catalogs, days=self.lineage_days, patience=_PATIENCE)

    async def refresh_state(self, project_root: Path) -> str:
        """Discover, store the state, and return its version; see `dagster.StateBackedComponent`."""
        with tempfile.TemporaryDirectory() as folder:
            earlier = await asyncio.to_thread(self._copy_earlier_state, project_root, Path(folder) / "state")
            token = _earlier.set(earlier)
            try:
                return await super().refresh_state(project_root)
            except errors.DbxExploreError as error:
                failed = _failed.get()
                if failed is None or earlier is None:
                    raise
                failed.append(error)
                return self._earlier_version()
            finally:
                _earlier.reset(token)

    def _earlier_version(self) -> str:
        storage = DefsStateStorage.get()
        known = storage.get_latest_version(self.defs_state_config.key) if storage else None
        return known or LOCAL_STATE_VERSION

    def _copy_earlier_state(self, project_root: Path, target: Path) -> Path | None:
        config, storage = self.defs_state_config, DefsStateStorage.get()
        if config.management_type.value == _LOCAL:
            local = get_local_state_path(config.key, project_root)
            return Path(shutil.copyfile(local, target)) if local.is_file() else None
        info = storage.get_latest_defs_state_info() if storage else None
        known = info.info_mapping.get(config.key) if info else None
        if storage is None or known is None or known.management_type != config.management_type:
            return None
        storage.download_state_to_path(config.key, known.version, target)
        return target

    def write_state_to_path(self, state_path: Path) -> None:
        """Discover, and write the state to a file.

        Raises:
            DbxExploreError: the workspace cannot be reached or refuses the credential. The earlier state stays.
            CatalogError: something could not be listed, and what it held is in an earlier state that cannot be read.
        """
        catalog = self.discover()
        wanted = _wants_notebooks(self.config)
        _LOG.info("Discovered %r", catalog)
        for scope, reason, message in catalog.failures.itertuples(index=False, name=None):
            _LOG.warning("%s could not be listed (%s): %s", scope, reason, message)
        earlier = self._earlier_state(_earlier.get() or state_path, catalog)
        state = earlier.followed_by(catalog, notebooks=wanted) if earlier else State(catalog, notebooks=wanted)
        if state.stale:
            _LOG.warning("%d objects are kept as they were before, marked as stale", len(state.stale))
        # The whole, because what is kept from before may have been stored in clear.
        state = replace(state, catalog=masked(state.catalog, *self._secret_variables()))
        state.with_lineage(self._lineage_after(state)).save(state_path)

    def _secret_variables(self) -> list[str]:
        variable = self.config.settings.auth.secret_variable
        return [variable] if variable else []

    def _lineage_after(self, state: State) -> Lineage:
        """Return the lineage as it is now, and what cannot be read of it as it was: unknown is not empty."""
        catalogs = [str(name) for name in state.catalog.objects["catalog"].dropna().unique()]
        lineage = self.read_lineage(catalogs)
        if lineage is None:
            return Lineage()
        for problem in lineage.problems:
            _LOG.warning("%s What was known of it before is kept.", problem)
        return lineage.or_else(state.lineage)

    def _earlier_state(self, path: Path, new: Catalog) -> State | None:
        if not path.is_file():
            return None
        try:
            state = State.load(path)
        except errors.CatalogError as error:
            if new.complete:
                return None  # nothing of it is needed
            msg = f"{len(new.failures)} scopes could not be listed, and the earlier state cannot tell what they held"
            remedy = f"{error} To begin anew without it, delete the stored state"
            raise errors.CatalogError(msg, remedy=remedy) from None
        if state.catalog.provenance.workspace_url != new.provenance.workspace_url:
            _LOG.info("The earlier state is of another workspace, so nothing of it is kept")
            return None
        return state

    # --- the definitions ---

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the assets of the stored state, which Dagster refreshes first in development.

        A refresh that fails then would take the whole code location with it, other people's assets too: so where there
        is an earlier state, that is shown, with a warning. Elsewhere a refresh that fails is an error.
        """
        token = _failed.set([])
        try:
            return super().build_defs(context)
        finally:
            _failed.reset(token)

    def build_defs_from_state(self, context: dg.ComponentLoadContext, state_path: Path | None) -> dg.Definitions:
        """Return the assets of a stored state; calls no workspace.

        Raises:
            CatalogError: the state was written by another version, or is damaged.
        """
        if state_path is None:
            _LOG.warning(
                "There is no state of the connection %r yet, so it has no assets. %s", self.config.name, REFRESH
            )
            return dg.Definitions(schedules=self._schedules(context))
        with _no_collection():
            state = State.load(state_path)
            self._tell(state)
            return self._definitions(state, context)

    def _definitions(self, state: State, context: dg.ComponentLoadContext) -> dg.Definitions:
        preview = self.config.preview(state.catalog)
        with _links_to(state.catalog.provenance.workspace_url):
            made = [(one, self.get_asset_spec(one)) for one in included_objects(preview, state.stale)]
        keys = {table_name(one): spec.key for one, spec in made if one.kind != "notebook"}
        specs = with_lineage(without_collisions(made), keys, state.lineage)
        objects = {table_name(one): one for one, _ in made}
        if not made:
            self._tell_of_nothing(state)
        # Of the whole specs, because what they have in mind for a materialization is not sent on loading.
        freshness = self._freshness(objects, keys, specs)
        assets = within_budget(specs, message_budget(_connections_beside(context)))
        return dg.Definitions(assets=assets, schedules=self._schedules(context), **freshness)

    def _schedules(self, context: dg.ComponentLoadContext) -> list[dg.ScheduleDefinition]:
        if self.schedule is None:
            return []
        refresh = partial(self.refresh_state, context.project_root)
        return [refresh_schedule(self.config.name, self.schedule, refresh)]

    def _freshness(
        self,
        objects: Mapping[TableName, DatabricksObject],
        keys: Mapping[TableName, dg.AssetKey],
        specs: Sequence[dg.AssetSpec],
    ) -> dict[str, Any]:
        """Return the sensor and the checks, as arguments for definitions."""
        if not self.freshness or self.config.settings.warehouse_id is None or not keys:
            return {}
        made: dict[str, Any] = {}
        lineage = {spec.key: spec.metadata.get(COLUMN_LINEAGE) for spec in specs}
        watched = {
            name: Watched(
                key,
                columns=len(objects[name].columns or ()),
                is_counted=self.row_counts and objects[name].kind == "table" and objects[name].format == "DELTA",
                lineage=lineage.get(key),
            )
            for name, key in keys.items()
        }
        if self.schema_checks:
            made["asset_checks"] = schema_checks(self.config.name, list(dict.fromkeys(keys.values())))
        tick = FreshnessSensor(self.config.settings, watched, checks=self.schema_checks).tick
        made["sensors"] = [
            dg.SensorDefinition(
                name=f"{identifier(self.config.name)}_freshness",
                description=f"Reports what has changed in the workspace of the connection {self.config.name}.",
                evaluation_fn=tick,
                minimum_interval_seconds=self.freshness_interval,
                default_status=dg.DefaultSensorStatus.RUNNING,
                asset_selection=dg.AssetSelection.all_asset_checks() if self.schema_checks else None,
            )
        ]
        return made

    def get_asset_spec(self, row: DatabricksObject) -> dg.AssetSpec:
        """Return the asset of one table, view or notebook; to be overridden.

        ::

            class Ours(DatabricksConnectionComponent):
                def get_asset_spec(self, row):
                    return super().get_asset_spec(row).replace_attributes(group_name=row.schema)
        """
        return asset_spec(row, self.config, _workspace_url.get())

    def _tell_of_nothing(self, state: State) -> None:
        counts = state.catalog.counts()
        found = sum(counts[kind] for kind in ("table", "view", "notebook"))
        if found:
            _LOG.warning(
                "The filters of the connection %r include none of the %s tables, views and notebooks, so it has no "
                "assets. Correct them: dbxexplore preview --explain NAME says which pattern an object is excluded by.",
                self.config.name,
                f"{found:,}",
            )
        else:
            _LOG.warning(
                "The state of the connection %r holds no tables, views and notebooks, so it has no assets. Grant its "
                "credential USE CATALOG, USE SCHEMA and SELECT on what it is to see, and refresh it. %s",
                self.config.name,
                REFRESH,
            )

    def _tell(self, state: State) -> None:
        config, provenance = self.config, state.catalog.provenance
        for error in _failed.get() or ():
            _LOG.warning(
                "The state of the connection %r could not be refreshed: %s The stored state%s is shown.",
                config.name,
                error,
                f" of {provenance.taken_at:%Y-%m-%d %H:%M} UTC" if provenance.taken_at else "",
            )
        if group_name(config.name) != config.name:
            _LOG.info(
                "Dagster takes no group called %r, so the group is %r. The asset keys keep the name of the connection.",
                config.name,
                group_name(config.name),
            )
        url = config.settings.workspace_url
        if url and provenance.workspace_url and url != provenance.workspace_url:
            _LOG.warning("The state is of %s and the connection is to %s. %s", provenance.workspace_url, url, REFRESH)
        if _wants_notebooks(config) and not state.notebooks:
            _LOG.warning("The filters allow notebooks, and the state was taken without. %s", REFRESH)
        if not state.catalog.complete:
            _LOG.warning(
                "The last discovery was incomplete: %d scopes could not be listed. %d objects are kept from before.",
                len(state.catalog.failures),
                len(state.stale),
            )
        for problem in state.lineage.problems:
            _LOG.warning("%s What is shown of it is from before.", problem)
        if self.lineage and config.settings.warehouse_id and state.lineage.tables is None:
            _LOG.warning("The state holds no lineage. %s", REFRESH)


# Where links lead for a connection whose profile names the workspace; known from the state alone.
_workspace_url: ContextVar[str | None] = ContextVar("_workspace_url", default=None)


@contextmanager
def _links_to(url: str | None) -> Iterator[None]:
    token = _workspace_url.set(url)
    try:
        yield
    finally:
        _workspace_url.reset(token)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python from looking for garbage meanwhile.

    Definitions are a million objects that all stay. To look through them for what does not, each time that some more
    have been made, takes longer than to make them.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _state_name(connection: str) -> str:
    """Return the name of a connection as it stands in the key of its state, different for different connections.

    Dagster makes a folder of the key in which everything but letters, digits and ``._-`` is ``__``, so that `Süd` and
    `S d` would share a state, and a long name would be longer than a file system takes it.
    """
    if _PLAIN_NAME.fullmatch(connection) and "__" not in connection:
        return connection
    readable = re.sub(r"[^A-Za-z0-9.-]+", "_", connection)[:_READABLE].strip("_")
    return "-".join([*([readable] if readable else []), hashlib.sha256(connection.encode()).hexdigest()[:16]])


def _connections_beside(context: dg.ComponentLoadContext) -> int:
    """Return how many connections the code location has, which all travel in one message."""
    tree = context.component_tree
    # While a part of the tree alone is built, that part is all there is.
    return len(tree.get_all_components(of_type=DatabricksConnectionComponent)) if tree.is_fully_loaded() else 1


def _wants_notebooks(config: ConnectionConfig) -> bool:
    return bool(config.filters.notebooks.allow) or config.dialect.empty_allow == "everything"
