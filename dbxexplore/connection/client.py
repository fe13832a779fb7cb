"""The Databricks SDK as this package uses it: one credential, single calls, failures in our own terms.

A secret lives in an environment variable. Nothing here stores one: a personal access token is read anew
for each request, and a client secret is handed straight to the SDK.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from dbxexplore import errors
from dbxexplore.connection.settings import (
    Auth,
    ConnectionSettings,
    OAuthM2MAuth,
    ProfileAuth,
    TokenAuth,
    cloud_of,
    mask,
    read_secret,
)

if TYPE_CHECKING:
    import requests
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.core import ApiClient, Config

Json: TypeAlias = dict[str, object]


def workspace_client(settings: ConnectionSettings) -> WorkspaceClient:
    """Return an SDK client with exactly the credential of ``settings``; raises `CredentialError`."""
    from databricks.sdk import WorkspaceClient

    return WorkspaceClient(config=_config(settings.auth, settings.workspace_url))


class _TokenFromEnvironment:
    """A credentials strategy of the SDK that reads the token when a request is made, and keeps none."""

    def __init__(self, variable: str) -> None:
        self._variable = variable

    def auth_type(self) -> str:
        return "pat"

    def __call__(self, _config: Config) -> _TokenFromEnvironment._Headers:
        read_secret(self._variable)
        return self._Headers(self._variable)

    class _Headers:
        def __init__(self, variable: str) -> None:
            self._variable = variable

        def __call__(self) -> dict[str, str]:
            return {"Authorization": f"Bearer {read_secret(self._variable)}"}


class _SameCredential:
    """A credentials strategy that authenticates as another configuration does."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def auth_type(self) -> str:
        return self._config.auth_type or "reused"

    def __call__(self, _config: Config) -> _SameCredential._Headers:
        return self._Headers(self._config)

    class _Headers:
        def __init__(self, config: Config) -> None:
            self._config = config

        def __call__(self) -> dict[str, str]:
            headers: dict[str, str] = self._config.authenticate()
            return headers


# An empty text keeps the SDK from filling a field in from the environment or from ~/.databrickscfg, which
# would mix a second credential, or another workspace, into the one that was asked for.
_NOTHING_ELSE = {
    "token": "",
    "profile": "",
    "username": "",
    "password": "",
    "client_id": "",
    "client_secret": "",
    "account_id": "",
    "workspace_id": "",
    "discovery_url": "",
}

# The environment can tell the SDK to log the headers of each call, and one of them is the token.
_NO_HEADERS_LOGGED = {"debug_headers": False}


@cache
def _config_class() -> Callable[..., Config]:
    """Return the SDK's configuration without its call of the host's metadata page.

    The SDK makes that call, with retries of its own, as soon as a configuration is made: one round trip
    before anything else, and five minutes of silence where the host does not answer. A workspace's own
    address needs nothing from that page.
    """
    from databricks.sdk.core import Config

    class QuietConfig(Config):
        def _resolve_host_metadata(self) -> None:
            """Leave out what the metadata page would add."""

    Config.attributes()  # found on the class itself and then inherited; a subclass would find none
    return QuietConfig


def _config(auth: Auth, host: str | None, **options: object) -> Config:
    if isinstance(auth, TokenAuth):
        read_secret(auth.env_var)
        return _with_strategy(host, _TokenFromEnvironment(auth.env_var), options)
    if isinstance(auth, OAuthM2MAuth):
        secret = {"client_id": auth.client_id, "client_secret": read_secret(auth.client_secret_env_var)}
        config = {"host": host, "auth_type": "oauth-m2m", **_NOTHING_ELSE, **secret}
        return _config_or_explain("The service principal's secret", {**config, **options})
    if isinstance(auth, ProfileAuth):
        return _config_or_explain(
            f"The profile {auth.profile!r} of ~/.databrickscfg", {"host": host, "profile": auth.profile, **options}
        )
    if "DATABRICKS_RUNTIME_VERSION" not in os.environ:
        msg = "The notebook's own identity is to be had inside Databricks only, and this is elsewhere"
        raise errors.CredentialError(msg, remedy="Use a token, a service principal or a profile instead")
    return _config_or_explain("The notebook's own identity", {"host": host, "auth_type": "runtime", **options})


