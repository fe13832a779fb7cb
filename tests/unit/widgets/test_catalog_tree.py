"""What the page may send to the tree, and what it gets back."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pandas as pd
import pytest
from widget_markup import show_preview

import dbxexplore as dbx
from dbxexplore.widgets import ExplorerState
from dbxexplore.widgets.browse import tree as catalog_tree
from dbxexplore.widgets.browse.tree import MOST_BYTES, CatalogTree
from dbxexplore.widgets.state import Mask


class Page:
    """Sends what the page's code sends: all that is not acknowledged, each time anew."""

    def __init__(self, tree: CatalogTree, session: str = "page") -> None:
        self.tree, self.session = tree, session
        self._seq = 0
        self._pending: list[dict[str, object]] = []

    def queue(self, kind: str, **values: object) -> None:
        self._seq += 1
        self._pending.append({"seq": self._seq, "type": kind, **values})

    def send(self) -> dict[str, Any]:
        self.tree.request = {"session": self.session, "intents": [dict(one) for one in self._pending]}
        reply: dict[str, Any] = self.tree.reply
        if reply["session"] == self.session:
            self._pending = [one for one in self._pending if one["seq"] > reply["ack"]]
        return reply

    def do(self, kind: str, **values: object) -> dict[str, Any]:
        self.queue(kind, **values)
        return self.send()

    def id_of(self, name: str) -> str:
        return next(row["id"] for row in self.tree.reply["rows"] if row["name"] == name)

    def names(self) -> list[str]:
        return [row["name"] for row in self.tree.reply["rows"]]


@pytest.fixture
def tree(catalog: dbx.Catalog) -> CatalogTree:
    return CatalogTree(ExplorerState(catalog=catalog))


@pytest.fixture
def page(tree: CatalogTree) -> Page:
    page = Page(tree)
    page.do("hello")
    return page


def test_a_page_gets_rows_and_says_that_it_is_there(tree: CatalogTree, page: Page) -> None:
    assert tree.loaded
    assert page.names()[:2] == ["<img src=x onerror=alert(1)>", "prod"]
    reply = page.do("expand", id=page.id_of("prod"), open=True)
    assert reply["ack"] == 2
    assert page.names()[2:4] == ["gold", "tmp"]
    assert reply["total"] == len(reply["rows"]) == 7


def test_everything_that_was_done_while_the_kernel_was_busy_is_done_once(tree: CatalogTree, page: Page) -> None:
    page.queue("expand", id=page.id_of("prod"), open=True)
    page.queue("tick", id=page.id_of("prod"), on=True)
    page.queue("window", start=2, count=3)
    reply = page.send()
    assert (reply["start"], len(reply["rows"]), reply["ack"]) == (2, 3, 4)
    assert tree.state.ticked_text == "50 tables, 1 view"
    # The answer was lost, so the page sends them again with another one: only that one is new.
    gold = page.id_of("gold")
    tree.request = {
        "session": "page",
        "intents": [
            {"seq": 3, "type": "tick", "id": "1-c9", "on": True},
            {"seq": 5, "type": "tick", "id": gold, "on": False},
        ],
    }
    assert tree.state.ticked_text == "25 tables"
    assert tree.reply["ack"] == 5


def test_a_second_page_has_numbers_of_its_own(tree: CatalogTree, page: Page) -> None:
    page.do("expand", id=page.id_of("prod"), open=True)
    second = Page(tree, "second")
    assert second.do("hello")["ack"] == 1
    assert second.names() == page.names()
    assert second.do("tick", id=second.id_of("gold"), on=True)["session"] == "second"
    assert page.do("tick", id=page.id_of("tmp"), on=True)["ack"] == 3
    assert tree.state.ticked_text == "50 tables, 1 view"


MALFORMED = [
    None,
    7,
    {},
    {"session": 5, "intents": []},
    {"session": "page"},
    {"session": "page", "intents": "x"},
    {"session": "page", "intents": [None, 3, [], "tick", {}]},
    {"session": "page", "intents": [{"seq": "1", "type": "hello"}]},
    {"session": "page", "intents": [{"seq": True, "type": "clear_ticks"}]},
    {"session": "page", "intents": [{"seq": 90, "type": "__class__"}]},
    {"session": "page", "intents": [{"seq": 90, "type": ["tick"]}]},
    {"session": "page", "intents": [{"seq": 90, "type": "tick", "id": "1-c0"}]},
    {"session": "page", "intents": [{"seq": 90, "type": "tick", "id": "1-c0", "on": 1}]},
    {"session": "page", "intents": [{"seq": 90, "type": "tick", "id": "1-c999", "on": True}]},
    {"session": "page", "intents": [{"seq": 90, "type": "tick", "id": "1-x0", "on": True}]},
    {"session": "page", "intents": [{"seq": 90, "type": "tick", "id": "77-c0", "on": True}]},
    {"session": "page", "intents": [{"seq": 90, "type": "window", "start": 1.5, "count": 3}]},
    {"session": "page", "intents": [{"seq": 90, "type": "show", "which": "everything"}]},
    {"session": "page", "intents": [{"seq": 90, "type": "sort", "by": {"name": 1}}]},
]


