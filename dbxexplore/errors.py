"""The exceptions of this package, in one tree.

::

    DbxExploreError
    ├── SettingsError            a connection setting that cannot work
    │   ├── WorkspaceUrlError    not the URL of a Databricks workspace
    │   └── CredentialError      a credential that is missing, empty or in the wrong place
    ├── WorkspaceError           a call to the workspace failed
    │   ├── UnauthorizedError    the credential is not accepted: 401, or a 403 that says so
    │   ├── ForbiddenError       403: accepted, but not allowed
    │   │   ├── IpBlockedError   refused by an IP access list
    │   │   └── MissingScopesError  the OAuth token lacks scopes that the call requires
    │   ├── BlockedError         the network, account or workspace refuses every caller or this user
    │   ├── NotFoundError        404: the object or the endpoint does not exist
    │   ├── ThrottledError       429 or 503, still after several tries
    │   ├── UnknownHostError     the host name does not resolve
    │   ├── UnreachableError     no connection, or an interrupted one
    │   ├── TimedOutError        no answer in time
    │   ├── TlsError             the certificate was not accepted
    │   └── NotDatabricksError   something responded, but it is not a Databricks workspace
    ├── CatalogError             a frame or snapshot file that is not a catalog
    ├── PatternError             a regular expression that does not compile
    ├── FilterError              filters or matching rules that are invalid
    ├── UnknownObjectError       a name that is not in the catalog, or not unique
    ├── ConfigError              a connection document that cannot be read
    ├── ExportError              a form that cannot express this connection
    └── DemoError                the demo workspace could not be started

Each says what is wrong, what was expected and what to do; none quotes a secret.
"""

from __future__ import annotations

from collections.abc import Sequence