def _with_strategy(
    host: str | None, strategy: _TokenFromEnvironment | _SameCredential, options: Mapping[str, object]
) -> Config:
    # The SDK counts even an empty field as a second way to authenticate, unless a way is named.
    named = {"auth_type": strategy.auth_type()}
    fields = {"host": host, "credentials_strategy": strategy, **_NOTHING_ELSE, **named}
    return _config_class()(**{**fields, **_NO_HEADERS_LOGGED, **options})


def _config_or_explain(what: str, arguments: Mapping[str, object]) -> Config:
    from databricks.sdk.core import DatabricksError

    try:
        return _config_class()(**{**_NO_HEADERS_LOGGED, **arguments})
    except (ValueError, DatabricksError, OSError) as error:
        # The SDK's message may name settings; it masks secrets, but its first sentence is all that helps.
        reason = re.split(r"\. Config:|\. Env:", str(error), maxsplit=1)[0]
        msg = f"{what} could not be used: {mask(reason)}"
        raise errors.CredentialError(msg, remedy="See that it exists, is complete and fits the workspace") from None


class _FirstFailureError(Exception):
    """Raised in place of the SDK's wait before a retry; its ``__context__`` is what failed."""


class _NoWaiting:
    """A clock for the SDK whose sleep gives up: the caller decides whether, when and how often to retry."""

    def time(self) -> float:
        return 0.0

    def sleep(self, _seconds: float) -> None:
        raise _FirstFailureError


class ApiCalls:
    """Single calls through the Databricks SDK, without its retries, each failure told as our own error.

    Args:
        source: settings, or a client whose credential is to be used.
        timeout: seconds to wait for an answer.
        connections: how many connections may be open at once.
    """

    def __init__(self, source: ConnectionSettings | WorkspaceClient, *, timeout: float, connections: int) -> None:
        # The SDK has the two pool names swapped, so both get the same number.
        options = {
            "clock": _NoWaiting(),
            "http_timeout_seconds": timeout,
            "retry_timeout_seconds": 1,
            "max_connection_pools": connections,
            "max_connections_per_pool": connections,
        }
        self._timeout = timeout
        self._headers = {"Accept": "application/json"}
        self.host, self._api = self._open(source, options)

    def _open(self, source: ConnectionSettings | WorkspaceClient, options: dict[str, object]) -> tuple[str, ApiClient]:
        from databricks.sdk.core import ApiClient

        if isinstance(source, ConnectionSettings):
            config = _config(source.auth, source.workspace_url, **options)
        else:
            config = _with_strategy(source.config.host, _SameCredential(source.config), options)
            if workspace_id := getattr(source.config, "workspace_id", None):
                # A host that serves several workspaces is told which one by this header.
                self._headers["X-Databricks-Org-Id"] = str(workspace_id)
        host = str(config.host or "")
        return host, _tuned(ApiClient(config), host)

    def close(self) -> None:
        """Close the connections that are open and idle; a call under way closes its own."""
        if (session := _session(self._api)) is not None:
            session.close()

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Json:
        """GET ``path`` and return the JSON object it answers with.

        Raises:
            WorkspaceError: one of its kinds, by what went wrong.
            CredentialError: the variable that holds the secret is gone.
        """
        return self._do("GET", path, query=dict(query or {}))

    def post(self, path: str, body: Mapping[str, object]) -> Json:
        """POST a JSON object to ``path`` and return the JSON object it answers with; raises as `get` does."""
        return self._do("POST", path, body=dict(body))

    def download(self, url: str) -> bytes:
        """GET what a link of the workspace leads to, without any credential, and return its body.

        Such a link is signed, so it is a secret itself: no message holds it.

        Raises:
            WorkspaceError: the link is not to be followed, or does not lead to what it should.
        """
        import requests

        to, at_home = urlsplit(url), cloud_of(self.host) == "loopback"
        if to.scheme != "https" and not (to.scheme == "http" and at_home and cloud_of(url) == "loopback"):
            msg = f"{self.host} links to a result by {mask(to.scheme, 20) or 'no scheme'}, which is not followed"
            raise errors.WorkspaceError(msg, expected="https")
        try:
            with _unlogged("urllib3.connectionpool"):
                # The function for auth keeps a .netrc of this machine out of it.
                answer = requests.get(url, timeout=self._timeout, auth=lambda request: request, allow_redirects=False)
        except (requests.exceptions.RequestException, OSError) as error:
            msg = f"The storage that {self.host} keeps results in could not be reached ({type(error).__name__})"
            raise errors.UnreachableError(msg, remedy="See that this machine may reach it") from None
        if answer.status_code != HTTPStatus.OK:
            msg = f"The storage that {self.host} keeps results in answered {answer.status_code}"
            failure = errors.WorkspaceError(msg, remedy="See that this machine may reach it")
            raise _transient(failure) if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else failure
        return answer.content

    def _do(
        self, method: str, path: str, *, query: dict[str, object] | None = None, body: dict[str, object] | None = None
    ) -> Json:
        try:
            answer = self._api.do(method, path, query=query, headers=dict(self._headers), body=body)
        except errors.DbxExploreError:
            raise
        except _FirstFailureError as stop:
            raise explain_failure(stop.__context__ or stop, self.host) from None
        except Exception as error:  # noqa: BLE001 - whatever the SDK or its HTTP library raised is told in our terms
            raise explain_failure(error, self.host) from None
        if not isinstance(answer, dict):
            msg = f"{self.host} answered with a {type(answer).__name__} where a JSON object belongs"
            raise errors.NotDatabricksError(msg, remedy="Check the workspace URL")
        return answer


