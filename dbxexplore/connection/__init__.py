"""How to reach a workspace: its URL, a credential by the *name* of its variable, and a test that calls it."""

from dbxexplore.connection.client import ApiCalls, Json
from dbxexplore.connection.report import Capability, ConnectionReport, Problem
from dbxexplore.connection.settings import (
    AUTH_KINDS,
    Auth,
    ConnectionSettings,
    OAuthM2MAuth,
    ProfileAuth,
    RuntimeAuth,
    TokenAuth,
    looks_like_secret,
    looks_like_value,
    mask,
    normalise_workspace_url,
)

__all__ = [
    "AUTH_KINDS",
    "ApiCalls",
    "Auth",
    "Capability",
    "ConnectionReport",
    "ConnectionSettings",
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
