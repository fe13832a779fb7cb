"""Authentication: how each kind of credential becomes the headers of a call.

A personal access token is read from its variable for each call. Everything else is the Databricks SDK's business:
``Config`` finds out how to authenticate and fetches tokens, ``Config.authenticate()`` returns the headers. The SDK
waits without a limit for some answers, so it runs in a thread of its own that is given up after some seconds.
"""

from __future__ import annotations

import configparser
import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urlsplit

from dbxexplore import errors
from dbxexplore.connection.auth import OAuthM2MAuth, ProfileAuth, TokenAuth
from dbxexplore.connection.failures import explain_error, explain_exchange
from dbxexplore.connection.secrets import mask, read_secret
from dbxexplore.connection.settings import ConnectionSettings
from dbxexplore.connection.url import normalise_workspace_url, workspace_id_in
from dbxexplore.connection.web import Web

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.core import Config

_Result = TypeVar("_Result")

FRESH = 1.0  # seconds for which headers are used again without asking the SDK; it renews tokens sooner than this
RENEWAL_PAUSE = 30.0  # seconds after a new token within which another one would not help
_CLIENT_PATIENCE = 60.0  # seconds that a user's own SDK client may take to authenticate


class Credential(Protocol):
    """What authenticates the calls of one workspace.

    ``host`` is its normalised URL, ``workspace_id`` what tells it from others on that host, None where nothing has
    to, and ``verify`` whether the server's certificate is checked.
    """

    host: str
    workspace_id: str | None
    verify: bool

    def headers(self) -> dict[str, str]:
        """Return the headers that authenticate a call.

        Raises:
            CredentialError: the credential is missing or cannot be used.
            WorkspaceError: a token had to be fetched, and the host did not give one.
        """
        ...

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Return whether there are other headers than these, which were refused; fetches a new token if possible."""
        ...


def credential_of(source: ConnectionSettings | WorkspaceClient, timeout: float) -> Credential:
    """Return what authenticates calls with the credential of ``source``.

    ``timeout`` is how many seconds the host may take for an answer while a token is fetched.

    Raises:
        CredentialError: the credential is missing or cannot be used.
        WorkspaceError: the host does not answer or does not accept the credential, where a token is fetched first.
    """
    if not isinstance(source, ConnectionSettings):
        return _SdkCredential(lambda: source.config, source.config.host or "", timeout)
    if isinstance(source.auth, TokenAuth):
        return _TokenCredential(source)
    recipe = _recipe(source, timeout)
    options = {"http_timeout_seconds": timeout, "retry_timeout_seconds": max(1, round(timeout))}
    return _SdkCredential(
        lambda: recipe.config(options),
        recipe.host or "",
        timeout,
        renewable=True,
        in_thread=recipe.in_thread,
        workspace_id=recipe.workspace_id,
    )


def workspace_client(settings: ConnectionSettings) -> WorkspaceClient:
    """Return an SDK client with exactly the credential of ``settings``; see `ConnectionSettings.workspace_client`."""
    from databricks.sdk import WorkspaceClient

    recipe = _recipe(settings, _CLIENT_PATIENCE)
    config = (
        _within(_CLIENT_PATIENCE, lambda: recipe.config({}), recipe.host) if recipe.in_thread else recipe.config({})
    )
    return WorkspaceClient(config=config)


def workspace_headers(workspace_id: str | None) -> dict[str, str]:
    """Return the headers that tell a host of several workspaces which one is meant."""
    # The first is what these hosts have always known, the second what the newest SDKs send.
    names = ("X-Databricks-Org-Id", "X-Databricks-Workspace-Id")
    return dict.fromkeys(names, workspace_id) if workspace_id else {}


# --- a personal access token ---


class _TokenCredential:
    """A token that is read from its variable for each call, and kept nowhere."""

    verify = True

    def __init__(self, settings: ConnectionSettings) -> None:
        assert isinstance(settings.auth, TokenAuth)
        assert settings.workspace_url
        self.host = settings.workspace_url
        self.workspace_id = settings.workspace_id
        self._variable = settings.auth.env_var
        read_secret(self._variable)

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {read_secret(self._variable)}"}

    def renew(self, refused: Mapping[str, str]) -> bool:
        return self.headers() != refused  # the variable may have another value by now


class _TokenFromEnvironment:
    """A credentials strategy of the SDK that reads the token when a request is made, and keeps none."""

    def __init__(self, variable: str, workspace_id: str | None) -> None:
        self._variable = variable
        self._workspace = workspace_headers(workspace_id)

    def auth_type(self) -> str:
        return "pat"

    def __call__(self, _config: Config) -> Callable[[], dict[str, str]]:
        read_secret(self._variable)
        return lambda: {**self._workspace, "Authorization": f"Bearer {read_secret(self._variable)}"}


# --- what the SDK authenticates ---


class _SdkCredential:
    """Headers that the SDK returns, asked for at most once a second and never waited for without a limit."""

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
        # Older SDKs know no such field, and keep what a profile holds all the same.
        self.workspace_id = workspace_id or _text(getattr(self._config, "workspace_id", None))
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
                # The token was refused before its time, and the SDK would go on using it.
                self._config = self._ask(self._make, self.host)
                self._made = time.monotonic()
            self._asked = -RENEWAL_PAUSE
        return self.headers() != refused

    def _ask(self, call: Callable[[], _Result], host: str) -> _Result:
        try:
            return _within(self._patience, call, host) if self._in_thread else call()
        except errors.DbxExploreError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the SDK or a library below it raised is told in our terms
            raise explain_exchange(error, host) from None


def _text(value: object) -> str | None:
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
    """Keep the SDK from warning that a host has no page of metadata: it goes on with what it was given."""

    def about_something_else(record: logging.LogRecord) -> bool:
        return "host metadata" not in record.getMessage()

    logger = logging.getLogger("databricks.sdk")
    logger.addFilter(about_something_else)
    try:
        yield
    finally:
        logger.removeFilter(about_something_else)


class _Recipe:
    """How the SDK's ``Config`` is made for some settings."""

    def __init__(  # noqa: PLR0913 - all by keyword
        self,
        *,
        what: str,
        host: str | None,
        fields: Mapping[str, object],
        workspace_id: str | None,
        in_thread: bool = True,
        remedy: str = "",
    ) -> None:
        self.host = host
        self.workspace_id = workspace_id
        self.in_thread = in_thread
        self._what = what
        self._fields = dict(fields)
        self._remedy = remedy or "Check that it exists, is complete and belongs to this workspace"

    def config(self, options: Mapping[str, object]) -> Config:
        """Return a configuration; raises `CredentialError` if the SDK cannot make one of these fields."""
        from databricks.sdk.core import Config

        fields = {**_NO_HEADERS_LOGGED, **self._fields, "host": self.host, **options}
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
            msg = f"{self._what} cannot be used: {mask(reason)}"
            raise errors.CredentialError(msg, remedy=self._remedy) from None
        if self.workspace_id and not _sdk_knows("workspace_id"):
            vars(config)["workspace_id"] = self.workspace_id  # where such an SDK keeps what a profile holds
        return config


