"""The age of a snapshot in the line above the pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from widget_markup import shown

import dbxexplore as dbx
from dbxexplore.widgets import Explorer, ExplorerState
from dbxexplore.widgets.connect.origin import OriginLine, age

TAKEN = datetime(2026, 1, 5, 12, tzinfo=UTC)
URL = "https://dbc-1234abcd-56ef.cloud.databricks.com"


def taken(catalog: dbx.Catalog, at: datetime | None) -> dbx.Catalog:
    provenance = replace(catalog.provenance, workspace_url=URL, taken_at=at)
    return dbx.Catalog(catalog.objects, catalog.failures, provenance)


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=-40), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=23, minutes=59), "23 hours ago"),
        (timedelta(days=3, hours=5), "3 days ago"),
    ],
)
def test_an_age_in_words(passed: timedelta, words: str) -> None:
    assert age(passed) == words


def test_the_age_is_that_of_the_moment_it_is_shown(catalog: dbx.Catalog) -> None:
    now = [TAKEN + timedelta(hours=2)]
    line = OriginLine(ExplorerState(catalog=taken(catalog, TAKEN)), clock=lambda: now[0])
    assert "2026-01-05 12:00 UTC (2 hours ago)" in shown(line)
    now[0] += timedelta(days=1)
    line._displayed()
    assert "(1 day ago)" in shown(line)


def test_without_a_time_there_is_no_age(catalog: dbx.Catalog) -> None:
    assert "ago" not in shown(OriginLine(ExplorerState(catalog=taken(catalog, None))))


def test_another_page_shows_the_age_anew(catalog: dbx.Catalog) -> None:
    explorer = Explorer(taken(catalog, TAKEN))
    explorer.origin_line._clock = lambda: TAKEN + timedelta(days=3)
    explorer.page = "Coverage"
    assert "(3 days ago)" in shown(explorer.origin_line)
    explorer.origin_line._clock = lambda: TAKEN + timedelta(days=4)
    explorer._displayed()
    assert "(4 days ago)" in shown(explorer.origin_line)
