"""What the environment says about the connection: names of variables and profiles, and never a secret."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from dbxexplore import errors
from dbxexplore.connection import OAuthM2MAuth, ProfileAuth, TokenAuth, looks_like_secret, normalise_workspace_url
from dbxexplore.connection.auth.profile import existing_profiles
from dbxexplore.connection.secrets import DEFAULT_SECRET_VARIABLE, DEFAULT_TOKEN_VARIABLE, has_login

URL = "workspace_url"
_HOST, _TOKEN, _PROFILE, _FILE = (
    "DATABRICKS_HOST",
    "DATABRICKS_TOKEN",
    "DATABRICKS_CONFIG_PROFILE",
    "DATABRICKS_CONFIG_FILE",
)
_CLIENT_ID, _CLIENT_SECRET = "DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET"


@dataclass(frozen=True)
class Prefill:
    """Values for the connect form.

    ``kind`` is one of `AUTH_KINDS`; ``texts`` are values by the name of their field, and ``sources`` say where a value
    comes from, such as ``DATABRICKS_HOST``.
    """

    kind: str = TokenAuth.kind
    texts: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)


def prefill() -> Prefill:
    """Return what the variables of the Databricks tools and the profiles on this machine suggest.

    A variable that holds a secret is suggested by its name, and only if it is set.
    """
    host, texts, sources = _host(), {}, {}
    if host:
        texts[URL], sources[URL] = host, _HOST
    client_id = os.environ.get(_CLIENT_ID, "").strip()
    if client_id and not looks_like_secret(client_id) and _is_set(_CLIENT_SECRET):
        texts |= {"client_id": client_id, "client_secret_env_var": _CLIENT_SECRET}
        sources |= {"client_id": _CLIENT_ID, "client_secret_env_var": _CLIENT_SECRET}
        return Prefill(OAuthM2MAuth.kind, texts, sources)
    for variable in (DEFAULT_TOKEN_VARIABLE, _TOKEN):
        if _is_set(variable):
            texts["env_var"], sources["env_var"] = variable, variable
            return Prefill(TokenAuth.kind, texts, sources)
    if _is_set(DEFAULT_SECRET_VARIABLE):
        return Prefill(OAuthM2MAuth.kind, texts, sources)
    profiles, wanted = existing_profiles(), os.environ.get(_PROFILE, "").strip()
    if wanted in profiles:
        texts["profile"], sources["profile"] = wanted, _PROFILE
        return Prefill(ProfileAuth.kind, texts, sources)
    if profiles and not host:
        texts["profile"] = "DEFAULT" if "DEFAULT" in profiles else profiles[0]
        sources["profile"] = _FILE if os.environ.get(_FILE) else "~/.databrickscfg"
        return Prefill(ProfileAuth.kind, texts, sources)
    return Prefill(TokenAuth.kind, texts, sources)


def _is_set(variable: str) -> bool:
    return bool(os.environ.get(variable, "").strip())


def _host() -> str | None:
    """Return the workspace URL of the environment, None if there is none that can be used."""
    text = os.environ.get(_HOST, "").strip()
    if not text or has_login(text) or looks_like_secret(text):
        return None
    try:
        return normalise_workspace_url(text)
    except errors.WorkspaceUrlError:
        return None