@pytest.mark.parametrize("message", MALFORMED, ids=range(len(MALFORMED)))
def test_what_makes_no_sense_is_ignored_and_logged(
    tree: CatalogTree, page: Page, message: object, caplog: pytest.LogCaptureFixture
) -> None:
    before = {**tree.reply, "ack": 0, "session": ""}
    with caplog.at_level(logging.WARNING):
        tree._on_request({"new": message})
    assert {**tree.reply, "ack": 0, "session": ""} == before
    assert "Ignored a malformed message" in caplog.text
    assert tree.state.ticked is None
    assert page.do("clear_ticks")["rows"] == before["rows"]  # it still works


def test_what_is_malformed_is_acknowledged_so_that_it_is_not_sent_for_ever(tree: CatalogTree) -> None:
    tree.request = {"session": "page", "intents": [{"seq": 8, "type": "of a later version"}]}
    assert tree.reply["ack"] == 8


def test_numbers_out_of_all_bounds_are_brought_into_them(tree: CatalogTree, page: Page) -> None:
    assert page.do("window", start=-(10**30), count=10**30)["start"] == 0
    assert len(page.do("window", start=10**30, count=-5)["rows"]) == 1
    assert page.do("find", text="prod", **{"from": 10**30})["focus"] == 1
    assert page.do("search", text="x" * 100_000)["total"] == 0
    assert len(tree.reply["status"]["query"]) == 1000


WIDTHS = {"name": 55.5, "verdict": 20, "type": 4.5, "holds": 20}


def test_widths_of_columns_are_kept_for_the_next_page(tree: CatalogTree) -> None:
    tree.set_state({"columns": WIDTHS})
    Page(tree, "second").do("hello")
    tree.state.catalog = None
    assert tree.get_state("columns") == {"columns": WIDTHS}


@pytest.mark.parametrize("kept", [{}, WIDTHS])
@pytest.mark.parametrize(
    "wrong",
    [
        {"name": 1},
        {**WIDTHS, "owner": 5},
        *({**WIDTHS, "name": part} for part in (0, -1, True, "1", None, [], float("nan"), float("inf"), 1e300)),
    ],
    ids=str,
)
def test_widths_that_make_no_sense_are_ignored_and_logged(
    tree: CatalogTree, kept: object, wrong: object, caplog: pytest.LogCaptureFixture
) -> None:
    tree.columns = kept
    with caplog.at_level(logging.WARNING):
        tree.set_state({"columns": wrong})
    assert tree.columns == kept
    assert "Ignored a malformed message" in caplog.text


def test_a_failure_of_one_thing_is_logged_and_the_page_is_answered(
    tree: CatalogTree, page: Page, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tree._model, "search", lambda _: 1 / 0)
    reply = page.do("search", text="x")
    assert reply["ack"] == 2
    assert "The tree could not do 'search'" in caplog.text


def test_no_message_is_larger_than_promised_whatever_the_names_are() -> None:
    name = "😀" * 255
    rows = [("table", "c", "s", f"{n:03}{name}"[:255], f"c.s.{n:03}{name}"[:259], "\u202e" * 500) for n in range(300)]
    frame = pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name", "comment"])
    tree = CatalogTree(ExplorerState(catalog=dbx.Catalog.from_frame(frame)))
    page = Page(tree)
    page.do("expand_all", open=True)
    seen: list[str] = []
    start = 0
    while start < tree.reply["total"]:
        reply = page.do("window", start=start, count=200)
        assert len(json.dumps(reply)) <= MOST_BYTES
        assert reply["rows"]
        seen += [row["name"] for row in reply["rows"]]
        start += len(reply["rows"])
    assert len(seen) == 302


def test_the_window_moves_to_the_row_that_was_found(page: Page) -> None:
    page.do("expand_all", open=True)
    page.do("window", start=0, count=4)
    reply = page.do("find", text="orders", **{"from": 0})
    place = reply["focus"] - reply["start"]
    assert reply["rows"][place]["name"] == "orders"


