"""OAuth as a workspace offers it: metadata of the host, endpoints, and tokens for a service principal's secret."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs

METADATA = "/.well-known/databricks-config"
ENDPOINTS = "/.well-known/oauth-authorization-server"

CLIENT_ID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
CLIENT_SECRET = "dose" + "5ec4e7" * 5  # made up; shaped like a real one, so that leaks of it are found


@dataclass
class OAuth:
    """How the simulator gives tokens; may be changed while it runs."""

    client_id: str = CLIENT_ID
    client_secret: str = CLIENT_SECRET
    page: bool = True  # whether the host has a metadata page
    hangs: frozenset[str] = frozenset()  # paths that are never answered
    root: str = "/oidc"  # where the endpoints are, as the metadata page says
    account_id: str | None = None
    metadata_workspace_id: str | None = None
    scopes: frozenset[str] = frozenset({"all-apis"})  # what the secret may ask for
    lifetime: int = 3600  # seconds
    limited: dict[str, str] = field(default_factory=dict)  # path → scope that a token needs and may not have
    revoked_after: int | None = None  # calls that one token is good for
    refusal: tuple[int, str] = (403, "Token is expiring within 30 seconds. (token expired)")  # of a used-up token
    workspace_id: str | None = None  # what calls must name, on a host of several workspaces
    exchanges: list[str] = field(default_factory=list)  # scopes of the tokens that were given
    refused: list[str] = field(default_factory=list)  # what the exchanges that failed were answered with
    requests: list[str] = field(default_factory=list)  # paths
    calls: dict[str, int] = field(default_factory=dict)  # token → calls made with it

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, object]] | None:
        """Return status and body for a path of OAuth, None for any other path."""
        base = f"http://{headers.get('host')}"
        if path == METADATA:
            self.requests.append(path)
            return (200, self._metadata(base)) if self.page else (404, {"error_code": "ENDPOINT_NOT_FOUND"})
        if path == f"{self.root}{ENDPOINTS}":
            self.requests.append(path)
            token_url = f"{base}{self.root}/v1/token"
            return 200, {"authorization_endpoint": f"{base}{self.root}/v1/authorize", "token_endpoint": token_url}
        if path == f"{self.root}/v1/token":
            self.requests.append(path)
            return self._exchange(headers, body)
        return None

    def refuses(self, path: str, headers: dict[str, str]) -> tuple[int, str] | None:
        """Return status and words if a call with one of our tokens is refused; raises KeyError if it is not ours."""
        token = headers.get("authorization", "").removeprefix("Bearer ")
        self.calls[token] += 1
        if self.revoked_after is not None and self.calls[token] > self.revoked_after:
            return self.refusal
        if path in self.limited:
            return 403, f"Provided OAuth token does not have required scopes: {self.limited[path]}"
        return None

    def misses_workspace(self, headers: dict[str, str]) -> bool:
        """Return whether a call does not name the workspace that it must name."""
        named = {headers.get("x-databricks-org-id"), headers.get("x-databricks-workspace-id")}
        return self.workspace_id is not None and named != {self.workspace_id}

    def _metadata(self, base: str) -> dict[str, object]:
        root = self.root.replace(self.account_id, "{account_id}") if self.account_id else self.root
        page: dict[str, object] = {"oidc_endpoint": base + root}
        if self.account_id:
            page["account_id"] = self.account_id
        if self.metadata_workspace_id:
            page["workspace_id"] = self.metadata_workspace_id
        return page

    def _exchange(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, object]]:
        form = parse_qs(body.decode())
        asked = set(form.get("scope", [""])[0].split())
        if form.get("grant_type") != ["client_credentials"]:
            return self._refuse(400, "unsupported_grant_type", "Only client_credentials")
        if _basic(headers) != (self.client_id, self.client_secret):
            return self._refuse(401, "invalid_client", "Client authentication failed")
        if not asked <= self.scopes:
            wrong = ", ".join(sorted(asked - self.scopes))
            return self._refuse(400, "access_denied", f"Scopes '{wrong}' are not assigned to this secret")
        self.exchanges.append(" ".join(sorted(asked)))
        token = f"made-up-token-{len(self.exchanges)}-of-the-simulator"
        self.calls[token] = 0
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime}

    def _refuse(self, status: int, code: str, words: str) -> tuple[int, dict[str, object]]:
        self.refused.append(code)
        return status, {"error": code, "error_description": words}


def _basic(headers: dict[str, str]) -> tuple[str, str] | None:
    try:
        text = base64.b64decode(headers.get("authorization", "").removeprefix("Basic ")).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    name, _, secret = text.partition(":")
    return name, secret


def as_json(answer: dict[str, object]) -> bytes:
    """Return the body of an answer."""
    return json.dumps(answer).encode()
