"""The preview against a one-object-at-a-time reference, on random objects, filters and dialects."""

from __future__ import annotations

import itertools
import os
import random
import re
from dataclasses import asdict, dataclass
from functools import cache, cached_property

import pandas as pd
import pytest
import reference

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.filters.readings import other_readings
from dbxexplore.filters.subjects import Subjects

# Letters whose case folding is odd (sharp s, dotted I, long s, the Kelvin sign, a digraph, two sigmas), marks that patterns give a meaning, white space.
LETTERS = "abAB01_.$^-* \n\t`'\"<&\\(é\u00df\u1e9e\u0130\u0131\u017f\u212akKsSiI\u01c5\u03a3\u03c2😀中"
WORDS = (
    "prod",
    "Prod",
    "PROD",
    "prod_mumbai",
    "tmp",
    "tmp_1",
    "gold",
    "a.b",
    "a",
    "b",
    "orders",
    "orders\n",
    "\u017fß",
    "K",
    "a b",
    "a_b",
    "information_schema",
    "Information_Schema_2",
    "information schema",
)
DIALECTS = tuple(dbx.Dialect.named().values())
EVERY_DIALECT = tuple(
    dbx.Dialect(match, ignore_case, subject, views, empty_allow, quirks, quirks)
    for match, ignore_case, subject, views, empty_allow, quirks in itertools.product(
        ("prefix", "search", "full"),
        (True, False),
        ("qualified", "bare"),
        ("tables_and_views", "views", "tables"),
        ("nothing", "everything"),
        (True, False),
    )
)
CATALOGS = int(os.environ.get("DBXEXPLORE_CATALOGS", "200"))
CASES_A_CATALOG = 10


@dataclass
class Case:
    """A catalog, its objects in the order of its frame, filters, and the same in the reference's words."""

    catalog: dbx.Catalog
    objects: tuple[reference.Object, ...]
    filters: dbx.Filters
    lists: reference.Lists
    dialect: dbx.Dialect
    reading: reference.Reading

    @cached_property
    def preview(self) -> dbx.Preview:
        return self.filters.preview(self.catalog, self.dialect)


def a_name(rng: random.Random) -> str:
    if rng.random() < 0.6:
        return rng.choice(WORDS)
    return "".join(rng.choice(LETTERS) for _ in range(rng.randint(1, 5)))


def some_objects(rng: random.Random) -> list[reference.Object]:
    """Objects of a small workspace; some of its containers have rows of their own, often all or none."""
    found: dict[tuple[str, ...], reference.Object] = {}
    rows_for_containers = rng.choice((0.0, 0.5, 1.0))

    def add(thing: reference.Object) -> None:
        found[(thing.kind, thing.catalog, thing.schema, thing.name, thing.path)] = thing

    for _ in range(rng.randint(1, 3)):
        catalog = a_name(rng)
        if rng.random() < rows_for_containers:
            add(reference.Object("catalog", name=catalog))
        for _ in range(rng.randint(0, 3)):
            schema = a_name(rng)
            if rng.random() < rows_for_containers:
                add(reference.Object("schema", catalog=catalog, name=schema))
            for _ in range(rng.randint(0, 4)):
                add(reference.Object(rng.choice(("table", "view")), catalog, schema, a_name(rng)))
    for _ in range(rng.randint(0, 3)):
        folders = [a_name(rng).replace("/", "") for _ in range(rng.randint(0, 2))]
        name = a_name(rng)
        add(reference.Object("notebook", name=name, path="/" + "/".join([*folders, name])))
    return list(found.values())


def a_catalog(things: list[reference.Object], rng: random.Random) -> tuple[dbx.Catalog, list[reference.Object]]:
    """Return the catalog of objects given in random order, and the objects in the order of its frame."""
    rng.shuffle(things)
    frame = pd.DataFrame(
        {
            "kind": [thing.kind for thing in things],
            "catalog": [thing.catalog or None for thing in things],
            "schema": [thing.schema or None for thing in things],
            "name": [thing.name for thing in things],
            "full_name": [thing.full_name for thing in things],
        },
        dtype=object,
    )
    return dbx.Catalog.from_frame(frame), sorted(things, key=_place)


