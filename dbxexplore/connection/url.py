"""The address of a workspace: what people paste, made into a scheme and a host, and judged."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal, TypeAlias
from urllib.parse import parse_qs, urlsplit

from dbxexplore import errors
from dbxexplore.connection.secrets import looks_like_secret

Cloud: TypeAlias = Literal["aws", "azure", "gcp", "loopback", "unknown"]

WORKSPACE_URL_EXAMPLE = "https://dbc-1234abcd-56ef.cloud.databricks.com"

_SHOWN = 120  # characters of what was pasted, in a message

_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))+\Z")
_CLOUDS: tuple[tuple[str, Cloud], ...] = (
    (".gcp.databricks.com", "gcp"),
    (".cloud.databricks.com", "aws"),
    (".cloud.databricks.us", "aws"),
    (".cloud.databricks.mil", "aws"),
    (".azuredatabricks.net", "azure"),
    (".databricks.azure.us", "azure"),
    (".databricks.azure.cn", "azure"),
)
_WORKSPACE_NUMBER = re.compile(r"[0-9]{1,20}\Z", re.ASCII)
_ACCOUNT_CONSOLE = re.compile(r"accounts(?:-dod)?\.(?:.*\.)?(?:databricks|azuredatabricks)\.")
_NOT_WORKSPACES = re.compile(r"(?:(?:www|docs|help|kb|community|login|status)\.)?databricks\.com\Z")


def normalise_workspace_url(text: str) -> str:
    """Return the workspace URL as scheme and host, from whatever was pasted from a browser.

    Path, query, fragment, trailing slashes, surrounding quotes and white space are dropped, a missing
    scheme is added, the host is lower-cased.

    Raises:
        WorkspaceUrlError: it is empty or no address; it is that of the account console or of a Databricks
            site that is not a workspace; it is plain ``http`` beyond this machine; or it holds a credential.
    """
    example = f"a workspace URL such as {WORKSPACE_URL_EXAMPLE}"
    raw = text.strip().strip("<>\"'").strip() if isinstance(text, str) else ""
    if not raw:
        msg = "The workspace URL is empty"
        raise errors.WorkspaceUrlError(msg, expected=example)
    if looks_like_secret(raw):
        msg = "The workspace URL holds what looks like a secret (not shown)"
        raise errors.WorkspaceUrlError(msg, expected=example)
    authority = re.split(r"[/?#]", raw.partition("://")[2] or raw, maxsplit=1)[0]
    if "@" in authority:
        msg = "The workspace URL holds a user name or password (not shown)"
        raise errors.WorkspaceUrlError(msg, expected=example, remedy="Remove everything up to the @")
    shown = repr(raw if len(raw) <= _SHOWN else raw[: _SHOWN - 1] + "…")
    if any(c.isspace() or not c.isprintable() for c in raw) or "\\" in raw:
        msg = f"{shown} is not a web address"
        raise errors.WorkspaceUrlError(msg, expected=example)
    scheme, host, port = _split_url(raw, shown, example)
    loopback = _is_loopback(host)
    if not scheme:
        scheme = "http" if loopback else "https"
    if scheme == "http" and not loopback:
        msg = f"{shown} is plain http, which would send the token unencrypted"
        raise errors.WorkspaceUrlError(msg, expected=example, remedy="Write https:// instead")
    if scheme not in {"http", "https"}:
        msg = f"{shown} starts with {scheme}://"
        raise errors.WorkspaceUrlError(msg, expected=example)
    _refuse_other_sites(host, shown, example)
    if not loopback and not _HOST.match(host) and not _is_ip(host):
        msg = f"{shown} is not the address of a workspace"
        raise errors.WorkspaceUrlError(msg, expected=example)
    netloc = f"[{host}]" if ":" in host else host
    default_port = {"https": 443, "http": 80}[scheme]
    return f"{scheme}://{netloc}" + (f":{port}" if port and port != default_port else "")


def workspace_id_in(text: str | None) -> str | None:
    """Return the number of the workspace in a pasted address, None if it has none.

    It is the parameter ``o`` of a browser's address, as in ``/?o=1234567890123456``. On a host that serves several
    workspaces it tells them apart.
    """
    raw = text.strip().strip("<>\"'").strip() if isinstance(text, str) else ""
    try:
        parts = urlsplit(raw if "://" in raw else f"//{raw}")
        # A page that is addressed in the fragment has its query there.
        queries = (parts.query, parts.fragment.partition("?")[2])
        found = [value.strip() for query in queries for value in parse_qs(query).get("o", ())]
    except ValueError:
        return None
    return next((value for value in found if _WORKSPACE_NUMBER.match(value)), None)


def _refuse_other_sites(host: str, shown: str, example: str) -> None:
    """Refuse the addresses of Databricks that are pasted instead of a workspace's."""
    if _ACCOUNT_CONSOLE.match(host):
        msg = f"{shown} is the account console, which has no catalogs of its own"
        raise errors.WorkspaceUrlError(
            msg, expected=example, remedy="Open the workspace itself and copy the address of that page"
        )
    if _NOT_WORKSPACES.match(host):
        msg = f"{shown} is a Databricks site but not a workspace"
        raise errors.WorkspaceUrlError(
            msg, expected=example, remedy="Open your workspace and copy the address of that page"
        )


def _split_url(raw: str, shown: str, example: str) -> tuple[str, str, int | None]:
    has_scheme = "://" in raw
    try:
        parts = urlsplit(raw if has_scheme else f"//{raw}")
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        msg = f"{shown} is not a web address"
        raise errors.WorkspaceUrlError(msg, expected=example) from None
    if not host:
        msg = f"{shown} has no host name"
        raise errors.WorkspaceUrlError(msg, expected=example)
    return parts.scheme.lower() if has_scheme else "", host, port


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return _is_ip(host) and ipaddress.ip_address(host).is_loopback


def cloud_of(workspace_url: str) -> Cloud:
    """Which cloud a (normalised) workspace URL belongs to, by its host name."""
    host = urlsplit(workspace_url).hostname or ""
    if _is_loopback(host):
        return "loopback"
    return next((cloud for suffix, cloud in _CLOUDS if host.endswith(suffix)), "unknown")
