"""A personal access token, read from its variable for each call and never stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbxexplore.connection.auth.base import Auth, Field
from dbxexplore.connection.credentials import NOTHING_ELSE, Credential, SdkConfig, workspace_headers
from dbxexplore.connection.secrets import (
    DEFAULT_TOKEN_VARIABLE,
    check_variable_name,
    likely_variables,
    read_secret,
)

if TYPE_CHECKING:
    from databricks.sdk.core import Config


@dataclass(frozen=True)
class TokenAuth(Auth):
    """A personal access token, by the name of the environment variable that holds it."""

    kind = "token"
    label = "Personal access token"
    FIELDS = (
        Field(
            name="env_var",
            label="Token environment variable",
            option="token-env-var",
            help="Name of the environment variable that holds a personal access token.",
            placeholder=DEFAULT_TOKEN_VARIABLE,
            default=DEFAULT_TOKEN_VARIABLE,
            variable=True,
            export_key="token",
            suggestions=likely_variables,
        ),
    )

    env_var: str = DEFAULT_TOKEN_VARIABLE

    def __post_init__(self) -> None:
        object.__setattr__(self, "env_var", check_variable_name(self.env_var, "env_var"))

    def sdk_config(self, host: str | None, workspace_id: str | None, timeout: float) -> SdkConfig:  # noqa: ARG002 - no call
        """Return how the SDK authenticates with it; see `Auth.sdk_config`."""
        strategy = _Token(self.env_var, host, workspace_id)
        # The SDK counts even an empty field as a second way to authenticate, unless a way is named.
        fields = {**NOTHING_ELSE, "auth_type": "pat", "credentials_strategy": strategy}
        return SdkConfig("The token", host, workspace_id, fields)

    def credential(self, host: str | None, workspace_id: str | None, timeout: float) -> Credential:  # noqa: ARG002 - no call
        """Return what authenticates single calls, without the SDK; see `Auth.credential`."""
        return _Token(self.env_var, host, workspace_id)


class _Token:
    """Reads the token from its variable for each call: for our own calls, and as a credentials strategy of the SDK."""

    verify = True

    def __init__(self, variable: str, host: str | None, workspace_id: str | None) -> None:
        self.host = host or ""
        self.workspace_id = workspace_id
        self._variable = variable
        read_secret(variable)

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {read_secret(self._variable)}"}

    def renew(self, refused: Mapping[str, str]) -> bool:
        return self.headers() != refused  # the variable may have another value by now

    def auth_type(self) -> str:
        return "pat"

    def __call__(self, _config: Config) -> Callable[[], dict[str, str]]:
        return lambda: {**workspace_headers(self.workspace_id), **self.headers()}