def _sdk_knows(field: str) -> bool:
    from databricks.sdk.core import Config

    return any(attribute.name == field for attribute in Config.attributes())


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


def _recipe(settings: ConnectionSettings, timeout: float) -> _Recipe:
    auth, host, workspace_id = settings.auth, settings.workspace_url, settings.workspace_id
    if isinstance(auth, TokenAuth):
        read_secret(auth.env_var)
        strategy = _TokenFromEnvironment(auth.env_var, workspace_id)
        # The SDK counts even an empty field as a second way to authenticate, unless a way is named.
        fields = {**_NOTHING_ELSE, "auth_type": "pat", "credentials_strategy": strategy}
        return _Recipe(what="The token", host=host, fields=fields, workspace_id=workspace_id)
    if isinstance(auth, OAuthM2MAuth):
        assert host
        secret = {"client_id": auth.client_id, "client_secret": read_secret(auth.client_secret_env_var)}
        fields = {**_NOTHING_ELSE, **secret, **_oauth(host, {}, auth.scopes, timeout), "auth_type": "oauth-m2m"}
        return _Recipe(what="The service principal's secret", host=host, fields=fields, workspace_id=workspace_id)
    if isinstance(auth, ProfileAuth):
        return _profile_recipe(auth.profile, settings, timeout)
    if "DATABRICKS_RUNTIME_VERSION" not in os.environ:
        msg = "Notebook identity (RuntimeAuth) only works inside Databricks, and this process is not running there"
        raise errors.CredentialError(msg, remedy="Use a token, a service principal or a profile instead")
    return _Recipe(
        what="The notebook's identity",
        host=host,
        fields={"auth_type": "runtime"},
        workspace_id=workspace_id,
        in_thread=False,  # the runtime knows the notebook by the thread that asks
    )