def test_verdicts_ticks_and_selection_are_told_to_python(tree: CatalogTree, page: Page, catalog: dbx.Catalog) -> None:
    show_preview(tree, dbx.Filters(tables=dbx.Patterns(deny=[".*t0.$"])).preview(catalog))
    page.do("expand_all", open=True)
    row = next(row for row in tree.reply["rows"] if row["name"] == "t03")
    assert (row["verdict"], row["why"]) == ("out", "table deny .*t0.$")
    page.do("select", id=row["id"])
    assert catalog.objects["full_name"].iloc[tree.state.selected] == "prod.gold.t03"
    page.do("tick", id=row["id"], on=True)
    assert set(catalog.objects["full_name"][tree.state.ticked.flags]) == {"prod", "prod.gold", "prod.gold.t03"}
    page.do("clear_ticks")
    assert tree.state.ticked is None
    assert tree.state.ticked_text == ""


def test_nothing_can_be_ticked_where_it_is_only_read(tree: CatalogTree, page: Page) -> None:
    tree.state.read_only = True
    reply = page.do("tick", id=page.id_of("prod"), on=True)
    assert reply["status"]["read_only"] is True
    page.do("search", text="t0")
    page.do("tick_shown", on=True)
    assert tree.state.ticked is None


def test_only_what_the_last_edit_changed_can_be_shown(tree: CatalogTree, page: Page) -> None:
    assert tree.reply["status"]["can_show_changed"] is False
    tree.state.filters = dbx.Filters(tables=dbx.Patterns(deny=[".*t03"]))
    assert tree.reply["status"]["can_show_changed"] is True
    page.do("expand_all", open=True)
    reply = page.do("show", which="changed")
    assert reply["total"] == 5  # prod, its two schemas and one table in each
    tree.state.filters = dbx.Filters(tables=dbx.Patterns(deny=[".*t03", "nothing"]))
    assert tree.reply["total"] == 0


def test_another_catalog_keeps_what_is_open_ticked_and_selected_by_name(
    tree: CatalogTree, page: Page, catalog: dbx.Catalog
) -> None:
    page.do("expand_all", open=True)
    page.do("tick", id=page.id_of("gold"), on=True)
    page.do("select", id=page.id_of("t11"))
    stale = page.id_of("t05")
    version = tree.reply["version"]
    tree.state.catalog = dbx.Catalog.from_frame(catalog.objects[catalog.objects["name"] != "t05"])
    assert tree.reply["version"] > version
    assert tree.state.ticked_text == "24 tables, 1 view"
    assert tree.state.catalog.objects["full_name"].iloc[tree.state.selected] == "prod.gold.t11"
    assert "t06" in page.names()
    page.do("tick", id=stale, on=True)  # of the catalog that is gone
    assert tree.state.ticked_text == "24 tables, 1 view"


def test_every_answer_about_another_catalog_has_its_rows_and_keeps_what_is_shown(
    tree: CatalogTree, page: Page, catalog: dbx.Catalog
) -> None:
    everything = dbx.Filters()
    show_preview(tree, everything.preview(catalog))
    tree.state.changed = Mask((catalog.objects["name"] == "t03").to_numpy(dtype=bool))
    page.do("show", which="included")
    kept = (catalog.objects["name"] != "prod") & (catalog.objects["catalog"].astype(object) != "prod")
    other = dbx.Catalog.from_frame(catalog.objects[kept])
    answers: list[list[str]] = []
    tree.observe(lambda change: answers.append([row["name"] for row in change["new"]["rows"]]), "reply")
    show_preview(tree, everything.preview(other))
    assert answers
    assert all("prod" not in names for names in answers)
    assert tree.reply["status"]["show"] == "included"


def test_a_place_can_be_shown_from_elsewhere(tree: CatalogTree, page: Page) -> None:
    assert tree.reveal("prod", "tmp")
    reply = tree.reply
    assert reply["rows"][reply["focus"] - reply["start"]]["name"] == "tmp"
    assert "t00" in page.names()
    assert not tree.reveal("prod", "no such schema")


@pytest.mark.parametrize("names", [("prod",), ("prod", "tmp")])
def test_a_place_that_a_search_hides_is_shown_and_opened(tree: CatalogTree, page: Page, names: tuple[str, ...]) -> None:
    page.do("search", text="etl")
    assert tree.reveal(*names)
    row = tree.reply["rows"][tree.reply["focus"] - tree.reply["start"]]
    assert (row["name"], row["open"]) == (names[-1], True)


def test_without_a_catalog_it_says_what_to_do() -> None:
    tree = CatalogTree()
    assert tree.reply["total"] == 0
    assert "Discover" in tree.reply["status"]["message"]
    assert Page(tree).do("tick", id="0-c0", on=True)["ack"] == 1


def test_an_unknown_keyword_argument_is_refused(catalog: dbx.Catalog) -> None:
    with pytest.raises(TypeError, match="CatalogTree has no trait 'colour'"):
        CatalogTree(ExplorerState(catalog=catalog), colour="red")