@contextmanager
def _unlogged(name: str) -> Iterator[None]:
    """Drop what this thread logs to a logger meanwhile: the HTTP library's debug lines hold the whole address."""
    here, logger = threading.get_ident(), logging.getLogger(name)

    def is_elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != here

    logger.addFilter(is_elsewhere)
    try:
        yield
    finally:
        logger.removeFilter(is_elsewhere)


def _tuned(api: ApiClient, host: str) -> ApiClient:
    """Return ``api`` made fit for many calls at once of one host."""
    if (session := _session(api)) is not None:
        # The SDK gives its pool to https alone; plain http is what this machine's own servers speak.
        session.mount("http://", session.get_adapter("https://"))
        # Proxies and certificates are looked up in the environment once, not anew for each call, which would
        # take a third of its time.
        found = session.merge_environment_settings(host, {}, None, None, None)
        session.proxies, session.verify, session.cert = found["proxies"], found["verify"], found["cert"]
        session.trust_env = False
    return api


def _session(api: ApiClient) -> requests.Session | None:
    session = getattr(getattr(api, "_api_client", None), "_session", None)
    return session if hasattr(session, "get_adapter") else None


def explain_failure(error: BaseException, host: str) -> errors.WorkspaceError:  # noqa: PLR0911 - a decision table
    """Tell what went wrong in a call, in this package's terms; ``host`` is for the message.

    Knows the errors of the Databricks SDK and of the HTTP library below it.
    """
    import requests
    from databricks.sdk.core import DatabricksError

    if isinstance(error, DatabricksError):
        return _explain_answer(error, host)
    if isinstance(error, requests.exceptions.SSLError) or _caused_by(error, ssl.SSLError):
        return errors.TlsError(
            f"The certificate of {host} was not accepted: {mask(_innermost(error))}",
            remedy="Behind a proxy that inspects traffic, point REQUESTS_CA_BUNDLE to its certificate",
        )
    if _caused_by(error, socket.gaierror) or "NameResolutionError" in repr(error):
        return errors.UnknownHostError(
            f"The host of {host} is not known",
            remedy="Check the workspace URL for a slip, and that this machine's DNS and VPN reach it",
        )
    if isinstance(error, requests.exceptions.Timeout | TimeoutError):
        return errors.TimedOutError(
            f"{host} did not answer in time", remedy="Check that a firewall, proxy or VPN lets this machine reach it"
        )
    if isinstance(error, requests.exceptions.JSONDecodeError | requests.exceptions.ContentDecodingError):
        # A body that was cut short looks the same as a page of HTML, so the call is worth another try.
        return _transient(
            errors.NotDatabricksError(
                f"{host} answered with something other than JSON",
                remedy="Check the workspace URL; a login page or a proxy may have answered in its place",
            )
        )
    if isinstance(error, requests.exceptions.RequestException | OSError):
        return errors.UnreachableError(
            f"{host} could not be reached: {mask(_innermost(error))}",
            remedy="Check the workspace URL and that this machine reaches it",
        )
    return errors.WorkspaceError(f"The call to {host} failed: {type(error).__name__}: {mask(str(error))}")


