"""The exception tree, and how an error reads."""

from __future__ import annotations

import inspect

import pytest

from dbxexplore import errors

CLASSES = [member for _, member in inspect.getmembers(errors, inspect.isclass) if member.__module__ == errors.__name__]


def documented_tree() -> dict[str, str | None]:
    """The tree in the docstring: the name of each class and that of its parent."""
    parents: dict[str, str | None] = {}
    open_at: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        drawn = line.strip()
        depth = len(line) - len(line.lstrip(" │├└─"))
        name = line.lstrip(" │├└─").split(" ")[0]
        if not name.endswith("Error") or not (drawn.startswith(("│", "├", "└")) or name == "DbxExploreError"):
            continue
        while open_at and open_at[-1][0] >= depth:
            open_at.pop()
        parents[name] = open_at[-1][1] if open_at else None
        open_at.append((depth, name))
    return parents


def test_the_tree_in_the_docstring_is_that_of_the_classes() -> None:
    actual = {}
    for cls in CLASSES:
        ours = [base.__name__ for base in cls.__bases__ if base in CLASSES]
        assert len(ours) <= 1
        actual[cls.__name__] = ours[0] if ours else None
    assert documented_tree() == actual
    assert len(actual) > 15


def test_one_root_catches_all() -> None:
    assert all(issubclass(cls, errors.DbxExploreError) for cls in CLASSES)


@pytest.mark.parametrize(
    "cls",
    [
        errors.SettingsError,
        errors.CatalogError,
        errors.PatternError,
        errors.FilterError,
        errors.ConfigError,
        errors.ExportError,
    ],
)
def test_an_error_about_a_value_is_also_a_value_error(cls: type[Exception]) -> None:
    assert issubclass(cls, ValueError)


def test_an_unknown_object_is_also_a_lookup_error() -> None:
    assert issubclass(errors.UnknownObjectError, LookupError)


def test_every_class_says_what_it_is_for() -> None:
    assert all(cls.__doc__ and cls.__doc__.endswith(("\n    ", ".")) for cls in CLASSES)


@pytest.mark.parametrize(
    ("problem", "expected", "remedy", "text"),
    [
        ("a is wrong", "", "", "a is wrong."),
        ("a is wrong", "b", "", "a is wrong. Expected b."),
        ("a is wrong", "", "Do c", "a is wrong. Do c."),
        ("a is wrong", "b", "Do c", "a is wrong. Expected b. Do c."),
        (" a is wrong. ", "b.", "Do c!", "a is wrong. Expected b. Do c!"),
        ("what is this?", "", "Run `x`", "what is this? Run `x`"),
    ],
)
def test_an_error_reads_as_one_paragraph(problem: str, expected: str, remedy: str, text: str) -> None:
    error = errors.DbxExploreError(problem, expected=expected, remedy=remedy)
    assert str(error) == text
    assert (error.problem, error.expected, error.remedy) == (problem, expected, remedy)


def test_a_notebook_shows_the_message_alone() -> None:
    shown = errors.CatalogError("a is wrong", remedy="Do c")._render_traceback_()
    assert shown == ["CatalogError: a is wrong. Do c."]


@pytest.mark.parametrize(
    ("line", "path", "text", "key"),
    [
        (None, [], "is wrong.", ""),
        (3, [], "line 3: is wrong.", ""),
        (None, ["a", "b"], "key 'a.b': is wrong.", "a.b"),
        (
            3,
            ["filters", "tables", "allow", 0],
            "line 3, key 'filters.tables.allow.1': is wrong.",
            "filters.tables.allow.1",
        ),
    ],
)
def test_a_config_error_says_where(line: int | None, path: list[str | int], text: str, key: str) -> None:
    error = errors.ConfigError("is wrong", line=line, path=path)
    assert str(error) == text
    assert (error.line, error.path, error.key, error.what) == (line, tuple(path), key, "is wrong")


def test_a_config_error_keeps_all_but_the_line_when_it_is_given_one() -> None:
    error = errors.ConfigError("is wrong", path=["a"], expected="b", remedy="Do c").at(line=7)
    assert str(error) == "line 7, key 'a': is wrong. Expected b. Do c."
    assert error.path == ("a",)


def test_a_pattern_error_knows_the_pattern_and_the_place_in_it() -> None:
    error = errors.PatternError("is wrong", pattern="(", position=0, place=("tables", "deny", 2))
    assert (error.pattern, error.position, error.place) == ("(", 0, ("tables", "deny", 2))


def test_some_failures_of_a_workspace_may_pass() -> None:
    passing = {cls.__name__ for cls in CLASSES if getattr(cls, "transient", False)}
    assert passing == {"UnreachableError", "TimedOutError"}
