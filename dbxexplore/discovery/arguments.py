"""What discovery refuses before its first call; each check raises a `SettingsError`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from dbxexplore import errors
from dbxexplore.connection import ConnectionSettings, RuntimeAuth
from dbxexplore.discovery.engine import MAX_CONCURRENCY

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

Strategy: TypeAlias = Literal["rest", "sql"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
HIVE = "hive_metastore"  # the catalog of what is not in Unity Catalog
CALL_TIMEOUT = 60.0  # seconds for one answer


def check_depth(depth: str, allowed: Sequence[str]) -> None:
    """Refuse a depth that is not allowed."""
    if depth not in allowed:
        msg = f"depth is {depth!r}"
        raise errors.SettingsError(msg, expected=f"one of {', '.join(allowed)}")


def check_concurrency(max_concurrency: int) -> None:
    """Refuse a number of calls at once that is none or too many."""
    if isinstance(max_concurrency, bool) or not isinstance(max_concurrency, int):
        msg = f"max_concurrency is {max_concurrency!r}"
        raise errors.SettingsError(msg, expected=f"a whole number from 1 to {MAX_CONCURRENCY}")
    if not 1 <= max_concurrency <= MAX_CONCURRENCY:
        msg = f"max_concurrency is {max_concurrency}"
        raise errors.SettingsError(msg, expected=f"1 to {MAX_CONCURRENCY}")


def check_catalogs(catalogs: Sequence[str] | None) -> list[str] | None:
    """Return the names of catalogs, None for all."""
    if catalogs is None:
        return None
    if isinstance(catalogs, str) or not all(isinstance(name, str) and name for name in catalogs):
        msg = f"catalogs is {catalogs!r}"
        raise errors.SettingsError(msg, expected='a list of catalog names, such as ["main"], or None for all')
    return list(catalogs)


def check_deadline(deadline: float | None) -> None:
    """Refuse a limit that is no time."""
    if deadline is None:
        return
    if isinstance(deadline, bool) or not isinstance(deadline, int | float) or not deadline > 0:
        msg = f"deadline is {deadline!r}"
        raise errors.SettingsError(msg, expected="a number of seconds above 0, or None for no limit")


def check_progress(progress: object) -> None:
    """Refuse what is neither a callback nor a wish."""
    if progress is not None and not isinstance(progress, bool) and not callable(progress):
        msg = f"progress is {progress!r}"
        raise errors.SettingsError(msg, expected="a function that takes a Progress, True for a bar, or None")


def check_folders(what: str, folders: Sequence[str]) -> list[str]:
    """Return paths of folders without a slash at the end; ``what`` names the argument."""
    if isinstance(folders, str) or not all(isinstance(path, str) and path.startswith("/") for path in folders):
        msg = f"{what} is {folders!r}"
        raise errors.SettingsError(msg, expected='a list of folder paths, such as ["/Shared"]')
    return [path.rstrip("/") or "/" for path in folders]


def check_source(source: object) -> ConnectionSettings | WorkspaceClient:
    """Return what can be called, or refuse it."""
    if isinstance(source, ConnectionSettings):
        return source
    from databricks.sdk import WorkspaceClient

    if isinstance(source, WorkspaceClient):
        return source
    msg = f"Cannot discover from a {type(source).__name__}"
    raise errors.SettingsError(msg, expected="a ConnectionSettings or a databricks.sdk.WorkspaceClient")


def check_strategy(strategy: str | None, warehouse_id: str | None) -> Strategy:
    """Return how to list: what is asked for, or through a warehouse if there is one."""
    if strategy not in {None, *STRATEGIES}:
        msg = f"strategy is {strategy!r}"
        raise errors.SettingsError(msg, expected=f"one of {', '.join(STRATEGIES)}, or None")
    if strategy == "sql" and warehouse_id is None:
        msg = 'strategy is "sql", and there is no SQL warehouse to ask'
        raise errors.SettingsError(msg, expected="a warehouse_id, in the settings or as an argument")
    if strategy is None:
        return "rest" if warehouse_id is None else "sql"
    return "sql" if strategy == "sql" else "rest"


def check_warehouse(source: ConnectionSettings | WorkspaceClient, warehouse_id: str | None) -> str | None:
    """Return the id of the warehouse to ask: the argument, or that of the settings."""
    if warehouse_id is not None:
        # Made for its check of the id alone; the runtime's identity is the one that needs no address.
        return ConnectionSettings(auth=RuntimeAuth(), warehouse_id=warehouse_id).warehouse_id
    return source.warehouse_id if isinstance(source, ConnectionSettings) else None


def check_hive(hive_metastore: object, catalogs: Sequence[str] | None, warehouse_id: str | None) -> bool:
    """Return whether to list ``hive_metastore``: it is asked for, or named where there is a warehouse to ask."""
    if not isinstance(hive_metastore, bool):
        msg = f"hive_metastore is {hive_metastore!r}"
        raise errors.SettingsError(msg, expected="True or False")
    if hive_metastore and warehouse_id is None:
        msg = "hive_metastore is True, and there is no SQL warehouse to ask"
        raise errors.SettingsError(msg, expected="a warehouse_id, in the settings or as an argument")
    return hive_metastore or (warehouse_id is not None and HIVE in (catalogs or ()))


def check_path(what: str, path: object) -> Path | None:
    """Return the path of a file, None for none; ``what`` names the argument."""
    if path is None:
        return None
    if not isinstance(path, str | os.PathLike) or not str(path):
        msg = f"{what} is {path!r}"
        raise errors.SettingsError(msg, expected="the path of a file, or None")
    return Path(path)
