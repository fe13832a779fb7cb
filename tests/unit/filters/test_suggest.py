"""Suggested filters let through exactly the selection, are short, and say when they are not exact."""

from __future__ import annotations

import os
import random
import re
import time

import numpy as np
import pandas as pd
import pytest

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.filters import Dialect, Filters, Patterns, Suggestion, suggest_filters

CASES = int(os.environ.get("DBXEXPLORE_UNIVERSES", "30"))
DIALECTS = [pytest.param(dialect, id=name) for name, dialect in Dialect.named().items()]
STAGES = ["prod", "dev", "prod_mumbai", "Sandbox", "raw-zone"]
LAYERS = ["gold", "silver", "bronze", "tmp_stage"]
FIRST = ["fact", "dim", "stg", "agg", "tmp"]
SECOND = ["orders", "customers", "events", "tmp", "daily_sales", "v2"]
ODD = ["a.b", "x y", "naïve", "(+)", "back`tick", "quo'te", "^a$", "\u017f", "#1", "~x", "a|b"]


def universe(rng: random.Random, tables: int = 40, *, odd: bool = False) -> Catalog:
    rows: dict[tuple[str, str], tuple[str, str | None, str | None, str]] = {}
    catalogs = rng.sample(STAGES, rng.randint(1, len(STAGES)))
    for _ in range(tables):
        catalog = rng.choice(catalogs)
        schema = rng.choice(LAYERS) + rng.choice(["", "", "_eu"])
        parts = [rng.choice(FIRST), rng.choice(SECOND)]
        parts += rng.choice([[], [], ["tmp"], ["v2"], [str(rng.randrange(50))]])
        name = rng.choice(ODD) + str(rng.randrange(9)) if odd and rng.random() < 0.4 else "_".join(parts)
        kind = "view" if rng.random() < 0.25 else "table"
        rows[("relation", f"{catalog}.{schema}.{name}")] = (kind, catalog, schema, name)
        rows[("schema", f"{catalog}.{schema}")] = ("schema", catalog, None, schema)
        rows[("catalog", catalog)] = ("catalog", None, None, catalog)
    for _ in range(rng.choice([0, 0, 4])):
        path = f"/Repos/{rng.choice(['etl', 'ml'])}/{rng.choice(FIRST)}_{rng.randrange(20)}"
        rows[("notebook", path)] = ("notebook", None, None, path.rsplit("/", 1)[1])
    frame = pd.DataFrame(list(rows.values()), columns=["kind", "catalog", "schema", "name"])
    frame["full_name"] = [name for _, name in rows]
    return Catalog.from_frame(frame)


def with_containers(catalog: Catalog, mask: np.ndarray) -> np.ndarray:
    """Return the selection with the catalogs and schemas of what is in it: what filters can let through at all."""
    objects, closed = catalog.objects, mask.copy()
    chosen = objects[mask]
    catalogs = set(chosen["catalog"].dropna()) | set(chosen.loc[chosen["kind"] == "catalog", "name"])
    schemas = set(zip(chosen["catalog"], chosen["schema"], strict=True))
    closed |= ((objects["kind"] == "catalog") & objects["name"].isin(catalogs)).to_numpy(dtype=bool)
    pairs = pd.Series(list(zip(objects["catalog"], objects["name"], strict=True)))
    closed |= (objects["kind"] == "schema").to_numpy() & pairs.isin(list(schemas)).to_numpy(dtype=bool)
    return closed


def assert_tells_the_truth(suggestion: Suggestion, catalog: Catalog, mask: np.ndarray, dialect: Dialect) -> None:
    included = suggestion.filters.preview(catalog, dialect).included.to_numpy()
    leaf = catalog.objects["kind"].isin(["table", "view", "notebook"]).to_numpy()
    closed = with_containers(catalog, mask)
    same = (included == closed)[leaf].all() and included[closed].all()
    if mask[~leaf].any():
        same &= (included == closed).all()
    assert suggestion.exact == same
    for text in suggestion.patterns:
        assert text.startswith("^")
        assert text.endswith("$")
        assert len(text) <= 500


