"""Translates a failed call into one of our errors: an answer by its status, code and message, or an exception.

Databricks refuses calls with 403 for many reasons, and most of them are not missing privileges. Only the message
distinguishes them, because they share codes: `_REFUSALS` lists them with what to do about each.
"""

from __future__ import annotations

import email.utils
import json
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from http import HTTPStatus
from typing import NamedTuple

from dbxexplore import errors
from dbxexplore.connection.secrets import mask

_URL = "Check the workspace URL"
_TRY_AGAIN = "Try again; if it persists, check the Databricks status page"
_NEW_TOKEN = "The token may be expired, revoked, or of another workspace; create a new one there"  # noqa: S105 - advice


class _Refusal(NamedTuple):
    """The words that identify a refusal, and what it means: our error, how its message begins, and what to do."""

    words: str  # a regular expression, whatever the case
    error: type[errors.WorkspaceError]
    problem: str  # follows the name of the host
    remedy: str


@dataclass(frozen=True)
class _Answer:
    """What a failed call was answered with; ``code`` is empty and ``foreign`` true if no Databricks API wrote it."""

    status: int
    code: str
    message: str
    foreign: bool
    retry_after: float | None


def explain_answer(  # noqa: PLR0911 - a decision table
    host: str, status: int, headers: Mapping[str, str], content: bytes
) -> errors.WorkspaceError:
    """Return the error that an answer other than 200 stands for; ``host`` is for the message."""
    answer = _read(status, headers, content)
    if (refused := _explain_refusal(host, answer)) is not None:
        return refused
    if status == HTTPStatus.UNAUTHORIZED:
        return errors.UnauthorizedError(
            f"{host} does not accept the credential (401): {answer.message}", remedy=_NEW_TOKEN
        )
    if (throttled := _explain_throttling(host, answer)) is not None:
        return throttled
    if status in {HTTPStatus.NOT_FOUND, HTTPStatus.NOT_IMPLEMENTED} or answer.code in _NOT_FOUND:
        return _explain_absence(host, answer)
    if answer.foreign:
        return _explain_foreign(host, answer)
    if status == HTTPStatus.FORBIDDEN:
        return errors.ForbiddenError(
            f"{host} does not allow this (403): {answer.message}",
            remedy="Have an admin grant this credential the privilege it lacks",
        )
    failure = errors.WorkspaceError(f"{host} answered {answer.code or status}: {answer.message}", remedy=_TRY_AGAIN)
    return transient(failure) if status >= HTTPStatus.INTERNAL_SERVER_ERROR else failure


_NOT_FOUND = {"ENDPOINT_NOT_FOUND", "NOT_IMPLEMENTED"}


# What the APIs and gateways write into an error; an answer that holds nothing else is one.
_ERROR_KEYS = frozenset({"message", "details", "detail", "code", "status", "reason"})


def is_error(answer: Mapping[str, object]) -> bool:
    """Return whether an answer says that the call failed, although its status is that of a success."""
    code = answer.get("error_code") or answer.get("error")
    return code is not None or (bool(answer) and not answer.keys() - _ERROR_KEYS)


def _explain_refusal(host: str, answer: _Answer) -> errors.WorkspaceError | None:
    if answer.status not in {400, 401, 403, 404, 412}:
        return None
    for refusal in _REFUSALS:
        if (match := re.search(refusal.words, answer.message, re.IGNORECASE)) is None:
            continue
        error = refusal.error(f"{host} {refusal.problem} ({answer.status}): {answer.message}", remedy=refusal.remedy)
        if isinstance(error, errors.MissingScopesError):
            error.scopes = tuple(re.findall(r"[\w.:/-]*\w", match["scopes"] or ""))
            if error.scopes:
                error.remedy = f"{refusal.remedy}: {', '.join(error.scopes)}"
        return error
    return None


