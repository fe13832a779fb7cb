"""Patterns, filters and dialects as values: what they take, what they refuse and how they say so."""

from __future__ import annotations

import re
import warnings
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.filters.patterns import compile_pattern, exact_pattern

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def test_a_level_that_is_not_given_lets_everything_through() -> None:
    assert dbx.Patterns() == dbx.Patterns(allow=[".*"], deny=[])
    filters = dbx.Filters()
    assert filters.catalogs == filters.schemas == filters.tables == filters.views == filters.notebooks == dbx.Patterns()


def test_lists_become_tuples_so_that_filters_compare_and_hash() -> None:
    one, other = dbx.Filters(tables=dbx.Patterns(["a"], ["b"])), dbx.Filters(tables=dbx.Patterns(("a",), ("b",)))
    assert one == other
    assert hash(one) == hash(other)
    assert one.tables.allow == ("a",)


def test_the_given_list_is_not_kept() -> None:
    given_list = ["a"]
    patterns = dbx.Patterns(given_list)
    given_list.append("b")
    assert patterns.allow == ("a",)


def test_filters_do_not_change_in_place() -> None:
    filters = dbx.Filters()
    with pytest.raises(FrozenInstanceError):
        filters.tables = dbx.Patterns([])  # type: ignore[misc]  # that is the point


def test_one_level_is_replaced_in_a_copy() -> None:
    old = dbx.Filters(views=dbx.Patterns(["v"]))
    new = old.with_level("tables", dbx.Patterns(["t"]))
    assert (new.tables.allow, new.views.allow, old.tables.allow) == (("t",), ("v",), (".*",))


@pytest.mark.parametrize("name", ["allow", "deny"])
@pytest.mark.parametrize("value", ["^prod$", 5, None, re.compile("a")])
def test_a_list_that_is_no_list_is_refused(name: str, value: object) -> None:
    with pytest.raises(errors.FilterError) as caught:
        dbx.Patterns(**{name: value})  # type: ignore[arg-type]  # that is the point
    assert str(caught.value) == f'{name} is {value!r}. Expected a list of patterns, such as {name}=["^prod$"].'


@pytest.mark.parametrize("value", [1, None, b"a", re.compile("a"), ["a"]])
def test_a_pattern_that_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(errors.FilterError) as caught:
        dbx.Patterns(deny=["ok", value])  # type: ignore[list-item]  # that is the point
    assert str(caught.value) == f"deny contains {value!r}. Expected patterns as text."


@pytest.mark.parametrize("value", [["a"], "a", None, {"allow": ["a"]}])
def test_a_level_that_is_no_patterns_is_refused(value: object) -> None:
    with pytest.raises(errors.FilterError) as caught:
        dbx.Filters(views=value)  # type: ignore[arg-type]  # that is the point
    assert str(caught.value) == f'views is {value!r}. Expected views=Patterns(allow=["…"], deny=["…"]).'


# text, index of the character that is at fault, the reason as Python gives it
INVALID = [
    ("(", 0, "unclosed ("),
    ("prod)", 4, "unmatched )"),
    ("[a-", 0, "unclosed ["),
    ("a[z-b]", 2, "bad character range z-b"),
    ("ab**", 3, "multiple repeat"),
    ("+", 0, "nothing to repeat"),
    ("prod\\", 4, "nothing follows the \\"),
    (r"\q", 0, r"bad escape \q"),
    ("(?P<n>a)(?P<n>b)", 12, "redefinition of group name 'n' as group 2; was group 1"),
    (r"(a)\2", 4, "invalid group reference 2"),
    ("(?<=a+)b", None, "look-behind requires fixed-width pattern"),
    ("a{3,1}", 2, "min repeat greater than max repeat"),
    ("a(?i)", 1, "global flags not at the start of the expression"),
]


@pytest.mark.parametrize(("text", "position", "reason"), INVALID)
def test_an_invalid_pattern_says_what_is_wrong_and_where(text: str, position: int | None, reason: str) -> None:
    with pytest.raises(errors.PatternError) as caught:
        compile_pattern(text, ignore_case=False)
    where = "" if position is None else f" at character {position + 1}"
    assert caught.value.problem == f"The pattern '{text}' is not a regular expression: {reason}{where}"
    assert (caught.value.pattern, caught.value.position, caught.value.place) == (text, position, None)
    assert caught.value.remedy


