"""What people type who mean something else than a regular expression is named, and what to write instead."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_lint import catalog_of

import dbxexplore as dbx
from dbxexplore.filters.lint import Finding
from dbxexplore.filters.lint.rules.blanks import without_stray_blanks
from dbxexplore.filters.meant import meant_by

CATALOG = catalog_of(
    "prod.gold.orders",
    "prod.gold.orders_tmp",
    "prod.gold.tmp_1",
    "prod.sales.facts",
    "prod_mumbai.gold.orders",
    "dev.gold.orders",
    "sales eu.north west.list",
    "sales_us.information_schema.tables",
    views=("prod.gold.v_orders", "prod.gold.v_tmp"),
    notebooks=("/Repos/etl/load", "/Shared/a b"),
)
# All that say that a text is something else than it seems, or is in a place where it means nothing.
SUSPICIONS: set[str] = {
    "glob-pattern",
    "sql-pattern",
    "quoted-pattern",
    "list-pattern",
    "negated-pattern",
    "stray-blanks",
    "metastore-name",
    "wrong-level",
    "blanks-as-underscores",
    "unescaped-dot",
}

MISTAKES: list[tuple[str, str, str, str]] = [
    # globs, anchored or not
    ("tables", "*_tmp", "glob-pattern", "If it is meant as a glob, write ^.*_tmp$"),
    ("tables", "^*_tmp$", "glob-pattern", "If it is meant as a glob, write ^.*_tmp$"),
    ("tables", "*.gold.*", "glob-pattern", r"If it is meant as a glob, write ^.*\.gold\..*$"),
    ("tables", "tmp_*", "glob-pattern", r"If it is meant as a glob, write ^[^.]+\.[^.]+\.tmp_.*$"),
    ("tables", "^tmp_*$", "glob-pattern", r"If it is meant as a glob, write ^[^.]+\.[^.]+\.tmp_.*$"),
    ("tables", "prod.gold.order*", "glob-pattern", r"If it is meant as a glob, write ^prod\.gold\.order.*$"),
    ("tables", "tmp_?", "glob-pattern", r"If it is meant as a glob, write ^[^.]+\.[^.]+\.tmp_.$"),
    ("catalogs", "prod*", "glob-pattern", "If it is meant as a glob, write ^prod.*$"),
    ("catalogs", "?rod", "glob-pattern", "If it is meant as a glob, write ^.rod$"),
    ("notebooks", "**/load", "glob-pattern", "If it is meant as a glob, write ^.*/load$"),
    ("notebooks", "/Repos/*", "glob-pattern", "If it is meant as a glob, write ^/Repos/.*$"),
    ("catalogs", "{prod,dev}", "list-pattern", "Write (?:prod|dev)"),
    # SQL
    ("catalogs", "prod%", "sql-pattern", "Write ^prod.*$"),
    ("tables", "%_tmp", "sql-pattern", "Write ^.*_tmp$"),
    ("tables", "tmp_%", "sql-pattern", r"Write ^[^.]+\.[^.]+\.tmp_.*$"),
    ("views", "v_%", "sql-pattern", r"Write ^[^.]+\.[^.]+\.v_.*$"),
    ("tables", "LIKE 'tmp_%'", "sql-pattern", r"Write ^[^.]+\.[^.]+\.tmp_.*$"),
    ("catalogs", "catalog_name = 'prod'", "sql-pattern", "Write ^prod$"),
    ("catalogs", "in ('prod', 'dev')", "sql-pattern", "Write a pattern for each: ^prod$  ^dev$"),
    ("tables", "`prod`.`gold`.`orders`", "sql-pattern", r"Write ^prod\.gold\.orders$"),
    ("tables", '"prod"."gold"."orders"', "sql-pattern", r"Write ^prod\.gold\.orders$"),
    ("tables", "prod.gold.`orders`", "sql-pattern", r"Write ^prod\.gold\.orders$"),
    ("catalogs", "`prod`", "sql-pattern", "Write ^prod$"),
    # quoting
    ("catalogs", "'prod'", "quoted-pattern", "Write ^prod$"),
    ("catalogs", '"prod"', "quoted-pattern", "Write ^prod$"),
    ("catalogs", 'r"prod.*"', "quoted-pattern", "Write prod.*"),
    ("tables", '"prod.gold.orders"', "quoted-pattern", r"Write ^prod\.gold\.orders$"),
    ("catalogs", "'nobody'", "quoted-pattern", "Write ^nobody$"),
    ("catalogs", "/prod/", "quoted-pattern", "Write prod"),
    ("catalogs", "/PROD/i", "quoted-pattern", "Write (?i)PROD"),
    ("notebooks", "'/Repos/etl/load'", "quoted-pattern", "Write /Repos/etl/load"),
    # lists in one line
    ("catalogs", "prod, dev", "list-pattern", "Write a pattern for each: ^prod$  ^dev$"),
    ("catalogs", "prod;dev", "list-pattern", "Write a pattern for each: ^prod$  ^dev$"),
    ("catalogs", "prod\ndev", "list-pattern", "Write a pattern for each: ^prod$  ^dev$"),
    ("catalogs", "prod,", "list-pattern", "Write ^prod$"),
    ("catalogs", "prod*, dev", "list-pattern", "Write a pattern for each: ^prod.*$  ^dev$"),
    ("catalogs", '["prod", "dev"]', "list-pattern", "Write a pattern for each: ^prod$  ^dev$"),
    ("catalogs", "['prod', 'de-v']", "list-pattern", "Write a pattern for each: ^prod$  ^de-v$"),
    ("catalogs", "[prod, dev]", "list-pattern", "Write a pattern for each: ^prod$  ^dev$"),
    # blanks at the ends
    ("catalogs", " prod", "stray-blanks", "Write prod"),
    ("catalogs", "^prod $", "stray-blanks", "Write ^prod$"),
    ("catalogs", "prod|dev ", "stray-blanks", "Write prod|dev"),
    ("catalogs", "prod | dev", "stray-blanks", "Write prod|dev"),
    ("notebooks", "/Repos/etl ", "stray-blanks", "Write /Repos/etl"),
    # the metastore's name in front
    ("catalogs", "uc.prod", "metastore-name", "Write prod"),
    ("schemas", r"^uc\.prod\.gold$", "metastore-name", r"Write ^prod\.gold$"),
    ("tables", "my-uc.prod.gold.orders", "metastore-name", "Write prod.gold.orders"),
    # the name of something of another level
    ("catalogs", r"prod\.gold", "wrong-level", "Move it to the schema patterns"),
    ("catalogs", r"prod\.gold\.orders", "wrong-level", "Move it to the table patterns"),
    ("schemas", "^prod$", "wrong-level", r"Move it to the catalog patterns, or write ^prod\..* for everything"),
    (
        "tables",
        r"^prod\.gold$",
        "wrong-level",
        r"Move it to the schema patterns, or write ^prod\.gold\..* for everything",
    ),
    ("tables", "/Repos/etl/load", "wrong-level", "Move it to the notebook patterns"),
    # blanks that DataHub sees as underscores
    ("catalogs", "sales eu", "blanks-as-underscores", "Write sales_eu"),
    ("schemas", r"sales\ eu\.north\ west", "blanks-as-underscores", r"Write sales_eu\.north_west"),
    # a dot that is meant to end a name
    ("schemas", "prod.*", "unescaped-dot", r"Write prod\..* if it is meant as a dot"),
    ("tables", "^prod.*orders$", "unescaped-dot", r"Write ^prod\..*orders$ if it is meant as a dot"),
]
NEGATIONS: list[tuple[str, str]] = [
    ("catalogs", "!prod"),
    ("catalogs", "not prod"),
    ("catalogs", "~prod"),
    ("catalogs", "-prod"),
    ("catalogs", "[^prod].*"),
]
REGULAR: list[tuple[str, str]] = [
    *(("catalogs", text) for text in ("prod.*", "^prod", "[a-z]*", "(dev)*", "prod|dev", "(?:prod|dev)$", "(?!prod)")),
    *(
        ("catalogs", text)
        for text in ("[^p].*", "[^aeiou].*", "^[^_].*", "prod_?mumbai", "prods?", "d?ev", ".+", r"\w+")
    ),
    *(("catalogs", text) for text in ("[a-z,A-Z]+", "[0-9,]*", "p{1,2}rod", "pr(?#a, b)od", "sales_eu", "sales[ _]eu")),
    *(("catalogs", text) for text in ("(?x) prod # all of them", "(?i)PROD$", "-?prod", "[!p].*", "", "prod(?:_.*)?")),
    *(("schemas", text) for text in (r"prod\..*", "prod_mumbai.*", "dev.*", ".*gold.*", r"[^.]+\.gold", r".*\bgold")),
    *(("tables", text) for text in (".*_tmp", r".*\.tmp_\d$", ".*orders.*", r".*\.(orders|facts)", "prod.gold.orders")),
    *(("tables", text) for text in (r"sales eu\.north west\.list", r".*\.v?_?orders$", r"prod\.gold\.order[s]?")),
    *(("views", text) for text in (r".*\.v_.*", "prod.gold.v_.*")),
    *(("notebooks", text) for text in ("/Repos/.*", "/Shared/a b", "/Repos/etl/load", "/Repos/", r"/[^/]+/[^/]+")),
]


def suspicions(level: str, name: str, text: str) -> list[Finding]:
    lists = dbx.Patterns(deny=[text]) if name == "deny" else dbx.Patterns([text])
    findings = dbx.Filters(**{level: lists}).lint(CATALOG)
    return [finding for finding in findings if finding.code in SUSPICIONS or finding.code == "invalid-pattern"]


@pytest.mark.parametrize("name", ["allow", "deny"])
@pytest.mark.parametrize(("level", "text", "code", "remedy"), MISTAKES, ids=repr)
def test_a_mistake_is_named_and_mended(level: str, name: str, text: str, code: str, remedy: str) -> None:
    (finding,) = suspicions(level, name, text)
    assert (finding.code, finding.level, finding.list, finding.pattern) == (code, level, name, text)
    assert finding.remedy.startswith(remedy)


@pytest.mark.parametrize(("name", "other"), [("allow", "deny"), ("deny", "allow")])
@pytest.mark.parametrize(("level", "text"), NEGATIONS)
def test_a_negation_belongs_into_the_other_list(level: str, name: str, other: str, text: str) -> None:
    (finding,) = suspicions(level, name, text)
    assert (finding.code, finding.remedy) == ("negated-pattern", f"Add ^prod$ to the {other} list")


def test_a_negated_condition_belongs_into_the_other_list() -> None:
    (finding,) = suspicions("catalogs", "allow", "NOT LIKE 'prod%'")
    assert (finding.code, finding.remedy) == ("sql-pattern", "Add ^prod.*$ to the deny list")


@pytest.mark.parametrize("name", ["allow", "deny"])
@pytest.mark.parametrize(("level", "text"), REGULAR)
def test_a_regular_expression_is_not_accused(level: str, name: str, text: str) -> None:
    assert not suspicions(level, name, text)


def test_what_is_written_instead_takes_what_was_meant() -> None:
    for level, text, code, remedy in MISTAKES:
        if code not in {"wrong-level", "unescaped-dot"} and "write" in remedy.lower() and "nobody" not in text:
            written = remedy.split("rite ", 1)[1].removeprefix("a pattern for each: ").strip("'").split("  ")
            preview = dbx.Filters(**{level: dbx.Patterns(written)}).preview(CATALOG)
            kind = "table" if level == "tables" else level[:-1]
            assert preview.own_verdict[CATALOG.objects["kind"] == kind].any(), (level, text, written)


LONG = 100_000


@pytest.mark.parametrize("level", ["catalogs", "notebooks"])
@pytest.mark.parametrize(
    "text",
    [
        " " * LONG + "x",
        "x" + " " * LONG + "x",
        "{a" + ",a" * LONG,
        "[" * LONG,
        "[a" + ", ab" * LONG,
        "'" * LONG,
        "'a" * LONG,
        "a." * LONG + "`",
        "%" * LONG,
        "?*" * LONG,
        "!" * LONG,
        "in (" + "'a'," * LONG,
        "not " * LONG,
        ", " * LONG,
        "a|" * LONG,
    ],
    ids=lambda text: text[:8],
)
def test_long_and_hostile_texts_are_looked_at_in_no_time(level: str, text: str) -> None:
    meant_by(text, level)
    assert without_stray_blanks(text) is not None


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet="ab.*?^$|'\"`%,;[](){}!/\\ _-\n\ud800é1", max_size=20), st.sampled_from(["catalogs", "notebooks"])
)
def test_no_text_breaks_the_linter(text: str, level: str) -> None:
    for lists in (dbx.Patterns([text]), dbx.Patterns(deny=[text])):
        str(dbx.Filters(**{level: lists}).lint(CATALOG))