def _place(thing: reference.Object) -> tuple[int, str, str, str]:
    return reference.KINDS.index(thing.kind), thing.full_name, thing.catalog, thing.schema


def an_atom(rng: random.Random, names: list[str]) -> str:
    return rng.choice(
        (
            lambda: re.escape(rng.choice(names)),
            lambda: re.escape(rng.choice(names)[:2]),
            lambda: re.escape(rng.choice(LETTERS)),
            lambda: rng.choice("abkKsi\u017fß"),
            lambda: rng.choice(
                (".", ".*", r"\w", r"\W", r"\s", r"\d", r"\b", r"\.", "[^.]*", "[a-kß]", "[^a]", "[]$]")
            ),
            lambda: rng.choice(("^", "$", r"\A", r"\Z", "(?=p)", "(?!p)", "(?<=d)", r"(?<!\.)", "(?s:.)", "(?i:PROD)")),
            lambda: rng.choice((r"(.)\1", r"(?P<x>.).*(?P=x)", "(a)?(?(1)b|p)", "x{0,2}", "[$]", r"\$", r"\Bo")),
        )
    )()


def a_pattern(rng: random.Random, names: list[str]) -> str:
    """A small random expression that compiles by itself."""
    while True:
        parts = [an_atom(rng, names) for _ in range(rng.randint(1, 3))]
        text = "|".join(parts) if rng.random() < 0.15 else "".join(parts)
        text += rng.choice(("", "", "", "?", "+", "*", "$", "|"))
        if rng.random() < 0.2:
            text = f"^(?:{text})$"
        if rng.random() < 0.05:
            text = rng.choice(("(?i)", "(?s)", "(?m)", "(?x)", "(?a)")) + text
        try:
            re.compile(text)
        except re.error:
            continue
        return text