def test_an_invalid_pattern_in_filters_is_located() -> None:
    filters = dbx.Filters(schemas=dbx.Patterns(["a", "b"], ["ok", "[", "("]))
    with pytest.raises(errors.PatternError) as caught:
        filters.check()
    assert caught.value.problem.startswith("schemas, deny pattern 2: The pattern '[' is not a regular expression: ")
    assert (caught.value.place, caught.value.pattern, caught.value.position) == (("schemas", "deny", 1), "[", 0)


def test_all_problems_of_a_level_are_told_by_list_and_index() -> None:
    found = dbx.Patterns(["(", "a", "*_tmp"], ["["]).problems()
    assert [(name, index, error.pattern) for name, index, error in found] == [
        ("allow", 0, "("),
        ("allow", 2, "*_tmp"),
        ("deny", 0, "["),
    ]


def test_a_preview_refuses_an_invalid_pattern(small_catalog: dbx.Catalog) -> None:
    with pytest.raises(errors.PatternError, match=r"^tables, allow pattern 1: The pattern '\(' is not a regular expr"):
        dbx.Filters(tables=dbx.Patterns(["("])).preview(small_catalog)


@pytest.mark.parametrize(
    ("glob", "meant"),
    [("*_tmp", r"^.*_tmp$"), ("*", ".*"), ("**", ".*"), ("*.orders", r"^.*\.orders$"), ("prod.**", r"^prod\..*$")],
)
def test_a_glob_is_answered_with_the_expression_that_was_meant(glob: str, meant: str) -> None:
    with pytest.raises(errors.PatternError) as caught:
        compile_pattern(glob, ignore_case=True)
    assert str(caught.value).endswith(f"If '{glob}' is meant as a glob, write '{meant}'.")
    assert re.compile(meant)


def test_a_long_pattern_is_cut_in_the_message_but_kept_in_the_error() -> None:
    text = "(" * 5000
    with pytest.raises(errors.PatternError) as caught:
        compile_pattern(text, ignore_case=False)
    assert len(str(caught.value)) < 500
    assert caught.value.pattern == text


@pytest.mark.parametrize("text", ["(" * 50_000 + ")" * 50_000, "a{99999999999999999999}", "(?:" * 3000 + ")" * 3000])
def test_a_pattern_beyond_pythons_limits_is_a_pattern_error(text: str) -> None:
    try:
        compile_pattern(text, ignore_case=False)
    except errors.PatternError as error:
        assert error.problem.startswith("The pattern '")  # noqa: PT017 - whether it compiles depends on the Python
    else:
        assert not text.startswith("a{")


