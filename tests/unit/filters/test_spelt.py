"""Patterns that only spell out names: what is read from their text is what Python's ``re`` matches."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbxexplore.filters.dialects import Dialect
from dbxexplore.filters.engine.matching import matches
from dbxexplore.filters.engine.spelt import spelt_names

WORDS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(".|\\()-_ kK\n"), max_size=6)
GROUPS = st.tuples(WORDS, st.lists(WORDS, min_size=1, max_size=3))


@given(st.lists(WORDS, min_size=1, max_size=5))
def test_a_list_of_escaped_names_gives_the_names(words: list[str]) -> None:
    assert spelt_names(f"^(?:{'|'.join(map(re.escape, words))})$") == tuple(words)


@given(st.lists(GROUPS, min_size=1, max_size=4))
def test_names_that_share_a_beginning_are_spelt_out(groups: list[tuple[str, list[str]]]) -> None:
    parts = [f"{re.escape(head)}(?:{'|'.join(map(re.escape, tails))})" for head, tails in groups]
    assert spelt_names(f"^(?:{'|'.join(parts)})$") == tuple(head + tail for head, tails in groups for tail in tails)


@given(st.text(st.sampled_from("ab.|\\()?:^$*[1"), max_size=12).map(lambda body: f"^{body}$"))
def test_nothing_else_is_taken_for_a_list(text: str) -> None:
    names = spelt_names(text)
    if names is None:
        return
    compiled = re.compile(text)  # so it is an expression
    assert all(compiled.fullmatch(name) for name in names)
    others = {name + more for name in names for more in ("a", "1")} | {"", "a", "b", "ab", "1"}
    assert {name for name in others if compiled.match(name)} == others & set(names)


@pytest.mark.parametrize(
    "text",
    [
        "prod",
        "^prod",
        "prod$",
        r"^\d$",
        "^a.b$",
        "^a|b$",
        "^(a|b)$",
        "^(?i:a)$",
        "^(?:a|b)c$",
        "^(?:(?:(?:a)))$",
        "^a$\n",
        "^\ud800$",
    ],
)
def test_what_is_no_plain_list_is_left_to_python(text: str) -> None:
    assert spelt_names(text) is None


@pytest.mark.parametrize("ignore_case", [True, False])
@pytest.mark.parametrize("match", ["prefix", "search", "full"])
@pytest.mark.parametrize("words", [["prod", "K", "\u017f", ""], ["é", "İ"], ["k", "a.b", "a|b"]])
def test_the_verdicts_are_those_of_python(match: str, ignore_case: bool, words: list[str]) -> None:
    dialect = Dialect(match=match, ignore_case=ignore_case)  # type: ignore[arg-type]
    text = f"^(?:{'|'.join(map(re.escape, words))})$"
    names = [
        "prod",
        "PROD",
        "prod\n",
        "prods",
        "\u212a",
        "k",
        "s",
        "S",
        "\u017f",
        "",
        "É",
        "é",
        "i",
        "İ",
        "a.b",
        "A|b",
        "axb",
    ]
    expected = [dialect.matcher(text)(name) is not None for name in names]
    assert matches(text, dialect, names).tolist() == expected
    plain = [name for name in names if name.isascii() and name and "\n" not in name]
    assert matches(text, dialect, plain).tolist() == [dialect.matcher(text)(name) is not None for name in plain]