def some_patterns(rng: random.Random, names: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    allow = rng.choice(((".*",), (), None, None))
    if allow is None:
        allow = tuple(a_pattern(rng, names) for _ in range(rng.randint(1, 3)))
        if rng.random() < 0.2:
            allow += allow[:1]  # a pattern that is there twice
    deny = tuple(a_pattern(rng, names) for _ in range(rng.choice((0, 0, 1, 2))))
    return allow, deny


@cache
def cases(seed: int) -> list[Case]:
    """The cases of one seed: one catalog, and filters and dialects for it."""
    rng = random.Random(seed)
    catalog, objects = a_catalog(some_objects(rng), rng)
    names = [part for thing in objects for part in (thing.catalog, thing.schema, thing.name, thing.full_name) if part]
    found = []
    for number in range(CASES_A_CATALOG):
        lists = {level: some_patterns(rng, names or ["a"]) for level in reference.LEVELS}
        filters = dbx.Filters(**{level: dbx.Patterns(allow, deny) for level, (allow, deny) in lists.items()})
        dialect = DIALECTS[number] if number < len(DIALECTS) else rng.choice(EVERY_DIALECT)
        reading = reference.Reading(**dialect.settings())
        found.append(Case(catalog, tuple(objects), filters, lists, dialect, reading))
    return found


SEEDS = range(CATALOGS)
CHUNK = 25
CHUNKS = pytest.mark.parametrize("seeds", [SEEDS[i : i + CHUNK] for i in range(0, CATALOGS, CHUNK)], ids=str)


def test_there_are_enough_cases() -> None:
    assert CATALOGS * CASES_A_CATALOG >= 2000
    assert {case.dialect for seed in SEEDS for case in cases(seed)} >= set(EVERY_DIALECT)


@CHUNKS
def test_verdicts_and_who_decided_equal_the_reference(seeds: range) -> None:
    for case in itertools.chain.from_iterable(map(cases, seeds)):
        said = [reference.decided(thing, case.lists, case.reading) for thing in case.objects]
        expected = {
            "included": [reference.included(thing, case.lists, case.reading) for thing in case.objects],
            "own_verdict": [reference.own_verdict(thing, case.lists, case.reading) for thing in case.objects],
            "level": [one.level.removesuffix("s") for one in said],
            "rule": [one.rule for one in said],
            "pattern": [one.pattern for one in said],
        }
        preview = case.preview
        assert case.catalog.objects["full_name"].tolist() == [thing.full_name for thing in case.objects]
        assert preview.included.tolist() == expected["included"]
        assert preview.own_verdict.tolist() == expected["own_verdict"]
        frame = preview.frame
        for column, values in expected.items():
            found = [None if pd.isna(value) else value for value in frame[column]]
            assert found == values, (column, case.lists, case.dialect)


@CHUNKS
def test_some_rows_are_those_of_the_frame(seeds: range) -> None:
    for case in itertools.chain.from_iterable(map(cases, seeds)):
        at = random.Random(len(case.objects)).choices(range(len(case.objects)), k=min(5, len(case.objects)))
        pd.testing.assert_frame_equal(case.preview.rows(at), case.preview.frame.iloc[at])


@CHUNKS
def test_counts_equal_the_reference(seeds: range) -> None:
    for case in itertools.chain.from_iterable(map(cases, seeds)):
        counts = case.preview.counts()
        verdicts = [(thing.kind, reference.included(thing, case.lists, case.reading)) for thing in case.objects]
        assert counts.index.tolist() == list(reference.KINDS)
        assert counts["included"].tolist() == [verdicts.count((kind, True)) for kind in reference.KINDS]
        assert counts["excluded"].tolist() == [verdicts.count((kind, False)) for kind in reference.KINDS]


@CHUNKS
def test_explanations_agree_with_the_frame_and_their_changes_flip_the_verdict(seeds: range) -> None:
    for case in itertools.chain.from_iterable(map(cases, seeds)):
        if not case.objects:
            continue
        preview, frame = case.preview, case.preview.frame
        at = random.Random(repr(case.filters)).randrange(len(case.objects))
        thing, row = case.objects[at], frame.iloc[at]
        explanation = preview.explain(at)
        said = reference.everything_said(thing, case.lists, case.reading)

        assert (explanation.full_name, explanation.kind) == (thing.full_name, thing.kind)
        assert [(one.level, one.subject, one.passes) for one in explanation.levels] == [
            (one.level, one.subject, one.passes) for one in said
        ]
        for level in explanation.levels:
            allow, deny = case.lists[level.level]
            if level.level == "schemas" and case.reading.denies_information_schema:
                deny = (*deny, ".*\\.information_schema")
            held = [("deny", i, text) for i, text in enumerate(deny)]
            held += [("allow", i, text) for i, text in enumerate(allow)]
            assert [(one.list, one.index, one.pattern) for one in level.patterns] == held
            for one in level.patterns:
                assert one.matches == reference.matches(one.pattern, level.subject, case.reading)
        assert explanation.included == row["included"]
        assert explanation.decided_by.rule == row["rule"]
        assert explanation.decided_by.level.removesuffix("s") == row["level"]
        decided_by = explanation.decided_by.decided_by
        assert (decided_by.pattern if decided_by else None) == (None if pd.isna(row["pattern"]) else row["pattern"])

        if not explanation.changes:  # what the reading denies by itself, no edit lets through
            schema = next(one.subject for one in said if one.level == "schemas")
            assert case.reading.denies_information_schema
            assert reference.matches(".*\\.information_schema", schema, case.reading)
            assert explanation.flipped(case.filters) == case.filters
            continue
        flipped = explanation.flipped(case.filters)
        lists = {level: (flipped.level(level).allow, flipped.level(level).deny) for level in reference.LEVELS}
        assert reference.included(thing, lists, case.reading) != explanation.included
        assert flipped.preview(case.catalog, case.dialect).included.iloc[at] != explanation.included


@CHUNKS
def test_dialect_dependent_are_those_on_which_other_readings_and_this_one_differ(seeds: range) -> None:
    for case in itertools.chain.from_iterable(cases(seed)[3:4] for seed in seeds):
        others = other_readings(Subjects.of(case.preview.catalog), case.preview.filters, case.preview.dialect)
        readings = [case.reading, *(reference.Reading(**dialect.settings()) for dialect in others)]
        expected = [
            len({reference.included(thing, case.lists, reading) for reading in readings}) > 1 for thing in case.objects
        ]
        assert case.preview.dialect_dependent.tolist() == expected


@CHUNKS
def test_compare_tells_what_one_edit_adds_and_removes(seeds: range) -> None:
    for seed in seeds:
        before, after = cases(seed)[3:5]
        table = before.preview.compare(after.preview)
        expected = {}
        for at, thing in enumerate(before.objects):
            old = reference.included(thing, before.lists, before.reading)
            new = reference.included(thing, after.lists, after.reading)
            if old != new:
                expected[at] = "added" if new else "removed"
        assert dict(zip(table.index, table["change"], strict=True)) == expected
        assert table.columns[0] == "change"
        assert table["included"].tolist() == [change == "added" for change in expected.values()]


def test_compare_refuses_previews_of_two_catalogs(small_frame: pd.DataFrame) -> None:
    one, other = (dbx.Filters().preview(dbx.Catalog.from_frame(small_frame)) for _ in range(2))
    with pytest.raises(
        errors.FilterError, match=r"^The previews are of different catalogs\. Expected two previews of the same"
    ):
        one.compare(other)


# --- the traps that the design names, one by one -----------------------------------------------------


def included_names(catalog: dbx.Catalog, filters: dbx.Filters, dialect: dbx.Dialect) -> list[str]:
    preview = filters.preview(catalog, dialect)
    return catalog.objects["full_name"][preview.included].tolist()


def relations(*names: tuple[str, str, str], kind: str = "table") -> dbx.Catalog:
    things = [reference.Object(kind, *parts) for parts in names]
    return a_catalog(things, random.Random(0))[0]


def test_datahub_is_a_prefix_match_so_prod_also_takes_prod_mumbai() -> None:
    catalog = relations(("prod", "s", "t"), ("prod_mumbai", "s", "t"))
    filters = dbx.Filters(catalogs=dbx.Patterns(["prod"]))
    assert included_names(catalog, filters, dbx.Dialect.DATAHUB) == ["prod.s.t", "prod_mumbai.s.t"]
    assert included_names(catalog, filters, dbx.Dialect.STRICT) == ["prod.s.t"]


def test_datahub_holds_a_schema_pattern_against_catalog_and_schema_and_openmetadata_against_the_schema() -> None:
    catalog = relations(("main", "sales", "t"))
    filters = dbx.Filters(schemas=dbx.Patterns(["sales"]))
    assert included_names(catalog, filters, dbx.Dialect.DATAHUB) == []
    assert included_names(catalog, filters, dbx.Dialect.OPENMETADATA) == ["main.sales.t"]


def test_a_view_must_pass_table_and_view_patterns_for_datahub_and_table_patterns_alone_for_openmetadata() -> None:
    catalog = relations(("c", "s", "v"), kind="view")
    tables, views = (dbx.Filters(**{level: dbx.Patterns([], [])}) for level in ("tables", "views"))
    deny_view = dbx.Filters(views=dbx.Patterns(deny=[".*"]))
    assert included_names(catalog, tables, dbx.Dialect.DATAHUB) == []
    assert included_names(catalog, views, dbx.Dialect.DATAHUB) == []
    assert included_names(catalog, deny_view, dbx.Dialect.OPENMETADATA) == ["c.s.v"]
    assert included_names(catalog, tables, dbx.Dialect.STRICT) == ["c.s.v"]


def test_an_empty_allow_list_is_nothing_for_datahub_and_no_filter_for_openmetadata() -> None:
    catalog = relations(("c", "s", "t"))
    filters = dbx.Filters(catalogs=dbx.Patterns(allow=[]))
    assert included_names(catalog, filters, dbx.Dialect.DATAHUB) == []
    assert included_names(catalog, filters, dbx.Dialect.OPENMETADATA) == ["c.s.t"]


def test_case_counts_for_the_strict_dialect_only() -> None:
    catalog = relations(("PROD", "s", "t"))
    filters = dbx.Filters(catalogs=dbx.Patterns(["prod"]))
    assert included_names(catalog, filters, dbx.Dialect.DATAHUB) == ["PROD.s.t"]
    assert included_names(catalog, filters, dbx.Dialect.STRICT) == []


def test_an_object_in_an_excluded_schema_keeps_its_own_verdict() -> None:
    catalog = relations(("c", "tmp", "t"))
    preview = dbx.Filters(schemas=dbx.Patterns(deny=[r"c\.tmp"])).preview(catalog)
    assert preview.included.tolist() == [False]
    assert preview.own_verdict.tolist() == [True]
    row = preview.frame.iloc[0]
    assert (row["level"], row["rule"], row["pattern"]) == ("schema", "deny", r"c\.tmp")


def test_schemas_of_one_dotted_name_in_two_catalogs_are_judged_apart() -> None:
    catalog = relations(("a", "b.c", "t"), ("a.b", "c", "t"))
    assert len(catalog) == 2
    filters = dbx.Filters(catalogs=dbx.Patterns(["a"]))
    preview = filters.preview(catalog, dbx.Dialect.STRICT)
    assert dict(zip(catalog.objects["catalog"], preview.included, strict=True)) == {"a": True, "a.b": False}


def test_the_frame_has_the_dtypes_it_promises(small_catalog: dbx.Catalog) -> None:
    frame = dbx.Filters(tables=dbx.Patterns(["x"])).preview(small_catalog).frame
    assert frame.columns[-5:].tolist() == ["included", "level", "rule", "pattern", "own_verdict"]
    assert [str(dtype) for dtype in frame.dtypes.iloc[-5:]] == ["bool", "category", "category", "category", "bool"]
    assert frame["level"].cat.categories.tolist() == list(reference.KINDS)
    assert frame["rule"].cat.categories.tolist() == ["allow", "deny", "no_allow", "everything"]


def test_a_preview_of_no_objects_is_empty() -> None:
    catalog = dbx.Catalog.from_frame(pd.DataFrame(columns=["kind", "catalog", "schema", "name", "full_name"]))
    preview = dbx.Filters().preview(catalog)
    assert preview.included.tolist() == []
    assert len(preview.frame) == 0
    assert preview.counts().to_numpy().sum() == 0


def test_the_default_dialect_is_datahubs(small_catalog: dbx.Catalog) -> None:
    assert dbx.Filters().preview(small_catalog).dialect == dbx.Dialect.DATAHUB


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("datahub", ("prefix", True, "qualified", "tables_and_views", "nothing")),
        ("openmetadata", ("prefix", True, "bare", "tables", "everything")),
    ],
)
def test_a_named_dialect_reads_as_the_tool_does(name: str, settings: tuple[object, ...]) -> None:
    assert tuple(asdict(dbx.Dialect.named()[name]).values())[:5] == settings


