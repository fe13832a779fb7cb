"""Which other matching rules filters could be meant for, and that what is written here means the same under them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import dbxexplore as dbx
from dbxexplore.filters import Dialect, Filters, Patterns
from dbxexplore.filters.readings import other_readings
from dbxexplore.filters.subjects import Subjects

ROWS = [
    ("table", catalog, schema, name, f"{catalog}.{schema}.{name}")
    for catalog in ("prod", "prod_mumbai", "dev")
    for schema in ("gold", "silver", "tmp")
    for name in ("orders", "orders_tmp", "tmp_orders", "orders_2", "orders_3")
]
ROWS += [("view", "prod", "gold", f"v_{name}", f"prod.gold.v_{name}") for name in ("orders", "tmp")]
CATALOG = dbx.Catalog.from_frame(pd.DataFrame(ROWS, columns=["kind", "catalog", "schema", "name", "full_name"]))


def titles(filters: Filters, dialect: Dialect = Dialect.DATAHUB) -> list[str]:
    return [other.title for other in other_readings(Subjects.of(CATALOG), filters, dialect)]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(catalogs=Patterns(["^prod$"])), ["DataHub before 1.6.0.12", "OpenMetadata", "Strict"]),
        (Filters(schemas=Patterns([r"^prod\.gold$"])), ["DataHub before 1.6.0.12", "Strict"]),
        (Filters(tables=Patterns(deny=[".*_tmp"])), ["DataHub before 1.6.0.12", "OpenMetadata", "Strict"]),
        (Filters(tables=Patterns(["("])), ["DataHub before 1.6.0.12", "OpenMetadata", "Strict"]),
    ],
)
def test_who_writes_qualified_names_does_not_mean_bare_ones(filters: Filters, expected: list[str]) -> None:
    assert titles(filters) == expected


def test_bare_names_are_not_meant_qualified() -> None:
    assert "DataHub" not in titles(Filters(schemas=Patterns(["^gold$"])), Dialect.OPENMETADATA)


def test_an_anchored_qualified_pattern_depends_on_nothing() -> None:
    filters = Filters(catalogs=Patterns(["^prod$"]), schemas=Patterns([r"^prod\.gold$"]))
    assert not filters.preview(CATALOG).dialect_dependent.any()
    assert not [finding for finding in filters.lint(CATALOG) if finding.code == "dialect-dependent"]


@pytest.mark.parametrize("dialect", Dialect.named().values(), ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("generalise", [False, True])
def test_suggested_patterns_read_the_same_under_other_rules(dialect: Dialect, generalise: bool) -> None:
    random = np.random.default_rng(7)
    for _ in range(40):
        mask = random.random(len(CATALOG)) < random.choice([0.05, 0.3, 0.8])
        suggestion = dbx.suggest_filters(CATALOG, mask, generalise=generalise, dialect=dialect)
        findings = suggestion.filters.lint(CATALOG, dialect)
        assert not [f for f in findings if f.code == "dialect-dependent" and f.index is not None]


@pytest.mark.parametrize(
    ("level", "text", "replacement", "number"),
    [
        ("tables", "*_tmp", "^.*_tmp$", 10),
        ("schemas", "tmp*", r"^[^.]+\.tmp.*$", 3),
        ("catalogs", "prod*", "^prod.*$", 2),
        ("schemas", "gold", r"^[^.]+\.gold$", 3),
        ("tables", "tmp_*", r"^[^.]+\.[^.]+\.tmp_.*$", 9),
    ],
)
def test_a_remedy_means_what_was_meant(level: str, text: str, replacement: str, number: int) -> None:
    filters = Filters(**{level: Patterns([text])})
    offered = [finding for finding in filters.lint(CATALOG) if finding.replacements]
    assert [finding.replacements for finding in offered] == [(replacement,)]
    fixed = offered[0].fixed(filters)
    subjects = Subjects.of(CATALOG)
    matched = subjects.matches(level, fixed.level(level).allow[0], Dialect.DATAHUB)
    assert int(matched.sum()) == number


def test_the_only_container_that_passes_is_spelt_out() -> None:
    filters = Filters(catalogs=Patterns(["^prod$"]), schemas=Patterns(["gold"]))
    (finding,) = [finding for finding in filters.lint(CATALOG) if finding.replacements]
    assert finding.replacements == (r"^prod\.gold$",)
    assert finding.fixed(filters).preview(CATALOG).counts().loc["table", "included"] == 5
