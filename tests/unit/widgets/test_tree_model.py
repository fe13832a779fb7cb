"""The tree against a plain one that makes a list of every row, on random catalogs, edits and orders of clicks."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from widget_names import HOSTILE

import dbxexplore as dbx
from dbxexplore.catalog.schema import failures_frame
from dbxexplore.widgets.browse.index import NOTEBOOKS, TreeIndex
from dbxexplore.widgets.browse.model import SHOWS, TreeModel

TREES = int(os.environ.get("DBXEXPLORE_TREES", "40"))
CATALOGS = ["prod", "Prod", "dev", "a.b", "a", HOSTILE, "ünï"]
SCHEMAS = ["gold", "b.gold", "tmp", "Sales", "gold_tmp"]
NAMES = ["orders", "Orders", "orders_tmp", "gold", "x.y", "é", "a/b", HOSTILE]
FOLDERS = ["", "/Shared", "/Shared/etl", "/Users/me@x.com"]
QUERIES = [
    "or",
    "GOLD",
    "tmp",
    "d.g",
    ".gold",
    "prod.gold.o",
    "shared/",
    "/shared/etl/or",
    "b.gold",
    "zzz",
    "<img",
    "É",
]


def some_catalog(rng: random.Random) -> dbx.Catalog:
    rows: set[tuple[str, str | None, str | None, str, str]] = set()
    for catalog in rng.sample(CATALOGS, rng.randint(0, 4)):
        if rng.random() < 0.8:
            rows.add(("catalog", None, None, catalog, catalog))
        for schema in rng.sample(SCHEMAS, rng.randint(0, 3)):
            if rng.random() < 0.8:
                rows.add(("schema", catalog, None, schema, f"{catalog}.{schema}"))
            for name in rng.sample(NAMES, rng.randint(0, 5)):
                kind = rng.choice(["table", "table", "view"])
                rows.add((kind, catalog, schema, name, f"{catalog}.{schema}.{name}"))
    for folder in rng.sample(FOLDERS, rng.randint(0, 3)):
        for name in rng.sample(["etl", "orders", HOSTILE.replace("/", "")], rng.randint(1, 2)):
            rows.add(("notebook", None, None, name, f"{folder}/{name}"))
    columns = ["kind", "catalog", "schema", "name", "full_name"]
    return dbx.Catalog.from_frame(pd.DataFrame(sorted(rows, key=str), columns=columns))


def some_preview(rng: random.Random, catalog: dbx.Catalog) -> dbx.Preview:
    filters = dbx.Filters(
        catalogs=dbx.Patterns([".*"], rng.choice([[], ["dev"], ["a"]])),
        tables=dbx.Patterns([".*"], rng.choice([[], [".*tmp"], [".*orders"]])),
    )
    return filters.preview(catalog)


@dataclass
class Node:
    """A node with its children; ``key`` is what names it."""

    key: tuple[str, ...]
    name: str
    level: int
    row: int = -1
    text: str = ""  # what a search with a dot or slash looks in
    children: list[Node] = field(default_factory=list)

    def leaves(self) -> list[Node]:
        return [self] if self.level == 3 else [leaf for child in self.children for leaf in child.leaves()]


def plain_tree(catalog: dbx.Catalog) -> list[Node]:
    catalogs: dict[tuple[str, ...], Node] = {}
    schemas: dict[tuple[str, ...], Node] = {}

    def catalog_number(name: str, *, notebooks: bool = False) -> Node:
        key = ("notebooks",) if notebooks else ("catalog", name)
        return catalogs.setdefault(key, Node(key, name, 1, text=name))

    def schema_number(of: Node, name: str, kind: str) -> Node:
        key = ("folder", name) if kind == "folder" else ("schema", of.name, name)
        if key not in schemas:
            schemas[key] = Node(key, name, 2, text=name if kind == "folder" else f"{of.name}.{name}")
            of.children.append(schemas[key])
        return schemas[key]

    records = catalog.objects[["kind", "catalog", "schema", "name", "full_name"]].astype(object).to_dict("records")
    for row, one in enumerate(records):
        name = str(one["name"])
        if one["kind"] == "catalog":
            catalog_number(name).row = row
        elif one["kind"] == "schema":
            schema_number(catalog_number(str(one["catalog"])), name, "schema").row = row
        elif one["kind"] == "notebook":
            path = str(one["full_name"])
            holder = schema_number(catalog_number(NOTEBOOKS, notebooks=True), path.rpartition("/")[0] or "/", "folder")
            holder.children.append(Node(("notebook", path), name, 3, row, path))
        else:
            holder = schema_number(catalog_number(str(one["catalog"])), str(one["schema"]), "schema")
            key = (str(one["kind"]), str(one["catalog"]), str(one["schema"]), name)
            holder.children.append(Node(key, name, 3, row, str(one["full_name"])))
    for node in (*catalogs.values(), *schemas.values()):
        node.children.sort(key=lambda child: (child.name.lower(), child.name))
    return sorted(catalogs.values(), key=lambda node: (node.key[0] == "notebooks", node.name.lower(), node.name))


class PlainModel:
    """What `TreeModel` does, one node at a time."""

    def __init__(self, catalog: dbx.Catalog, preview: dbx.Preview | None) -> None:
        self.catalog, self.preview = catalog, preview
        self.catalogs = plain_tree(catalog)
        self.query, self.show, self.changed = "", "all", np.zeros(len(catalog), bool)
        self.opened = {self.catalogs[0].key} if len(self.catalogs) == 1 else set[tuple[str, ...]]()
        self.toggled: set[tuple[str, ...]] = set()
        self.ticked: set[tuple[str, ...]] = set()

    def matches(self, node: Node) -> bool:
        query = self.query.lower()
        if query in node.name.lower():
            return True
        if node.level == 1 or not ("." in query or "/" in query) or query not in node.text.lower():
            return False
        # What is found has to reach the node's own name: "prod.gold" finds that schema, and not each of its tables.
        return node.text.lower().rfind(query) + len(query) >= len(node.text.lower()) - len(node.name.lower())

    def passes(self, node: Node) -> bool:
        """Whether the show filter alone lets a node through."""
        if self.show == "all":
            return True
        if self.show == "ticked":
            return self.tick(node) == "on"
        if node.row < 0:
            return False
        if self.show == "changed":
            return bool(self.changed[node.row])
        return bool(self.preview.included.iloc[node.row]) == (self.show == "included")

    def shown_leaf(self, leaf: Node, above: tuple[Node, ...]) -> bool:
        return self.passes(leaf) and (not self.query or any(self.matches(node) for node in (leaf, *above)))

    def shown(self, node: Node, above: tuple[Node, ...] = ()) -> bool:
        if node.level == 3:
            return self.shown_leaf(node, above)
        if any(self.shown(child, (*above, node)) for child in node.children):
            return True
        return self.passes(node) and (not self.query or any(self.matches(one) for one in (node, *above)))

    def finds_in(self, node: Node) -> bool:
        """Whether the search finds something below a container by its own name."""
        return any((self.matches(child) and self.passes(child)) or self.finds_in(child) for child in node.children)

    def is_open(self, node: Node) -> bool:
        if self.query:
            return self.finds_in(node) != (node.key in self.toggled)
        return node.key in self.opened

    def tick(self, node: Node) -> str:
        if node.level == 3:
            return "on" if node.key in self.ticked else "off"
        if not node.children:
            return "on" if node.key in self.ticked else "off"
        states = {self.tick(child) for child in node.children}
        return states.pop() if len(states) == 1 else "mixed"

    def set_tick(self, node: Node, *, on: bool) -> None:
        for one in (node, *node.children, *(leaf for child in node.children for leaf in child.children)):
            (self.ticked.add if on else self.ticked.discard)(one.key)

    def rows(self) -> list[tuple[Node, int, int, int]]:
        """Every row: the node, its place among its siblings, their number, the row above that holds it."""
        found: list[tuple[Node, int, int, int]] = []

        def walk(nodes: list[Node], above: tuple[Node, ...], parent: int) -> None:
            shown = [node for node in nodes if self.shown(node, above)]
            for position, node in enumerate(shown, start=1):
                found.append((node, position, len(shown), parent))
                if node.level < 3 and self.is_open(node):
                    walk(node.children, (*above, node), len(found) - 1)

        walk(self.catalogs, (), -1)
        return found


def check(model: TreeModel, plain: PlainModel, rng: random.Random) -> None:
    expected = plain.rows()
    assert model.total == len(expected), (model.query, model.show)
    found = model.window(0, model.total + 5)
    assert [row["name"] for row in found] == [node.name[:255] for node, *_ in expected]
    assert [(row["pos"], row["of"], row["parent"]) for row in found] == [tuple(rest) for _, *rest in expected]
    assert [row["level"] for row in found] == [node.level for node, *_ in expected]
    assert [row["tick"] for row in found] == [plain.tick(node) for node, *_ in expected]
    assert [row["open"] for row in found] == [None if n.level == 3 else plain.is_open(n) for n, *_ in expected]
    assert len({row["id"] for row in found}) == len(found)
    start = rng.randint(0, model.total + 2)
    assert model.window(start, 3) == found[start : start + 3]


def act(model: TreeModel, plain: PlainModel, rng: random.Random) -> None:  # noqa: C901, PLR0912 - a list of what can be done
    what = rng.choice(["open", "open", "tick", "tick", "search", "show", "preview", "open_all", "tick_shown", "clear"])
    rows = plain.rows()
    node = rng.choice(rows)[0] if rows else None
    on = rng.random() < 0.6
    if what == "open" and node is not None and node.level < 3:
        model.open(model.tree.find(node.key), is_open=on)
        if plain.query:
            (plain.toggled.add if plain.finds_in(node) != on else plain.toggled.discard)(node.key)
        else:
            (plain.opened.add if on else plain.opened.discard)(node.key)
    elif what == "tick" and node is not None:
        model.tick(model.tree.find(node.key), on=on)
        plain.set_tick(node, on=on)
    elif what == "search":
        plain.query = rng.choice([*QUERIES, ""])
        if plain.query != model.query:
            plain.toggled.clear()
        model.search(f" {plain.query}")
    elif what == "show":
        plain.show = rng.choice(SHOWS)
        model.show_only(plain.show)
    elif what == "preview":
        plain.preview = some_preview(rng, plain.catalog)
        plain.changed = np.array([rng.random() < 0.3 for _ in range(len(plain.catalog))], dtype=bool)
        model.set_preview(plain.preview, plain.changed)
    elif what == "open_all":
        model.open_all(is_open=on)
        containers = [one for catalog_number in plain.catalogs for one in (catalog_number, *catalog_number.children)]
        if plain.query:
            plain.toggled = {one.key for one in containers if plain.finds_in(one) != on}
        else:
            plain.opened = {one.key for one in containers} if on else set()
    elif what == "tick_shown":
        model.tick_shown(on=on)
        leaves = [
            (leaf, (catalog_number, schema_number))
            for catalog_number in plain.catalogs
            for schema_number in catalog_number.children
            for leaf in schema_number.children
        ]
        for leaf in [leaf for leaf, above in leaves if plain.shown_leaf(leaf, above)]:
            plain.set_tick(leaf, on=on)
    elif what == "clear" and rng.random() < 0.3:
        model.clear_ticks()
        plain.ticked.clear()


@pytest.mark.parametrize("seed", range(TREES))
def test_every_row_is_that_of_a_plain_tree(seed: int) -> None:
    rng = random.Random(seed)
    catalog = some_catalog(rng)
    preview = some_preview(rng, catalog)
    model, plain = TreeModel(catalog, preview), PlainModel(catalog, preview)
    check(model, plain, rng)
    for _ in range(20):
        act(model, plain, rng)
        check(model, plain, rng)


@pytest.mark.parametrize("seed", range(30))
def test_the_ticks_are_the_same_rules_on_another_catalog(seed: int) -> None:
    rng = random.Random(seed)
    catalog, other = some_catalog(rng), some_catalog(rng)
    model, plain = TreeModel(catalog), PlainModel(catalog, None)
    for node in rng.sample(plain.rows(), min(3, len(plain.rows()))):
        model.tick(model.tree.find(node[0].key), on=rng.random() < 0.7)
    model.search("or")
    model.tick_shown(on=True)
    moved = model.moved_to(other, None)
    again = TreeModel(other)
    for rule in model.ticks.rules:
        again.ticks._apply(rule)
    assert (moved.ticks.objects == again.ticks.objects).all()
    # What a search ticked is ticked in the other catalog too, for objects that the first one had not.
    found = [
        leaf for catalog_number in plain_tree(other) for leaf in catalog_number.leaves() if "or" in leaf.name.lower()
    ]
    ticked = {tuple(moved.tree.key(("leaf", int(at)))) for at in np.flatnonzero(moved.ticks.objects)}
    assert {leaf.key for leaf in found} <= ticked


@pytest.mark.parametrize("seed", range(30))
def test_the_ticked_rows_are_the_ticked_objects_and_what_holds_them(seed: int) -> None:
    rng = random.Random(seed)
    catalog = some_catalog(rng)
    model, plain = TreeModel(catalog), PlainModel(catalog, None)
    for _ in range(6):
        nodes = [
            node
            for catalog_number in plain.catalogs
            for node in (catalog_number, *catalog_number.children, *catalog_number.leaves())
        ]
        if nodes:
            node, on = rng.choice(nodes), rng.random() < 0.7
            model.tick(model.tree.find(node.key), on=on)
            plain.set_tick(node, on=on)

    def rows_of(node: Node) -> set[int]:
        below = set[int]().union(*(rows_of(child) for child in node.children))
        if node.children:
            return below | {node.row} if below or any(plain.tick(c) != "off" for c in node.children) else set()
        return {node.row} if plain.tick(node) == "on" else set()

    expected = set[int]().union(*(rows_of(catalog_number) for catalog_number in plain.catalogs)) - {-1}
    assert set(np.flatnonzero(model.ticks.rows()).tolist()) == expected


@pytest.mark.parametrize("seed", range(30))
def test_type_ahead_finds_the_next_row_that_begins_so(seed: int) -> None:
    rng = random.Random(seed)
    catalog = some_catalog(rng)
    model = TreeModel(catalog)
    model.open_all(is_open=True)
    if rng.random() < 0.4:
        model.search(rng.choice(QUERIES))
    names = [row["name"].lower() for row in model.window(0, model.total)]
    for text in ("o", "or", "G", "p", "<", "é", "zz"):
        start = rng.randint(0, max(0, len(names) - 1))
        hits = [at for at, name in enumerate(names) if name.startswith(text.lower())]
        expected = min([at for at in hits if at >= start] or hits, default=None)
        assert model.find(text, start) == expected


@pytest.mark.parametrize("seed", range(30))
def test_every_node_is_found_again_by_its_key_and_its_row(seed: int) -> None:
    tree = TreeIndex.of(some_catalog(random.Random(seed)))
    sizes = {"catalog": len(tree.catalogs), "schema": len(tree.schemas), "leaf": len(tree.leaves)}
    places = [(where, number) for where, size in sizes.items() for number in range(size)]
    assert [tree.find(tree.key(place)) for place in places] == places
    with_rows = [place for place in places if tree.row_of(place) >= 0]
    assert [tree.node_of(tree.row_of(place)) for place in with_rows] == with_rows
    assert sorted(tree.row_of(place) for place in with_rows) == list(range(len(tree.catalog)))
    assert tree.find(("catalog", "no such")) is None
    assert tree.find(("table", "no", "such", "thing")) is None
    assert tree.node_of(-1) is None


def test_revealing_opens_what_holds_a_node_and_takes_away_a_search_that_hides_it(catalog: dbx.Catalog) -> None:
    model = TreeModel(catalog)
    model.search("nothing is called so")
    at = model.reveal(model.tree.find(("table", "prod", "tmp", "t07")))
    assert model.window(at, 1)[0]["name"] == "t07"
    assert model.query == ""


def test_names_are_in_order_whatever_their_case_and_notebooks_come_last() -> None:
    rows = [
        ("table", catalog_number, schema, name)
        for catalog_number in ("dev", "Legacy", "a")
        for schema in ("x", "Y")
        for name in "bAaB"
    ]
    frame = pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name"])
    frame["full_name"] = frame["catalog"] + "." + frame["schema"] + "." + frame["name"]
    frame.loc[len(frame)] = ["notebook", None, None, "etl", "/Shared/etl"]
    model = TreeModel(dbx.Catalog.from_frame(frame))

    def names(level: int) -> list[str]:
        return [row["name"] for row in model.window(0, model.total) if row["level"] == level]

    assert names(1) == ["a", "dev", "Legacy", NOTEBOOKS]
    model.open_all(is_open=True)
    assert names(2)[:4] == ["x", "Y", "x", "Y"]
    assert "".join(names(3)[:4]) == "AaBb"
    model.sort_by("name_desc")
    assert names(1) == ["Legacy", "dev", "a", NOTEBOOKS]
    assert names(2)[:4] == ["Y", "x", "Y", "x"]
    assert "".join(names(3)[:4]) == "bBaA"


def test_sorting_is_within_each_container_and_that_by_name_or_verdict_of_the_containers_too() -> None:
    rows = [
        ("table", "c", "s", name, f"c.s.{name}", of, at) for name, of, at in (("b", "MANAGED", 3), ("d", "EXTERNAL", 1))
    ]
    rows += [("view", "c", "s", name, f"c.s.{name}", "VIEW", at) for name, at in (("a", 2), ("c", None))]
    rows += [("schema", "c", None, "z", "c.z", None, None)]
    columns = ["kind", "catalog", "schema", "name", "full_name", "object_type", "updated_at"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["updated_at"] = pd.to_datetime(frame["updated_at"], unit="D", utc=True)
    catalog = dbx.Catalog.from_frame(frame)
    model = TreeModel(catalog, dbx.Filters(tables=dbx.Patterns([".*"], [".*[ab]$"])).preview(catalog))
    model.open_all(is_open=True)

    def order(by: str) -> str:
        model.sort_by(by)
        return "".join(row["name"] for row in model.window(1, 9))

    assert order("name") == "sabcdz"
    assert order("name_desc") == "zsdcba"
    assert order("type") == "sdbacz"
    assert order("updated") == "sbadcz"
    assert order("verdict") == "zscdab"


def test_by_verdict_containers_come_in_the_order_of_theirs_and_notebooks_last() -> None:
    rows = [
        (catalog_number, f"{n}s", f"t{m}")
        for catalog_number in ("aout", "bsome", "cin", "din")
        for n in range(3)
        for m in range(2)
    ]
    frame = pd.DataFrame(rows, columns=["catalog", "schema", "name"]).assign(kind="table")
    frame["full_name"] = frame["catalog"] + "." + frame["schema"] + "." + frame["name"]
    frame.loc[len(frame)] = [None, None, "etl", "notebook", "/Shared/etl"]
    catalog = dbx.Catalog.from_frame(frame)
    tables = dbx.Patterns([".*"], ["aout", r"bsome\.0s", r"bsome\.1s\.t0"])
    preview = dbx.Filters(tables=tables, notebooks=dbx.Patterns([])).preview(catalog)
    model = TreeModel(catalog, preview)
    model.sort_by("verdict")

    def shown(level: int) -> list[tuple[str, str]]:
        return [(row["name"], row["verdict"]) for row in model.window(0, model.total) if row["level"] == level]

    catalogs = [("cin", "in"), ("din", "in"), ("bsome", "some"), ("aout", "out"), (NOTEBOOKS, "out")]
    assert shown(1) == catalogs
    model.open(model.tree.find(("catalog", "bsome")), is_open=True)
    assert shown(2) == [("2s", "in"), ("1s", "some"), ("0s", "out")]
    model.search("t1")
    assert shown(1) == catalogs[:-1]
    model.search("")
    model.set_preview(dbx.Filters(tables=dbx.Patterns([".*"], ["cin"])).preview(catalog))
    assert shown(1)[:4] == [("aout", "in"), ("bsome", "in"), ("din", "in"), ("cin", "out")]
    model.set_preview(None)
    assert [name for name, _ in shown(1)] == ["aout", "bsome", "cin", "din", NOTEBOOKS]


def test_the_time_of_the_last_update_is_offered_where_an_object_has_one(catalog: dbx.Catalog) -> None:
    assert TreeModel(catalog).status()["has_updates"] is False
    frame = catalog.objects.copy()
    frame.loc[frame["kind"] == "catalog", "updated_at"] = pd.Timestamp("2024-01-01", tz="UTC")
    assert TreeModel(dbx.Catalog.from_frame(frame)).status()["has_updates"] is False  # containers are not sorted by it
    frame.loc[frame["name"] == "t03", "updated_at"] = pd.Timestamp("2024-01-01", tz="UTC")
    model = TreeModel(dbx.Catalog.from_frame(frame))
    assert model.status()["has_updates"] is True
    model.sort_by("updated")
    assert model.moved_to(catalog, None).sort == "name"


def test_containers_say_what_they_hold_and_what_becomes_of_it(catalog: dbx.Catalog) -> None:
    model = TreeModel(catalog, dbx.Filters(schemas=dbx.Patterns([".*"], [r"prod\.tmp"])).preview(catalog))
    model.open_all(is_open=True)
    rows = {row["name"]: row for row in model.window(0, model.total) if row["level"] < 3}
    assert rows["prod"]["holds"] == "2 schemas, 50 tables, 1 view"
    assert (rows["prod"]["verdict"], rows["prod"]["why"]) == ("some", "26 of 51 included · by catalog pattern .*")
    assert (rows["tmp"]["verdict"], rows["tmp"]["why"]) == ("out", r"schema deny prod\.tmp")
    assert (rows["gold"]["verdict"], rows["gold"]["holds"]) == ("in", "25 tables, 1 view")
    assert rows["prod_mumbai"]["holds"] == "empty"
    assert rows[NOTEBOOKS]["holds"] == "1 folder, 1 notebook"
    table = next(
        row
        for row in model.window(0, model.total)
        if row["parent"] >= 0 and row["name"] == "t03" and row["verdict"] == "out"
    )
    assert table["why"] == r"schema deny prod\.tmp (its own patterns match)"


def test_each_row_has_short_words_for_columns_that_are_narrow(catalog: dbx.Catalog) -> None:
    filters = dbx.Filters(
        schemas=dbx.Patterns([".*"], [r"prod\.tmp"]),
        tables=dbx.Patterns([".*t.*"], [".*t0[12]"]),
        views=dbx.Patterns([]),
    )
    model = TreeModel(catalog, filters.preview(catalog))
    model.open_all(is_open=True)
    rows = model.window(0, model.total)
    short = {row["name"]: (row["why_short"], row["holds_short"]) for row in reversed(rows)}
    assert short["prod"] == ("23 of 51", "51 in 2 schemas")
    assert short["tmp"] == (r"deny prod\.tmp", "25 tables")
    assert short[NOTEBOOKS] == ("1 of 1", "1 in 1 folder")
    assert short["prod_mumbai"] == ("allow .*", "empty")
    assert short["t01"] == ("deny .*t0[12]", "")
    assert rows[-1]["why_short"] == "allow .*"
    in_tmp = next(row for row in rows if row["name"] == "t03" and row["verdict"] == "out")
    assert in_tmp["why_short"] == r"schema deny prod\.tmp"
    model.set_preview(dbx.Filters(catalogs=dbx.Patterns(["dev"])).preview(catalog))
    rows = model.window(0, model.total)
    assert next(row["why_short"] for row in rows if row["name"] == "prod") == "not allowed"
    assert next(row["why_short"] for row in rows if row["name"] == "t03") == "catalog not allowed"


def failing(catalog: dbx.Catalog, *failures: tuple[str, str]) -> dbx.Catalog:
    """Return the catalog with scopes that could not be listed, each with its reason."""
    frame = failures_frame([(scope, reason, "no") for scope, reason in failures])
    return dbx.Catalog(catalog.objects, frame, catalog.provenance)


def test_what_could_not_be_listed_is_not_called_empty(catalog: dbx.Catalog) -> None:
    failures = [("prod.gold", "denied"), ("prod_mumbai", "throttled"), ("unlisted", "cancelled"), ("/Users", "error")]
    model = TreeModel(failing(catalog, *failures))
    model.open_all(is_open=True)
    rows = {row["name"]: row for row in model.window(0, model.total) if row["level"] < 3}
    assert {name: (row["holds"], row["warn"]) for name, row in rows.items()} == {
        HOSTILE: ("empty", ""),
        "prod": ("at least 2 schemas, 50 tables, 1 view", "1 schema not fully listed"),
        "gold": ("at least 25 tables, 1 view", "not fully listed: denied"),
        "tmp": ("25 tables", ""),
        "prod_mumbai": ("not listed: throttled", "not listed: throttled"),
        "unlisted": ("at least 1 schema, 1 table", "not fully listed: cancelled"),
        "inner": ("at least 1 table", "not fully listed: cancelled"),
        NOTEBOOKS: ("at least 1 folder, 1 notebook", "1 folder not fully listed"),
        "/Shared": ("1 notebook", ""),
    }


def test_a_catalog_of_which_nothing_could_be_listed_is_not_called_empty(catalog: dbx.Catalog) -> None:
    nothing = dbx.Catalog.from_frame(catalog.objects.iloc[:0])
    assert TreeModel(nothing).status()["message"] == "The catalog is empty"
    message = TreeModel(failing(nothing, ("metastore", "denied"))).status()["message"]
    assert message == "Nothing could be listed: denied"


def test_thousands_of_single_ticks_become_one_rule_that_means_the_same(
    monkeypatch: pytest.MonkeyPatch, catalog: dbx.Catalog
) -> None:
    monkeypatch.setattr("dbxexplore.widgets.browse.ticks._MOST_RULES", 5)
    model = TreeModel(catalog)
    for number in range(8):
        model.tick(("leaf", number), on=True)
    model.tick(model.tree.find(("catalog", "prod_mumbai")), on=True)
    assert len(model.ticks.rules) <= 5
    moved = model.moved_to(catalog, None)
    assert (moved.ticks.objects == model.ticks.objects).all()
    assert moved.ticks.objects.sum() == 8
    assert moved.ticks.empty_catalogs.sum() == 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("owner:ANN", ["t1"]),
        ("owner: ann", ["t1"]),
        ("type:streaming table", ["t2"]),
        ("comment:pii", ["t1", "v1"]),
        ("comment:", ["t1", "v1"]),  # any comment
        ("re:^t[12]$", ["t1", "t2"]),
        ("re:^S$", ["t1", "t2", "v1"]),  # a schema, with all that is in it
        ("re:(", []),
        ("size:3", []),  # no field, and no name
    ],
)
def test_a_search_looks_into_fields_and_takes_expressions(query: str, found: list[str]) -> None:
    frame = pd.DataFrame(
        [
            ("table", "c", "s", "t1", "c.s.t1", "MANAGED", "Ann", "has PII"),
            ("table", "c", "s", "t2", "c.s.t2", "STREAMING_TABLE", "Bob", None),
            ("view", "c", "s", "v1", "c.s.v1", "VIEW", None, "no pii"),
        ],
        columns=["kind", "catalog", "schema", "name", "full_name", "object_type", "owner", "comment"],
    )
    model = TreeModel(dbx.Catalog.from_frame(frame))
    model.search(query)
    model.tick_shown(on=True)
    names = model.tree.catalog.objects["name"].to_numpy()[model.tree.leaves[model.ticks.objects]]
    assert sorted(names) == found
