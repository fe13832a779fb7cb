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
from dataclasses import dataclass, field
from typing import Protocol

from dbxexplore import errors
from dbxexplore.catalog.schema import Reason
from dbxexplore.connection import Json

logger = logging.getLogger(__name__)

MAX_CONCURRENCY = 64
_GROW_AFTER = 20  # answers in a row without a refusal, before one more call at once is tried
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0  # seconds before a first retry, and at most before any
_PATIENCE = 300.0  # seconds after which a call that keeps failing is given up
_ATTEMPTS_WHEN_BROKEN = 5  # for failures other than throttling, which is bounded by patience alone
_TICK = 0.1  # seconds between two reports of progress


class Calls(Protocol):
    """What the engine needs of a workspace: one GET, decoded, or a `WorkspaceError`."""

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Json:
        """Return the JSON object that a GET of ``path`` answers with."""
        ...


@dataclass(frozen=True)
class Step:
    """One call, and what follows from its answer or its failure.

    ``scope`` names what the call is to list, for the failures frame. ``then`` takes the answer and returns
    what follows from it. ``otherwise`` takes the failure and returns what follows from that, or None to have
    it recorded.
    """

    scope: str
    path: str
    query: Mapping[str, object]
    then: Callable[[Json], Iterable[Step | Failed]]
    otherwise: Callable[[errors.WorkspaceError], Iterable[Step | Failed] | None] | None = None


@dataclass(frozen=True)
class Failed:
    """A scope that a handler found it cannot list; it is recorded among the failures."""

    scope: str
    error: errors.WorkspaceError


@dataclass(frozen=True)
class Progress:
    """How far a discovery is: calls done and known to come, objects so far, and what slows it down.

    ``pending`` grows while containers are still being found, so it is a lower bound until ``done`` nears
    the end. ``elapsed`` is in seconds; ``concurrency`` is how many calls may run at once just now.
    """

    done: int
    pending: int
    objects: int
    failures: int
    throttled: int
    concurrency: int
    elapsed: float
    finished: bool = False

    def __str__(self) -> str:
        text = f"{self.objects:,} objects, {self.done:,} calls"
        if not self.finished:
            text += f", at least {self.pending:,} to go"
        if self.throttled:
            text += f", slowed down {self.throttled:,} times"
        if self.failures:
            text += f", {self.failures:,} scopes failed"
        return text


@dataclass(order=True)
class _Waiting:
    due: float
    order: int
    step: Step = field(compare=False)
    attempt: int = field(compare=False, default=0)
    since: float = field(compare=False, default=0.0)


