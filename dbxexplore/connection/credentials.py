"""Authentication by the Databricks SDK: its configuration for one credential, and the headers that it returns.

``Config`` finds out how to authenticate and fetches tokens, ``Config.authenticate()`` returns the headers. The SDK
waits without a limit for some answers, so it runs in a thread of its own, which is abandoned when it takes too long.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from dbxexplore import errors
from dbxexplore.connection.failures import explain_error, explain_exchange
from dbxexplore.connection.secrets import mask

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.core import Config

_Result = TypeVar("_Result")

FRESH = 1.0  # seconds for which headers are used again without asking the SDK; it renews tokens sooner than this
RENEWAL_PAUSE = 30.0  # seconds after a new token within which another one would not help
CLIENT_PATIENCE = 60.0  # seconds that a user's own SDK client may take to authenticate


class Credential(Protocol):
    """Authenticates the calls to one workspace.

    ``host`` is its normalised URL, ``workspace_id`` selects it on a host of several, None if there is only one, and ``verify`` whether the server's certificate is checked.
    """

    host: str
    workspace_id: str | None
    verify: bool

    def headers(self) -> dict[str, str]:
        """Return the headers that authenticate a call.

        Raises:
            CredentialError: the credential is missing or cannot be used.
            WorkspaceError: a token had to be fetched, and the host did not issue one.
        """
        ...

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Return whether there are headers other than the refused ones; fetches a new token if possible."""
        ...


def workspace_headers(workspace_id: str | None) -> dict[str, str]:
    """Return the headers that select a workspace on a host of several."""
    # These hosts have always accepted the first; the newest SDKs send the second.
    names = ("X-Databricks-Org-Id", "X-Databricks-Workspace-Id")
    return dict.fromkeys(names, workspace_id) if workspace_id else {}


def credential_of_client(client: WorkspaceClient, timeout: float) -> Credential:
    """Return what authenticates single calls with the credential of an SDK client."""
    return _SdkCredential(lambda: client.config, client.config.host or "", timeout)


@dataclass(frozen=True)
class SdkConfig:
    """How the SDK's ``Config`` is made for one credential, which messages call ``name``.

    ``in_thread`` is False where the SDK must be asked in the thread that calls.
    """

    name: str
    host: str | None
    workspace_id: str | None
    fields: Mapping[str, object]
    in_thread: bool = True
    remedy: str = ""

    def config(self, **options: object) -> Config:
        """Return a configuration with ``options`` besides; raises `CredentialError` if the SDK cannot make one."""
        from databricks.sdk.core import Config

        fields = {**_NO_HEADERS_LOGGED, **self.fields, "host": self.host, **options}
        if self.workspace_id:
            fields["workspace_id"] = self.workspace_id
        make: Callable[..., Config] = Config
        try:
            with without_warning_of_metadata():
                config = make(**{name: value for name, value in fields.items() if value is not None})
        except (ValueError, OSError) as error:
            known = explain_error(error, self.host or "")
            if known is not None:
                raise known from None
            # The SDK appends its settings to the reason.
            reason = re.split(r"\. Config:|\. Env:", str(error), maxsplit=1)[0]
            msg = f"{self.name} cannot be used: {mask(reason)}"
            remedy = self.remedy or "Check that it exists, is complete and belongs to this workspace"
            raise errors.CredentialError(msg, remedy=remedy) from None
        if self.workspace_id and not sdk_knows("workspace_id"):
            vars(config)["workspace_id"] = self.workspace_id  # where such an SDK keeps the value of a profile
        return config

    def client(self) -> WorkspaceClient:
        """Return an SDK client with exactly this credential; raises what `Auth.sdk_config` raises."""
        from databricks.sdk import WorkspaceClient

        config = _within(CLIENT_PATIENCE, self.config, self.host) if self.in_thread else self.config()
        return WorkspaceClient(config=config)

    def credential(self, timeout: float) -> Credential:
        """Return what authenticates single calls; ``timeout`` is in seconds, for each answer that takes."""
        return _SdkCredential(
            lambda: self.config(http_timeout_seconds=timeout, retry_timeout_seconds=max(1, round(timeout))),
            self.host or "",
            timeout,
            renewable=True,
            in_thread=self.in_thread,
            workspace_id=self.workspace_id,
        )


