"""A service principal, by its application ID and a secret in an environment variable (OAuth, machine to machine)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dbxexplore import errors
from dbxexplore.connection.auth.base import Auth, Field
from dbxexplore.connection.credentials import NOTHING_ELSE, SdkConfig
from dbxexplore.connection.oauth import oauth_fields
from dbxexplore.connection.secrets import (
    DEFAULT_SECRET_VARIABLE,
    check_variable_name,
    likely_variables,
    looks_like_secret,
    read_secret,
)


@dataclass(frozen=True)
class OAuthM2MAuth(Auth):
    """A service principal: its application ID (a UUID) and the name of the variable that holds its secret.

    ``scopes`` are the OAuth scopes to ask for, such as ``("unity-catalog", "sql")``. By default, it is ``all-apis``,
    which Databricks refuses for a secret that is limited to some scopes.
    """

    kind = "oauth-m2m"
    label = "Service principal (OAuth)"
    FIELDS = (
        Field(
            name="client_id",
            label="Application ID",
            option="client-id",
            help="Application ID of a service principal (a UUID).",
            placeholder="3f1c2a9e-…, the service principal's UUID",
            export_key="client_id",
        ),
        Field(
            name="client_secret_env_var",
            label="Client secret variable",
            option="client-secret-env-var",
            help="Name of the environment variable that holds the secret of the service principal.",
            placeholder=DEFAULT_SECRET_VARIABLE,
            default=DEFAULT_SECRET_VARIABLE,
            variable=True,
            export_key="client_secret",
            suggestions=likely_variables,
        ),
        Field(
            name="scopes",
            label="OAuth scopes",
            option="scopes",
            help="OAuth scopes to ask for, separated by commas, if the secret is limited to some.",
            placeholder="optional – if the secret is limited: unity-catalog, sql",
            many=True,
            optional=True,
        ),
    )

    client_id: str
    client_secret_env_var: str = DEFAULT_SECRET_VARIABLE
    scopes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "client_id", _check_client_id(self.client_id))
        name = check_variable_name(self.client_secret_env_var, "client_secret_env_var", DEFAULT_SECRET_VARIABLE)
        object.__setattr__(self, "client_secret_env_var", name)
        object.__setattr__(self, "scopes", _check_scopes(self.scopes))

    @property
    def identity(self) -> str | None:
        """The application ID."""
        return self.client_id

    def sdk_config(self, host: str | None, workspace_id: str | None, timeout: float) -> SdkConfig:
        """Return how the SDK authenticates with it; see `Auth.sdk_config`."""
        assert host
        secret = {"client_id": self.client_id, "client_secret": read_secret(self.client_secret_env_var)}
        fields = {**NOTHING_ELSE, **secret, **oauth_fields(host, self.scopes, timeout), "auth_type": "oauth-m2m"}
        return SdkConfig("The service principal's secret", host, workspace_id, fields)


def _check_client_id(value: object) -> str:
    expected = "the application ID of a service principal, a UUID"
    client_id = value.strip() if isinstance(value, str) else ""
    if not client_id:
        msg = "The application ID (client_id) is required"
        raise errors.CredentialError(msg, expected="a UUID", field="client_id")
    if looks_like_secret(client_id):
        msg = "client_id contains what looks like a secret (not shown)"
        raise errors.CredentialError(msg, expected=expected, field="client_id")
    if any(c.isspace() or not c.isprintable() for c in client_id):
        msg = f"client_id {client_id!r} contains white space"
        raise errors.CredentialError(msg, expected=f"{expected}, not its display name", field="client_id")
    return client_id


# What RFC 6749 allows in a scope, less what no scope of Databricks has.
_SCOPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/*-]{0,99}\Z", re.ASCII)


def _check_scopes(value: object) -> tuple[str, ...]:
    expected = 'a sequence of OAuth scopes, such as ("unity-catalog", "sql")'
    problem = ""
    if isinstance(value, str) or not isinstance(value, Sequence):
        problem = f"scopes is of type {type(value).__name__}"
        raise errors.CredentialError(problem, expected=expected, field="scopes")
    for scope in value:
        if isinstance(scope, str) and looks_like_secret(scope):
            problem = "scopes contains what looks like a secret (not shown)"
        elif not isinstance(scope, str) or not _SCOPE.match(scope):
            problem = f"scopes contains {scope!r}, which is not a scope"
        if problem:
            raise errors.CredentialError(problem, expected=expected, field="scopes")
    return tuple(dict.fromkeys(value))
