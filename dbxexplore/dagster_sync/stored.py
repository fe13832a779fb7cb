"""Where Dagster keeps the state of a component: its key, its version, and a copy of it.

Dagster gives out no public name for where states are stored and under which version, which a discovery that is
incomplete, or that fails, has to know.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

from dagster._core.storage.defs_state.base import DefsStateStorage
from dagster.components import DefsStateConfig
from dagster.components.utils.project_paths import get_local_state_path
from dagster_shared.serdes.objects.models.defs_state_info import LOCAL_STATE_VERSION

LOCAL, VERSIONED = "LOCAL_FILESYSTEM", "VERSIONED_STATE_STORAGE"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_READABLE = 60  # characters of a name that is not plain


def stored_version(config: DefsStateConfig) -> str:
    """Return the version of the state that is stored."""
    storage = DefsStateStorage.get()
    version = storage.get_latest_version(config.key) if storage else None
    return version or LOCAL_STATE_VERSION


def copy_stored_state(config: DefsStateConfig, project_root: Path, target: Path) -> Path | None:
    """Copy the state that is stored to ``target`` and return that, None if there is none."""
    storage = DefsStateStorage.get()
    if config.management_type.value == LOCAL:
        local = get_local_state_path(config.key, project_root)
        return Path(shutil.copyfile(local, target)) if local.is_file() else None
    info = storage.get_latest_defs_state_info() if storage else None
    stored = info.info_mapping.get(config.key) if info else None
    if storage is None or stored is None or stored.management_type != config.management_type:
        return None
    storage.download_state_to_path(config.key, stored.version, target)
    return target


def state_name(connection: str) -> str:
    """Return the name of a connection as it stands in the key of its state, different for different connections.

    Dagster makes a folder of the key in which everything but letters, digits and ``._-`` is ``__``, so that `Süd` and
    `S d` would share a state, and a long name would be longer than a file system takes it.
    """
    if _PLAIN_NAME.fullmatch(connection) and "__" not in connection:
        return connection
    readable = re.sub(r"[^A-Za-z0-9.-]+", "_", connection)[:_READABLE].strip("_")
    return "-".join([*([readable] if readable else []), hashlib.sha256(connection.encode()).hexdigest()[:16]])
