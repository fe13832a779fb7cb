"""OAuth for service principals: where a host issues tokens, for any version of the SDK."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dbxexplore import errors
from dbxexplore.connection.credentials import sdk_knows, text_or_none, workspace_headers
from dbxexplore.connection.web import Web

if TYPE_CHECKING:
    from databricks.sdk.core import Config


def oauth_fields(
    host: str, scopes: tuple[str, ...], timeout: float, discovery_url: str | None = None
) -> dict[str, object]:
    """Return the fields that tell the SDK where ``host`` issues tokens, and which scopes to request.

    ``discovery_url`` is the address of its OAuth metadata, if that is known already.

    Raises:
        WorkspaceError: the host cannot be reached or does not answer.
    """
    discovery_url = discovery_url or _discovery_url(host, timeout)
    if sdk_knows("discovery_url") and sdk_knows("scopes"):
        return {"discovery_url": discovery_url} | ({"scopes": list(scopes)} if scopes else {})
    return {"credentials_strategy": _ClientCredentials(discovery_url, scopes or ("all-apis",), timeout)}


class _ClientCredentials:
    """A credentials strategy for SDKs that know one token endpoint only and always request ``all-apis``."""

    def __init__(self, discovery_url: str, scopes: tuple[str, ...], timeout: float) -> None:
        self._discovery_url = discovery_url
        self._scopes = scopes
        self._timeout = timeout

    def auth_type(self) -> str:
        return "oauth-m2m"

    def __call__(self, config: Config) -> Callable[[], dict[str, str]]:
        from databricks.sdk.oauth import ClientCredentials

        make: Callable[..., ClientCredentials] = ClientCredentials  # newer SDKs take the scopes as one text
        source = make(
            client_id=config.client_id,
            client_secret=config.client_secret,
            token_url=_token_url(self._discovery_url, self._timeout),
            scopes=list(self._scopes),
            use_header=True,
        )
        workspace = workspace_headers(text_or_none(getattr(config, "workspace_id", None)))

        def headers() -> dict[str, str]:
            token = source.token()
            return {**workspace, "Authorization": f"{token.token_type} {token.access_token}"}

        return headers


def _token_url(discovery_url: str, timeout: float) -> str:
    parts = urlsplit(discovery_url)
    host = f"{parts.scheme}://{parts.netloc}"
    with closing(Web(host, timeout=timeout, connections=1)) as web:
        url = web.json("GET", parts.path, {}).get("token_endpoint")
    if not isinstance(url, str):
        msg = f"{host} does not name its token endpoint"
        raise errors.NotDatabricksError(msg, remedy="Check the workspace URL, and that it offers OAuth")
    return url


_METADATA, _ENDPOINTS = "/.well-known/databricks-config", "/.well-known/oauth-authorization-server"


def _discovery_url(host: str, timeout: float) -> str:
    """Return the address of the OAuth metadata of ``host``.

    A host of several workspaces has a metadata page with that address. Other hosts may have none; the address is then
    that of an ordinary workspace.

    Raises:
        WorkspaceError: the host cannot be reached or does not answer.
    """
    try:
        with closing(Web(host, timeout=timeout, connections=1)) as web:
            page = web.json("GET", _METADATA, {})
    except errors.TimedOutError as error:
        msg = f"{error.problem} for its metadata ({_METADATA}), which says where to fetch a token"
        raise errors.TimedOutError(msg, remedy=error.remedy) from None
    except (errors.UnknownHostError, errors.UnreachableError, errors.TlsError):
        raise
    except errors.WorkspaceError:
        page = {}  # no such page, or not a valid one
    root, account = page.get("oidc_endpoint"), page.get("account_id")
    if isinstance(root, str) and root.startswith(("https://", f"{host}/")):
        root = root.replace("{account_id}", account) if isinstance(account, str) else root
        if "{" not in root:
            return root.rstrip("/") + _ENDPOINTS
    return f"{host}/oidc{_ENDPOINTS}"
