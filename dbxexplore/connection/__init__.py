"""How to reach a workspace: its URL, a credential by the *name* of its variable, and a test that calls it."""

from dbxexplore.connection.api import ApiCalls
from dbxexplore.connection.auth import AUTH_KINDS, Auth, Field, OAuthM2MAuth, ProfileAuth, RuntimeAuth, TokenAuth
from dbxexplore.connection.report import Capability, ConnectionReport, Problem
from dbxexplore.connection.secrets import looks_like_secret, looks_like_value, mask
from dbxexplore.connection.settings import ConnectionSettings
from dbxexplore.connection.url import normalise_workspace_url
from dbxexplore.connection.web import Json

__all__ = [
    "AUTH_KINDS",
    "ApiCalls",
    "Auth",
    "Capability",
    "ConnectionReport",
    "ConnectionSettings",
    "Field",
    "Json",
    "OAuthM2MAuth",
    "Problem",
    "ProfileAuth",
    "RuntimeAuth",
    "TokenAuth",
    "looks_like_secret",
    "looks_like_value",
    "mask",
    "normalise_workspace_url",
]
