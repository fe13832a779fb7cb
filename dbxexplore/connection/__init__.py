"""How to connect to a workspace: its URL, the credential by the *name* of its variable, single calls, and a test."""

from dbxexplore.connection.api import WorkspaceApi
from dbxexplore.connection.auth import AUTH_KINDS, Auth, Field, OAuthM2MAuth, ProfileAuth, RuntimeAuth, TokenAuth
from dbxexplore.connection.report import Capability, ConnectionReport, Problem
from dbxexplore.connection.secrets import looks_like_secret, looks_like_value, mask
from dbxexplore.connection.settings import ConnectionSettings
from dbxexplore.connection.url import normalise_workspace_url, object_url
from dbxexplore.connection.web import Json

__all__ = [
    "AUTH_KINDS",
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
    "WorkspaceApi",
    "looks_like_secret",
    "looks_like_value",
    "mask",
    "normalise_workspace_url",
    "object_url",
]
