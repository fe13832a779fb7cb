"""`WorkspaceApi`: single calls to a workspace with one credential, whose failures are our own errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from dbxexplore import errors
from dbxexplore.connection.credentials import Credential, credential_of_client, workspace_headers
from dbxexplore.connection.web import Json, Web

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient


@runtime_checkable
class HasCredential(Protocol):
    """An object with a credential of its own, such as `ConnectionSettings`."""

    def credential(self, timeout: float) -> Credential:
        """Return what authenticates single calls."""
        ...


class WorkspaceApi:
    """Calls the REST API of a workspace, without retries; safe to use from several threads.

    Args:
        source: settings, or an SDK client whose credential is used.
        timeout: seconds to wait for an answer.
        connections: how many connections may be open at once.

    Raises:
        CredentialError: the credential is missing or cannot be used.
        WorkspaceError: the host does not answer or does not accept the credential, where a token is fetched first.
    """

    def __init__(self, source: HasCredential | WorkspaceClient, *, timeout: float, connections: int) -> None:
        if isinstance(source, HasCredential):
            self._credential = source.credential(timeout)
        else:
            self._credential = credential_of_client(source, timeout)
        self.host = self._credential.host
        self._web = Web(self.host, timeout=timeout, connections=connections, verify=self._credential.verify)
        self._workspace = workspace_headers(self._credential.workspace_id)

    @property
    def replaced(self) -> int:
        """The number of answers with text that is not valid Unicode and was replaced."""
        return self._web.replaced

    def close(self) -> None:
        """Close the connections that are open and idle; a call under way closes its own."""
        self._web.close()

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Json:
        """GET ``path`` and return the JSON object it answers with.

        Raises:
            WorkspaceError: one of its kinds, depending on what went wrong.
            CredentialError: the variable that holds the secret is gone.
        """
        return self._call("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, object]) -> Json:
        """POST a JSON object to ``path`` and return the JSON object it answers with; raises as `get` does."""
        return self._call("POST", path, body=body)

    def download(self, url: str) -> bytes:
        """Return the body behind a link of the workspace, fetched without a credential; see `Web.download`."""
        return self._web.download(url)

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Json:
        headers = self._credential.headers()
        try:
            return self._web.json(method, path, {**self._workspace, **headers}, query, body)
        except errors.UnauthorizedError:
            if not self._credential.renew(headers):
                raise
        return self._web.json(method, path, {**self._workspace, **self._credential.headers()}, query, body)