@pytest.mark.parametrize("text", ["[[a]", "[a&&b]", "[a||b]"])
def test_a_pattern_that_python_warns_of_does_not_warn_the_user(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        re.purge()
        assert compile_pattern(text, ignore_case=False).pattern == text


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(errors.PatternError) as caught:
        compile_pattern("ab\udc80", ignore_case=False)
    message = r"The pattern 'ab\udc80' contains an unpaired surrogate at character 3. Expected whole characters."
    assert str(caught.value) == message
    assert caught.value.position == 2


@given(st.text(max_size=30))
def test_any_text_compiles_or_is_a_pattern_error(text: str) -> None:
    try:
        found: errors.PatternError | re.Pattern[str] = compile_pattern(text, ignore_case=True)
    except errors.PatternError as error:
        found = error
    assert found.pattern == text
    assert bool(dbx.Patterns([text]).problems()) == isinstance(found, errors.PatternError)
    if isinstance(found, errors.PatternError):
        assert found.position is None or 0 <= found.position <= len(text)
        assert len(str(found)) < 1000


@given(NAMES, NAMES)
def test_an_exact_pattern_matches_its_name_alone_under_every_way_of_matching(name: str, other: str) -> None:
    pattern = exact_pattern(name)
    assert re.fullmatch(r"\^.*\$", pattern, re.DOTALL)
    for match in ("prefix", "search", "full"):
        dialect = dbx.Dialect(match=match, ignore_case=False)
        assert dialect.matches(pattern, name)
        # A dollar sign also matches before a line feed at the very end, which no one names a table with.
        assert dialect.matches(pattern, other) == (other == name) or other == name + "\n"
        assert not dialect.matches(pattern, name + "x")
        assert not dialect.matches(pattern, "x" + name) or name.startswith("x")


# --- dialects --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("match", "glob", "one of prefix, search, full"),
        ("match", None, "one of prefix, search, full"),
        ("match", ["full"], "one of prefix, search, full"),
        ("subject", "Bare", "one of qualified, bare"),
        ("views", "", "one of tables_and_views, views, tables"),
        ("empty_allow", True, "one of nothing, everything"),
        ("ignore_case", 1, "True or False"),
        ("ignore_case", "no", "True or False"),
        ("denies_information_schema", None, "True or False"),
        ("blanks_as_underscores", "_", "True or False"),
        ("name", 5, "text"),
    ],
)
def test_a_dialect_refuses_what_it_does_not_know(name: str, value: object, expected: str) -> None:
    with pytest.raises(errors.FilterError) as caught:
        dbx.Dialect(**{name: value})  # type: ignore[arg-type]  # that is the point
    assert str(caught.value) == f"{name} is {value!r}. Expected {expected}."


def test_dialects_are_equal_when_they_read_alike_whatever_they_are_called() -> None:
    assert dbx.Dialect(name="mine") == dbx.Dialect.DATAHUB
    assert hash(dbx.Dialect(name="mine")) == hash(dbx.Dialect.DATAHUB)
    assert replace(dbx.Dialect.DATAHUB, match="full") != dbx.Dialect.DATAHUB


def test_the_named_dialects_are_known_by_their_names() -> None:
    assert {"datahub", "datahub-1.5", "openmetadata", "strict"} <= set(dbx.Dialect.named())
    assert all(dialect.name == name for name, dialect in dbx.Dialect.named().items())
    strict = {
        "match": "full",
        "ignore_case": False,
        "subject": "qualified",
        "views": "views",
        "empty_allow": "nothing",
        "denies_information_schema": False,
        "blanks_as_underscores": False,
    }
    assert dbx.Dialect.STRICT.settings() == strict


@pytest.mark.parametrize(
    ("match", "subject", "matches"),
    [
        ("prefix", "prod_mumbai", True),
        ("prefix", "a_prod", False),
        ("search", "a_prod", True),
        ("full", "prod_mumbai", False),
        ("full", "prod", True),
    ],
)
def test_the_ways_of_matching(match: str, subject: str, matches: bool) -> None:
    assert dbx.Dialect(match=match).matches("prod", subject) is matches  # type: ignore[arg-type]  # a literal, in turn


@pytest.mark.parametrize("ignore_case", [True, False])
@pytest.mark.parametrize(
    ("pattern", "subject"),
    [("k", "\u212a"), ("s", "\u017f"), ("i", "\u0130"), ("ß", "\u1e9e"), ("ss", "ß"), ("a", "A")],
)
def test_case_is_ignored_as_pythons_re_does(pattern: str, subject: str, ignore_case: bool) -> None:
    expected = re.match(pattern, subject, re.IGNORECASE if ignore_case else 0) is not None
    assert dbx.Dialect(ignore_case=ignore_case).matches(pattern, subject) is expected


def test_deny_wins_over_allow() -> None:
    dialect = dbx.Dialect.DATAHUB
    assert dialect.allows(dbx.Patterns(["a"], []), "ab")
    assert not dialect.allows(dbx.Patterns(["a"], ["ab"]), "ab")
    assert not dialect.allows(dbx.Patterns([], []), "ab")
    assert dbx.Dialect.OPENMETADATA.allows(dbx.Patterns([], []), "ab")
    assert not dbx.Dialect.OPENMETADATA.allows(dbx.Patterns([], ["a"]), "ab")
