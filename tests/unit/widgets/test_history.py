"""Undo and redo, without widgets: values, steps and what they are called."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dbxexplore as dbx
from dbxexplore.widgets.history import History, describe
from dbxexplore.widgets.state import ExplorerState

EDITS = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["a", "b", None]), st.floats(0, 3, allow_nan=False)), max_size=30
)


@given(EDITS, st.integers(1, 8))
def test_going_all_the_way_back_and_forth_is_the_identity(
    edits: list[tuple[int, str | None, float]], limit: int
) -> None:
    history, at = History(0, limit=limit), 0.0
    for value, key, pause in edits:
        at += pause
        history.record(value, key, at)
    last = history.value
    back = []
    while history.last is not None:
        assert history.last[1] == history.value
        back.append(history.undo())
    assert len(back) <= limit
    forth = [history.value]
    while history.next is not None:
        forth.append(history.redo())
    assert forth[-1] == last == history.value
    assert forth[:-1] == back[::-1] if back else forth == [last]


@given(EDITS)
def test_steps_hang_together_and_none_is_empty(edits: list[tuple[int, str | None, float]]) -> None:
    history, at = History(0), 0.0
    for value, key, pause in edits:
        at += pause
        history.record(value, key, at)
        assert history.value == value
    while history.last is not None:
        before, after = history.last
        assert before != after
        assert history.undo() == before


def test_keys_of_one_pattern_without_a_pause_are_one_step() -> None:
    history = History("")
    assert history.record("p", "row 1", 0.0)
    assert not history.record("pr", "row 1", 1.0)
    assert not history.record("pro", "row 1", 2.4)  # each within the pause of the one before
    assert history.record("prod", "row 1", 4.0)
    assert history.record("prod, x", "row 2", 4.1)
    assert [history.undo(), history.undo(), history.undo()] == ["prod", "pro", ""]


def test_an_edit_after_going_back_is_a_step_of_its_own_and_clears_what_could_be_redone() -> None:
    history = History(0)
    history.record(1, "row", 0.0)
    history.record(2, None, 0.1)
    history.undo()
    history.record(3, "row", 0.2)
    assert history.next is None
    assert history.last == (1, 3)


def test_what_is_typed_and_taken_back_at_once_is_no_step() -> None:
    history = History("a")
    history.record("ab", "row", 0.0)
    history.record("a", "row", 0.5)
    assert history.last is None


def test_it_is_bounded() -> None:
    history = History(0, limit=3)
    for value in range(1, 10):
        history.record(value, None, 0.0)
    assert [history.undo() for _ in range(5)] == [8, 7, 6, 6, 6]


def catalogs(*allow: str, deny: tuple[str, ...] = ()) -> dbx.Filters:
    return dbx.Filters(catalogs=dbx.Patterns(allow, deny))


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (catalogs("a"), catalogs("^prod$"), "edit of allow “^prod$” (catalogs)"),
        (catalogs("a"), catalogs("a", "b"), "addition of allow “b” (catalogs)"),
        (catalogs("a", "b"), catalogs("b"), "removal of allow “a” (catalogs)"),
        (catalogs("a", "b"), catalogs("b", "a"), "reordering of allow patterns (catalogs)"),
        (catalogs("a", "b"), catalogs("c", "d", "e"), "edit of allow patterns (catalogs)"),
        (catalogs("a", "b"), catalogs("a", deny=("b",)), "move to deny (catalogs)"),
        (catalogs("a"), catalogs("x", deny=("b", "c")), "edit of patterns (catalogs)"),
        (catalogs("a"), dbx.Filters(tables=dbx.Patterns(["t"])), "edit of patterns (catalogs, tables)"),
    ],
)
def test_an_edit_is_named(before: dbx.Filters, after: dbx.Filters, text: str) -> None:
    dialect = dbx.Dialect.DATAHUB
    assert describe((before, dialect), (after, dialect)).text == text


def test_a_change_of_the_reading_is_named() -> None:
    filters = dbx.Filters()
    assert describe((filters, dbx.Dialect.DATAHUB), (filters, dbx.Dialect.STRICT)).text == "switch to Strict"
    both = describe((filters, dbx.Dialect.DATAHUB), (catalogs("a"), dbx.Dialect.STRICT))
    assert both.text == "switch to Strict and edit of patterns"


def test_typing_a_new_pattern_and_emptying_it_have_the_key_of_that_pattern() -> None:
    dialect = dbx.Dialect.DATAHUB
    values = [catalogs("a"), catalogs("a", "b"), catalogs("a", "bc"), catalogs("a")]
    keys = [describe((one, dialect), (other, dialect)).key for one, other in pairwise(values)]
    assert keys == [("catalogs", "allow", 1)] * 3


def test_two_patterns_removed_one_after_the_other_come_back_one_by_one() -> None:
    state = ExplorerState(filters=catalogs("a", "b", "c"))
    state.filters = catalogs("b", "c")
    state.filters = catalogs("c")
    state.undo()
    assert state.filters == catalogs("b", "c")
    state.undo()
    assert state.filters == catalogs("a", "b", "c")
