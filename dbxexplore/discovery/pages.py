"""Listings: the chain of pages that one scope is listed in, read to its end and bounded where a server has none.

`pages` makes a chain of a first request. A listing that breaks off keeps what was read, and its scope is a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from dbxexplore import errors
from dbxexplore.connection import Json
from dbxexplore.discovery.answers import misread, objects_in
from dbxexplore.discovery.engine import Failed, Request

_EMPTY_PAGES = 500  # pages in a row without a row, after which a listing counts as endless
# What one listing may bring before it counts as endless. The default quotas are 10,000 tables in a schema and
# 1,000,000 in a metastore (https://docs.databricks.com/resources/limits), and they can be raised.
_MOST_PAGES = 20_000
_MOST_ROWS = 2_000_000
_MOST_TEXT = 1_000_000_000  # characters, counted from the page on at which a listing is unusually long
_MANY_PAGES = 30


def pages(
    request: Request,
    key: str,
    take: Callable[[list[Json]], Iterable[Request | Failed]],
    end: Callable[[], Iterable[Request | Failed]] = tuple,
    unneeded: Callable[[], bool] = lambda: False,
) -> Request:
    """Return ``request`` as the start of a chain of pages, whose items under ``key`` go to ``take``.

    ``end`` returns what follows once there is no other page to read. Once ``unneeded`` is true, the rest of the
    pages is not read, and that it cannot be read is not a failure.

    A page may be empty and still name a next one. A server that names a page again, sends the same page
    again, only empty ones or more than any metastore holds is left, and its scope recorded as failed, because
    what it holds beyond is not known; what was read is kept. So are rows beside some that are not objects.
    ``request.then`` is not used.
    """
    return _Chain(replace(request, lasting=True), key, take, end, unneeded).first()


class _Chain:
    """The pages of one listing, one after another."""

    def __init__(
        self,
        request: Request,
        key: str,
        take: Callable[[list[Json]], Iterable[Request | Failed]],
        end: Callable[[], Iterable[Request | Failed]],
        unneeded: Callable[[], bool],
    ) -> None:
        self._request = request
        self._key = key
        self._take = take
        self._end = end
        self._unneeded = unneeded
        self._tokens: set[str] = set()
        self._pages: set[tuple[int, str, str]] = set()  # length, first and last name
        self._empty = 0  # empty pages in a row
        self._read = 0  # pages
        self._rows = 0
        self._text = 0  # characters, from page _MANY_PAGES on

    def first(self) -> Request:
        return replace(self._request, then=self._then)

    def _then(self, answer: Json) -> Iterable[Request | Failed]:
        if self._unneeded():
            return []
        scope = self._request.scope
        items, odd = objects_in(answer, self._key, scope)
        if items and self._repeats(items):
            return self._left("sends the same page again and again")
        following = list(self._take(items))
        if odd:
            following.append(Failed(scope, misread(scope, odd)))
        token = answer.get("next_page_token")
        if token is None or token == "":
            return [*following, *self._end()]
        if not isinstance(token, str):
            return [*following, *self._left("names the next page by something that is not a text")]
        if (endless := self._endless(token, items)) is not None:
            return [*following, *self._left(endless)]
        query = {**self._request.query, "page_token": token}
        # Only the first page tells what kind of server this is, so only its failure has another way.
        page = replace(self._request, query=query, then=self._then, otherwise=self._broke_off, absence_lasts=False)
        return [*following, page]

    def _broke_off(self, error: errors.WorkspaceError) -> Iterable[Request | Failed]:
        return [] if self._unneeded() else [Failed(self._request.scope, error), *self._end()]

    def _repeats(self, items: list[Json]) -> bool:
        first, last = (str(item.get("full_name") or item.get("name")) for item in (items[0], items[-1]))
        fingerprint = (len(items), first, last)
        known = fingerprint in self._pages
        self._pages.add(fingerprint)
        return known

    def _endless(self, token: str, items: list[Json]) -> str | None:
        """Count a page that names another by ``token``; return what the server does if that one is not read."""
        if token in self._tokens:
            return "repeats a page token"
        self._tokens.add(token)
        self._empty = 0 if items else self._empty + 1
        self._read += 1
        self._rows += len(items)
        if self._read > _MANY_PAGES:
            self._text += sum(len(value) for item in items for value in item.values() if isinstance(value, str))
        if self._empty >= _EMPTY_PAGES:
            return f"sent {_EMPTY_PAGES} empty pages in a row"
        if self._read >= _MOST_PAGES:
            return f"sent {_MOST_PAGES:,} pages and names another"
        if self._rows >= _MOST_ROWS:
            return f"sent {self._rows:,} objects and names another page"
        if self._text >= _MOST_TEXT:
            return f"sent more than {_MOST_TEXT:,} characters and names another page"
        return None

    def _left(self, what: str) -> Iterable[Request | Failed]:
        scope = self._request.scope
        msg = f"The server {what} in listing {scope}, so what else it holds cannot be read"
        return [Failed(scope, errors.NotDatabricksError(msg)), *self._end()]
