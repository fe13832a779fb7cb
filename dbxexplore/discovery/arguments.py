"""What discovery refuses before its first call; each check raises a `SettingsError`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dbxexplore import errors
from dbxexplore.connection import ConnectionSettings
from dbxexplore.discovery.gather import MAX_CONCURRENCY

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

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
