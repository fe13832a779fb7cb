"""The rows of a pattern list, without widgets."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from dbxexplore.widgets.filter.pattern_rows import Row, active_patterns, aligned, as_line, lines, problem, problem_html

PATTERNS = st.lists(st.sampled_from(["a", "b", "c", "d", "(", ".*"]), max_size=8)


@st.composite
def lists_of_rows(draw: st.DrawFn) -> list[Row]:
    rows = [Row.of(text) for text in draw(PATTERNS)]
    for row in rows:
        row.on = draw(st.booleans())
        if draw(st.booleans()):
            row.type(draw(st.sampled_from(["", "(half", "x"])))
    return rows


@given(lists_of_rows(), PATTERNS)
def test_aligned_rows_have_what_is_wanted_in_force(rows: list[Row], wanted: list[str]) -> None:
    before = {id(row) for row in rows if row.active is None}
    found = aligned(rows, wanted)
    assert active_patterns(found) == tuple(wanted)
    assert before <= {id(row) for row in found}  # what is off, blank or unreadable is kept
    assert len({id(row) for row in found}) == len(found)


@given(PATTERNS, PATTERNS)
def test_aligned_rows_equal_new_ones(first: list[str], second: list[str]) -> None:
    updated = aligned([Row.of(text) for text in first], second)
    assert [(row.text, row.pattern, row.on) for row in updated] == [
        (row.text, row.pattern, row.on) for row in map(Row.of, second)
    ]


def test_only_what_changed_is_replaced() -> None:
    rows = [Row.of("a"), Row.of("b"), Row.of("c")]
    rows[0].type("a(")
    rows[2].type("c(")
    found = aligned(rows, ["a", "x", "c"])
    assert found == rows
    assert [row.text for row in found] == ["a(", "x", "c("]


def test_what_was_switched_off_is_switched_on_again() -> None:
    rows = [Row.of("a"), Row.of("b")]
    rows[1].on = False
    found = aligned(rows, ["a", "b"])
    assert found == rows
    assert rows[1].on


def test_the_last_finished_text_stays_in_force() -> None:
    row = Row()
    row.type("(")
    row.finish()
    assert (row.active, row.error is None, row.is_unfinished) == (None, False, True)
    row.type("(x)")
    assert (row.active, row.draft, row.is_unfinished) == (None, "(x)", True)
    row.finish()
    row.type("(x).")
    row.type("(x).(")
    assert (row.active, row.draft, row.is_unfinished) == ("(x)", "(x)", True)
    row.finish()
    assert (row.active, row.error is None) == ("(x)", False)
    row.type(" ")
    assert (row.active, row.draft, row.error) == ("(x)", None, None)
    row.finish()
    assert (row.active, row.is_unfinished) == (None, False)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(lambda text: problem(text) is None))
def test_a_line_means_what_the_pattern_means(pattern: str) -> None:
    line = as_line(pattern)
    assert [text for _, text in lines(line)] == [line]
    assert "\r" not in line
    for subject in ("", "a", "a\nb", pattern):
        assert (re.match(pattern, subject) is None) == (re.match(line, subject) is None)


def test_half_of_a_surrogate_pair_is_spelt_out() -> None:
    assert as_line("a\ud800") == "a\\ud800"


def test_lines_hold_patterns_and_blank_ones_none() -> None:
    assert lines("^prod$\n\n  ^dev$") == [(1, "^prod$"), (3, "  ^dev$")]


def test_the_place_of_an_error_is_marked_and_all_text_is_escaped() -> None:
    error = problem("<b>(")
    assert error is not None
    assert "&lt;b&gt;<mark>(</mark>" in problem_html(error)
    far = problem("x" * 500 + "(" + "y" * 500)
    assert far is not None
    assert len(problem_html(far)) < 500
