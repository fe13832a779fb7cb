"""The engine for all calls: bounded, adaptive, retried, cancellable, and never silent about what failed.

Work is a graph that unfolds as answers come in. A `Step` is one call and what to do with its answer, which
may be more steps; there is no barrier between levels. Worker threads make the calls; answers are handled
one at a time, so the handlers need no locks of their own.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from dbxexplore import errors
from dbxexplore.catalog.schema import Reason
from dbxexplore.connection import Json
from dbxexplore.discovery.answers import misread, objects_in
from dbxexplore.text import plural

logger = logging.getLogger(__name__)

MAX_CONCURRENCY = 64
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0  # seconds before a first retry, and at most before any
_PATIENCE = 300.0  # seconds that a call may go on failing before it is given up
_ATTEMPTS_WHEN_BROKEN = 5  # for failures other than throttling, which is bounded by patience alone
_REFUSALS = 16  # refusals of all calls in a row, after which the credential counts as refused for good
_EMPTY_PAGES = 500  # pages in a row without a row, after which a listing counts as endless
# What one listing may bring before it counts as endless. The default quotas are 10,000 tables in a schema and
# 1,000,000 in a metastore (https://docs.databricks.com/resources/limits), and they can be raised.
_MOST_PAGES = 20_000
_MOST_ROWS = 2_000_000
_MOST_TEXT = 1_000_000_000  # characters, counted from the page on at which a listing is unusually long
_MANY_PAGES = 30
_TICK = 0.1  # seconds between two reports of progress


class Calls(Protocol):
    """What the engine needs of a workspace: one call, decoded, or a `WorkspaceError`."""

    @property
    def replaced(self) -> int:
        """How many answers held text that is not valid Unicode, which was replaced."""
        ...

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Json:
        """Return the JSON object that a GET of ``path`` answers with."""
        ...

    def post(self, path: str, body: Mapping[str, object]) -> Json:
        """Return the JSON object that a POST of ``body`` to ``path`` answers with."""
        ...

    def download(self, url: str) -> bytes:
        """Return the body of what a link of the workspace leads to, fetched without a credential."""
        ...


class Memory(Protocol):
    """What was answered before, so that it need not be asked again."""

    def recall(self, step: Step) -> Json | errors.NotFoundError | None:
        """Return what a step was answered with, None if it is to be asked."""
        ...

    def keep(self, step: Step, answer: Json | errors.NotFoundError) -> None:
        """Remember the answer of a step; called for one step at a time."""
        ...


@dataclass(frozen=True)
class Step:
    """One call, and what follows from its answer or its failure.

    ``scope`` names what the call is to list, for the failures frame. ``then`` takes the answer and returns
    what follows from it. ``otherwise`` takes the failure and returns what follows from that, or None to have
    it recorded. Without the answer of a step that is not ``needed``, the work is complete all the same.
    With a ``body`` the call is a POST, which is retried as a GET is, so it must bear being made twice. With a
    ``link``, which may lead elsewhere, the answer is what it leads to, as bytes under ``content``. The call
    is made no sooner than ``delay`` seconds after it came up. ``lasting`` says that the answer still serves when
    the work is taken up again later, ``absence_lasts`` that not to be found is such an answer.
    """

    scope: str
    path: str
    query: Mapping[str, object]
    then: Callable[[Json], Iterable[Step | Failed]]
    otherwise: Callable[[errors.WorkspaceError], Iterable[Step | Failed] | None] | None = None
    needed: bool = True
    body: Mapping[str, object] | None = None
    link: str | None = field(default=None, repr=False)
    delay: float = 0.0
    lasting: bool = False
    absence_lasts: bool = False


@dataclass(frozen=True)
class Failed:
    """A scope that a handler found it cannot list; it is recorded among the failures."""

    scope: str
    error: errors.WorkspaceError


@dataclass(frozen=True)
class Progress:
    """How far a discovery is: calls done and known to come, objects so far, and what slows it down.

    ``pending`` grows while containers are still being found, so it is a lower bound until ``done`` nears
    the end. ``elapsed`` is in seconds; ``concurrency`` is how many calls may run at once just now. ``notice``
    says what else is going on, such as the start of a warehouse.
    """

    done: int
    pending: int
    objects: int
    failures: int
    throttled: int
    concurrency: int
    elapsed: float
    finished: bool = False
    notice: str = ""

    @property
    def rate(self) -> float | None:
        """Calls a second, on average since the start; None before there is an average to speak of."""
        return self.done / self.elapsed if self.done and self.elapsed >= _TELLING else None

    @property
    def remaining(self) -> float | None:
        """Seconds that the calls known to come take at this rate: the least there is to wait, as more may come up."""
        return self.pending / self.rate if self.rate else None

    def __str__(self) -> str:
        parts = [plural(self.objects, "object"), plural(self.done, "call")]
        if self.rate:
            parts.append(f"{self.rate:,.0f} calls a second" if self.rate >= _ONE_A_SECOND else "less than 1 a second")
        if not self.finished:
            parts.append(f"at least {self.pending:,} to go" + (f" ({_lasting(self.remaining)})" if self.rate else ""))
        if self.throttled:
            parts.append(f"slowed down {_times(self.throttled)}, now {self.concurrency} at once")
        if self.failures:
            parts.append(f"{plural(self.failures, 'scope')} failed")
        if self.notice and not self.finished:
            parts.append(self.notice)
        return ", ".join(parts)


_TELLING = 1.0  # seconds from which on an average tells anything
_ONE_A_SECOND = 0.5  # what is rounded to one
_MINUTE = 60.0  # seconds


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"


def _lasting(seconds: float | None) -> str:
    if seconds is None or seconds < 1:
        return "a moment"
    return f"{seconds:.0f} s" if seconds < 2 * _MINUTE else f"{seconds / _MINUTE:.0f} min"


@dataclass(order=True)
class _Waiting:
    due: float
    order: int
    step: Step = field(compare=False)
    attempt: int = field(compare=False, default=0)
    since: float = field(compare=False, default=0.0)  # when it was first to be made
    started: float = field(compare=False, default=0.0)  # when this attempt began
    recalled: bool = field(compare=False, default=False)  # it was answered before, and no call was made


@dataclass(frozen=True)
class _Stop:
    """Why the work ends before all is done, as the failures of what is left say it."""

    reason: Reason
    message: str


class Gatherer:
    """Runs steps until none is left, the work is cancelled, or a handler raises.

    Args:
        calls: how to reach the workspace; must be safe to use from several threads.
        max_concurrency: how many calls may run at once.
        cancel: set it to stop; what is there by then is kept.
        deadline: seconds after which to stop likewise.
        progress: called from the caller's own thread, about ten times a second.
        count_objects: how many objects there are so far, for the progress.
        memory: what was answered before; what is answered now is added to it.
    """

    def __init__(  # noqa: PLR0913 - all but the calls by keyword
        self,
        calls: Calls,
        *,
        max_concurrency: int,
        cancel: threading.Event | None = None,
        deadline: float | None = None,
        progress: Callable[[Progress], None] | None = None,
        count_objects: Callable[[], int] = lambda: 0,
        memory: Memory | None = None,
    ) -> None:
        self.failures: list[tuple[str, Reason, str]] = []
        self.recalled = 0  # steps that were answered from memory
        self._notice = ""  # shown with the progress
        self._calls = calls
        self._workers = max_concurrency
        self._cancel = cancel or threading.Event()
        self._deadline = deadline
        self._progress = progress
        self._count_objects = count_objects
        self._memory = memory
        lock = threading.RLock()  # guards everything below
        self._state = threading.Condition(lock)  # there is something to do, or no more
        self._idle = threading.Condition(lock)  # there may be nothing left to wait for
        self._handling = threading.Lock()  # held while an answer is handled; taken before _state
        self._queue: list[_Waiting] = []
        self._order = itertools.count()
        self._running: dict[int, Step] = {}
        self._limit = max_concurrency
        self._lowered = 0.0  # when the limit was last lowered
        self._since_change = 0  # answers since the limit last changed
        self._done = 0
        self._accepted = False  # whether any call was answered at all
        self._refused = 0  # answers in a row that refuse every call
        self._throttled = 0
        self._closed = False
        self._stop: _Stop | None = None
        self._error: BaseException | None = None
        self._started = time.monotonic()

    def run(self, steps: Iterable[Step]) -> None:
        """Run ``steps`` and all that follows from them; failures are in ``failures`` afterwards.

        A keyboard interrupt counts as a cancellation: what was not listed yet is recorded as cancelled.
        """
        self._add(steps)
        threads = [
            threading.Thread(target=self._work, name=f"dbxexplore-{n}", daemon=True) for n in range(self._workers)
        ]
        for thread in threads:
            thread.start()
        try:
            self._wait()
        except KeyboardInterrupt:
            self._stop = _CANCELLED
        finally:
            self._close()
        if self._error is not None:
            raise self._error
        self._report(finished=True)

    @property
    def stopped(self) -> bool:
        """Whether the work ended before all was done."""
        return self._stop is not None

    def tell(self, notice: str) -> None:
        """Show a notice with the progress until another, or an empty one, takes its place."""
        self._notice = notice

    def record(self, failed: Iterable[Failed]) -> None:
        """Record scopes that could not be listed."""
        self.failures += [(item.scope, reason_of(item.error), str(item.error)) for item in failed]

    def _wait(self) -> None:
        while True:
            with self._state:
                if self._error is not None or self._stop is not None or (not self._queue and not self._running):
                    return
                self._idle.wait(_TICK)
            if self._cancel.is_set():
                self._stop = _CANCELLED
            elif self._deadline is not None and time.monotonic() - self._started > self._deadline:
                message = f"Not listed: the discovery was to end after {self._deadline:g} seconds"
                self._stop = _Stop("cancelled", message)
            else:
                self._report()

    def _close(self) -> None:
        # Taking the handling lock first lets the answer being handled finish; later ones find it closed.
        with self._handling, self._state:
            self._closed = True
            if self._stop is not None:
                left = [waiting.step for waiting in self._queue] + list(self._running.values())
                self.failures += [(step.scope, self._stop.reason, self._stop.message) for step in left if step.needed]
            self._queue.clear()
            self._state.notify_all()

    def _report(self, *, finished: bool = False) -> None:
        if self._progress is None:
            return
        with self._state:
            progress = Progress(
                done=self._done,
                pending=len(self._queue) + len(self._running) if not finished else 0,
                objects=self._count_objects(),
                failures=len(self.failures),
                throttled=self._throttled,
                concurrency=self._limit,
                elapsed=time.monotonic() - self._started,
                finished=finished,
                notice=self._notice,
            )
        self._progress(progress)

    def _add(self, following: Iterable[Step | Failed]) -> None:
        now = time.monotonic()
        with self._state:
            for one in following:
                if isinstance(one, Failed):
                    self.record([one])
                else:
                    heapq.heappush(
                        self._queue, _Waiting(now + one.delay, next(self._order), one, since=now + one.delay)
                    )
            self._wake()

    def _wake(self) -> None:
        # Waking no more threads than may run keeps a wide pool from fighting over a narrow gate.
        self._state.notify(max(0, min(len(self._queue), self._limit - len(self._running))))

    # --- the worker threads ---

    def _work(self) -> None:
        while (item := self._take()) is not None:
            try:
                try:
                    answer = self._ask(item)
                except errors.WorkspaceError as error:
                    self._failed(item, error)
                else:
                    self._answered(item, answer)
                    del answer  # a page can be large, and the next call may be long in coming
            except Exception as error:  # noqa: BLE001 - it is raised again, in the thread that called run()
                with self._state:
                    self._error = self._error or error
            finally:
                with self._state:
                    self._running.pop(item.order, None)
                    self._wake()
                    if self._error is not None or (not self._queue and not self._running):
                        self._idle.notify_all()

    def _ask(self, item: _Waiting) -> Json:
        step = item.step
        known = self._memory.recall(step) if self._memory and step.lasting else None
        item.recalled = known is not None
        if isinstance(known, errors.NotFoundError):
            raise known
        if known is not None:
            return known
        if step.link is not None:
            return {"content": self._calls.download(step.link)}
        return self._calls.get(step.path, step.query) if step.body is None else self._calls.post(step.path, step.body)

    def _take(self) -> _Waiting | None:
        with self._state:
            while True:
                if self._closed or self._error is not None or self._stop is not None or self._cancel.is_set():
                    return None
                wait = None
                if self._queue and len(self._running) < self._limit:
                    now = time.monotonic()
                    wait = self._queue[0].due - now
                    if wait <= 0:
                        item = heapq.heappop(self._queue)
                        item.started = now
                        self._running[item.order] = item.step
                        return item
                self._state.wait(wait)

    def _answered(self, item: _Waiting, answer: Json) -> None:
        with self._handling:
            if self._closed:
                return
            try:
                following = list(item.step.then(answer))
                # What could not be read in full is asked again when the work is taken up later.
                if not any(isinstance(one, Failed) for one in following):
                    self._keep(item, answer)
            except errors.WorkspaceError as error:
                # The answer came, but makes no sense: retrying would bring the same.
                following = self._instead(item.step, error)
            with self._state:
                if not item.recalled:
                    self._accepted = True
                    self._refused = 0
                self._finish(item, following)
                self._grow()

    def _finish(self, item: _Waiting, following: Iterable[Step | Failed]) -> None:
        # Together, so that a stop finds either the step or what follows from it, never both and never neither.
        if item.recalled:
            self.recalled += 1
        else:
            self._done += 1
        self._running.pop(item.order, None)
        self._add(following)

    def _keep(self, item: _Waiting, answer: Json | errors.NotFoundError) -> None:
        if self._memory and item.step.lasting and not item.recalled:
            self._memory.keep(item.step, answer)

    def _grow(self) -> None:
        self._since_change += 1
        if self._since_change >= self._limit < self._workers:
            self._limit += 1
            self._since_change = 0

    def _failed(self, item: _Waiting, error: errors.WorkspaceError) -> None:
        with self._state:
            self._slow_down(item, error)
            wait = _wait_before_retry(item, error, time.monotonic())
            if wait is not None and not self._closed:
                logger.debug("%s: retry in %.1f s: %s", item.step.scope, wait, error.problem)
                again = _Waiting(time.monotonic() + wait, next(self._order), item.step, item.attempt + 1, item.since)
                # In the same moment, so that a stop finds the step once: as one that waits, or as one that runs.
                self._running.pop(item.order, None)
                heapq.heappush(self._queue, again)
                return
        with self._handling:
            if self._closed:
                return
            following = self._instead(item.step, error)
            if item.step.absence_lasts and isinstance(error, errors.NotFoundError):
                self._keep(item, error)
            with self._state:
                if item.step.needed:
                    self._check_credential(error)
                self._finish(item, following)

    def _slow_down(self, item: _Waiting, error: errors.WorkspaceError) -> None:
        if not isinstance(error, errors.ThrottledError):
            return
        self._throttled += 1
        # Calls that were under way when the limit was lowered tell nothing of the new one; and a server that
        # is not available for a moment has not said that it was asked too often.
        if not error.transient and item.started >= self._lowered:
            self._limit = max(1, self._limit // 2)
            self._lowered = time.monotonic()
            self._since_change = 0

    def _check_credential(self, error: errors.WorkspaceError) -> None:
        """Stop once every call is refused: the credential has expired, say, and the rest would be refused as well."""
        if not error.refuses_all:
            return
        self._refused += 1
        if not self._accepted:
            raise error
        if self._refused >= _REFUSALS:
            self._stop = self._stop or _Stop(reason_of(error), str(error))
            self._idle.notify_all()

    def _instead(self, step: Step, error: errors.WorkspaceError) -> list[Step | Failed]:
        following = step.otherwise(error) if step.otherwise else None
        return [Failed(step.scope, error)] if following is None else list(following)


_CANCELLED = _Stop("cancelled", "Not listed: the discovery was cancelled")


def _wait_before_retry(item: _Waiting, error: errors.WorkspaceError, now: float) -> float | None:
    """Seconds to wait before the same call is tried again, or None to give up."""
    throttled = isinstance(error, errors.ThrottledError)
    if not throttled and (not error.transient or item.attempt + 1 >= _ATTEMPTS_WHEN_BROKEN):
        return None
    longest: float = min(_LONGEST_WAIT, _FIRST_WAIT * 2**item.attempt)
    wait = longest * (0.5 + random.random() / 2)  # noqa: S311 - spreads retries, hides nothing
    least = _least_wait(error)
    if least:
        wait = max(wait, least + random.random() * _FIRST_WAIT)  # noqa: S311 - likewise
    return wait if now + wait - item.since <= _PATIENCE else None


def _least_wait(error: errors.WorkspaceError) -> float:
    """Seconds that the server asks to wait; the SDK makes it one second where the server said nothing."""
    return (error.retry_after or 0.0) if isinstance(error, errors.ThrottledError) else 0.0


def reason_of(error: errors.WorkspaceError) -> Reason:
    """The reason for the failures frame that an error amounts to."""
    if error.refuses_all or isinstance(error, errors.ForbiddenError):
        return "denied"
    return "throttled" if isinstance(error, errors.ThrottledError) else "error"


def pages(
    step: Step,
    key: str,
    take: Callable[[list[Json]], Iterable[Step | Failed]],
    end: Callable[[], Iterable[Step | Failed]] = tuple,
    unneeded: Callable[[], bool] = lambda: False,
) -> Step:
    """Return ``step`` as the start of a chain of pages, whose items under ``key`` go to ``take``.

    ``end`` returns what follows once there is no other page to read. Once ``unneeded`` is true, the rest of the
    pages is not read, and that it cannot be read is not a failure.

    A page may be empty and still name a next one. A server that names a page again, sends the same page
    again, only empty ones or more than any metastore holds is left, and its scope recorded as failed, because
    what it holds beyond is not known; what was read is kept. So are rows beside some that are not objects.
    ``step.then`` is not used.
    """
    return _Chain(replace(step, lasting=True), key, take, end, unneeded).first()


class _Chain:
    """The pages of one listing, one after another."""

    def __init__(
        self,
        step: Step,
        key: str,
        take: Callable[[list[Json]], Iterable[Step | Failed]],
        end: Callable[[], Iterable[Step | Failed]],
        unneeded: Callable[[], bool],
    ) -> None:
        self._step = step
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

    def first(self) -> Step:
        return replace(self._step, then=self._then)

    def _then(self, answer: Json) -> Iterable[Step | Failed]:
        if self._unneeded():
            return []
        scope = self._step.scope
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
        query = {**self._step.query, "page_token": token}
        # Only the first page tells what kind of server this is, so only its failure has another way.
        page = replace(self._step, query=query, then=self._then, otherwise=self._broke_off, absence_lasts=False)
        return [*following, page]

    def _broke_off(self, error: errors.WorkspaceError) -> Iterable[Step | Failed]:
        return [] if self._unneeded() else [Failed(self._step.scope, error), *self._end()]

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

    def _left(self, what: str) -> Iterable[Step | Failed]:
        scope = self._step.scope
        msg = f"The server {what} in listing {scope}, so what else it holds cannot be read"
        return [Failed(scope, errors.NotDatabricksError(msg)), *self._end()]