# --- service principals ---


def _oauth(host: str, fields: Mapping[str, object], scopes: tuple[str, ...], timeout: float) -> dict[str, object]:
    """Return the fields that tell the SDK where ``host`` gives tokens, and for which scopes to ask."""
    discovery_url = str(fields.get("discovery_url") or _discovery_url(host, timeout))
    if _sdk_knows("discovery_url") and _sdk_knows("scopes"):
        return {"discovery_url": discovery_url} | ({"scopes": list(scopes)} if scopes else {})
    return {"credentials_strategy": _ClientCredentials(discovery_url, scopes or ("all-apis",), timeout)}


class _ClientCredentials:
    """A credentials strategy for SDKs that look for tokens at one address only and always ask for ``all-apis``."""

    def __init__(self, discovery_url: str, scopes: tuple[str, ...], timeout: float) -> None:
        self._discovery_url = discovery_url
        self._scopes = scopes
        self._timeout = timeout

    def auth_type(self) -> str:
        return "oauth-m2m"

    def __call__(self, config: Config) -> Callable[[], dict[str, str]]:
        from databricks.sdk.oauth import ClientCredentials

        make: Callable[..., ClientCredentials] = ClientCredentials  # newer SDKs take the scopes as one text
        source = make(
            client_id=config.client_id,
            client_secret=config.client_secret,
            token_url=_token_url(self._discovery_url, self._timeout),
            scopes=list(self._scopes),
            use_header=True,
        )
        workspace = workspace_headers(_text(getattr(config, "workspace_id", None)))

        def headers() -> dict[str, str]:
            token = source.token()
            return {**workspace, "Authorization": f"{token.token_type} {token.access_token}"}

        return headers


def _token_url(discovery_url: str, timeout: float) -> str:
    parts = urlsplit(discovery_url)
    host = f"{parts.scheme}://{parts.netloc}"
    web = Web(host, timeout=timeout, connections=1)
    try:
        found = web.json("GET", parts.path, {}).get("token_endpoint")
    finally:
        web.close()
    if not isinstance(found, str):
        msg = f"{host} does not say where it gives tokens"
        raise errors.NotDatabricksError(msg, remedy="Check the workspace URL, and that it offers OAuth")
    return found


_METADATA, _ENDPOINTS = "/.well-known/databricks-config", "/.well-known/oauth-authorization-server"


def _discovery_url(host: str, timeout: float) -> str:
    """Return the address at which ``host`` says where it gives tokens.

    A host's metadata page says so for hosts that serve several workspaces. Not every host has one; the address is
    then that of a plain workspace.

    Raises:
        WorkspaceError: the host cannot be reached or does not answer.
    """
    web = Web(host, timeout=timeout, connections=1)
    try:
        page = web.json("GET", _METADATA, {})
    except errors.TimedOutError as error:
        msg = f"{error.problem} for its metadata ({_METADATA}), which says where to fetch a token"
        raise errors.TimedOutError(msg, remedy=error.remedy) from None
    except (errors.UnknownHostError, errors.UnreachableError, errors.TlsError):
        raise
    except errors.WorkspaceError:
        page = {}  # no such page, or none that makes sense
    finally:
        web.close()
    root, account = page.get("oidc_endpoint"), page.get("account_id")
    if isinstance(root, str) and root.startswith(("https://", f"{host}/")):
        root = root.replace("{account_id}", account) if isinstance(account, str) else root
        if "{" not in root:
            return root.rstrip("/") + _ENDPOINTS
    return f"{host}/oidc{_ENDPOINTS}"


# --- profiles ---


