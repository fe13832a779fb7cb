"""`ConnectionSettings`: where a workspace is and how to authenticate there, without the secret."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbxexplore import errors
from dbxexplore.connection.auth import AUTH_KINDS, Auth, TokenAuth
from dbxexplore.connection.credentials import CLIENT_PATIENCE, Credential
from dbxexplore.connection.report import ConnectionReport, check_connection
from dbxexplore.connection.secrets import looks_like_secret
from dbxexplore.connection.url import Cloud, cloud_of, normalise_workspace_url, workspace_id_in

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

_WAREHOUSE_ID = re.compile(r"[0-9A-Za-z-]{1,64}\Z")
_WORKSPACE_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}\Z", re.ASCII)


@dataclass(frozen=True)
class ConnectionSettings:
    """Where a workspace is and how to authenticate there; validated on construction, contains no secret.

    ``workspace_url`` is normalised (see `normalise_workspace_url`) and required, except with a profile or the
    notebook's identity. ``warehouse_id`` names a SQL warehouse: discovery reads through it, and Dagster needs it for
    lineage and freshness. ``workspace_id`` selects the workspace on a host of several; by default, it is the ``o`` of a
    pasted address, as in ``/?o=1234567890123456``.
    """

    workspace_url: str | None = None
    auth: Auth = field(default_factory=TokenAuth)
    warehouse_id: str | None = None
    workspace_id: str | None = None

    def __post_init__(self) -> None:
        auth: object = self.auth
        if not isinstance(auth, Auth):
            *names, last = (kind.__name__ for kind in AUTH_KINDS.values())
            msg = f"auth is of type {type(auth).__name__}"
            raise errors.SettingsError(msg, expected=f"{', '.join(names)} or {last}", field="auth")
        workspace_id = _check_workspace_id(self.workspace_id, workspace_id_in(self.workspace_url))
        object.__setattr__(self, "workspace_id", workspace_id)
        if self.workspace_url is not None or self.auth.needs_url:
            object.__setattr__(self, "workspace_url", normalise_workspace_url(self.workspace_url or ""))
        object.__setattr__(self, "warehouse_id", _check_warehouse_id(self.warehouse_id))

    @property
    def cloud(self) -> Cloud:
        """The cloud of the workspace, by its host name; ``unknown`` for a custom domain."""
        return cloud_of(self.workspace_url) if self.workspace_url else "unknown"

    def workspace_client(self) -> WorkspaceClient:
        """Return a Databricks SDK client with exactly this credential, whatever else the environment offers.

        Raises:
            CredentialError: the credential is missing or empty, or does not work here.
            WorkspaceError: the host does not answer or does not accept the credential, where a token has to be
                fetched first.
        """
        return self.auth.sdk_config(self.workspace_url, self.workspace_id, CLIENT_PATIENCE).client()

    def credential(self, timeout: float) -> Credential:
        """Return what authenticates single calls; ``timeout`` is in seconds, for each answer that takes.

        Raises:
            CredentialError: the credential is missing or cannot be used.
            WorkspaceError: the host does not answer or does not accept the credential, where a token has to be
                fetched first.
        """
        return self.auth.credential(self.workspace_url, self.workspace_id, timeout)

    def check(self, timeout: float = 10.0) -> ConnectionReport:
        """Call the workspace and report whose credential it is, what it can do, and each problem with its remedy.

        ``timeout`` is in seconds and applies to each of about six calls. What is wrong is in the report and not raised:
        a missing variable, a refused credential, an unknown host.
        """
        return check_connection(self, timeout=timeout)


def _check_warehouse_id(value: object) -> str | None:
    if isinstance(value, str):
        # People paste the HTTP path of the warehouse's connection details.
        value = value.strip().rstrip("/").rpartition("/warehouses/")[2]
    return _check_id(value, "warehouse_id", _WAREHOUSE_ID, "the ID of a SQL warehouse, such as 1234567890abcdef")


def _check_workspace_id(value: object, pasted: str | None) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # the ID of a classic workspace is a number
    text = _check_id(value, "workspace_id", _WORKSPACE_ID, "the number after ?o= in the address of the workspace")
    if text and pasted not in {None, text}:
        msg = f"workspace_id is {text!r}, but the workspace URL names the workspace {pasted!r}"
        raise errors.SettingsError(msg, remedy="Remove one of the two", field="workspace_id")
    return text or pasted


def _check_id(value: object, field: str, pattern: re.Pattern[str], expected: str) -> str | None:
    text = value.strip() if isinstance(value, str) else ""
    if value is None or (isinstance(value, str) and not text):
        return None
    if looks_like_secret(text):
        msg = f"{field} contains what looks like a secret (not shown)"
        raise errors.SettingsError(msg, expected=expected, field=field)
    if not pattern.match(text):
        msg = f"{field} {value!r} is not a {field.replace('_id', ' ID')}"
        raise errors.SettingsError(msg, expected=expected, field=field)
    return text
