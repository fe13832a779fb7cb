"""The crawler: makes all calls of a discovery, bounded, adaptive, retried and cancellable, and records what failed.

Work is a graph that unfolds as answers come in. A `Request` is one call and what to do with its answer, which
may be more requests; there is no barrier between levels. Worker threads make the calls; answers are handled
one at a time, so the handlers need no locks of their own.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from dbxexplore import errors
from dbxexplore.catalog.schema import Reason
from dbxexplore.connection import Json
from dbxexplore.discovery.progress import Progress
from dbxexplore.discovery.retry import wait_before_retry

logger = logging.getLogger(__name__)
_T = TypeVar("_T")

MAX_CONCURRENCY = 64
_REFUSALS = 16  # refusals of all calls in a row, after which the credential counts as refused for good
_TICK = 0.1  # seconds between two reports of progress


class Transport(Protocol):
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


class AnswerCache(Protocol):
    """What was answered before, so that it need not be asked again."""

    def recall(self, request: Request) -> Json | errors.NotFoundError | None:
        """Return what a request was answered with, None if it is to be asked."""
        ...

    def keep(self, request: Request, answer: Json | errors.NotFoundError) -> None:
        """Remember the answer of a request; called for one request at a time."""
        ...


@dataclass(frozen=True)
class Request:
    """One call, and what follows from its answer or its failure.

    ``scope`` names what the call is to list, for the failures frame. ``then`` takes the answer and returns
    what follows from it. ``otherwise`` takes the failure and returns what follows from that, or None to have
    it recorded. Without the answer of a request that is not ``needed``, the work is complete all the same.
    With a ``body`` the call is a POST, which is retried as a GET is, so it must bear being made twice. With a
    ``link``, which may lead elsewhere, the answer is what it leads to, as bytes under ``content``. The call
    is made no sooner than ``delay`` seconds after it came up. ``lasting`` says that the answer still serves when
    the work is taken up again later, ``absence_lasts`` that not to be found is such an answer.
    """

    scope: str
    path: str
    query: Mapping[str, object]
    then: Callable[[Json], Iterable[Request | Failed]]
    otherwise: Callable[[errors.WorkspaceError], Iterable[Request | Failed] | None] | None = None
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


@dataclass(order=True)
class _Waiting:
    due: float
    order: int
    request: Request = field(compare=False)
    attempt: int = field(compare=False, default=0)
    since: float = field(compare=False, default=0.0)  # when it was first to be made
    started: float = field(compare=False, default=0.0)  # when this attempt began
    recalled: bool = field(compare=False, default=False)  # it was answered before, and no call was made


@dataclass(frozen=True)
class _Stop:
    """Why the work ends before all is done, as the failures of what is left say it."""

    reason: Reason
    message: str


class Crawler:
    """Runs requests until none is left, the work is cancelled, or a handler raises.

    Args:
        calls: how to reach the workspace; must be safe to use from several threads.
        max_concurrency: how many calls may run at once.
        cancel: set it to stop; what is there by then is kept.
        deadline: seconds after which to stop in the same way.
        progress: called from the caller's own thread, about ten times a second.
        count_objects: how many objects there are so far, for the progress.
        cache: what was answered before; what is answered now is added to it.
    """

    def __init__(  # noqa: PLR0913 - all but the calls by keyword
        self,
        calls: Transport,
        *,
        max_concurrency: int,
        cancel: threading.Event | None = None,
        deadline: float | None = None,
        progress: Callable[[Progress], None] | None = None,
        count_objects: Callable[[], int] = lambda: 0,
        cache: AnswerCache | None = None,
    ) -> None:
        self.failures: list[tuple[str, Reason, str]] = []
        self.recalled = 0  # requests that were answered from the cache
        self._notice = ""  # shown with the progress
        self._calls = calls
        self._workers = max_concurrency
        self._cancel = cancel or threading.Event()
        self._deadline = deadline
        self._progress = progress
        self._count_objects = count_objects
        self._cache = cache
        lock = threading.RLock()  # guards everything below
        self._state = threading.Condition(lock)  # there is something to do, or no more
        self._idle = threading.Condition(lock)  # there may be nothing left to wait for
        self._handling = threading.Lock()  # held while an answer is handled; taken before _state
        self._queue: list[_Waiting] = []
        self._order = itertools.count()
        self._running: dict[int, Request] = {}
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

    def run(self, requests: Iterable[Request]) -> None:
        """Run ``requests`` and all that follows from them; failures are in ``failures`` afterwards.

        A keyboard interrupt counts as a cancellation: what was not listed yet is recorded as cancelled.
        """
        self._add(requests)
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

    def set_notice(self, notice: str) -> None:
        """Show a notice with the progress until another, or an empty one, takes its place."""
        self._notice = notice

    def record(self, failed: Iterable[Failed]) -> None:
        """Record scopes that could not be listed."""
        self.failures += [(item.scope, reason_of(item.error), str(item.error)) for item in failed]

    def so_far(self, take: Callable[[], _T]) -> tuple[_T, list[tuple[str, Reason, str]]]:
        """Return what ``take`` returns, and the failures of the same moment with all that is not listed yet as pending.

        No answer is handled meanwhile.
        """
        with self._handling:
            taken = take()
            with self._state:
                left = [waiting.request for waiting in self._queue] + list(self._running.values())
                pending = dict.fromkeys(request.scope for request in left if request.needed)
                return taken, [*self.failures, *((scope, "pending", PENDING) for scope in pending)]

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
                left = [waiting.request for waiting in self._queue] + list(self._running.values())
                self.failures += [
                    (request.scope, self._stop.reason, self._stop.message) for request in left if request.needed
                ]
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

    def _add(self, following: Iterable[Request | Failed]) -> None:
        now = time.monotonic()
        with self._state:
            for item in following:
                if isinstance(item, Failed):
                    self.record([item])
                else:
                    heapq.heappush(
                        self._queue, _Waiting(now + item.delay, next(self._order), item, since=now + item.delay)
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
        request = item.request
        known = self._cache.recall(request) if self._cache and request.lasting else None
        item.recalled = known is not None
        if isinstance(known, errors.NotFoundError):
            raise known
        if known is not None:
            return known
        if request.link is not None:
            return {"content": self._calls.download(request.link)}
        return (
            self._calls.get(request.path, request.query)
            if request.body is None
            else self._calls.post(request.path, request.body)
        )

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
                        self._running[item.order] = item.request
                        return item
                self._state.wait(wait)

    def _answered(self, item: _Waiting, answer: Json) -> None:
        with self._handling:
            if self._closed:
                return
            try:
                following = list(item.request.then(answer))
                # What could not be read in full is asked again when the work is taken up later.
                if not any(isinstance(item, Failed) for item in following):
                    self._keep(item, answer)
            except errors.WorkspaceError as error:
                # The answer came, but makes no sense: retrying would bring the same.
                following = self._instead(item.request, error)
            with self._state:
                if not item.recalled:
                    self._accepted = True
                    self._refused = 0
                self._finish(item, following)
                self._grow()

    def _finish(self, item: _Waiting, following: Iterable[Request | Failed]) -> None:
        # Together, so that a stop finds either the request or what follows from it, never both and never neither.
        if item.recalled:
            self.recalled += 1
        else:
            self._done += 1
        self._running.pop(item.order, None)
        self._add(following)

    def _keep(self, item: _Waiting, answer: Json | errors.NotFoundError) -> None:
        if self._cache and item.request.lasting and not item.recalled:
            self._cache.keep(item.request, answer)

    def _grow(self) -> None:
        self._since_change += 1
        if self._since_change >= self._limit < self._workers:
            self._limit += 1
            self._since_change = 0

    def _failed(self, item: _Waiting, error: errors.WorkspaceError) -> None:
        with self._state:
            self._slow_down(item, error)
            wait = wait_before_retry(error, attempt=item.attempt, waited=time.monotonic() - item.since)
            if wait is not None and not self._closed:
                logger.debug("%s: retry in %.1f s: %s", item.request.scope, wait, error.problem)
                again = _Waiting(time.monotonic() + wait, next(self._order), item.request, item.attempt + 1, item.since)
                # In the same moment, so that a stop finds the request once: as one that waits, or as one that runs.
                self._running.pop(item.order, None)
                heapq.heappush(self._queue, again)
                return
        with self._handling:
            if self._closed:
                return
            following = self._instead(item.request, error)
            if item.request.absence_lasts and isinstance(error, errors.NotFoundError):
                self._keep(item, error)
            with self._state:
                if item.request.needed:
                    self._check_credential(error)
                self._finish(item, following)

    def _slow_down(self, item: _Waiting, error: errors.WorkspaceError) -> None:
        if not isinstance(error, errors.ThrottledError):
            return
        self._throttled += 1
        # Transport that were under way when the limit was lowered tell nothing of the new one; and a server that
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

    def _instead(self, request: Request, error: errors.WorkspaceError) -> list[Request | Failed]:
        following = request.otherwise(error) if request.otherwise else None
        return [Failed(request.scope, error)] if following is None else list(following)


PENDING = "Not listed yet: the discovery is under way"
_CANCELLED = _Stop("cancelled", "Not listed: the discovery was cancelled")


def reason_of(error: errors.WorkspaceError) -> Reason:
    """The reason for the failures frame that an error amounts to."""
    if error.refuses_all or isinstance(error, errors.ForbiddenError):
        return "denied"
    return "throttled" if isinstance(error, errors.ThrottledError) else "error"