def _explain_throttling(host: str, answer: _Answer) -> errors.ThrottledError | None:
    busy = answer.status == HTTPStatus.SERVICE_UNAVAILABLE or answer.code == "TEMPORARILY_UNAVAILABLE"
    if not busy and answer.status != HTTPStatus.TOO_MANY_REQUESTS and answer.code not in _THROTTLED:
        return None
    why = "" if answer.foreign or not answer.message else f": {answer.message}"
    problem = f"{host} is rate-limiting requests ({answer.status}){why}"
    throttled = errors.ThrottledError(problem, remedy="Try again in a minute")
    throttled.retry_after = answer.retry_after
    throttled.transient = busy
    return throttled


_THROTTLED = {"REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED", "TOO_MANY_REQUESTS"}


def _explain_absence(host: str, answer: _Answer) -> errors.NotFoundError:
    if answer.foreign:
        # Plain web servers and emulators answer so for a path that they do not serve.
        return errors.NotFoundError(f"{host}: not found ({answer.status})", remedy=_URL)
    return errors.NotFoundError(
        f"{host}: not found ({answer.status}): {answer.message}",
        remedy="It may have been deleted, or not be visible to this credential",
    )


def _explain_foreign(host: str, answer: _Answer) -> errors.WorkspaceError:
    msg = f"{host} responded ({answer.status}), but not as a Databricks workspace does"
    failure = errors.NotDatabricksError(msg, remedy=_URL)
    # A gateway in between reports its own failures like this.
    return transient(failure) if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR else failure


def foreign_answer(host: str) -> errors.WorkspaceError:
    """Return the error for an answer that is not JSON."""
    # A body that was cut short looks the same as a page of HTML, so the call is worth another try.
    msg = f"{host} did not respond with JSON"
    remedy = f"{_URL}; a login page or a proxy may have answered in its place"
    return transient(errors.NotDatabricksError(msg, remedy=remedy))


# --- reading an answer ---

_MOST_BYTES = 65_536  # of an answer that are looked at for the reason
_REASON = "X-Databricks-Reason-Phrase"  # a header, and the only key of some bodies


def _read(status: int, headers: Mapping[str, str], content: bytes) -> _Answer:
    text = content[:_MOST_BYTES].decode("utf-8", "replace")
    code, message, foreign = "", "", False
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    # Gateways give the reason here where the body is a page.
    reason = headers.get(_REASON, "")
    if isinstance(body, dict):
        # Unity Catalog and the workspace; SCIM; the OAuth endpoints; and gateways in front of them.
        code = str(body.get("error_code") or body.get("error") or "")
        message = str(
            body.get("message") or body.get("detail") or body.get("error_description") or body.get(_REASON) or ""
        )
        foreign = not code and not message
    else:
        message, foreign = reason or _words_of(text), not reason
    message = mask(message) or _phrase(status)
    return _Answer(status, mask(code, 60), message, foreign, _retry_after(headers.get("Retry-After")))


def _words_of(page: str) -> str:
    """Return what a page of HTML, or plain text, says."""
    title = re.search(r"<title[^>]*>(.*?)</title>", page, re.IGNORECASE | re.DOTALL)
    body = re.sub(r"<(script|style)\b.*?</\1\s*>", " ", page, flags=re.IGNORECASE | re.DOTALL)
    words = " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())
    return f"{unescape(title[1]).strip()}: {words}" if title else words


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no reason given"