class Gatherer:
    """Runs steps until none is left, the work is cancelled, or a handler raises.

    Args:
        calls: how to reach the workspace; must be safe to use from several threads.
        max_concurrency: how many calls may run at once.
        cancel: set it to stop; what is there by then is kept.
        progress: called from the caller's own thread, about ten times a second.
        count_objects: how many objects there are so far, for the progress.
    """

    def __init__(
        self,
        calls: Calls,
        *,
        max_concurrency: int,
        cancel: threading.Event | None = None,
        progress: Callable[[Progress], None] | None = None,
        count_objects: Callable[[], int] = lambda: 0,
    ) -> None:
        self.failures: list[tuple[str, Reason, str]] = []
        self._calls = calls
        self._workers = max_concurrency
        self._cancel = cancel or threading.Event()
        self._progress = progress
        self._count_objects = count_objects
        self._state = threading.Condition()  # guards everything below
        self._handling = threading.Lock()  # held while an answer is handled; taken before _state
        self._queue: list[_Waiting] = []
        self._order = itertools.count()
        self._running: dict[int, Step] = {}
        self._limit = max_concurrency
        self._since_refusal = 0
        self._done = 0
        self._throttled = 0
        self._closed = False
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
            self._cancel.set()
        finally:
            self._close()
        if self._error is not None:
            raise self._error
        self._report(finished=True)

    def record(self, failed: Iterable[Failed]) -> None:
        """Record scopes that could not be listed."""
        self.failures += [(item.scope, reason_of(item.error), str(item.error)) for item in failed]

    def _wait(self) -> None:
        while True:
            with self._state:
                if self._error is not None or (not self._queue and not self._running):
                    return
                self._state.wait(_TICK)
            if self._cancel.is_set():
                return
            self._report()

    def _close(self) -> None:
        # Taking the handling lock first lets the answer being handled finish; later ones find it closed.
        with self._handling, self._state:
            self._closed = True
            if self._cancel.is_set():
                left = [waiting.step for waiting in self._queue] + list(self._running.values())
                self.failures += [(step.scope, "cancelled", "Not listed: the discovery was cancelled") for step in left]
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
            )
        self._progress(progress)

    def _add(self, following: Iterable[Step | Failed]) -> None:
        now = time.monotonic()
        waiting = []
        for one in following:
            if isinstance(one, Failed):
                self.record([one])
            else:
                waiting.append(_Waiting(now, next(self._order), one, since=now))
        with self._state:
            for item in waiting:
                heapq.heappush(self._queue, item)
            self._state.notify(len(waiting))

    # --- the worker threads ---

    def _work(self) -> None:
        while (item := self._take()) is not None:
            try:
                try:
                    answer = self._calls.get(item.step.path, item.step.query)
                except errors.WorkspaceError as error:
                    self._failed(item, error)
                else:
                    self._answered(item, answer)
            except Exception as error:  # noqa: BLE001 - it is raised again, in the thread that called run()
                with self._state:
                    self._error = self._error or error
            finally:
                with self._state:
                    self._running.pop(item.order, None)
                    self._state.notify_all()

    def _take(self) -> _Waiting | None:
        with self._state:
            while True:
                if self._closed or self._error is not None or self._cancel.is_set():
                    return None
                wait = None
                if self._queue and len(self._running) < self._limit:
                    wait = self._queue[0].due - time.monotonic()
                    if wait <= 0:
                        item = heapq.heappop(self._queue)
                        self._running[item.order] = item.step
                        return item
                self._state.wait(wait)

    def _answered(self, item: _Waiting, answer: Json) -> None:
        with self._handling:
            if self._closed:
                return
            try:
                following = list(item.step.then(answer))
            except errors.WorkspaceError as error:
                # The answer came, but makes no sense: retrying would bring the same.
                self._settle(item.step, error)
            else:
                self._add(following)
        with self._state:
            self._done += 1
            self._since_refusal += 1
            if self._since_refusal >= _GROW_AFTER and self._limit < self._workers:
                self._limit += 1
                self._since_refusal = 0

    def _failed(self, item: _Waiting, error: errors.WorkspaceError) -> None:
        with self._state:
            if isinstance(error, errors.ThrottledError):
                self._throttled += 1
                if self._since_refusal or self._limit == self._workers:  # once for a burst of refusals
                    self._limit = max(1, self._limit // 2)
                self._since_refusal = 0
            wait = _wait_before_retry(item, error, time.monotonic())
            if wait is not None and not self._closed:
                logger.debug("%s: retry in %.1f s: %s", item.step.scope, wait, error.problem)
                again = _Waiting(time.monotonic() + wait, next(self._order), item.step, item.attempt + 1, item.since)
                heapq.heappush(self._queue, again)
                return
            self._done += 1
        with self._handling:
            if not self._closed:
                self._settle(item.step, error)

    def _settle(self, step: Step, error: errors.WorkspaceError) -> None:
        following = step.otherwise(error) if step.otherwise else None
        self._add([Failed(step.scope, error)] if following is None else following)


def _wait_before_retry(item: _Waiting, error: errors.WorkspaceError, now: float) -> float | None:
    """Seconds to wait before the same call is tried again, or None to give up."""
    if now - item.since > _PATIENCE:
        return None
    if isinstance(error, errors.ThrottledError):
        if error.retry_after:
            return error.retry_after + random.random() * _FIRST_WAIT  # noqa: S311 - spreads retries, hides nothing
    elif not error.transient or item.attempt + 1 >= _ATTEMPTS_WHEN_BROKEN:
        return None
    longest: float = min(_LONGEST_WAIT, _FIRST_WAIT * 2**item.attempt)
    return longest * (0.5 + random.random() / 2)  # noqa: S311 - likewise


def reason_of(error: errors.WorkspaceError) -> Reason:
    """The reason for the failures frame that an error amounts to."""
    if isinstance(error, errors.ForbiddenError | errors.UnauthorizedError):
        return "denied"
    return "throttled" if isinstance(error, errors.ThrottledError) else "error"


def pages(step: Step, key: str, take: Callable[[list[Json]], Iterable[Step | Failed]]) -> Step:
    """Return ``step`` as the start of a chain of pages, whose items under ``key`` go to ``take``.

    A page may be empty and still name a next one. A server that names a page again is left and its scope
    recorded as failed, because what it holds beyond that page is not known; what was read is kept.
    ``step.then`` is not used.
    """

    def page(query: Mapping[str, object], seen: frozenset[str]) -> Step:
        def then(answer: Json) -> Iterable[Step | Failed]:
            items = answer.get(key) or []
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                msg = f"The answer for {step.scope} holds no list of objects under {key!r}"
                raise errors.NotDatabricksError(msg)
            following = list(take(items))
            token = answer.get("next_page_token")
            if not token:
                return following
            if not isinstance(token, str) or token in seen:
                msg = f"The server repeats the page token of {step.scope}, so its further pages cannot be read"
                return [*following, Failed(step.scope, errors.NotDatabricksError(msg))]
            return [*following, page({**step.query, "page_token": token}, seen | {token})]

        return Step(step.scope, step.path, query, then, None if seen else step.otherwise)

    return page(step.query, frozenset())