# --- explain, by name ------------------------------------------------------------------------------


def test_an_unknown_name_is_refused_with_the_nearest_one(small_catalog: dbx.Catalog) -> None:
    preview = dbx.Filters().preview(small_catalog)
    with pytest.raises(
        errors.UnknownObjectError,
        match=r"^There is no object 'prod\.gold\.order' in this catalog\. Did you mean 'prod\.gold\.orders'\?$",
    ):
        preview.explain("prod.gold.order")


@pytest.mark.parametrize("name", ["", ".", "nothing like it", "\ud800", "a\0b"])
def test_a_name_like_no_other_is_refused(small_catalog: dbx.Catalog, name: str) -> None:
    with pytest.raises(errors.UnknownObjectError, match=r"^There is no object "):
        dbx.Filters().preview(small_catalog).explain(name)


def test_half_a_surrogate_pair_is_not_taken_for_a_question_mark() -> None:
    with pytest.raises(errors.UnknownObjectError, match="There is no object"):
        dbx.Filters().preview(relations(("c", "s", "?"))).explain("c.s.\ud800")


def test_a_name_that_two_objects_have_is_refused_with_their_rows() -> None:
    preview = dbx.Filters().preview(relations(("a", "b.c", "t"), ("a.b", "c", "t")))
    with pytest.raises(
        errors.UnknownObjectError,
        match=r"^2 objects are named 'a\.b\.c\.t'\. Pass the row instead: 0 \(table\), 1 \(table\)\.$",
    ):
        preview.explain("a.b.c.t")
    assert preview.explain(1).levels[0].subject == "a.b"


