"""The component: a connection document in; out, an asset for each object that its filters let through.

Source: Dagster's state-backed components
(https://docs.dagster.io/guides/build/components/state-backed-components).
"""

# Without lazy annotations, because Dagster reads the fields' types from the class.
import asyncio
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated

import dagster as dg

# Dagster gives out no public name for where states are stored, which an incomplete discovery has to know.
from dagster._core.storage.defs_state.base import DefsStateStorage
from dagster.components import DefsStateConfig, DefsStateConfigArgs, ResolvedDefsStateConfig
from dagster.components.utils.project_paths import get_local_state_path

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.dagster_sync.scaffold import ConnectionScaffolder
from dbxexplore.dagster_sync.state import REFRESH, State
from dbxexplore.dagster_sync.translate import (
    DatabricksObject,
    asset_spec,
    group_name,
    included_objects,
    without_collisions,
)
from dbxexplore.discovery import discover
from dbxexplore.export import ConnectionConfig, yaml_text

_LOG = logging.getLogger("dbxexplore")
_LOCAL, _VERSIONED = "LOCAL_FILESYSTEM", "VERSIONED_STATE_STORAGE"

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

    Override `get_asset_spec` to change what an asset looks like.

    Example:
        .. code-block:: yaml

            # defs.yaml
            type: dbxexplore.dagster_sync.DatabricksConnectionComponent
            attributes:
              connection_file: connection.yaml

    Raises:
        ConfigError: the document is missing, given twice, or cannot be read.
    """

    connection_file: _File = None
    connection: _Document = None
    defs_state: ResolvedDefsStateConfig = field(default_factory=DefsStateConfigArgs.local_filesystem)

    def __post_init__(self) -> None:
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

    @property
    def defs_state_config(self) -> DefsStateConfig:
        """Where the state is stored, under a key that names the connection.

        Raises:
            ConfigError: the state is to live in the memory of the code server.
        """
        config = DefsStateConfig.from_args(self.defs_state, default_key=f"{type(self).__name__}[{self.config.name}]")
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

    async def refresh_state(self, project_root: Path) -> str:
        """Discover, store the state, and return its version; see `dagster.StateBackedComponent`."""
        with tempfile.TemporaryDirectory() as folder:
            earlier = await asyncio.to_thread(self._copy_earlier_state, project_root, Path(folder) / "state")
            token = _earlier.set(earlier)
            try:
                return await super().refresh_state(project_root)
            finally:
                _earlier.reset(token)

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
        state.save(state_path)

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

    def build_defs_from_state(self, context: dg.ComponentLoadContext, state_path: Path | None) -> dg.Definitions:
        """Return the assets of a stored state; calls no workspace.

        Raises:
            CatalogError: the state was written by another version, or is damaged.
        """
        del context
        if state_path is None:
            _LOG.warning(
                "There is no state of the connection %r yet, so it has no assets. %s", self.config.name, REFRESH
            )
            return dg.Definitions()
        state = State.load(state_path)
        self._tell(state)
        preview = self.config.preview(state.catalog)
        with _links_to(state.catalog.provenance.workspace_url):
            found = included_objects(preview, state.stale)
            specs = without_collisions((one, self.get_asset_spec(one)) for one in found)
        return dg.Definitions(assets=specs)

    def get_asset_spec(self, row: DatabricksObject) -> dg.AssetSpec:
        """Return the asset of one table, view or notebook; to be overridden.

        ::

            class Ours(DatabricksConnectionComponent):
                def get_asset_spec(self, row):
                    return super().get_asset_spec(row).replace_attributes(group_name=row.schema)
        """
        return asset_spec(row, self.config, _workspace_url.get())

    def _tell(self, state: State) -> None:
        config, provenance = self.config, state.catalog.provenance
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


# Where links lead for a connection whose profile names the workspace; known from the state alone.
_workspace_url: ContextVar[str | None] = ContextVar("_workspace_url", default=None)


@contextmanager
def _links_to(url: str | None) -> Iterator[None]:
    token = _workspace_url.set(url)
    try:
        yield
    finally:
        _workspace_url.reset(token)


def _wants_notebooks(config: ConnectionConfig) -> bool:
    return bool(config.filters.notebooks.allow) or config.dialect.empty_allow == "everything"
