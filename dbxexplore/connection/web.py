"""One HTTP client for all calls of a workspace, with limits of its own on time, size and redirects.

It is built on requests, which the Databricks SDK brings along and which a thread per call suits.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urljoin, urlsplit

from pydantic_core import from_json

from dbxexplore import _version, errors
from dbxexplore.connection.failures import explain_answer, explain_error, foreign_answer, is_error, transient
from dbxexplore.connection.secrets import mask
from dbxexplore.connection.url import cloud_of

if TYPE_CHECKING:
    import requests

Json: TypeAlias = dict[str, object]

MOST_BYTES = 64 * 2**20  # of one answer, decompressed: some forty times the largest page that Unity Catalog sends
_MOST_RESULT_BYTES = 4 * MOST_BYTES  # of one part of a SQL result
_MOST_NESTED = 100  # levels of lists and objects in an answer
_MOST_REDIRECTS = 3
_PATIENCE = 5  # time-outs that one answer may take in all, however steadily it trickles in
_CHUNK = 2**16  # bytes that are read, and decompressed, at a time
# In the address of the login page that a workspace with Private Link redirects other networks to.
_PRIVATE_LINK = "error=private-link-validation-error"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Web:
    """Calls one host; safe to use from several threads.

    Args:
        host: scheme and host, without a slash at the end.
        timeout: seconds to wait for a connection, and for the next bytes of an answer.
        connections: how many connections may be open at once.
        verify: whether the server's certificate is checked.
    """

    def __init__(self, host: str, *, timeout: float, connections: int, verify: bool = True) -> None:
        import requests
        from requests.adapters import HTTPAdapter

        self.replaced = 0  # answers with text that is not valid Unicode, which was replaced
        self._host = host
        self._timeout = timeout
        self._session = session = requests.Session()
        session.headers = requests.structures.CaseInsensitiveDict(
            {
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": f"dbxexplore/{_version.__version__}",
            }
        )
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        adapter = HTTPAdapter(pool_connections=2, pool_maxsize=connections)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        # Proxies and certificates are looked up in the environment once and not for each call, which would take a
        # third of its time. After that, a .netrc of this machine does not replace the credential either.
        environment = session.merge_environment_settings(host, {}, None, None, None)
        session.proxies, session.cert = environment["proxies"], environment["cert"]
        session.verify = environment["verify"] if verify else False
        session.trust_env = False

    def close(self) -> None:
        """Close the connections that are open and idle; a call under way closes its own."""
        self._session.close()

    def json(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Json:
        """Call ``path`` and return the JSON object that it answers with.

        What is not valid Unicode in it, such as an unpaired surrogate, is replaced by U+FFFD and counted in
        ``replaced``.

        Raises:
            WorkspaceError: one of its kinds, depending on what went wrong.
        """
        try:
            status, answered, content = self._exchange(method, path, headers, query, body)
        except errors.DbxExploreError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the HTTP library raised is translated
            known = explain_error(error, self._host)
            if known is not None:
                raise known from None
            msg = f"The call to {self._host} failed: {type(error).__name__}: {mask(str(error))}"
            raise errors.WorkspaceError(msg) from None
        if status != HTTPStatus.OK:
            raise explain_answer(self._host, status, answered, content)
        answer = self._decoded(content)
        if is_error(answer):
            raise explain_answer(self._host, HTTPStatus.BAD_REQUEST, answered, content)
        return answer

    def download(self, url: str) -> bytes:
        """GET what a link of the workspace leads to, without any credential, and return its body.

        Such a link is signed, so it is a secret itself: no message contains it.

        Raises:
            WorkspaceError: the link must not be followed, or leads to something else.
        """
        import requests

        try:
            to = urlsplit(url)
        except ValueError:
            to = urlsplit("")  # brackets that hold no address, for one
        at_home = cloud_of(self._host) == "loopback"
        if to.scheme != "https" and not (to.scheme == "http" and at_home and cloud_of(url) == "loopback"):
            msg = f"{self._host} links to a result by {mask(to.scheme, 20) or 'no scheme'}, which is not followed"
            raise errors.WorkspaceError(msg, expected="https")
        storage = f"The storage that {self._host} keeps results in"
        remedy = "Check your firewall, proxy or VPN"
        try:
            with _unlogged("urllib3.connectionpool"):
                # With a function for auth, requests does not read the .netrc of this machine.
                answer = requests.get(
                    url, timeout=self._timeout, auth=lambda request: request, allow_redirects=False, stream=True
                )
                with answer:
                    content = self._read(answer, _MOST_RESULT_BYTES)
        # The HTTP library raises a ValueError of its own for some addresses.
        except (requests.exceptions.RequestException, OSError, ValueError) as error:
            msg = f"Can't connect to the storage that {self._host} keeps results in ({type(error).__name__})"
            raise errors.UnreachableError(msg, remedy=remedy) from None
        if answer.status_code != HTTPStatus.OK:
            failure = errors.WorkspaceError(f"{storage} answered {answer.status_code}", remedy=remedy)
            raise transient(failure) if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else failure
        return content

    # --- one exchange ---

    def _exchange(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        query: Mapping[str, object] | None,
        body: Mapping[str, object] | None,
    ) -> tuple[int, Mapping[str, str], bytes]:
        url = self._host + path
        for _ in range(1 + _MOST_REDIRECTS):
            answer = self._session.request(
                method,
                url,
                params={name: _parameter(value) for name, value in (query or {}).items()},
                data=None if body is None else json.dumps(body),
                headers={**headers, "Content-Type": "application/json"} if body is not None else dict(headers),
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
            with answer:
                location = answer.headers.get("Location") if answer.status_code in _REDIRECTS else None
                if location is None:
                    return answer.status_code, answer.headers, self._read(answer, MOST_BYTES)
                url, query = self._redirected(method, url, location), None
        msg = f"{self._host} redirects too many times"
        raise errors.NotDatabricksError(msg, remedy="Check the workspace URL")

    def _redirected(self, method: str, url: str, location: str) -> str:
        """Return where a redirect leads, if that is the same host; another host would answer for itself only."""
        to = urljoin(url, location)
        if _PRIVATE_LINK in to:
            msg = f"{self._host} is only open to its private network"
            raise errors.BlockedError(msg, remedy="Call from a network that reaches the workspace through Private Link")
        if method == "GET" and _origin(to) == _origin(self._host):
            return to
        where = urlsplit(to).hostname or "nowhere"
        what = f"to {mask(where, 100)}" if method == "GET" else "what is not a read"
        msg = f"{self._host} redirects {what}, which is not followed"
        remedy = "Check the workspace URL; a login page or a proxy may have answered in its place"
        raise errors.NotDatabricksError(msg, remedy=remedy)

    def _read(self, answer: requests.Response, most: int) -> bytes:
        until = time.monotonic() + _PATIENCE * self._timeout
        parts, size = [], 0
        for part in answer.iter_content(_CHUNK):
            parts.append(part)
            size += len(part)
            if size > most:
                msg = f"{self._host} sent an answer of more than {most // 2**20} MiB"
                raise errors.NotDatabricksError(msg, remedy="Check the workspace URL")
            if time.monotonic() > until:
                msg = f"{self._host} did not finish an answer within {_PATIENCE * self._timeout:g} s"
                raise errors.TimedOutError(msg, remedy="Check the network between this machine and the workspace")
        return b"".join(parts)

    def _decoded(self, content: bytes) -> Json:
        try:
            answer = from_json(content)
        except ValueError:
            answer = self._decoded_slowly(content)
        if not isinstance(answer, dict):
            msg = f"{self._host} answered with a {type(answer).__name__} instead of a JSON object"
            raise errors.NotDatabricksError(msg, remedy="Check the workspace URL")
        return answer

    def _decoded_slowly(self, content: bytes) -> object:
        """Decode what the fast decoder refuses: an unpaired surrogate, bytes that are not UTF-8, or no JSON at all."""
        text = content.decode("utf-8", "replace")
        try:
            answer, replaced = _clean(json.loads(text))
        except (ValueError, RecursionError):
            raise foreign_answer(self._host) from None
        if replaced or text.encode() != content:
            self.replaced += 1
        return answer


def _parameter(value: object) -> str:
    # As the Databricks APIs and their SDK write a truth value.
    return str(value).lower() if isinstance(value, bool) else str(value)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    return parts.scheme, parts.hostname or "", port or {"https": 443, "http": 80}.get(parts.scheme)


def _clean(value: object, depth: int = 0) -> tuple[object, bool]:
    """Return a decoded value with U+FFFD for each unpaired surrogate, and whether there was one.

    Raises:
        RecursionError: it is nested deeper than any answer of Databricks.
    """
    if depth > _MOST_NESTED:
        raise RecursionError
    if isinstance(value, str):
        whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return whole, whole != value
    if isinstance(value, list):
        items = [_clean(item, depth + 1) for item in value]
        return [item for item, _ in items], any(replaced for _, replaced in items)
    if isinstance(value, dict):
        pairs = [(_clean(key), _clean(item, depth + 1)) for key, item in value.items()]
        return {str(key): item for (key, _), (item, _) in pairs}, any(a or b for (_, a), (_, b) in pairs)
    return value, False


@contextmanager
def _unlogged(name: str) -> Iterator[None]:
    """Drop what this thread logs to a logger meanwhile: the HTTP library's debug lines contain the whole address."""
    here, logger = threading.get_ident(), logging.getLogger(name)

    def is_elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != here

    logger.addFilter(is_elsewhere)
    try:
        yield
    finally:
        logger.removeFilter(is_elsewhere)