@pytest.mark.parametrize("dialect", [Dialect.DATAHUB, Dialect.STRICT])
@pytest.mark.parametrize("generalise", [False, True])
def test_exact_on_random_selections(dialect: Dialect, generalise: bool) -> None:
    rng = random.Random(f"{dialect.name}{generalise}")
    for _ in range(CASES):
        catalog = universe(rng, rng.choice([1, 5, 20, 60]), odd=rng.random() < 0.3)
        share = rng.choice([0, 0.05, 0.3, 0.7, 1])
        mask = np.array([rng.random() < share for _ in range(len(catalog))], dtype=bool)
        if rng.random() < 0.6:
            mask &= catalog.objects["kind"].isin(["table", "view", "notebook"]).to_numpy()
        suggestion = suggest_filters(catalog, mask, generalise=generalise, dialect=dialect)
        assert suggestion.exact, (suggestion, suggestion.wrong)
        assert_tells_the_truth(suggestion, catalog, mask, dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_tells_whether_it_is_exact(dialect: Dialect) -> None:
    rng = random.Random(dialect.name)
    for _ in range(CASES // 2):
        catalog = universe(rng, 30, odd=True)
        mask = np.array([rng.random() < 0.4 for _ in range(len(catalog))], dtype=bool)
        suggestion = suggest_filters(catalog, mask, dialect=dialect)
        assert_tells_the_truth(suggestion, catalog, mask, dialect)


RULES = [
    Filters(catalogs=Patterns(allow=["^prod$"])),
    Filters(catalogs=Patterns(deny=["^dev$"])),
    Filters(schemas=Patterns(allow=[r"^[^.]+\.gold.*$"])),
    Filters(schemas=Patterns(deny=[r"^.*_eu$"])),
    Filters(tables=Patterns(allow=[r"^[^.]+\.[^.]+\.fact_.*$"])),
    Filters(tables=Patterns(deny=["^.*_tmp$"])),
    Filters(tables=Patterns(deny=[r"^.*tmp.*$"])),
    Filters(tables=Patterns(allow=[r"^[^.]+\.[^.]+\.(?:fact|dim)_.*$"])),
    Filters(catalogs=Patterns(allow=["^prod$"]), tables=Patterns(deny=["^.*_v2$"])),
    Filters(tables=Patterns(allow=[r"^[^.]+\.[^.]+\.fact_.*$"], deny=["^.*_tmp$"])),
    Filters(schemas=Patterns(allow=[r"^[^.]+\.(?:gold|silver)$"]), tables=Patterns(deny=["^.*_v2$", "^.*_tmp$"])),
]


@pytest.mark.parametrize("rule", range(len(RULES)))
@pytest.mark.parametrize("whole", [True, False], ids=["all-rows", "leaves"])
def test_a_hidden_rule_is_found_again(rule: int, whole: bool) -> None:
    hidden = RULES[rule]
    catalog = universe(random.Random(5), 4000)
    mask = hidden.preview(catalog).included.to_numpy()
    objects = catalog.objects
    if not whole:
        mask = mask & objects["kind"].isin(["table", "view"]).to_numpy()
    suggestion = suggest_filters(catalog, mask)
    assert suggestion.exact
    listed = sum(len(re.escape(name)) for name in objects["full_name"][mask])
    written = sum(
        len(p)
        for level in (hidden.catalogs, hidden.schemas, hidden.tables)
        for p in (*level.allow, *level.deny)
        if p != ".*"
    )
    number = sum(
        p != ".*" for level in (hidden.catalogs, hidden.schemas, hidden.tables) for p in (*level.allow, *level.deny)
    )
    assert len(suggestion.patterns) <= 2 * number, (hidden, suggestion)
    assert sum(map(len, suggestion.patterns)) < listed / 4, (hidden, suggestion)
    assert sum(map(len, suggestion.patterns)) < 100 + 4 * written, (hidden, suggestion)


def small() -> Catalog:
    names = [("prod", "gold", n) for n in ("fact_orders", "fact_sales", "dim_day")]
    names += [("prod", "silver", n) for n in ("fact_orders", "x")] + [("dev", "gold", "fact_orders")]
    rows = [("table", c, s, n, f"{c}.{s}.{n}") for c, s, n in names]
    rows += [("catalog", None, None, c, c) for c in ("prod", "dev")]
    rows += [("schema", c, None, s, f"{c}.{s}") for c, s in {(c, s) for c, s, _ in names}]
    return Catalog.from_frame(pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"]))


def test_a_whole_catalog_is_taken_by_name() -> None:
    catalog = small()
    suggestion = suggest_filters(catalog, list(catalog.objects["full_name"][catalog.objects["catalog"] == "prod"]))
    assert suggestion.exact
    assert suggestion.patterns == ("^prod$",)
    assert suggestion.filters.catalogs.allow == ("^prod$",)
    assert "prod.*" in suggestion.also_captures


def test_single_names_come_last() -> None:
    suggestion = suggest_filters(small(), ["prod.gold.dim_day"])
    assert suggestion.exact
    assert suggestion.filters.tables.allow == (r"^prod\.gold\.dim_day$",)


def test_generalising_takes_siblings_to_come() -> None:
    catalog = small()
    chosen = ["prod.gold.fact_orders", "prod.gold.fact_sales"]
    general = suggest_filters(catalog, chosen, generalise=True)
    assert general.exact
    assert any("fact_*" in name for name in general.also_captures), general


def test_selecting_by_labels_masks_and_names_is_the_same() -> None:
    catalog = small()
    mask = (catalog.objects["name"] == "fact_orders").astype(bool)
    labels = list(catalog.objects.index[mask])
    names = list(catalog.objects["full_name"][mask])
    found = {
        suggest_filters(catalog, s).filters for s in (mask, mask.to_numpy(), list(mask), labels, names, mask[::-1])
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    ("selected", "error", "message"),
    [
        (["nowhere"], errors.UnknownObjectError, "no object 'nowhere'"),
        ([10_000], errors.UnknownObjectError, "no object 10000"),
        ([True], errors.FilterError, "1 booleans"),
        ("prod", errors.FilterError, "selected is 'prod'"),
        (3, errors.FilterError, "selected is 3"),
    ],
)
def test_a_wrong_selection_is_refused(selected: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        suggest_filters(small(), selected)


def test_names_that_no_pattern_can_tell_apart_are_said() -> None:
    rows = [("table", "a", "s", "t", "a.s.t"), ("table", "a", "s", "T", "a.s.T")]
    catalog = Catalog.from_frame(pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"]))
    suggestion = suggest_filters(catalog, ["a.s.t"], dialect=Dialect.DATAHUB)
    assert not suggestion.exact
    assert suggestion.wrong == ("a.s.T",)
    assert "Does NOT match your selection exactly" in str(suggestion)
    assert suggest_filters(catalog, ["a.s.t"], dialect=Dialect.STRICT).exact


def test_nothing_and_everything() -> None:
    catalog = small()
    for dialect in Dialect.named().values():
        assert suggest_filters(catalog, [], dialect=dialect).exact
        everything = suggest_filters(catalog, list(catalog.objects.index), dialect=dialect)
        assert everything.exact
        assert everything.patterns == ()
    empty = Catalog.from_frame(pd.DataFrame(columns=["kind", "catalog", "schema", "name", "full_name"]))
    assert suggest_filters(empty, []).exact


def test_long_lists_are_split() -> None:
    rng = random.Random(2)
    names = [f"{rng.getrandbits(60):x}" for _ in range(400)]
    rows = [("table", "c", "s", n, f"c.s.{n}") for n in names]
    catalog = Catalog.from_frame(pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"]))
    chosen = [f"c.s.{n}" for n in names[::2]]
    suggestion = suggest_filters(catalog, chosen)
    assert suggestion.exact
    assert 1 < len(suggestion.patterns) < 12
    assert max(map(len, suggestion.patterns)) <= 500


def test_thousands_of_single_names_are_still_exact() -> None:
    rng = random.Random(4)
    names = [f"c.s{i % 50}.{rng.getrandbits(70):x}" for i in range(20_000)]
    rows = [("table", *name.split("."), name) for name in names]
    catalog = Catalog.from_frame(pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"]))
    suggestion = suggest_filters(catalog, rng.sample(names, 6000))
    assert suggestion.exact
    assert len(suggestion.patterns) > 100
    # What was verified with the lists joined holds for the lists as they are.
    assert suggestion.filters.preview(catalog).counts().loc["table", "included"] == 6000


def test_what_is_shown_is_escaped() -> None:
    rows = [("table", "a", "s", "<b>", "a.s.<b>"), ("table", "a", "s", "T", "a.s.T")]
    catalog = Catalog.from_frame(pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"]))
    suggestion = suggest_filters(catalog, ["a.s.<b>"])
    assert "<b>" not in suggestion._repr_html_()
    assert "&lt;b" in suggestion._repr_html_()


def test_a_hundred_thousand_objects_take_two_seconds() -> None:
    rng = random.Random(1)
    parts = [(f"c{i % 20}", f"s{i % 1000}", f"{rng.choice(FIRST)}_{rng.choice(SECOND)}_{i}") for i in range(100_000)]
    rows = [("view" if i % 9 == 0 else "table", *p, ".".join(p)) for i, p in enumerate(parts)]
    catalog = Catalog.from_frame(pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"]))
    mask = catalog.objects["name"].str.startswith("fact_").to_numpy(dtype=bool)
    started = time.monotonic()
    suggestion = suggest_filters(catalog, mask)
    took = time.monotonic() - started
    assert suggestion.exact
    assert len(suggestion.patterns) <= 2
    assert took < 6  # two seconds on a machine of its own; tests/bench holds it to that


# --- what DataHub does by itself ---


def catalog_with(*names: tuple[str, str, str]) -> Catalog:
    rows = [("table", *parts, ".".join(parts)) for parts in names]
    return Catalog.from_frame(pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"]))


def test_a_selection_that_no_filters_can_let_through_is_not_called_exact_and_stays_short() -> None:
    names = [("prod", "information_schema", f"t_{i}") for i in range(50)]
    catalog = catalog_with(*names, ("prod", "gold", "orders"), ("dev", "gold", "orders"))
    selected = catalog.objects["catalog"].astype(str) == "prod"
    suggestion = suggest_filters(catalog, selected)
    assert suggestion.patterns == ("^prod$",)
    assert not suggestion.exact
    assert set(suggestion.wrong) == {".".join(parts) for parts in names}
    assert suggest_filters(catalog, selected, dialect=Dialect.STRICT).exact


@pytest.mark.parametrize("dialect", Dialect.named().values(), ids=Dialect.named())
def test_containers_with_blanks_are_told_apart_from_those_with_underscores_by_what_they_hold(
    dialect: Dialect,
) -> None:
    catalog = catalog_with(
        ("sales eu", "north west", "a"),
        ("sales eu", "north west", "b"),
        ("sales eu", "south", "b"),
        ("sales_eu", "north_west", "a"),
        ("sales_eu", "south", "b"),
        ("dev", "south", "b"),
    )
    for number in range(2**6):
        selected = [bool(number >> at & 1) for at in range(6)]
        suggestion = suggest_filters(catalog, selected, dialect=dialect)
        included = suggestion.filters.preview(catalog, dialect).included.tolist()
        if dialect.subject == "qualified":
            assert suggestion.exact
            assert included == selected
        assert suggestion.exact == (included == selected)
