"""Each code is found where it should be, and not where it should not."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from dbxexplore.catalog import Catalog
from dbxexplore.filters import Dialect, Filters, Findings, Patterns
from dbxexplore.filters.lint import RULES, Finding

CODES = [rule.code for rule in RULES]


def catalog_of(*names: str, views: tuple[str, ...] = (), notebooks: tuple[str, ...] = ()) -> Catalog:
    rows: dict[tuple[str, str], tuple[str, str | None, str | None, str]] = {}
    for kind, full_names in (("table", names), ("view", views)):
        for full_name in full_names:
            catalog, schema, name = full_name.split(".")
            rows[("catalog", catalog)] = ("catalog", None, None, catalog)
            rows[("schema", f"{catalog}.{schema}")] = ("schema", catalog, None, schema)
            rows[("relation", full_name)] = (kind, catalog, schema, name)
    for path in notebooks:
        rows[("notebook", path)] = ("notebook", None, None, path.rsplit("/", 1)[1])
    frame = pd.DataFrame(list(rows.values()), columns=["kind", "catalog", "schema", "name"])
    frame["full_name"] = [name for _, name in rows]
    return Catalog.from_frame(frame)


CATALOG = catalog_of(
    "prod.gold.orders",
    "prod.gold.orders_tmp",
    "prod.gold.Customers",
    "prod.sales.facts",
    "prod_mumbai.gold.orders",
    "dev.gold.orders",
    "emea sales.north west.facts",
    views=("prod.gold.v_orders", "prod.gold.v_tmp"),
    notebooks=("/Repos/etl/load",),
)


def found(code: str, filters: Filters, dialect: Dialect = Dialect.DATAHUB) -> list[Finding]:
    return [finding for finding in filters.lint(CATALOG, dialect) if finding.code == code]


BARE = Dialect(subject="bare")
FULL = Dialect(match="full")
VIEWS_APART = Dialect(views="views")
VIEWS_AS_TABLES = Dialect(views="tables")
SLOW = r"(?:(?:[a-z_.]+)+)+(?<!z)\d$"
WRONG: list[tuple[str, Filters, Dialect]] = [
    ("invalid-pattern", Filters(tables=Patterns(["("])), Dialect.DATAHUB),
    ("glob-pattern", Filters(tables=Patterns(deny=["*_tmp"])), Dialect.DATAHUB),
    ("glob-pattern", Filters(catalogs=Patterns(["prod_*"])), Dialect.DATAHUB),
    ("glob-pattern", Filters(tables=Patterns(deny=["^tmp_*$"])), Dialect.DATAHUB),
    ("sql-pattern", Filters(catalogs=Patterns(["prod%"])), Dialect.DATAHUB),
    ("quoted-pattern", Filters(catalogs=Patterns(["'prod'"])), Dialect.DATAHUB),
    ("list-pattern", Filters(catalogs=Patterns(["prod, dev"])), Dialect.DATAHUB),
    ("negated-pattern", Filters(catalogs=Patterns(["!prod"])), Dialect.DATAHUB),
    ("stray-blanks", Filters(catalogs=Patterns(["prod | dev"])), Dialect.DATAHUB),
    ("metastore-name", Filters(schemas=Patterns([r"uc\.prod\.gold"])), Dialect.DATAHUB),
    ("wrong-level", Filters(catalogs=Patterns([r"prod\.gold"])), Dialect.DATAHUB),
    ("blanks-as-underscores", Filters(schemas=Patterns(["emea sales.*"])), Dialect.DATAHUB),
    ("unescaped-dot", Filters(schemas=Patterns(["prod.*"])), Dialect.DATAHUB),
    ("slow-pattern", Filters(tables=Patterns([SLOW])), Dialect.DATAHUB),
    ("slow-pattern", Filters(tables=Patterns(["(?:(?:[a-z_.]+)+)+[0-9]$"])), Dialect.DATAHUB),
    ("slow-pattern", Filters(tables=Patterns(["(a+)+$"])), Dialect.DATAHUB),
    ("slow-pattern", Filters(tables=Patterns(["(.*a){30}"])), Dialect.DATAHUB),
    ("slow-pattern", Filters(tables=Patterns([r"prod\.(a+)+!"])), Dialect.DATAHUB),
    ("slow-pattern", Filters(tables=Patterns(["(a|aa)+$"])), Dialect.STRICT),
    ("over-match", Filters(catalogs=Patterns(["prod"])), Dialect.DATAHUB),
    ("bare-name", Filters(schemas=Patterns(["gold"])), Dialect.DATAHUB),
    ("bare-name", Filters(tables=Patterns(["^orders$"])), Dialect.DATAHUB),
    ("qualified-name", Filters(tables=Patterns([r"prod\.gold\.orders"])), BARE),
    ("dead-pattern", Filters(catalogs=Patterns(["staging"])), Dialect.DATAHUB),
    ("shadowed-pattern", Filters(catalogs=Patterns([".*", "dev"])), Dialect.DATAHUB),
    ("shadowed-pattern", Filters(catalogs=Patterns(["dev", ".*"])), Dialect.DATAHUB),
    ("shadowed-pattern", Filters(catalogs=Patterns(["dev", "dev"])), Dialect.DATAHUB),
    ("shadowed-pattern", Filters(catalogs=Patterns(["prod$", "dev|prod_", "dev|prod$"])), Dialect.DATAHUB),
    ("allow-undone", Filters(catalogs=Patterns(["dev"], ["d.*"])), Dialect.DATAHUB),
    ("drops-views", Filters(tables=Patterns([".*[.]orders$"])), Dialect.DATAHUB),
    ("drops-views", Filters(tables=Patterns(deny=[".*_tmp"])), VIEWS_AS_TABLES),
    ("dialect-dependent", Filters(catalogs=Patterns(["prod"])), Dialect.DATAHUB),
]
RIGHT: list[tuple[str, Filters, Dialect]] = [
    ("invalid-pattern", Filters(tables=Patterns([r"\("])), Dialect.DATAHUB),
    ("invalid-pattern", Filters(tables=Patterns(["*_tmp"])), Dialect.DATAHUB),
    ("glob-pattern", Filters(tables=Patterns(deny=[".*_tmp"])), Dialect.DATAHUB),
    ("glob-pattern", Filters(catalogs=Patterns(["prod_.*", "[a-z]*", "(dev)*"])), Dialect.DATAHUB),
    ("sql-pattern", Filters(catalogs=Patterns(["prod.*", "100%|dev"])), Dialect.DATAHUB),
    ("quoted-pattern", Filters(catalogs=Patterns(["it's", "prod"])), Dialect.DATAHUB),
    ("list-pattern", Filters(catalogs=Patterns(["[a-z,]+", "d{1,2}ev"])), Dialect.DATAHUB),
    ("negated-pattern", Filters(catalogs=Patterns(["(?!prod)", "[^aeiou].*", "!new"])), Dialect.DATAHUB),
    ("stray-blanks", Filters(tables=Patterns([".*north west.*"])), Dialect.DATAHUB),
    ("metastore-name", Filters(schemas=Patterns([r"prod\.gold"])), Dialect.DATAHUB),
    ("wrong-level", Filters(catalogs=Patterns(["staging"])), Dialect.DATAHUB),
    ("blanks-as-underscores", Filters(schemas=Patterns(["emea_sales.*"])), Dialect.DATAHUB),
    ("blanks-as-underscores", Filters(schemas=Patterns(["emea sales.*"])), Dialect.STRICT),
    (
        "unescaped-dot",
        Filters(catalogs=Patterns(["prod.*"]), schemas=Patterns([r"dev.*", ".*gold.*"])),
        Dialect.DATAHUB,
    ),
    ("slow-pattern", Filters(tables=Patterns([r"(?:\w+\.)*orders"])), Dialect.DATAHUB),
    ("slow-pattern", Filters(tables=Patterns([r"(?:[a-z]+_)+v\d+$"])), Dialect.DATAHUB),
    ("over-match", Filters(catalogs=Patterns(["^prod$"])), Dialect.DATAHUB),
    ("over-match", Filters(catalogs=Patterns(["prod.*"])), Dialect.DATAHUB),
    ("over-match", Filters(catalogs=Patterns(["prod"])), FULL),
    ("bare-name", Filters(schemas=Patterns([r"prod\.gold"])), Dialect.DATAHUB),
    ("bare-name", Filters(tables=Patterns(["^orders$"])), BARE),
    ("qualified-name", Filters(tables=Patterns(["orders"])), BARE),
    ("dead-pattern", Filters(catalogs=Patterns(["dev"])), Dialect.DATAHUB),
    ("shadowed-pattern", Filters(catalogs=Patterns(["prod", "dev"])), Dialect.DATAHUB),
    ("shadowed-pattern", Filters(catalogs=Patterns(["dev"], ["dev"])), Dialect.DATAHUB),
    ("allow-undone", Filters(catalogs=Patterns(["dev", "prod"], ["prod$"])), Dialect.DATAHUB),
    ("drops-views", Filters(tables=Patterns([".*[.]orders$"])), VIEWS_APART),
    ("drops-views", Filters(tables=Patterns(deny=[".*orders_tmp"])), Dialect.DATAHUB),
    ("drops-views", Filters(tables=Patterns([".*[.]orders$"]), views=Patterns([])), Dialect.DATAHUB),
    ("dialect-dependent", Filters(catalogs=Patterns(["^prod$"])), Dialect.DATAHUB),
    ("dialect-dependent", Filters(tables=Patterns(deny=[".*_tmp$"])), Dialect.DATAHUB),
]


@pytest.mark.parametrize(("code", "filters", "dialect"), WRONG)
def test_a_code_is_found_where_it_should_be(code: str, filters: Filters, dialect: Dialect) -> None:
    assert found(code, filters, dialect)


@pytest.mark.parametrize(("code", "filters", "dialect"), RIGHT)
def test_a_code_is_not_found_where_it_should_not_be(code: str, filters: Filters, dialect: Dialect) -> None:
    assert not found(code, filters, dialect)


def test_every_code_has_a_case() -> None:
    assert {code for code, *_ in WRONG} == {code for code, *_ in RIGHT} == set(CODES)


@pytest.mark.parametrize("dialect", Dialect.named().values(), ids=Dialect.named())
def test_the_default_filters_are_clean(dialect: Dialect) -> None:
    assert not Filters().lint(CATALOG, dialect)
    assert str(Filters().lint(CATALOG, dialect)) == "No findings"


@pytest.mark.parametrize(
    ("text", "anchored"), [("^prod", "^prod$"), ("prod|x$", "^(?:prod|x)$"), (r"prod|\$", r"^(?:prod|\$)$")]
)
def test_what_is_anchored_in_part_is_not_anchored_twice(text: str, anchored: str) -> None:
    (finding,) = found("over-match", Filters(catalogs=Patterns([text])))
    assert f"Use {anchored} for the exact names" in finding.remedy


def test_an_over_match_names_the_objects() -> None:
    (finding,) = found("over-match", Filters(catalogs=Patterns(["prod"])))
    assert finding.examples == ("prod_mumbai",)
    assert finding.message == "Not anchored: also matches 1 catalog besides prod"
    assert "^prod$" in finding.remedy
    assert (finding.level, finding.list, finding.index, finding.severity) == ("catalogs", "allow", 0, "warning")


def test_an_invalid_pattern_says_where() -> None:
    (finding,) = found("invalid-pattern", Filters(tables=Patterns([".*", "a(b"])))
    assert finding.index == 1
    assert "at character 2" in finding.message
    assert finding.severity == "error"


def test_a_glob_is_told_what_to_write() -> None:
    (finding,) = found("glob-pattern", Filters(tables=Patterns(deny=["*_tmp"])))
    assert finding.remedy.endswith("write ^.*_tmp$")
    assert finding.replacements == ("^.*_tmp$",)
    assert finding.list == "deny"


def test_a_bare_name_is_told_the_qualified_one() -> None:
    (finding,) = found("bare-name", Filters(schemas=Patterns(["sales"])))
    assert finding.replacements == (r"^[^.]+\.sales$",)
    filters = Filters(catalogs=Patterns(["^prod$"]), schemas=Patterns(["sales"]))
    (finding,) = found("bare-name", filters)
    assert finding.remedy == r"Write ^prod\.sales$"
    assert finding.fixed(filters) == Filters(catalogs=Patterns(["^prod$"]), schemas=Patterns([r"^prod\.sales$"]))


def test_dropped_views_are_counted_and_named() -> None:
    (finding,) = found("drops-views", Filters(tables=Patterns([r".*\.orders$"])))
    assert finding.examples == ("prod.gold.v_orders", "prod.gold.v_tmp")
    assert "2 views" in finding.message


def test_dialect_dependent_counts_and_names_the_reading() -> None:
    (finding,) = found("dialect-dependent", Filters(catalogs=Patterns(["prod"])))
    assert finding.message == "Under Strict rules, 1 catalog would not match (a pattern must match the whole name)"
    assert finding.examples == ("prod_mumbai",)


def test_an_incomplete_catalog_is_said() -> None:
    catalog = Catalog(
        CATALOG.objects, pd.DataFrame({"scope": ["x"], "reason": ["denied"], "message": [""]}), CATALOG.provenance
    )
    (finding,) = Filters(catalogs=Patterns(["staging", ".*"])).lint(catalog)
    assert "the snapshot is incomplete" in finding.message


def test_nothing_is_said_of_a_level_without_objects() -> None:
    catalog = catalog_of("a.b.c")
    assert not Filters(notebooks=Patterns(["/Repos"])).lint(catalog)
    assert [f.code for f in Filters(notebooks=Patterns(["("])).lint(catalog)] == ["invalid-pattern"]
    empty = Catalog.from_frame(pd.DataFrame(columns=["kind", "catalog", "schema", "name", "full_name"]))
    assert not Filters(tables=Patterns(["a"])).lint(empty)


def test_findings_as_a_frame_text_and_table() -> None:
    findings = Filters(catalogs=Patterns(["<b>prod", "prod", "("]), views=Patterns(["v"])).lint(CATALOG)
    assert [f.severity for f in findings] == sorted(
        (f.severity for f in findings), key=["error", "warning", "info"].index
    )
    frame = findings.frame
    assert list(frame.columns) == [
        "code",
        "severity",
        "level",
        "list",
        "index",
        "pattern",
        "message",
        "remedy",
        "examples",
    ]
    assert len(frame) == len(findings)
    assert frame["index"].dtype == "Int64"
    assert isinstance(findings[:1], Findings)
    assert findings == Findings(list(findings))
    assert findings.codes[0] == "invalid-pattern"
    assert "[dead-pattern] catalogs, allow pattern 1: <b>prod" in str(findings)
    table = findings._repr_html_()
    assert "<b>" not in table
    assert "&lt;b&gt;prod" in table
    assert repr(findings).startswith("<Findings: 1 error")
    assert Filters().lint(CATALOG).frame.empty


@pytest.mark.parametrize("code", CODES)
def test_codes_are_kebab_case(code: str) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", code)


# --- what readings do by themselves ---


WITH_INFORMATION_SCHEMA = catalog_of(
    "prod.gold.orders", "prod.information_schema.tables", "dev.information_schema.tables", views=("prod.gold.v",)
)


def at_schemas(filters: Filters, dialect: Dialect) -> list[Finding]:
    return [finding for finding in filters.lint(WITH_INFORMATION_SCHEMA, dialect) if finding.level == "schemas"]


@pytest.mark.parametrize("dialect", [Dialect.DATAHUB, Dialect.DATAHUB_1_5])
def test_schemas_that_a_reading_denies_by_itself_are_counted(dialect: Dialect) -> None:
    (finding,) = at_schemas(Filters(), dialect)
    assert (finding.code, finding.severity, finding.index) == ("dialect-dependent", "info", None)
    assert finding.message == (
        f"{dialect.label} always denies 2 schemas, whatever the patterns are; OpenMetadata would not"
    )
    assert finding.examples == ("dev.information_schema", "prod.information_schema")
    # In an excluded catalog it makes no difference, and what is denied by a pattern is denied by every reading.
    (finding,) = at_schemas(Filters(catalogs=Patterns(["^prod$"])), dialect)
    assert finding.examples == ("prod.information_schema",)
    assert not at_schemas(Filters(schemas=Patterns(deny=[r"^(?:.*\.)?information_schema.*$"])), dialect)
    assert r"Deny ^(?:.*\.)?information_schema.*$ to" in finding.remedy


@pytest.mark.parametrize("dialect", [Dialect.OPENMETADATA, Dialect.STRICT])
def test_schemas_that_other_readings_deny_by_themselves_are_counted(dialect: Dialect) -> None:
    (finding,) = at_schemas(Filters(), dialect)
    assert finding.message.startswith("Under DataHub and DataHub before 1.6.0.12")
    assert finding.message.endswith(" rules, 2 schemas would be denied, whatever the patterns are")


def test_a_pattern_for_what_is_always_denied_is_told_so() -> None:
    filters = Filters(schemas=Patterns([r"prod\.information_schema$", r"prod\.gold$"]))
    (finding,) = [finding for finding in filters.lint(WITH_INFORMATION_SCHEMA) if finding.code == "allow-undone"]
    assert (finding.index, finding.remedy) == (0, "Remove it: nothing can allow these")
    assert finding.message == r"Everything this pattern allows is denied by DataHub itself, as .*\.information_schema"


def test_views_that_depend_on_the_version_of_datahub_are_told_so() -> None:
    filters = Filters(views=Patterns(["^(?:dev.*)$"]))
    (finding,) = [f for f in filters.lint(WITH_INFORMATION_SCHEMA) if f.level == "views" and f.index is None]
    assert finding.code == "dialect-dependent"
    assert finding.message == (
        "Under DataHub before 1.6.0.12 or OpenMetadata rules, 1 view would be judged differently, "
        "because views are compared with other lists. "
        "DataHub applies view patterns from 1.6.0.12 on and ignored them before; "
        "which version Dagster+ runs, if any, is not known"
    )
    assert not [f for f in Filters().lint(WITH_INFORMATION_SCHEMA) if f.level == "views"]


def test_blanks_that_are_matched_as_underscores_are_told_by_their_real_names() -> None:
    (finding,) = found("blanks-as-underscores", Filters(catalogs=Patterns(deny=["emea sales"])))
    assert (finding.examples, finding.remedy) == (("emea sales",), "Write emea_sales")
