"""Where a workspace is and how to authenticate there. Nothing here makes a call or holds a secret."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import urlsplit

from dbxexplore import errors

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

    from dbxexplore.connection.report import ConnectionReport

Cloud: TypeAlias = Literal["aws", "azure", "gcp", "loopback", "unknown"]

WORKSPACE_URL_EXAMPLE = "https://dbc-1234abcd-56ef.cloud.databricks.com"
DEFAULT_TOKEN_VARIABLE = "DATABRICKS_CONNECTION_TOKEN"  # noqa: S105 - a variable's name, not a token
DEFAULT_SECRET_VARIABLE = "DATABRICKS_CONNECTION_CLIENT_SECRET"  # noqa: S105 - likewise

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# Databricks' own prefixes: dapi (personal access token), dose (OAuth secret), dkea (token of a recipient);
# and a JSON web token, which starts with the base64 of '{"'.
_SECRET = re.compile(r"(?:dapi|dose|dkea)[0-9a-f]{12,}|\beyJ[\w-]{10,}\.[\w-]{10,}\.", re.IGNORECASE)
# Cheaper, and found in every text that the former is found in, by engines of regular expressions other than Python's.
SECRET_HINT = r"(dapi|dose|dkea)[0-9a-f]{12}|eyj"  # noqa: S105 - a pattern
# A long run of letters and digits without a word in it: nobody names a variable so.
_RANDOM = re.compile(r"(?=[^_]*\d)(?=[^_]*[a-z])[A-Za-z0-9]{20,}\Z")

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
_ACCOUNT_CONSOLE = re.compile(r"accounts(?:-dod)?\.(?:.*\.)?(?:databricks|azuredatabricks)\.")
_NOT_WORKSPACES = re.compile(r"(?:(?:www|docs|help|kb|community|login|status)\.)?databricks\.com\Z")


def looks_like_secret(text: str) -> bool:
    """Whether ``text`` holds what can only be a token or secret, so that it must not be kept or quoted."""
    return _SECRET.search(text) is not None


def looks_like_value(text: str) -> bool:
    """Whether ``text``, where the name of a variable is wanted, is probably the secret that the variable should hold.

    Besides what `looks_like_secret` knows, that is a long text of letters and digits without a word in it, or with
    characters that no name of a variable has, as the secrets of most identity providers have them.
    """
    text = text.strip()
    mixed = len(text) >= 20 and re.search(r"\d", text) and re.search(r"[a-z]", text)  # noqa: PLR2004 - names are shorter, or have no digits
    return looks_like_secret(text) or bool(_RANDOM.match(text) or (mixed and not _VARIABLE.match(text)))


def mask(text: str, limit: int = 300) -> str:
    """Return text from a server fit for a message: one line, of bounded length, with no token in it."""
    text = " ".join(without_secrets(text, secret_values()).split())
    text = "".join(c if c.isprintable() else "�" for c in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def without_secrets(text: str, values: Iterable[str] = ()) -> str:
    """Return ``text`` with ``***`` for each of ``values`` and each token in it, and otherwise as it is."""
    for value in values:
        text = text.replace(value, "***")
    return _SECRET.sub("***", text)


def secret_values(*variables: str) -> list[str]:
    """Return the values of ``variables`` and of those that are named like secrets, as far as they are set.

    A server may echo what it was sent in any form. A value of fewer than 8 characters would hide ordinary words.
    """
    found = {
        value.strip()
        for name, value in os.environ.items()
        if name in variables or re.search(r"TOKEN|SECRET|PASSWORD|_KEY", name, re.IGNORECASE)
    }
    # Longest first, because one may hold another.
    return sorted((value for value in found if len(value) >= 8), key=lambda value: (-len(value), value))  # noqa: PLR2004


def check_variable_name(value: object, what: str, example: str = DEFAULT_TOKEN_VARIABLE) -> str:
    """Return ``value`` if it names an environment variable; ``what`` names the setting in the error.

    Raises:
        CredentialError: it is empty, cannot name a variable, or looks like the secret itself. The
            message never quotes what could be a secret.
    """
    expected = f"the name of an environment variable, such as {example}"
    if not isinstance(value, str) or not value.strip():
        msg = f"{what} is empty"
        raise errors.CredentialError(msg, expected=expected)
    value = value.strip()
    if looks_like_value(value):
        msg = f"{what} holds what looks like a secret itself ({len(value)} characters, not shown)"
        raise errors.CredentialError(
            msg,
            expected=expected,
            remedy="Put the secret into an environment variable and give the variable's name here",
        )
    if not _VARIABLE.match(value):
        msg = f"{what} cannot name an environment variable ({len(value)} characters, not shown in case it is a secret)"
        raise errors.CredentialError(msg, expected=f"{expected}: letters, digits and underscores only")
    return value


def read_secret(variable: str) -> str:
    """Return the value of an environment variable, without surrounding white space.

    Raises:
        CredentialError: the variable is not set, or empty.
    """
    value = os.environ.get(variable)
    where = "in the environment that started this kernel or process"
    if value is None:
        msg = f"The environment variable {variable} is not set"
        raise errors.CredentialError(msg, remedy=f"Set it {where}, or name another one")
    if not value.strip():
        msg = f"The environment variable {variable} is empty"
        raise errors.CredentialError(msg, remedy=f"Give it the secret {where}, or name another one")
    return value.strip()


# --- the workspace URL ----------------------------------------------------------------------------


def normalise_workspace_url(text: str) -> str:
    """Return the workspace URL as scheme and host, from whatever was pasted from a browser.

    Path, query, fragment, trailing slashes, surrounding quotes and white space are dropped, a missing
    scheme is added, the host is lower-cased.

    Raises:
        WorkspaceUrlError: it is empty or no address; it is that of the account console or of a Databricks
            site that is no workspace; it is plain ``http`` beyond this machine; or it holds a credential.
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