@pytest.mark.parametrize("row", [-1, 6, 1000])
def test_a_row_that_is_not_there_is_refused(small_catalog: dbx.Catalog, row: int) -> None:
    with pytest.raises(errors.UnknownObjectError, match=rf"^There is no row {row}\. Expected 0 to 5\.$"):
        dbx.Filters().preview(small_catalog).explain(row)


def test_an_explanation_reads_as_text(small_catalog: dbx.Catalog) -> None:
    filters = dbx.Filters(catalogs=dbx.Patterns(["^dev$"]), tables=dbx.Patterns(deny=[r".*\.orders"]))
    text = str(filters.preview(small_catalog).explain("prod.gold.orders"))
    assert text.splitlines() == [
        "prod.gold.orders (table) is excluded (DataHub rules)",
        "  catalogs: 'prod' fails: no allow pattern matches",
        "  schemas: 'prod.gold' passes: allow pattern 1 matches: .*",
        r"  tables: 'prod.gold.orders' fails: deny pattern 1 matches: .*\.orders",
        "To include it:",
        "  add ^prod$ to catalogs, allow",
        r"  remove .*\.orders from tables, deny",
    ]


HOSTILE = '<script>alert("x")</script>&<img src=x onerror=alert(1)>'


def test_names_and_patterns_are_escaped_in_html() -> None:
    catalog = relations((HOSTILE, HOSTILE, HOSTILE))
    dialect = dbx.Dialect("search", name=HOSTILE)
    filters = dbx.Filters(tables=dbx.Patterns(deny=[re.escape(HOSTILE), "<b>"]))
    preview = filters.preview(catalog, dialect)
    shown = [preview._repr_html_(), preview.explain(0)._repr_html_(), filters.preview(catalog).explain(0)._repr_html_()]
    for text in shown:
        assert "<script" not in text
        assert "<img" not in text
        assert "<b>" not in text
        assert "&lt;script&gt;" in text or text is shown[0]
    assert "&lt;script&gt;" in shown[0]


