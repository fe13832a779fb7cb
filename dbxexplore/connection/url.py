"""The workspace URL: cleaned of what people paste with it, checked, and the cloud that it belongs to."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal, TypeAlias
from urllib.parse import parse_qs, quote, urlsplit

from dbxexplore import errors
from dbxexplore.connection.secrets import has_login, looks_like_secret
from dbxexplore.text import shorten

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
        WorkspaceUrlError: it is empty or not an address; it is that of the account console or of a Databricks
            site that is not a workspace; it is plain ``http`` beyond this machine; or it contains a credential.
    """
    raw = _cleaned(text)
    shown = repr(shorten(raw, _SHOWN))
    if any(c.isspace() or not c.isprintable() for c in raw) or "\\" in raw:
        raise _refused(f"{shown} is not a workspace URL")
    scheme, host, port = _split_url(raw, shown)
    loopback = _is_loopback(host)
    if not scheme:
        scheme = "http" if loopback else "https"
    if scheme == "http" and not loopback:
        raise _refused(f"{shown} is plain http, which would send the token unencrypted", "Use https:// instead")
    if scheme not in {"http", "https"}:
        raise _refused(f"{shown} starts with {scheme}://")
    if _ACCOUNT_CONSOLE.match(host):
        raise _refused(f"{shown} is the account console, which has no catalogs of its own", _COPY_ADDRESS)
    if _NOT_WORKSPACES.match(host):
        raise _refused(f"{shown} is a Databricks site but not a workspace", _COPY_ADDRESS)
    if not loopback and not _HOST.match(host) and not _is_ip(host):
        raise _refused(f"{shown} is not a workspace URL")
    netloc = f"[{host}]" if ":" in host else host
    default_port = {"https": 443, "http": 80}[scheme]
    return f"{scheme}://{netloc}" + (f":{port}" if port and port != default_port else "")


def _cleaned(text: object) -> str:
    raw = text.strip().strip("<>\"'").strip() if isinstance(text, str) else ""
    if not raw:
        raise _refused("The workspace URL is empty")
    if looks_like_secret(raw):
        raise _refused("The workspace URL contains what looks like a secret (not shown)")
    if has_login(raw if "://" in raw else f"://{raw}"):
        raise _refused(
            "The workspace URL contains a user name or password (not shown)", "Remove everything up to the @"
        )
    return raw


_COPY_ADDRESS = "Open your workspace in a browser and copy the address of that page"


def _refused(problem: str, remedy: str = "") -> errors.WorkspaceUrlError:
    example = f"Example: {WORKSPACE_URL_EXAMPLE}"
    return errors.WorkspaceUrlError(
        problem, remedy=f"{remedy}. {example}" if remedy else example, field="workspace_url"
    )


def workspace_id_in(text: str | None) -> str | None:
    """Return the number of the workspace in a pasted address, None if it has none.

    It is the parameter ``o`` of a browser's address, as in ``/?o=1234567890123456``, which tells the workspaces of one
    host apart.
    """
    raw = text.strip().strip("<>\"'").strip() if isinstance(text, str) else ""
    try:
        parts = urlsplit(raw if "://" in raw else f"//{raw}")
        # A page that is addressed in the fragment has its query there.
        queries = (parts.query, parts.fragment.partition("?")[2])
        numbers = [value.strip() for query in queries for value in parse_qs(query).get("o", ())]
    except ValueError:
        return None
    return next((number for number in numbers if _WORKSPACE_NUMBER.match(number)), None)


def _split_url(raw: str, shown: str) -> tuple[str, str, int | None]:
    has_scheme = "://" in raw
    try:
        parts = urlsplit(raw if has_scheme else f"//{raw}")
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise _refused(f"{shown} is not a workspace URL") from None
    if not host:
        raise _refused(f"{shown} has no host name")
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
    """Return the cloud that a normalised workspace URL belongs to, by its host name."""
    host = urlsplit(workspace_url).hostname or ""
    if _is_loopback(host):
        return "loopback"
    return next((cloud for suffix, cloud in _CLOUDS if host.endswith(suffix)), "unknown")


def object_url(workspace_url: str, full_name: str, *names: str) -> str:
    """Return the address of an object in the workspace: a page of Catalog Explorer, or a notebook.

    Args:
        workspace_url: the address of the workspace.
        full_name: the path of a notebook; not used where there are ``names``.
        names: catalog, schema and name, as far as there are any; none for a notebook.
    """
    base = workspace_url.rstrip("/")
    if not names:
        return f"{base}/#workspace{quote(full_name)}"
    return f"{base}/explore/data/{'/'.join(quote(name, safe='') for name in names)}"