def _explain_answer(error: Exception, host: str) -> errors.WorkspaceError:
    from databricks.sdk import errors as sdk

    # The SDK appends its configuration to refusals; what the server said stands before it.
    said = mask(re.split(r"\. Config:|\. Env:", str(error), maxsplit=1)[0])
    if "unable to parse response" in said:
        return _explain_foreign(error, host)
    if isinstance(error, sdk.Unauthenticated):
        return errors.UnauthorizedError(
            f"{host} does not accept the credential (401): {said}",
            remedy="The token may be expired, revoked, or of another workspace; make a new one there",
        )
    if isinstance(error, sdk.PermissionDenied):
        return _explain_refusal(said, host)
    code = str(getattr(error, "error_code", "") or "")
    if isinstance(error, sdk.NotFound | sdk.NotImplemented) or code in {"ENDPOINT_NOT_FOUND", "NOT_IMPLEMENTED"}:
        return errors.NotFoundError(
            f"{host} does not have it: {said}", remedy="It may be gone, or not visible to this credential"
        )
    if isinstance(error, sdk.TooManyRequests | sdk.TemporarilyUnavailable):
        throttled = errors.ThrottledError(f"{host} asks to slow down: {said}", remedy="Try again later")
        throttled.retry_after = getattr(error, "retry_after_secs", None)
        throttled.transient = isinstance(error, sdk.TemporarilyUnavailable)
        return throttled
    failure = errors.WorkspaceError(f"{host} answered {code or type(error).__name__}: {said}", remedy=_TRY_AGAIN)
    return _transient(failure) if isinstance(error, sdk.InternalError | sdk.DeadlineExceeded) else failure


_TRY_AGAIN = "Try again; if it stays so, look at the status page of Databricks"


def _explain_refusal(said: str, host: str) -> errors.ForbiddenError:
    if re.search(r"\bIP\b.*(?:access|allow|block|ACL|list)|blocked by.*\bIP\b|IPAddress", said, re.IGNORECASE):
        return errors.IpBlockedError(
            f"{host} refuses this machine's IP address (403): {said}",
            remedy="Call from an allowed network, or have an admin add this address to the IP access list",
        )
    return errors.ForbiddenError(
        f"{host} does not allow this (403): {said}",
        remedy="Have an admin grant this credential the privilege it lacks",
    )


def _explain_foreign(error: Exception, host: str) -> errors.WorkspaceError:
    """Tell of an error whose body no Databricks API gives: the SDK quotes the whole exchange, which is not passed on."""
    from databricks.sdk import errors as sdk

    answered = re.search(r"^< (\d{3}) ", str(error), re.MULTILINE)
    status = int(answered[1]) if answered else 0
    remedy = "Check the workspace URL"
    if isinstance(error, sdk.NotFound | sdk.NotImplemented):
        # Plain web servers and emulators tell so of a path that they do not serve.
        return errors.NotFoundError(f"{host} has nothing at this path", remedy=remedy)
    if isinstance(error, sdk.TooManyRequests | sdk.TemporarilyUnavailable):
        throttled = errors.ThrottledError(f"{host} asks to slow down ({status})", remedy="Try again later")
        throttled.retry_after = getattr(error, "retry_after_secs", None)
        throttled.transient = isinstance(error, sdk.TemporarilyUnavailable)
        return throttled
    msg = f"{host} answered with an error{f' ({status})' if status else ''} that no Databricks workspace gives"
    failure = errors.NotDatabricksError(msg, remedy=remedy)
    # A gateway in between reports its own trouble so.
    return _transient(failure) if status >= HTTPStatus.INTERNAL_SERVER_ERROR else failure


def _transient(error: errors.WorkspaceError) -> errors.WorkspaceError:
    error.transient = True
    return error


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        nested = [a for a in (getattr(error, "reason", None), *error.args) if isinstance(a, BaseException)]
        error = nested[0] if nested else error.__cause__ or error.__context__


def _caused_by(error: BaseException, kind: type[BaseException]) -> bool:
    return any(isinstance(e, kind) for e in _chain(error))


def _innermost(error: BaseException) -> str:
    return str(list(_chain(error))[-1]) or type(error).__name__