class DbxExploreError(Exception):
    """Base class of all errors raised by dbxexplore.

    ``problem`` says what is wrong, ``expected`` what would be right and ``remedy`` what to do; the last two may be
    empty. ``str()`` joins the three into one paragraph.
    """

    def __init__(self, problem: str, *, expected: str = "", remedy: str = "") -> None:
        self.problem = problem
        self.expected = expected
        self.remedy = remedy
        super().__init__(problem)

    def __str__(self) -> str:
        parts = [_sentence(self.problem)]
        if self.expected:
            parts.append(_sentence(f"Expected {self.expected}"))
        if self.remedy:
            parts.append(_sentence(self.remedy))
        return " ".join(parts)

    def _render_traceback_(self) -> list[str]:
        """Make IPython show the message without a traceback: the user has to correct something, not the code."""
        return [f"{type(self).__name__}: {self}"]


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?", ":", "`", "”")) else f"{text}."


class SettingsError(DbxExploreError, ValueError):
    """A connection setting that cannot work, found before any call was made.

    ``field`` names the setting, such as ``warehouse_id``, where it is one of `ConnectionSettings` or of a credential.
    """

    def __init__(self, problem: str, *, expected: str = "", remedy: str = "", field: str = "") -> None:
        super().__init__(problem, expected=expected, remedy=remedy)
        self.field = field


class WorkspaceUrlError(SettingsError):
    """The text is not the URL of a Databricks workspace."""


class CredentialError(SettingsError):
    """The credential is missing, empty, or in the place of the name of its variable."""


class WorkspaceError(DbxExploreError):
    """A call to the workspace failed.

    ``transient`` is True if the same call may succeed when it is repeated. ``refuses_all`` is True if every
    other call of this credential would be refused for the same reason, so that nothing can be listed.
    """

    transient: bool = False
    refuses_all: bool = False


class UnauthorizedError(WorkspaceError):
    """The workspace does not accept the credential: it is invalid, expired or revoked (401, and some 403s)."""

    refuses_all = True


class ForbiddenError(WorkspaceError):
    """The credential is accepted but not allowed to do this (403)."""


class IpBlockedError(ForbiddenError):
    """An IP access list refuses this machine's address (403)."""

    refuses_all = True


class MissingScopesError(ForbiddenError):
    """The OAuth token does not have the scopes that this call requires (403).

    ``scopes`` names them, as far as the workspace does. Other calls may need other scopes, so they may succeed.
    """

    scopes: tuple[str, ...] = ()


class BlockedError(WorkspaceError):
    """The state of the network, the account, the workspace or the user refuses every call; no privilege is missing."""

    refuses_all = True


class NotFoundError(WorkspaceError):
    """The object or the endpoint does not exist (404, 501)."""


class ThrottledError(WorkspaceError):
    """The workspace is rate-limiting requests: it answered 429 or 503, still after several tries.

    ``retry_after`` is the number of seconds that it asked to wait, if it said so.
    """

    retry_after: float | None = None


class UnknownHostError(WorkspaceError):
    """The host name does not resolve."""


class UnreachableError(WorkspaceError):
    """No connection could be made, or it was interrupted."""

    transient = True


class TimedOutError(WorkspaceError):
    """No answer came in time."""

    transient = True


class TlsError(WorkspaceError):
    """The server's certificate was not accepted."""


class NotDatabricksError(WorkspaceError):
    """Something responded, but it is not a Databricks workspace."""


class CatalogError(DbxExploreError, ValueError):
    """A frame or a snapshot file that does not hold a catalog."""


class PatternError(DbxExploreError, ValueError):
    """A pattern that is not a regular expression.

    ``pattern`` is its text and ``position`` the index of the offending character, if known; ``place`` is the
    level, the list and the index in it, where the pattern is one of filters.
    """

    def __init__(  # noqa: PLR0913 - all but the problem by keyword
        self,
        problem: str,
        *,
        pattern: str,
        position: int | None,
        place: tuple[str, str, int] | None = None,
        expected: str = "",
        remedy: str = "",
    ) -> None:
        super().__init__(problem, expected=expected, remedy=remedy)
        self.pattern = pattern
        self.position = position
        self.place = place

    def at(self, level: str, name: str, index: int) -> PatternError:
        """Return this error for a pattern in filters, with its place in the message."""
        return PatternError(
            f"{level}, {name} pattern {index + 1}: {self.problem}",
            pattern=self.pattern,
            position=self.position,
            place=(level, name, index),
            expected=self.expected,
            remedy=self.remedy,
        )


class FilterError(DbxExploreError, ValueError):
    """Filters or matching rules that are invalid."""


class UnknownObjectError(DbxExploreError, LookupError):
    """A name that is not in the catalog, or not unique."""


class ConfigError(DbxExploreError, ValueError):
    """A connection document that cannot be read.

    ``path`` leads to the offending value: keys, and indexes from 0. ``key`` is the same as text, counting from
    1 as people do, and ``line`` (from 1) is its line, if known, in ``file``, if it was read from one.
    """

    def __init__(  # noqa: PLR0913 - where it is and what it says
        self,
        problem: str,
        *,
        line: int | None = None,
        path: Sequence[str | int] = (),
        expected: str = "",
        remedy: str = "",
        file: str = "",
    ) -> None:
        self.line = line
        self.file = file
        self.path = tuple(path)
        self.key = ".".join(str(part + 1 if isinstance(part, int) else part) for part in path)
        self.what = problem
        parts = (repr(file) if file else "", f"line {line}" if line else "", f"key {self.key!r}" if self.key else "")
        where = ", ".join(part for part in parts if part)
        super().__init__(f"{where}: {problem}" if where else problem, expected=expected, remedy=remedy)

    def at(self, *, line: int | None = None, file: str = "") -> ConfigError:
        """Return this error with the line or the file that it is about."""
        return ConfigError(
            self.what,
            line=line or self.line,
            path=self.path,
            expected=self.expected,
            remedy=self.remedy,
            file=file or self.file,
        )


class ExportError(DbxExploreError, ValueError):
    """The requested form cannot express this connection."""


class DemoError(DbxExploreError):
    """The demo workspace could not be started."""