# What a way to authenticate needs on this machine, by its name in a profile.
_PROGRAMS = {
    "databricks-cli": ("databricks", "the Databricks CLI"),
    "azure-cli": ("az", "the Azure CLI"),
}


def _profile_recipe(name: str, settings: ConnectionSettings, timeout: float) -> _Recipe:
    section = _section(name)
    what = f"The profile {name!r}"
    host, pasted = settings.workspace_url, None
    if host is None:
        written = section.get("host") or os.environ.get("DATABRICKS_HOST") or ""
        try:
            host, pasted = normalise_workspace_url(written), workspace_id_in(written)
        except errors.WorkspaceUrlError as error:
            msg = f"{what}: {error.problem}"
            raise errors.WorkspaceUrlError(msg, expected=error.expected, remedy=error.remedy) from None
    way = section.get("auth_type") or _way_of(section)
    if way in _PROGRAMS:
        _check_program(what, way, section)
    fields: dict[str, object] = {**section, "profile": name, "auth_type": way}
    if way == "oauth-m2m":
        scopes = tuple(re.split(r"[\s,]+", section.get("scopes", "").strip()))
        fields |= _oauth(host, section, tuple(filter(None, scopes)), timeout)
    return _Recipe(
        what=what,
        host=host,
        fields=fields,
        workspace_id=settings.workspace_id or section.get("workspace_id") or pasted,
        remedy=_login_hint(name, section),
    )


def _section(name: str) -> dict[str, str]:
    """Return the fields of a profile; raises `CredentialError` if there is none of this name.

    Source: the page on configuration profiles in Databricks' documentation, which says where the file is and what
    it holds.
    """
    path = Path(os.environ.get("DATABRICKS_CONFIG_FILE") or "~/.databrickscfg")
    try:
        path = path.expanduser()
    except RuntimeError:
        msg = f"The profile {name!r} cannot be read: this user has no home directory"
        raise errors.CredentialError(
            msg, remedy="Set HOME, or DATABRICKS_CONFIG_FILE to the path of the file"
        ) from None
    # To the parser, DEFAULT is a section like the others: a profile does not inherit from it.
    file = configparser.ConfigParser(interpolation=None, default_section="")
    try:
        with path.open(encoding="utf-8") as text:
            file.read_file(text)
    except FileNotFoundError:
        msg = f"The profile {name!r} cannot be read: there is no file {str(path)!r}"
        raise errors.CredentialError(msg, remedy="Create it with `databricks configure`") from None
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        # A parser's message may quote a line, and with it a token.
        reason = error.strerror if isinstance(error, OSError) else type(error).__name__
        msg = f"The profile {name!r} cannot be read from {str(path)!r}: {reason}"
        raise errors.CredentialError(msg, remedy="Correct the file") from None
    if not file.has_section(name):
        known = ", ".join(mask(other, 60) for other in file.sections() if not other.startswith("__"))
        msg = f"There is no profile {name!r} in {str(path)!r}"
        raise errors.CredentialError(msg, expected=f"one of {known}" if known else "a profile in it")
    return {key: value for key, value in file.items(name) if value}


def _way_of(section: Mapping[str, str]) -> str | None:
    if section.get("token"):
        return "pat"
    return "oauth-m2m" if section.get("client_id") and section.get("client_secret") else None


def _check_program(what: str, way: str, section: Mapping[str, str]) -> None:
    program, name = _PROGRAMS[way]
    own = section.get("databricks_cli_path") or os.environ.get("DATABRICKS_CLI_PATH")
    if way == "databricks-cli" and own:
        program = own
    if shutil.which(program) is None:
        msg = f"{what} authenticates through {name}, and there is no program {program!r} on the PATH"
        raise errors.CredentialError(msg, remedy=f"Install {name}, or use a token or a service principal")


def _login_hint(name: str, section: Mapping[str, str]) -> str:
    if section.get("auth_type") or _way_of(section):
        return ""
    found = [program for program, _ in _PROGRAMS.values() if shutil.which(program)]
    if found:
        return f"It holds no credential, so a login is used: `databricks auth login --profile {name}` or `az login`"
    return "It holds no credential, and neither the Databricks CLI nor the Azure CLI is installed, whose login it needs"