# --- ways to authenticate -------------------------------------------------------------------------


@dataclass(frozen=True)
class TokenAuth:
    """A personal access token, by the name of the environment variable that holds it."""

    env_var: str = DEFAULT_TOKEN_VARIABLE
    kind: Literal["token"] = field(default="token", kw_only=True, repr=False)

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - pydantic reads it from the class

    def __post_init__(self) -> None:
        object.__setattr__(self, "env_var", check_variable_name(self.env_var, "env_var"))


@dataclass(frozen=True)
class OAuthM2MAuth:
    """A service principal: its application id (a UUID) and the name of the variable that holds its secret."""

    client_id: str
    client_secret_env_var: str = DEFAULT_SECRET_VARIABLE
    kind: Literal["oauth-m2m"] = field(default="oauth-m2m", kw_only=True, repr=False)

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    def __post_init__(self) -> None:
        expected = "the application id of a service principal, a UUID"
        client_id = self.client_id.strip() if isinstance(self.client_id, str) else ""
        if not client_id:
            msg = "client_id is empty"
            raise errors.CredentialError(msg, expected=expected)
        if looks_like_secret(client_id):
            msg = "client_id holds what looks like a secret (not shown)"
            raise errors.CredentialError(msg, expected=expected)
        if any(c.isspace() or not c.isprintable() for c in client_id):
            msg = f"client_id {client_id!r} holds white space"
            raise errors.CredentialError(msg, expected=f"{expected}, not its display name")
        object.__setattr__(self, "client_id", client_id)
        name = check_variable_name(self.client_secret_env_var, "client_secret_env_var", DEFAULT_SECRET_VARIABLE)
        object.__setattr__(self, "client_secret_env_var", name)


