"""The engine alone, on made-up calls: concurrency, retries, stopping, and that nothing is lost or counted twice."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any, Never

import pytest

from dbxexplore import errors
from dbxexplore.discovery import engine, retry
from dbxexplore.discovery import pages as pages_module
from dbxexplore.discovery.engine import Crawler, Failed, Request, reason_of
from dbxexplore.discovery.pages import pages


class MadeUpCalls:
    """Answers by path; an answer that is an error is raised, one that can be called is called with the query."""

    def __init__(self, answers: Any, *, seconds: float = 0.0) -> None:
        self._answers = answers
        self._seconds = seconds
        self._lock = threading.Lock()
        self.replaced = 0
        self.made = Counter()
        self.times = []
        self.active = 0
        self.most = 0

    def get(self, path: str, query: Any = None) -> Any:
        with self._lock:
            self.active += 1
            self.most = max(self.most, self.active)
            self.made[path] += 1
            nth = self.made[path]
            self.times.append(time.monotonic())
        try:
            if self._seconds:
                time.sleep(self._seconds)
            answer = self._answers[path]
            if callable(answer):
                answer = answer(nth, query or {})
            if isinstance(answer, Exception):
                raise answer
            return answer
        finally:
            with self._lock:
                self.active -= 1


def request(path: str, then: Any = lambda _: (), otherwise: Any = None, **options: Any) -> Request:
    return Request(path, path, {}, then, otherwise, **options)


def run(
    answers: Any, requests: Any, *, concurrency: int = 4, seconds: float = 0.0, **options: Any
) -> tuple[MadeUpCalls, Crawler]:
    calls = MadeUpCalls(answers, seconds=seconds)
    crawler = Crawler(calls, max_concurrency=concurrency, **options)
    crawler.run(requests)
    return calls, crawler


def throttled(retry_after: Any = None, *, momentary: bool = False) -> errors.ThrottledError:
    error = errors.ThrottledError("slow down")
    error.retry_after = retry_after
    error.transient = momentary
    return error


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.004)


def test_nothing_to_do() -> None:
    calls, crawler = run({}, [])
    assert not calls.made
    assert not crawler.failures


def test_work_unfolds_without_barriers() -> None:
    """A child of a quick request is done before a slow sibling of that request."""
    order = []
    release = threading.Event()

    def slow(_nth: Any, _query: Any) -> dict[str, object]:
        assert release.wait(60)
        return {}

    def child(_: Any) -> tuple[()]:
        order.append("child")
        release.set()
        return ()

    requests = [
        request("slow", lambda _: order.append("slow") or ()),
        request("quick", lambda _: [request("child", child)]),
    ]
    run({"slow": slow, "quick": {}, "child": {}}, requests)
    assert order == ["child", "slow"]


def test_no_more_calls_at_once_than_allowed() -> None:
    calls, _ = run({"x": {}}, [request("x") for _ in range(50)], concurrency=3, seconds=0.005)
    assert calls.most == 3
    assert calls.made["x"] == 50


def test_answers_are_handled_one_at_a_time() -> None:
    inside = Counter()

    def then(_: Any) -> tuple[()]:
        inside["now"] += 1
        inside["most"] = max(inside["most"], inside["now"])
        time.sleep(0.001)
        inside["now"] -= 1
        return ()

    run({"x": {}}, [request("x", then) for _ in range(30)], concurrency=8)
    assert inside["most"] == 1


def test_a_failure_is_recorded_with_its_scope() -> None:
    answers = {"denied": errors.ForbiddenError("no"), "odd": errors.WorkspaceError("what"), "fine": {}}
    _, crawler = run(answers, [request(path) for path in answers])
    assert sorted(crawler.failures) == [("denied", "denied", "no."), ("odd", "error", "what.")]


def test_another_way_after_a_failure() -> None:
    answers = {"a": errors.NotFoundError("none"), "b": {}}
    calls, crawler = run(answers, [request("a", otherwise=lambda _: [request("b")])])
    assert calls.made == {"a": 1, "b": 1}
    assert not crawler.failures


def test_an_answer_that_makes_no_sense_is_a_failure_and_not_asked_for_again() -> None:
    def then(_: Any) -> Never:
        raise errors.NotDatabricksError("nonsense")

    calls, crawler = run({"a": {}}, [request("a", then)])
    assert calls.made["a"] == 1
    assert crawler.failures == [("a", "error", "nonsense.")]


def test_a_mistake_in_a_handler_is_raised() -> None:
    def then(_: Any) -> Never:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run({"a": {}}, [request("a", then)])


def test_handlers_may_record_failures() -> None:
    failed = Failed("scope", errors.WorkspaceError("no"))
    _, crawler = run({"a": {}}, [request("a", lambda _: [failed])])
    assert crawler.failures == [("scope", "error", "no.")]


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("error", [errors.UnreachableError("reset"), errors.TimedOutError("late"), throttled()])
def test_what_may_pass_is_tried_again(error: Any) -> None:
    calls, crawler = run({"a": lambda nth, _: error if nth < 3 else {}}, [request("a")])
    assert calls.made["a"] == 3
    assert not crawler.failures


@pytest.mark.usefixtures("hurry")
def test_what_stays_broken_is_left_after_five_attempts() -> None:
    calls, crawler = run({"a": errors.UnreachableError("reset")}, [request("a")])
    assert calls.made["a"] == 5
    assert crawler.failures == [("a", "error", "reset.")]


@pytest.mark.parametrize("error", [errors.ForbiddenError("no"), errors.NotFoundError("no"), errors.TlsError("no")])
def test_what_will_not_pass_is_not_tried_again(error: Any) -> None:
    calls, _ = run({"a": error}, [request("a")])
    assert calls.made["a"] == 1


@pytest.mark.usefixtures("hurry")
def test_throttling_is_outlived_as_long_as_patience_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_LONGEST_WAIT", 0.01)
    calls, crawler = run({"a": lambda nth, _: throttled() if nth < 12 else {}}, [request("a")])
    assert calls.made["a"] == 12
    assert not crawler.failures


@pytest.mark.usefixtures("hurry")
def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_PATIENCE", 0.05)
    _, crawler = run({"a": throttled()}, [request("a")])
    assert [(scope, reason) for scope, reason, _ in crawler.failures] == [("a", "throttled")]


def test_a_wait_beyond_patience_is_not_begun() -> None:
    start = time.monotonic()
    _, crawler = run({"a": throttled(retry_after=3600)}, [request("a")])
    assert time.monotonic() - start < 30
    assert crawler.failures[0][1] == "throttled"


@pytest.mark.usefixtures("hurry")
def test_the_wait_asked_for_is_kept() -> None:
    calls, _ = run({"a": lambda nth, _: throttled(retry_after=0.2) if nth == 1 else {}}, [request("a")])
    assert calls.times[1] - calls.times[0] >= 0.2


@pytest.mark.usefixtures("hurry")
def test_throttling_halves_the_concurrency_once_a_burst_and_it_grows_back() -> None:
    seen = []
    gate = threading.Barrier(8, timeout=60)

    def answer(nth: Any, _query: Any) -> Any:
        if nth <= 8:
            gate.wait()  # all eight are under way when the first is refused
            return throttled()
        return {}

    calls = MadeUpCalls({"a": answer})
    crawler = Crawler(calls, max_concurrency=8)
    crawler.run([request("a", lambda _: seen.append(crawler._limit) or ()) for _ in range(100)])
    assert seen[0] == 4
    assert crawler._limit == 8
    assert crawler._throttled == 8


@pytest.mark.usefixtures("hurry")
def test_a_momentary_outage_does_not_halve_the_concurrency() -> None:
    _, crawler = run({"a": lambda nth, _: throttled(momentary=True) if nth < 5 else {}}, [request("a")], concurrency=8)
    assert crawler._limit == 8


def test_cancel_leaves_each_scope_listed_or_failed() -> None:
    cancel = threading.Event()
    listed = set()

    def make(name: str) -> Request:
        def then(_: Any) -> tuple[()]:
            listed.add(name)
            if len(listed) == 20:
                cancel.set()
            return ()

        return Request(name, "x", {}, then)

    names = {f"scope {n}" for n in range(200)}
    _, crawler = run({"x": {}}, [make(name) for name in sorted(names)], cancel=cancel, concurrency=8)
    failed = {scope for scope, _, _ in crawler.failures}
    assert {reason for _, reason, _ in crawler.failures} == {"cancelled"}
    assert listed | failed == names
    assert not listed & failed


def test_a_retry_that_is_queued_when_the_work_is_cancelled_is_one_failure() -> None:
    crawler = Crawler(MadeUpCalls({}), max_concurrency=1)
    crawler._add([request("a")])
    # What a worker does with a call that may be tried again, and then the stop, before the worker goes on.
    crawler._failed(crawler._take(), errors.UnreachableError("reset"))
    crawler._stop = engine._CANCELLED
    crawler._close()
    assert [(scope, reason) for scope, reason, _ in crawler.failures] == [("a", "cancelled")]


def test_what_is_not_needed_does_not_make_it_incomplete() -> None:
    cancel = threading.Event()
    cancel.set()
    _, crawler = run({}, [request("a"), request("b", needed=False)], cancel=cancel)
    assert [scope for scope, _, _ in crawler.failures] == ["a"]


def test_a_deadline_says_so() -> None:
    release = threading.Event()
    answers = {"a": lambda _nth, _query: {"items": [release.wait(60)]}}
    start = time.monotonic()
    _, crawler = run(answers, [request("a")], deadline=0.1)
    release.set()
    assert time.monotonic() - start < 30
    assert crawler.failures == [("a", "cancelled", "Not listed: the discovery was to end after 0.1 seconds")]


REFUSES_ALL = [errors.UnauthorizedError, errors.IpBlockedError, errors.BlockedError]


@pytest.mark.parametrize("kind", REFUSES_ALL)
def test_what_refuses_all_is_raised_when_nothing_was_ever_accepted(kind: Any) -> None:
    with pytest.raises(kind):
        run({"a": kind("no")}, [request("a")])


@pytest.mark.parametrize("kind", REFUSES_ALL)
def test_one_refusal_among_others_is_a_failure_like_any(kind: Any) -> None:
    answers = {"ok": {}, "no": kind("no")}
    _, crawler = run(answers, [request("ok", lambda _: [request("no"), request("ok")])])
    assert crawler.failures == [("no", "denied", "no.")]


@pytest.mark.parametrize("kind", [errors.ForbiddenError, errors.MissingScopesError])
def test_what_refuses_one_call_never_ends_the_work(kind: Any) -> None:
    calls, crawler = run({"no": kind("no")}, [request("no") for _ in range(100)])
    assert calls.made["no"] == len(crawler.failures) == 100


@pytest.mark.parametrize("kind", REFUSES_ALL)
def test_a_credential_refused_throughout_ends_the_work(kind: Any) -> None:
    answers = {"ok": {}, "no": kind("expired")}
    calls, crawler = run(answers, [request("ok", lambda _: [request("no") for _ in range(500)])], concurrency=2)
    assert calls.made["no"] < 50
    assert len(crawler.failures) == 500
    assert {reason for _, reason, _ in crawler.failures} == {"denied"}


def test_progress_adds_up() -> None:
    seen = []
    run({"a": {}}, [request("a") for _ in range(40)], concurrency=2, seconds=0.02, progress=seen.append)
    assert seen[-1].finished
    assert seen[-1].done == 40
    assert seen[-1].pending == 0
    assert all(progress.done + progress.pending == 40 for progress in seen)
    assert str(seen[-1]).startswith("0 objects · 40 calls")
    assert "≥" in str(seen[0])


# --- pages ---


def listing(pages_by_token: Any, **options: Any) -> tuple[list[dict[str, str]], MadeUpCalls, Crawler]:
    taken = []
    first = pages(request("list", **options), "items", lambda items: taken.extend(items) or ())
    calls, crawler = run({"list": lambda _nth, query: pages_by_token(query.get("page_token"))}, [first])
    return taken, calls, crawler


def test_pages_are_followed_even_when_empty() -> None:
    answers = {
        None: {"items": [], "next_page_token": "1"},
        "1": {"items": [{"name": "a"}], "next_page_token": "2"},
        "2": {"next_page_token": "3"},
        "3": {"items": [{"name": "b"}], "next_page_token": ""},
    }
    taken, calls, crawler = listing(answers.__getitem__)
    assert taken == [{"name": "a"}, {"name": "b"}]
    assert calls.made["list"] == 4
    assert not crawler.failures


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda _: {"items": [], "next_page_token": "1"}, "repeats a page token"),
        (lambda token: {"items": [{"name": "a"}], "next_page_token": f"{token}+"}, "sends the same page again"),
        (lambda token: {"items": [], "next_page_token": f"{token}+"[-600:] + str(len(token or ""))}, "empty pages"),
        (lambda _: {"items": [], "next_page_token": 7}, "not a text"),
        (lambda _: {"items": [], "next_page_token": False}, "not a text"),
        (lambda _: {"items": [], "next_page_token": {}}, "not a text"),
    ],
)
def test_endless_pages_are_left(answer: Any, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages_module, "_EMPTY_PAGES", 20)
    taken, calls, crawler = listing(answer)
    assert calls.made["list"] <= 20
    assert len(taken) <= 1
    assert len(crawler.failures) == 1
    assert said in crawler.failures[0][2]


@pytest.mark.parametrize("items", [None, 3, 0, "x", "", {"a": 1}, {}, True, False])
def test_something_in_place_of_a_list_is_a_failure(items: Any) -> None:
    taken, _, crawler = listing(lambda _: {"items": items})
    assert not taken
    assert [(scope, reason) for scope, reason, _ in crawler.failures] == [("list", "error")]
    assert "holds no list of objects under 'items'" in crawler.failures[0][2]


@pytest.mark.parametrize("odd", [1, None, "x", []])
def test_rows_that_are_not_objects_are_a_failure_and_cost_no_other(odd: Any) -> None:
    answers = {None: {"items": [{"name": "a"}, odd, odd], "next_page_token": "1"}, "1": {"items": [{"name": "b"}]}}
    taken, _, crawler = listing(answers.__getitem__)
    assert taken == [{"name": "a"}, {"name": "b"}]
    assert len(crawler.failures) == 1
    assert "2 rows that are not as documented" in crawler.failures[0][2]


@pytest.mark.parametrize("answer", [{}, {"next_page_token": None}, {"next_page_token": ""}, {"items": []}])
def test_a_list_that_is_absent_or_empty_is_empty(answer: Any) -> None:
    taken, _, crawler = listing(lambda _: answer)
    assert not taken
    assert not crawler.failures


@pytest.mark.parametrize(
    ("bound", "most", "said"),
    [("_MOST_PAGES", 7, "7 pages"), ("_MOST_ROWS", 14, "14 objects"), ("_MOST_TEXT", 20, "20 characters")],
)
def test_a_list_that_never_ends_under_ever_new_tokens_and_names_is_left(
    monkeypatch: pytest.MonkeyPatch, bound: str, most: int, said: str
) -> None:
    monkeypatch.setattr(pages_module, bound, most)
    monkeypatch.setattr(pages_module, "_MANY_PAGES", 0)

    def answer(token: Any) -> Any:
        page = int(token or 0)
        return {"items": [{"name": f"a{page}"}, {"name": f"b{page}"}], "next_page_token": str(page + 1)}

    taken, calls, crawler = listing(answer)
    assert len(crawler.failures) == 1
    assert said in crawler.failures[0][2]
    assert 10 <= len(taken) == 2 * calls.made["list"] <= 14, "what was read is kept"


def test_a_list_as_long_as_its_bounds_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages_module, "_MOST_PAGES", 2)
    answers = {None: {"items": [{"name": "a"}], "next_page_token": "1"}, "1": {"items": [{"name": "b"}]}}
    _, _, crawler = listing(answers.__getitem__)
    assert not crawler.failures


def test_another_way_is_for_the_first_page_only() -> None:
    def answer(token: Any) -> Any:
        return errors.NotFoundError("gone") if token else {"items": [{"name": "a"}], "next_page_token": "1"}

    taken, _, crawler = listing(answer, otherwise=lambda _: ())
    assert taken == [{"name": "a"}]
    assert crawler.failures == [("list", "error", "gone.")]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errors.ForbiddenError("x"), "denied"),
        (errors.IpBlockedError("x"), "denied"),
        (errors.UnauthorizedError("x"), "denied"),
        (errors.BlockedError("x"), "denied"),
        (errors.ThrottledError("x"), "throttled"),
        (errors.NotFoundError("x"), "error"),
        (errors.UnreachableError("x"), "error"),
    ],
)
def test_reasons(error: Any, reason: Any) -> None:
    assert reason_of(error) == reason
