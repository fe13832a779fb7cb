"""The ways to authenticate: one module per kind, and `AUTH_KINDS`, which names them all."""

from dbxexplore.connection.auth.base import Auth, Field
from dbxexplore.connection.auth.oauth_m2m import OAuthM2MAuth
from dbxexplore.connection.auth.profile import ProfileAuth
from dbxexplore.connection.auth.runtime import RuntimeAuth
from dbxexplore.connection.auth.token import TokenAuth

__all__ = ["AUTH_KINDS", "Auth", "Field", "OAuthM2MAuth", "ProfileAuth", "RuntimeAuth", "TokenAuth"]

# In the order in which forms offer them.
AUTH_KINDS: dict[str, type[Auth]] = {
    TokenAuth.kind: TokenAuth,
    OAuthM2MAuth.kind: OAuthM2MAuth,
    ProfileAuth.kind: ProfileAuth,
    RuntimeAuth.kind: RuntimeAuth,
}
