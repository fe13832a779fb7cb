"""What progress says is known, and where it is shown."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from dbxexplore.discovery import Progress, progress_bar


def state(**changes: Any) -> Progress:
    plain = {"done": 100, "pending": 50, "objects": 12_345, "failures": 0, "throttled": 0, "concurrency": 16}
    return Progress(**{**plain, "elapsed": 10.0, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "12,345 objects · 100 of ≥150 calls · ~5 s left"),
        ({"pending": 10_000}, "12,345 objects · 100 of ≥10,100 calls · ~17 min left"),
        ({"pending": 1}, "12,345 objects · 100 of ≥101 calls · ~1 s left"),
        ({"elapsed": 0.5}, "12,345 objects · 100 of ≥150 calls"),
        ({"done": 0, "objects": 0}, "0 objects · 0 of ≥50 calls"),
        ({"done": 1}, "12,345 objects · 1 of ≥51 calls · ~8 min left"),
        ({"finished": True, "pending": 0}, "12,345 objects · 100 calls"),
        (
            {"throttled": 3, "failures": 1, "concurrency": 2, "finished": True},
            "12,345 objects · 100 calls · throttled 3× · 1 failed",
        ),
        (
            {"elapsed": 0.1, "notice": "the SQL warehouse is starting"},
            "12,345 objects · 100 of ≥150 calls · the SQL warehouse is starting",
        ),
        ({"elapsed": 0.1, "notice": "not any more", "finished": True}, "12,345 objects · 100 calls"),
    ],
)
def test_what_it_says(changes: dict[str, Any], said: str) -> None:
    assert str(state(**changes)) == said


def test_what_is_not_known_is_none() -> None:
    assert state().rate == 10
    assert state().remaining == 5
    assert state(elapsed=0.2).rate is None
    assert state(done=0).remaining is None


def test_no_bar_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bar() as show:
        assert show is None


def test_a_bar_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bar() as show:
        assert show is not None
        show(state(notice="[bold]not markup[/bold]"))
    said = sys.stderr.getvalue()
    assert "%" not in said  # there is no total, so there is no share of it


def test_a_line_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    class Handle:
        def update(self, data: dict[str, str], *, raw: bool) -> None:
            assert raw
            shown.append(data["text/plain"])

    def display(data: dict[str, str], *, raw: bool, display_id: bool) -> Handle:
        assert raw
        assert display_id
        shown.append(data["text/plain"])
        return Handle()

    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    with progress_bar() as show:
        assert show is not None
        show(state(objects=1, elapsed=0.1))
        show(state(objects=2, elapsed=0.2))  # too soon after the one before
        show(state(objects=3, elapsed=0.3, finished=True))
    assert shown == ["connecting", "1 object · 100 of ≥150 calls", "3 objects · 100 calls"]
