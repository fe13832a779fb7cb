"""The component: a connection document in; out, an asset per object that its filters include.

Source: Dagster's state-backed components
(https://docs.dagster.io/guides/build/components/state-backed-components).
"""

# Without lazy annotations, because Dagster reads the fields' types from the class.
import asyncio
import logging
import tempfile
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

import dagster as dg
from dagster.components import DefsStateConfig, DefsStateConfigArgs, ResolvedDefsStateConfig
from pydantic import BaseModel

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.dagster_sync.attributes import (
    Changes,
    Collision,
    Cron,
    Document,
    File,
    Interval,
    LineageDays,
    RowCounts,
    SchemaChecks,
    Translation,
    UseFreshness,
    UseLineage,
)
from dbxexplore.dagster_sync.beside import Beside, Built, check_names
from dbxexplore.dagster_sync.defs import Freshness, building, definitions
from dbxexplore.dagster_sync.notices import REFRESH, wants_notebooks, warn_about_state
from dbxexplore.dagster_sync.refresh import refresh_schedule
from dbxexplore.dagster_sync.scaffold import ConnectionScaffolder
from dbxexplore.dagster_sync.stored import LOCAL, VERSIONED, copy_stored_state, state_name, stored_version
from dbxexplore.dagster_sync.translate import DatabricksObject, asset_spec
from dbxexplore.discovery import discover
from dbxexplore.discovery.lineage import DAYS, Lineage, read_lineage
from dbxexplore.discovery.masking import masked
from dbxexplore.discovery.state import State, earlier_state
from dbxexplore.discovery.tags import Tags, read_tags
from dbxexplore.export import ConnectionConfig, Schedule, yaml_text

_LOG = logging.getLogger("dbxexplore")
_PATIENCE = 300.0  # seconds that a warehouse may take to start before a refresh goes on without lineage

# Why the state could not be refreshed while definitions are loaded; None while none are. Dagster refreshes and loads in
# one method, without a step in between.
_failed: ContextVar[list[errors.DbxExploreError] | None] = ContextVar("_failed", default=None)

# The state that a refresh replaces. Dagster tells only where the new one goes.
_earlier: ContextVar[Path | None] = ContextVar("_earlier", default=None)