def test_the_page_s_code_is_one_module_that_loads_nothing(tree: CatalogTree) -> None:
    assert tree._esm.count("export default") == 1
    code = tree._esm.replace("http://www.w3.org/2000/svg", "")
    code = re.sub(r"^ *(//|/?\*).*$", "", code, flags=re.MULTILINE)
    forbidden = r"\b(import|XMLHttpRequest|WebSocket|eval|Function|innerHTML|outerHTML|insertAdjacentHTML)\b"
    found = re.search(
        rf"{forbidden}|(?<![\w.])fetch\(|\b(local|session)Storage\b|https?:|document\.(write|cookie)", code
    )
    assert found is None, found
    assert len(json.dumps(tree.get_state(["_esm", "_css"]))) <= MOST_BYTES


def test_no_binary_leaves_the_kernel(tree: CatalogTree) -> None:
    from ipywidgets.widgets.widget import _remove_buffers

    _, paths, buffers = _remove_buffers(tree.get_state())
    assert (paths, buffers) == ([], [])


def test_what_the_page_says_is_documented() -> None:
    assert set(catalog_tree.INTENTS) == set(catalog_tree._ON_NODE) | set(catalog_tree._ON_TREE) | {
        "hello",
        "window",
        "find",
        "finish",
        "use_search",
    }


def test_a_row_is_included_and_excluded(catalog: dbx.Catalog) -> None:
    tree = CatalogTree(ExplorerState(catalog=catalog))
    page = Page(tree)
    page.do("expand_all", open=True)
    page.do("include", id=page.id_of("t11"), on=True)  # it is already
    assert tree.state.filters == dbx.Filters()
    page.do("include", id=page.id_of("t11"), on=False)
    row = tree.state.selected
    assert catalog.objects["name"].iloc[row] == "t11"
    assert not tree.state.preview.included.iloc[row]
    page.do("include", id=page.id_of("t11"), on=True)
    assert tree.state.filters == dbx.Filters()
    tree.state.read_only = True
    page.do("include", id=page.id_of("t11"), on=False)
    assert tree.state.filters == dbx.Filters()


def test_a_search_by_expression_becomes_a_pattern(catalog: dbx.Catalog) -> None:
    tree = CatalogTree(ExplorerState(catalog=catalog))
    page = Page(tree)
    assert page.do("search", text="t1")["status"]["expression"] == ""
    page.do("use_search", on=True)
    assert tree.state.filters == dbx.Filters(), "it is no expression"
    broken = page.do("search", text="re: (")["status"]
    assert (broken["expression"], broken["found"]) == ("", "Not a valid regular expression")
    assert page.do("search", text="re: ^t1[0-3]$")["status"]["expression"] == "8 tables"
    page.do("use_search", on=False)
    assert tree.state.filters == dbx.Filters(tables=dbx.Patterns(deny=[r"^[^.]+\.[^.]+\.t1[0-3]$"]))
    assert page.do("search", text="re: ^gold$")["status"]["expression"] == "1 schema"
    page.do("use_search", on=True)
    assert tree.state.filters.schemas == dbx.Patterns([r"^[^.]+\.gold$"])
    included = catalog.objects[tree.state.preview.included]
    assert set(included["schema"].dropna()) == {"gold"}
    tree.state.read_only = True
    before = tree.state.filters
    page.do("use_search", on=False)
    assert tree.state.filters == before


def test_a_search_is_for_what_it_finds_most_of() -> None:
    rows = [("table", "c", schema, "gold_orders", f"c.{schema}.gold_orders") for schema in ("gold_1", "gold_2", "x")]
    rows += [("view", "c", "x", name, f"c.x.{name}") for name in ("gold_a", "gold_b", "plain")]
    columns = ["kind", "catalog", "schema", "name", "full_name"]
    frame = pd.DataFrame([*rows, ("notebook", None, None, "build_gold", "/build_gold")], columns=columns)
    page = Page(CatalogTree(ExplorerState(catalog=dbx.Catalog.from_frame(frame))))
    for text, found in (
        ("gold", "5 tables and views"),
        ("gold_[ab]", "2 views"),
        ("^gold_[12]$", "2 schemas"),
        ("gold$", "1 notebook"),
        ("^c$", "1 catalog"),
        ("^[cx]$", "1 catalog"),
    ):
        assert page.do("search", text=f"re: {text}")["status"]["expression"] == found


def test_a_field_that_is_left_finishes_what_was_typed() -> None:
    tree = CatalogTree()
    tree.state.draft = dbx.Filters(catalogs=dbx.Patterns(["^prod$"]))
    Page(tree).do("finish")
    assert tree.state.filters == dbx.Filters(catalogs=dbx.Patterns(["^prod$"]))


def test_sizes_of_panes_are_checked() -> None:
    tree = CatalogTree()
    tree.panes = {"rail": 300}
    for wrong in ({"rail": "300px"}, {"other": 3}, {"rail": -1}, {"rail": True}):
        tree.panes = wrong
        assert tree.panes == {"rail": 300}
