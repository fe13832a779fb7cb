"""The ways to authenticate, each by the *name* of what holds its secret."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from dbxexplore import errors
from dbxexplore.connection.secrets import (
    DEFAULT_SECRET_VARIABLE,
    DEFAULT_TOKEN_VARIABLE,
    check_variable_name,
    looks_like_secret,
)


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
    """A service principal: its application ID (a UUID) and the name of the variable that holds its secret.

    ``scopes`` are the OAuth scopes to ask for, such as ``("unity-catalog", "sql")``. Without them ``all-apis`` is asked
    for, which a secret that is limited to some scopes refuses.
    """

    client_id: str
    client_secret_env_var: str = DEFAULT_SECRET_VARIABLE
    scopes: tuple[str, ...] = ()
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
        object.__setattr__(self, "scopes", _check_scopes(self.scopes))


# What RFC 6749 allows in a scope, less what no scope of Databricks has.
_SCOPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/*-]{0,99}\Z", re.ASCII)


def _check_scopes(value: object) -> tuple[str, ...]:
    expected = 'a sequence of OAuth scopes, such as ("unity-catalog", "sql")'
    if isinstance(value, str) or not isinstance(value, Sequence):
        msg = f"scopes is of type {type(value).__name__}"
        raise errors.CredentialError(msg, expected=expected)
    for scope in value:
        if isinstance(scope, str) and looks_like_secret(scope):
            msg = "scopes holds what looks like a secret (not shown)"
            raise errors.CredentialError(msg, expected=expected)
        if not isinstance(scope, str) or not _SCOPE.match(scope):
            msg = f"scopes holds {scope!r}, which is not a scope"
            raise errors.CredentialError(msg, expected=expected)
    return tuple(dict.fromkeys(value))


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