def sdk_knows(field: str) -> bool:
    """Return whether the installed SDK's ``Config`` has ``field``."""
    from databricks.sdk.core import Config

    return any(attribute.name == field for attribute in Config.attributes())


# An empty text keeps the SDK from filling a field in from the environment or from ~/.databrickscfg, which
# would mix in a second credential, or another workspace.
NOTHING_ELSE = {
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


class _SdkCredential:
    """Headers that the SDK returns, requested at most once a second and never waited for without a limit."""

    def __init__(  # noqa: PLR0913 - all but the first three by keyword
        self,
        make: Callable[[], Config],
        host: str,
        timeout: float,
        *,
        renewable: bool = False,
        in_thread: bool = True,
        workspace_id: str | None = None,
    ) -> None:
        self._make = make
        # The SDK may make several calls for one token: metadata of the host, endpoints, and the token.
        self._patience = 3 * timeout
        self._renewable = renewable
        self._in_thread = in_thread
        self._lock = threading.Lock()
        self._headers: dict[str, str] = {}
        self._error: errors.DbxExploreError | None = None
        self._asked = self._made = -RENEWAL_PAUSE
        self._config = self._ask(make, host)
        self._made = time.monotonic()
        self.host = str(self._config.host or host).rstrip("/")
        # Older SDKs have no such attribute, but keep the value of a profile.
        self.workspace_id = workspace_id or text_or_none(getattr(self._config, "workspace_id", None))
        self.verify = not self._config.skip_verify

    def headers(self) -> dict[str, str]:
        with self._lock:
            if time.monotonic() - self._asked >= FRESH:
                self._error = None
                try:
                    self._headers = self._ask(self._config.authenticate, self.host)
                except errors.DbxExploreError as error:
                    # All workers that wait for the lock would wait for the same failure, one after another.
                    self._error = error
                self._asked = time.monotonic()
            if self._error is not None:
                raise self._error
            return dict(self._headers)

    def renew(self, refused: Mapping[str, str]) -> bool:
        with self._lock:
            if self._headers != refused:
                return True
            if self._renewable and time.monotonic() - self._made >= RENEWAL_PAUSE:
                # The token was refused before it expires, and the SDK would continue to use it.
                self._config = self._ask(self._make, self.host)
                self._made = time.monotonic()
            self._asked = -RENEWAL_PAUSE
        return self.headers() != refused

    def _ask(self, call: Callable[[], _Result], host: str) -> _Result:
        try:
            return _within(self._patience, call, host) if self._in_thread else call()
        except errors.DbxExploreError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the SDK or a library below it raised is translated
            raise explain_exchange(error, host) from None


def text_or_none(value: object) -> str | None:
    """Return ``value`` as text, None if it is empty."""
    return str(value) if value else None


def _within(seconds: float, call: Callable[[], _Result], host: str | None) -> _Result:
    """Return what ``call`` returns, or raise what it raises; `TimedOutError` if it takes longer than ``seconds``."""
    results: list[_Result] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - it is raised again, in the thread that waits
            raised.append(error)

    thread = threading.Thread(target=run, name="dbxexplore-authentication", daemon=True)
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    if not results:
        msg = f"{host or 'The host'} did not answer within {seconds:g} s while authenticating"
        raise errors.TimedOutError(msg, remedy="Check that a firewall, proxy or VPN lets this machine reach it")
    return results[0]


@contextmanager
def without_warning_of_metadata() -> Iterator[None]:
    """Suppress the SDK's warning that a host has no metadata page, which does not matter here."""

    def about_something_else(record: logging.LogRecord) -> bool:
        return "host metadata" not in record.getMessage()

    logger = logging.getLogger("databricks.sdk")
    logger.addFilter(about_something_else)
    try:
        yield
    finally:
        logger.removeFilter(about_something_else)