@dataclass(frozen=True)
class ProfileAuth:
    """A profile of ``~/.databrickscfg``, as the Databricks CLI writes it."""

    profile: str = "DEFAULT"
    kind: Literal["profile"] = field(default="profile", kw_only=True, repr=False)

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    def __post_init__(self) -> None:
        if not isinstance(self.profile, str) or not self.profile.strip():
            msg = "The profile name is empty"
            raise errors.CredentialError(msg, expected="a section of ~/.databrickscfg, such as DEFAULT")
        if looks_like_secret(self.profile):
            msg = "The profile name looks like a secret (not shown)"
            raise errors.CredentialError(msg, expected="a section of ~/.databrickscfg, such as DEFAULT")
        object.__setattr__(self, "profile", self.profile.strip())


@dataclass(frozen=True)
class RuntimeAuth:
    """The identity of the Databricks notebook that this code runs in."""

    kind: Literal["runtime"] = field(default="runtime", kw_only=True, repr=False)

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012


Auth: TypeAlias = TokenAuth | OAuthM2MAuth | ProfileAuth | RuntimeAuth
AUTH_KINDS: Mapping[str, type[Auth]] = {
    "token": TokenAuth,
    "oauth-m2m": OAuthM2MAuth,
    "profile": ProfileAuth,
    "runtime": RuntimeAuth,
}

_WAREHOUSE_ID = re.compile(r"[0-9A-Za-z-]{1,64}\Z")


@dataclass(frozen=True)
class ConnectionSettings:
    """Where a workspace is and how to authenticate there; validated when made, holds no secret.

    ``workspace_url`` is normalised (see `normalise_workspace_url`); only a profile or the runtime's own
    identity can do without one. ``warehouse_id`` names a SQL warehouse: discovery reads
    through it, and Dagster needs it for lineage and freshness.
    """

    workspace_url: str | None = None
    auth: Auth = field(default_factory=TokenAuth)
    warehouse_id: str | None = None

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    def __post_init__(self) -> None:
        auth: object = self.auth
        if not isinstance(auth, TokenAuth | OAuthM2MAuth | ProfileAuth | RuntimeAuth):
            msg = f"auth is of type {type(auth).__name__}"
            raise errors.SettingsError(msg, expected="TokenAuth, OAuthM2MAuth, ProfileAuth or RuntimeAuth")
        if self.workspace_url is not None or isinstance(self.auth, TokenAuth | OAuthM2MAuth):
            object.__setattr__(self, "workspace_url", normalise_workspace_url(self.workspace_url or ""))
        if self.warehouse_id is not None:
            object.__setattr__(self, "warehouse_id", _check_warehouse_id(self.warehouse_id))

    @property
    def cloud(self) -> Cloud:
        """The cloud that the workspace's host name tells: ``unknown`` for a host of one's own."""
        return cloud_of(self.workspace_url) if self.workspace_url else "unknown"

    def workspace_client(self) -> WorkspaceClient:
        """Return a Databricks SDK client with exactly this credential, whatever else the environment offers.

        Raises:
            CredentialError: the credential is missing, empty, or not to be had here.
        """
        from dbxexplore.connection.client import workspace_client

        return workspace_client(self)

    def check(self, timeout: float = 10.0) -> ConnectionReport:
        """Call the workspace and report who the credential is, what it can do, and each problem with its remedy.

        ``timeout`` is in seconds and holds for each of about six calls. Never raises for what the report
        can tell: a missing variable, a refused credential, an unknown host.
        """
        from dbxexplore.connection.report import check_connection

        return check_connection(self, timeout=timeout)


def _check_warehouse_id(value: object) -> str | None:
    text = value.strip() if isinstance(value, str) else ""
    if isinstance(value, str) and not text:
        return None
    expected = "the id of a SQL warehouse, such as 1234567890abcdef"
    if looks_like_secret(text):
        msg = "warehouse_id holds what looks like a secret (not shown)"
        raise errors.SettingsError(msg, expected=expected)
    # People paste the HTTP path of the warehouse's connection details.
    text = text.rstrip("/").rpartition("/warehouses/")[2]
    if not _WAREHOUSE_ID.match(text):
        msg = f"warehouse_id {value!r} is not an id"
        raise errors.SettingsError(msg, expected=expected)
    return text