def _retry_after(value: str | None) -> float | None:
    """Return the seconds that a server asks to wait: a number, or a date, as RFC 9110 has it."""
    text = (value or "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        until = email.utils.parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, TypeError, OverflowError, OSError):
        return None
    return None if until is None else max(0.0, until - time.time())


# --- exceptions ---


def explain_error(error: BaseException, host: str) -> errors.WorkspaceError | None:
    """Translate an exception of requests or of the operating system into a WorkspaceError; None if it is neither."""
    import requests

    if isinstance(error, requests.exceptions.SSLError) or _caused_by(error, ssl.SSLError):
        return errors.TlsError(
            f"The certificate of {host} was not accepted: {mask(_innermost(error))}",
            remedy="Behind a proxy that inspects traffic, point REQUESTS_CA_BUNDLE to its certificate",
        )
    if _caused_by(error, socket.gaierror) or "NameResolutionError" in repr(error):
        return errors.UnknownHostError(f"Can't resolve {host}", remedy="Check the URL for typos, and your DNS or VPN")
    if isinstance(error, requests.exceptions.Timeout) or _caused_by(error, TimeoutError):
        return errors.TimedOutError(
            f"{host} did not answer in time", remedy="Check that a firewall, proxy or VPN lets this machine reach it"
        )
    if isinstance(error, requests.exceptions.JSONDecodeError | requests.exceptions.ContentDecodingError):
        return foreign_answer(host)
    if isinstance(error, requests.exceptions.RequestException | OSError):
        by_proxy = isinstance(error, requests.exceptions.ProxyError)
        refused = _caused_by(error, ConnectionRefusedError) and not by_proxy
        msg = f"{host} refused the connection" if refused else f"Can't connect to {host}: {mask(_innermost(error))}"
        return errors.UnreachableError(msg, remedy="Check the workspace URL, and your firewall, proxy or VPN")
    return None


# What the OAuth standard (RFC 6749, section 5.2) calls the refusals of a token.
_WRONG_SECRET = re.compile(r"\b(?:invalid_client|unauthorized_client|invalid_grant)\b")
_WRONG_SCOPE = re.compile(r"\b(?:invalid_scope|access_denied)\b")


def explain_exchange(  # noqa: PLR0911 - a decision table
    error: BaseException, host: str
) -> errors.WorkspaceError:
    """Translate an exception of the Databricks SDK, which could not authenticate, into a WorkspaceError."""
    from databricks.sdk.core import DatabricksError

    # The SDK appends its settings to what the server said.
    message = mask(re.split(r"\. Config:|\. Env:", str(error), maxsplit=1)[0])
    if _WRONG_SECRET.search(message):
        return errors.UnauthorizedError(
            f"{host} does not accept the service principal's ID and secret: {message}",
            remedy="Check the application ID, and that the secret belongs to it and has not expired",
        )
    if _WRONG_SCOPE.search(message):
        return errors.UnauthorizedError(
            f"{host} does not issue a token for these scopes: {message}",
            remedy="If the secret is limited to some API scopes, name them: OAuthM2MAuth(..., scopes=(...))",
        )
    refused = _explain_refusal(host, _Answer(HTTPStatus.BAD_REQUEST, "", message, foreign=False, retry_after=None))
    if refused is not None:
        return refused
    known = explain_error(error, host)
    if known is not None:
        return known
    if isinstance(error, DatabricksError):
        return errors.WorkspaceError(f"{host} did not issue a token: {message}", remedy=_TRY_AGAIN)
    if isinstance(error, ValueError | NotImplementedError | KeyError | AttributeError | TypeError):
        # The SDK does not check that an answer is that of an OAuth endpoint.
        msg = f"{host} did not issue a token: {type(error).__name__}: {message}"
        return errors.NotDatabricksError(msg, remedy=f"{_URL}, and that it offers OAuth")
    return errors.WorkspaceError(f"{host} did not issue a token: {type(error).__name__}: {message}", remedy=_TRY_AGAIN)


def transient(error: errors.WorkspaceError) -> errors.WorkspaceError:
    """Mark an error as one that may not occur again, and return it."""
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


# --- the refusals that are distinguished ---

# Sources of the words: databricks-sdk-go issues 873 and 981, databricks-sql-go issue 476, terraform-provider-databricks
# issues 1632 and 4662, databrickslabs/ontos pull request 288, and error texts quoted in public repositories. No quotation
# was found of three, which are likely words: of personal access tokens that are disabled, of a user that is not active,
# and of a workspace or account that is suspended.
_REFUSALS = (
    # A missing privilege, first because it quotes names, which may hold any of the words below.
    _Refusal(
        r"^(?:\w+: )?(?:user|service principal|principal|group)\b.{0,300}\bdoes not have\b(?!.{0,9}required scopes)",
        errors.ForbiddenError,
        "does not allow this",
        "Have an admin grant this credential the privilege it lacks",
    ),
    _Refusal(
        r"is not accessible in (?:the )?current workspace",
        errors.ForbiddenError,
        "keeps a catalog from this workspace",
        "Have an admin of the catalog bind it to this workspace",
    ),
    # The credential itself. Databricks answers 403 as often as 401.
    _Refusal(
        r"token expired|token is expiring|(?:token|jwt) has expired|expired (?:access )?token",
        errors.UnauthorizedError,
        "does not accept the token, which has expired",
        "Create a new token, and put it into the variable",
    ),
    _Refusal(
        r"invalid (?:access |personal access |bearer )?token|token is (?:invalid|revoked|malformed)",
        errors.UnauthorizedError,
        "does not accept the token",
        _NEW_TOKEN,
    ),
    _Refusal(
        r"credential was not sent or was of an unsupported type",
        errors.UnauthorizedError,
        "does not accept this kind of credential",
        "Check that the variable holds the token itself, not its ID, and nothing else",
    ),
    _Refusal(
        r"personal access tokens? (?:are|is) (?:disabled|not (?:enabled|allowed))",
        errors.UnauthorizedError,
        "does not accept personal access tokens",
        "Use a service principal, or have a workspace admin enable personal access tokens",
    ),
    _Refusal(
        r"does not have (?:the )?required scopes?\b:?\s*(?P<scopes>[^.;\[]*)",
        errors.MissingScopesError,
        "requires OAuth scopes that the token does not have",
        "Give the token, or the service principal's secret, these API scopes",
    ),
    _Refusal(
        r"(?:invalid|unauthorized) access to (?:org|workspace)\b",
        errors.UnauthorizedError,
        "does not accept the credential for this workspace",
        "The token may be of another workspace or have expired, or the user is not assigned to this one",
    ),
    _Refusal(
        r"unable to load oauth config",
        errors.BlockedError,
        "does not know which workspace is meant",
        "Set workspace_id to the number after ?o= in the address of the workspace",
    ),
    # The network.
    _Refusal(
        r"\bip (?:acl|access list)|source ip address|\bip address\b.{0,80}\b(?:blocked|not allowed)|ipaddress.{0,40}blocked",
        errors.IpBlockedError,
        "refuses this machine's IP address",
        "Call from an allowed network, or have an admin add this address to the IP access list",
    ),
    _Refusal(
        r"unauthorized network access to workspace|public access is not allowed for workspace|"
        r"private access|network policy",
        errors.BlockedError,
        "is not open to this network",
        "Call from a network that the workspace allows, through Private Link or its network policy",
    ),
    # The user, the workspace and the account.
    _Refusal(
        r"disabled for users without (?:the )?(?P<what>.*?entitlements?)",
        errors.ForbiddenError,
        "requires an entitlement",
        "Have a workspace admin give the user or service principal the entitlement that is named",
    ),
    _Refusal(
        r"disabled for users without account admin status",
        errors.BlockedError,
        "answers as an account, which has no catalogs of its own",
        "Use the URL of the workspace itself",
    ),
    _Refusal(
        r"no metastore assigned|metastore_does_not_exist|unity catalog is not enabled",
        errors.NotFoundError,
        "has no Unity Catalog metastore",
        "Have an account admin assign a metastore to the workspace",
    ),
    _Refusal(
        r"\b(?:user|service principal)\b.{0,80}\b(?:is|has been) (?:inactive|not active|deactivated|disabled)",
        errors.BlockedError,
        "does not admit this user",
        "Have an admin activate the user or service principal",
    ),
    _Refusal(
        r"\b(?:workspace|account|subscription|trial)\b.{0,80}"
        r"\b(?:is|has been|was|has) (?:suspended|cancell?ed|deactivated|disabled|deleted|not active|inactive|expired)",
        errors.BlockedError,
        "is not active",
        "Ask whoever administers the Databricks account",
    ),
    _Refusal(
        r"^(?:error 403:? )?user not authorized",
        errors.BlockedError,
        "does not know this user",
        "Have an admin assign the user or service principal to the workspace",
    ),
)