@dg.scaffold_with(ConnectionScaffolder)
@dataclass
class DatabricksConnectionComponent(dg.StateBackedComponent, dg.Resolvable):
    """An exported connection as assets: what its filters include, under the keys of a Dagster+ Connection.

    One of ``connection_file`` and ``connection`` names what to sync. The state is a discovery at depth ``columns``
    with the connection's own credential; the filters are applied when definitions are built, so an edited filter
    takes effect without another discovery. An object that a discovery could not see, because the scope it is in
    could not be listed, stays and is marked stale; one that is gone from a scope that was listed is dropped.

    A view is a virtual asset: it holds no data of its own, so that what depends on it has to look through it
    (``AutomationCondition.eager().resolve_through_virtual()``) to run when the tables behind it change.

    A connection with a SQL warehouse also has the tags of Unity Catalog, as ``unity_catalog/NAME``, made valid where
    Dagster does not take them; the metadata has them as they are. Three more things can each be turned off:

    - ``lineage``: dependencies between the assets and which column was made from which, as the system tables have
      recorded it within ``lineage_days``. It takes a SQL warehouse, and is part of the state. Where it cannot be
      read, it stays as it was.
    - ``freshness``: a sensor, stopped until it is switched on, that looks for changes every ``freshness_interval``
      seconds. It observes each asset once, and from then on reports a materialization when its data have changed,
      with the columns and (``row_counts``) the number of rows of Delta tables. A change of a comment, a property or
      the files of a Delta table is observed; ``report_changes: all`` reports it too. A look starts the SQL warehouse
      if it rests. Without one, it lists the schemas of the assets over REST, and reports every change.
    - ``schema_checks``: a check of each table and view that fails when a column was added, removed or changed type
      between the latest two materializations. The sensor makes it, without a run. It takes a SQL warehouse.

    ``refresh_schedule`` is a cron expression for a job that refreshes the state; without it, the connection's own
    schedule counts, if there is one.

    ``translation`` changes what an asset looks like, as in other components of Dagster: a template may use ``spec``,
    the asset as it would be, and ``row``, a `DatabricksObject`. For more, override `get_asset_spec`.

    A project may have several connections, each with a name of its own. Lineage leads from one to another of the same
    workspace. ``on_collision`` says what happens to an object whose asset key another connection has already: ``error``
    names both, ``skip`` leaves the later one out, with a warning.

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

    connection_file: File = None
    connection: Document = None
    defs_state: ResolvedDefsStateConfig = field(default_factory=DefsStateConfigArgs.local_filesystem)
    lineage: UseLineage = True
    lineage_days: LineageDays = DAYS
    freshness: UseFreshness = True
    freshness_interval: Interval = 900
    report_changes: Changes = "data"
    row_counts: RowCounts = True
    schema_checks: SchemaChecks = True
    refresh_schedule: Cron = None
    translation: Translation = None
    on_collision: Collision = "error"

    def __post_init__(self) -> None:
        self.built: Built | None = None  # what it has defined, for the connections after it
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

    @classmethod
    def get_model_cls(cls) -> type[BaseModel] | None:
        """Return the model of the attributes; its schema says that one of two is given, which no single field can."""
        model = super().get_model_cls()
        if model is None:
            return None
        one_of = {"oneOf": [{"required": ["connection_file"]}, {"required": ["connection"]}]}
        config = {**model.model_config, "json_schema_extra": one_of}
        return type(model.__name__, (model,), {"model_config": config, "__module__": model.__module__})

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
        # Not by the name of the class, which may be derived from or renamed.
        key = f"{DatabricksConnectionComponent.__name__}[{state_name(self.config.name)}]"
        config = DefsStateConfig.from_args(self.defs_state, default_key=key)
        if config.management_type.value not in {LOCAL, VERSIONED}:
            # It would be lost with each restart, and with it what an incomplete discovery has to keep.
            msg = f"{config.management_type.value} keeps no earlier state"
            path = ["attributes", "defs_state", "management_type"]
            raise errors.ConfigError(msg, path=path, expected=f"{LOCAL} or {VERSIONED}")
        return config

    # --- the state ---

    def discover(self) -> Catalog:
        """Return the workspace as it is now, at depth ``columns``; called when the state is refreshed."""
        # Not through a warehouse: information_schema leaves out what the credential cannot read without a word,
        # which would look as if it were gone.
        return discover(self.config.settings, depth="columns", notebooks=wants_notebooks(self.config), strategy="rest")

    def read_lineage(self, catalogs: Sequence[str]) -> Lineage | None:
        """Return the lineage of what some catalogs hold, None if it is not asked for; called as `discover` is."""
        settings = self.config.settings
        if not self.lineage or settings.warehouse_id is None:
            return None
        return read_lineage(settings, catalogs=catalogs, days=self.lineage_days, patience=_PATIENCE)

    def read_tags(self, catalogs: Sequence[str]) -> Tags | None:
        """Return the tags of what some catalogs hold, None if there is no warehouse to ask; called as `discover` is."""
        settings = self.config.settings
        return None if settings.warehouse_id is None else read_tags(settings, catalogs=catalogs, patience=_PATIENCE)

    async def refresh_state(self, project_root: Path) -> str:
        """Discover, store the state, and return its version; see `dagster.StateBackedComponent`."""
        with tempfile.TemporaryDirectory() as folder:
            earlier = await asyncio.to_thread(
                copy_stored_state, self.defs_state_config, project_root, Path(folder) / "state"
            )
            token = _earlier.set(earlier)
            try:
                return await super().refresh_state(project_root)
            except errors.DbxExploreError as error:
                failed = _failed.get()
                if failed is None or earlier is None:
                    raise
                failed.append(error)
                return stored_version(self.defs_state_config)
            finally:
                _earlier.reset(token)

    def write_state_to_path(self, state_path: Path) -> None:
        """Discover, and write the state to a file.

        Raises:
            DbxExploreError: the workspace cannot be reached or refuses the credential. The earlier state stays.
            CatalogError: something could not be listed, and what it held is in an earlier state that cannot be read.
        """
        catalog = self.discover()
        wanted = wants_notebooks(self.config)
        _LOG.info("Discovered %r", catalog)
        for scope, reason, message in catalog.failures.itertuples(index=False, name=None):
            _LOG.warning("%s couldn't be listed (%s): %s", scope, reason, message)
        earlier = earlier_state(_earlier.get() or state_path, catalog)
        state = earlier.followed_by(catalog, notebooks=wanted) if earlier else State(catalog, notebooks=wanted)
        if state.stale:
            _LOG.warning("%d objects are kept as they were, marked as stale", len(state.stale))
        catalogs = [str(name) for name in state.catalog.objects["catalog"].dropna().unique()]
        variables = self._secret_variables()
        replace(
            state,
            # The whole, because what is kept from before may have been stored in clear.
            catalog=masked(state.catalog, *variables),
            lineage=self._lineage_after(state, catalogs),
            tags=self._tags_after(state, catalogs).masked(*variables),
        ).save(state_path)

    def _secret_variables(self) -> list[str]:
        variable = self.config.settings.auth.secret_variable
        return [variable] if variable else []

    def _lineage_after(self, state: State, catalogs: Sequence[str]) -> Lineage:
        """Return the lineage as it is now, and what cannot be read of it as it was: unknown is not empty."""
        lineage = self.read_lineage(catalogs)
        if lineage is None:
            return Lineage()
        for problem in lineage.problems:
            _LOG.warning("%s The lineage of earlier refreshes is kept.", problem)
        return lineage.or_else(state.lineage)

    def _tags_after(self, state: State, catalogs: Sequence[str]) -> Tags:
        tags = self.read_tags(catalogs) or Tags()
        if tags.problem:
            _LOG.warning("%s The tags of earlier refreshes are kept.", tags.problem)
        return tags.or_else(state.tags) if self.config.settings.warehouse_id else tags

    # --- the definitions ---

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Return the assets of the stored state, which Dagster refreshes first in development.

        A refresh that fails then would take the whole code location with it, other people's assets too: so where there
        is an earlier state, that is shown, with a warning. Elsewhere a refresh that fails is an error.

        Raises:
            ConfigError: another connection of the project has the same name.
        """
        check_names(one.config for one in self._connections(context))
        token = _failed.set([])
        try:
            return super().build_defs(context)
        finally:
            _failed.reset(token)

    def build_defs_from_state(self, context: dg.ComponentLoadContext, state_path: Path | None) -> dg.Definitions:
        """Return the assets of a stored state; calls no workspace.

        Raises:
            CatalogError: the state was written by another version, or is damaged.
            ConfigError: another connection of the project has the asset key of one of the objects.
        """
        if state_path is None:
            _LOG.warning(
                "There is no state of the connection %r yet, so it has no assets. %s", self.config.name, REFRESH
            )
            return dg.Definitions(schedules=self._schedules(context))
        freshness = None
        if self.freshness:
            checks = self.schema_checks and self.config.settings.warehouse_id is not None
            freshness = Freshness(self.freshness_interval, self.report_changes, self.row_counts, checks)
        with building():
            state = State.load(state_path, remedy=REFRESH)
            warn_about_state(state, self.config, _failed.get() or (), wants_lineage=self.lineage)
            defs, self.built = definitions(
                state,
                self.config,
                get_asset_spec=self.get_asset_spec,
                schedules=self._schedules(context),
                freshness=freshness,
                beside=[
                    # By name, because Dagster may load the components of one file of several once more.
                    Beside(one.config, one.get_asset_spec, one.built)
                    for one in self._connections(context)
                    if one.config.name != self.config.name
                ],
                on_collision=self.on_collision,
            )
        return defs

    @staticmethod
    def _connections(context: dg.ComponentLoadContext) -> "list[DatabricksConnectionComponent]":
        """Return the connections of the code location; none while a part of it alone is built."""
        tree = context.component_tree
        return tree.get_all_components(of_type=DatabricksConnectionComponent) if tree.is_fully_loaded() else []

    def _schedules(self, context: dg.ComponentLoadContext) -> list[dg.ScheduleDefinition]:
        if self.schedule is None:
            return []
        refresh = partial(self.refresh_state, context.project_root)
        is_local = self.defs_state_config.management_type.value == LOCAL
        return [refresh_schedule(self.config.name, self.schedule, refresh, is_local=is_local)]

    def get_asset_spec(self, row: DatabricksObject) -> dg.AssetSpec | None:
        """Return the asset of one table, view or notebook; to be overridden. None leaves the object out.

        It depends on ``row`` and the component's attributes alone. What Dagster does not take, such as a group name
        with a hyphen, is replaced by the spec without translation, with a warning.

        ::

            class Ours(DatabricksConnectionComponent):
                def get_asset_spec(self, row):
                    if row.name.endswith("_tmp"):
                        return None
                    return super().get_asset_spec(row).replace_attributes(group_name=row.schema)
        """
        spec = asset_spec(row, self.config)
        return self.translation(spec, row) if self.translation else spec