# --- what DataHub does by itself -----------------------------------------------------------------------


def test_datahub_denies_information_schema_by_itself_and_says_so() -> None:
    catalog = relations(
        ("prod", "information_schema", "tables"), ("prod", "information_schema_2", "t"), ("prod", "s", "t")
    )
    preview = dbx.Filters().preview(catalog)
    assert preview.included.tolist() == [False, False, True]
    row = preview.frame.iloc[0]
    assert (row["level"], row["rule"], row["pattern"]) == ("schema", "deny", r".*\.information_schema")
    explanation = preview.explain(0)
    assert not explanation.changes
    assert str(explanation).splitlines()[2:] == [
        r"  schemas: 'prod.information_schema' fails: built-in deny pattern matches: .*\.information_schema",
        "  tables: 'prod.information_schema.tables' passes: allow pattern 1 matches: .*",
        "No pattern can include it: DataHub always denies it",
    ]
    assert "No pattern can include it" in explanation._repr_html_()
    for dialect in (dbx.Dialect.OPENMETADATA, dbx.Dialect.STRICT):
        assert dbx.Filters().preview(catalog, dialect).included.all()
    assert preview.dialect_dependent.tolist() == [True, True, False]


def test_datahub_matches_blanks_of_catalogs_and_schemas_as_underscores() -> None:
    catalog = relations(("sales eu", "north west", "a b"))
    as_underscores = dbx.Filters(
        catalogs=dbx.Patterns(["^sales_eu$"]),
        schemas=dbx.Patterns([r"^sales_eu\.north_west$"]),
        tables=dbx.Patterns([r"^sales eu\.north west\.a b$"]),
    )
    assert included_names(catalog, as_underscores, dbx.Dialect.DATAHUB) == ["sales eu.north west.a b"]
    assert included_names(catalog, as_underscores, dbx.Dialect.STRICT) == []
    subjects = [level.subject for level in as_underscores.preview(catalog).explain(0).levels]
    assert subjects == ["sales_eu", "sales_eu.north_west", "sales eu.north west.a b"]


def test_view_patterns_did_nothing_in_datahub_before_1_6_0_12() -> None:
    catalog = relations(("c", "s", "v"), kind="view")
    filters = dbx.Filters(views=dbx.Patterns(deny=[".*"]))
    assert included_names(catalog, filters, dbx.Dialect.DATAHUB) == []
    assert included_names(catalog, filters, dbx.Dialect.DATAHUB_1_5) == ["c.s.v"]
    assert filters.preview(catalog).dialect_dependent.all()
