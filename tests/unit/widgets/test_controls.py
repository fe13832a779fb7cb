"""What a kernel sends to its pages for an Explorer, and what pages send back, with a real kernel and no page."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

import dbxexplore as dbx
from dbxexplore.widgets import controls

# A socket of ZeroMQ keeps 1,000 messages, counts what was read in steps of 500, and drops what is more.
NEVER_DROPPED = 500
# Those of the kernel and of its reader together: so many are on their way at most before one is lost.
KEPT_ON_THE_WAY = 2_000

CELL = """
import dbxexplore as dbx, pandas as pd
frame = pd.DataFrame([("table", "main", "raw", f"t{n}", f"main.raw.t{n}") for n in range(200)],
                     columns=["kind", "catalog", "schema", "name", "full_name"])
catalog = globals().get("catalog") or dbx.Catalog.from_frame(frame)
settings = dbx.ConnectionSettings("https://adb-1.azuredatabricks.net", dbx.TokenAuth("ANY_TOKEN"))
filters = dbx.Filters(tables=dbx.Patterns(allow=["^main"], deny=["tmp$"]))
explorer = dbx.explore(catalog, settings, filters=filters)
explorer
"""
EVERY_PAGE = "for title in explorer.pages: explorer.page = title"


class Page:
    """Keeps what a page would, and refuses what a page could not handle."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client
        self.models: dict[str, dict[str, Any]] = {}
        self.sent: Counter[str] = Counter()

    def run(self, code: str, **expressions: str) -> dict[str, object]:
        """Run the cell of this page; return the values of expressions, and under "shown" the id of what it shows."""
        content = {"code": code, "silent": False, "store_history": True, "stop_on_error": True}
        content["user_expressions"] = {name: f"__import__('json').dumps({text})" for name, text in expressions.items()}
        message = self._client.session.msg("execute_request", content)
        message["metadata"] = {"cellId": "the cell"}
        self._client.shell_channel.send(message)
        shown = self._read(message["header"]["msg_id"])
        reply = self._reply(message["header"]["msg_id"])
        values = {name: json.loads(eval(found["data"]["text/plain"])) for name, found in reply.items()}
        return {**values, "shown": shown}

    def _read(self, asked: str) -> str | None:
        shown = None
        self.sent.clear()
        while True:
            message = self._client.get_iopub_msg(timeout=60)
            kind, content = message["msg_type"], message["content"]
            self.sent[kind] += 1
            if kind == "comm_open":
                state = content["data"]["state"]
                unknown = set(re.findall(r"IPY_MODEL_(\w+)", json.dumps(state))) - set(self.models)
                assert not unknown, f"{state['_model_name']} refers to what the page does not have"
                assert content["comm_id"] not in self.models, f"{state['_model_name']} is opened twice"
                self.models[content["comm_id"]] = state
            elif kind == "comm_msg" and content["data"]["method"] == "update":
                self.models.get(content["comm_id"], {}).update(content["data"]["state"])
            elif kind == "comm_close":
                self.models.pop(content["comm_id"], None)
            elif kind in ("execute_result", "display_data"):
                view = content["data"].get("application/vnd.jupyter.widget-view+json")
                shown = view["model_id"] if view else shown
            elif kind == "error":
                raise AssertionError("\n".join(content["traceback"]))
            elif kind == "status" and (content["execution_state"], message["parent_header"]["msg_id"]) == (
                "idle",
                asked,
            ):
                return shown

    def _reply(self, asked: str) -> dict[str, dict[str, dict[str, str]]]:
        while True:
            reply = self._client.get_shell_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == asked:
                found: dict[str, dict[str, dict[str, str]]] = reply["content"]["user_expressions"]
                return found

    def close(self, *models: str) -> None:
        """Close models, as JupyterLab does with those that it is told of before it can handle any."""
        for model in models:
            self._send("comm_close", {"comm_id": model, "data": {}})

    def set(self, model: str, **state: object) -> None:
        """Change a control, as a person would."""
        self._send("comm_msg", {"comm_id": model, "data": {"method": "update", "state": state, "buffer_paths": []}})

    def _send(self, kind: str, content: dict[str, object]) -> None:
        self._client.shell_channel.send(self._client.session.msg(kind, content))

    def below(self, model: str) -> set[str]:
        """Return a model and all that it refers to, each of which the page must have."""
        found: set[str] = set()
        waiting = [model]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += re.findall(r"IPY_MODEL_(\w+)", json.dumps(self.models[name]))
        return found

    def named(self, kind: str, **values: object) -> str:
        """Return the only model of a kind with these values."""
        (found,) = (
            name
            for name, state in self.models.items()
            if state["_model_name"] == kind and all(state[key] == value for key, value in values.items())
        )
        return found


@pytest.fixture(scope="module")
def client() -> Iterator[BlockingKernelClient]:
    manager, client = start_new_kernel(kernel_name="python3")
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture
def page(client: BlockingKernelClient) -> Page:
    page = Page(client)
    page.run("%reset -f")
    page.run("from dbxexplore.widgets import opening as module; module._opened.clear(); del module")
    return page


def test_an_explorer_opens_with_fewer_messages_than_a_kernel_may_lose(page: Page) -> None:
    shown = page.run(CELL)["shown"]
    assert isinstance(shown, str)
    assert len(page.below(shown)) > 200  # else it is not what is meant
    sent = sum(page.sent.values())
    assert sent <= NEVER_DROPPED, page.sent


@pytest.mark.parametrize("part", ["all", "root", "leaves", "every third"])
def test_what_a_page_closes_works_on_and_is_shown_again(page: Page, part: str) -> None:
    page.run(CELL)
    page.run(EVERY_PAGE)
    everything = sorted(page.models)
    root = page.named("VBoxModel", _dom_classes=["dbxe", "dbxe-explorer"])
    closed = {
        "all": everything,
        "root": [root],
        "leaves": [name for name in everything if not page.models[name].get("children")],
        "every third": everything[::3],
    }[part]
    page.close(*closed)

    # Another page, or this one when it asks for all models of the kernel, still has a control that works.
    url = page.named("TextModel", description="Workspace URL")
    page.set(url, value="https://adb-2.azuredatabricks.net")
    found = page.run("", url="explorer.settings.workspace_url")
    assert found["url"] == "https://adb-2.azuredatabricks.net"
    page.run(
        "explorer.settings = dbx.ConnectionSettings('https://adb-4.azuredatabricks.net', dbx.TokenAuth('ANY_TOKEN'))"
    )
    assert page.models[url]["value"] == "https://adb-4.azuredatabricks.net"
    page.set(url, value="https://adb-2.azuredatabricks.net")

    before = page.run("before = explorer", patterns="str(explorer.filters)")
    for name in closed:
        page.models.pop(name, None)
    shown = page.run(
        CELL, same="explorer is before", patterns="str(explorer.filters)", url="explorer.settings.workspace_url"
    )
    assert (shown["same"], shown["patterns"]) == (True, before["patterns"])
    assert shown["url"] == "https://adb-2.azuredatabricks.net"
    assert len(page.below(str(shown["shown"]))) > 200
    field = page.named("TextModel", description="Workspace URL")
    assert page.models[field]["value"] == "https://adb-2.azuredatabricks.net"
    page.set(field, value="https://adb-3.azuredatabricks.net")
    assert page.run("", url="explorer.settings.workspace_url")["url"] == "https://adb-3.azuredatabricks.net"


def test_a_page_that_has_lost_everything_is_sent_everything(page: Page) -> None:
    page.run(CELL)
    page.run(EVERY_PAGE)
    page.run("assert explorer.export_panel.finding.wait(30)")  # its pages of keys are made in the background
    had = set(page.models)
    page.models.clear()
    shown = page.run(CELL)["shown"]
    assert len(page.below(str(shown))) > 200
    # Also what is not shown now, which may be later.
    assert set(page.models) == had


def test_what_is_opened_again_is_as_it_was_left(page: Page) -> None:
    page.run(CELL)
    tree = page.named("AnyModel")
    (row, *_) = page.models[tree]["reply"]["rows"]
    intent = {"seq": 1, "type": "tick", "id": row["id"], "on": True}
    page.set(tree, request={"session": "page", "intents": [intent]})
    page.run("explorer.filters = dbx.Filters(catalogs=dbx.Patterns(allow=['^m'])); explorer.read_only = True")
    values = {
        "filters": "str(explorer.filters)",
        "read_only": "explorer.read_only",
        "ticked": "explorer.state.ticked_text",
    }
    before = page.run("", **values)
    assert before["ticked"]
    after = page.run(CELL, **values)
    assert {**after, "shown": None} == before
    assert page.models[tree]["reply"]["rows"][0]["tick"] == "on"


def test_a_page_that_connects_in_the_middle_of_an_opening_misses_few_of_what_comes_after(page: Page) -> None:
    page.run(CELL)
    order = list(page.models)
    refers = [set(re.findall(r"IPY_MODEL_(\w+)", json.dumps(page.models[name]))) for name in order]
    worst = max(sum(bool(those & set(order[:cut])) for those in refers[cut:]) for cut in range(1, len(order)))
    assert worst <= 40  # each is two seconds in which JupyterLab does nothing else


def test_an_explorer_with_nothing_in_it_is_small_and_builds_its_pages_when_they_are_shown(page: Page) -> None:
    shown = str(page.run("import dbxexplore as dbx\nexplorer = dbx.explore(fresh=True)\nexplorer")["shown"])
    assert len(page.models) <= 300
    assert not any(state["_model_name"] == "AnyModel" for state in page.models.values())
    tabs = page.named("TabModel")
    page.set(tabs, selected_index=1)
    page.run("")  # what is shown is sent by then
    (tree,) = (name for name, state in page.models.items() if state["_model_name"] == "AnyModel")
    assert tree in page.below(shown)
    before = len(page.models)
    page.set(tabs, selected_index=0)
    page.set(tabs, selected_index=1)
    page.run("")
    assert len(page.models) == before


def test_a_pattern_is_added_after_the_opening(page: Page) -> None:
    shown = str(page.run(CELL)["shown"])
    page.run("explorer.filters = dbx.Filters(tables=dbx.Patterns(allow=['a', 'b', 'c'], deny=['d', 'e']))")
    texts = [
        page.models[name]["value"] for name in page.below(shown) if page.models[name]["_model_name"] == "TextModel"
    ]
    assert {"a", "b", "c", "d", "e"} <= set(texts)


def test_long_lists_of_patterns_are_shown_whole(page: Page) -> None:
    patterns = "dbx.Filters(**{level: dbx.Patterns(allow=[f'^{level}{n}$' for n in range(60)]) "
    patterns += "for level in ('catalogs', 'schemas', 'tables', 'views', 'notebooks')})"
    many = f"import dbxexplore as dbx\nmany = dbx.explore(filters={patterns}, fresh=True)\nmany.page = 'Browse and filter'\nmany"
    shown = page.run(many)["shown"]
    assert len(page.below(str(shown))) > NEVER_DROPPED
    assert sum(page.sent.values()) < KEPT_ON_THE_WAY  # else a slow reader loses some


def test_a_layout_that_is_shared_is_not_changed() -> None:
    with controls.opened_together():
        one, other = controls.HTML(), controls.Button()
        own = controls.HTML(layout={})
        own.layout.display = "none"
        assert one.layout is other.layout
        with pytest.raises(TypeError, match="display is set in a layout that many controls share"):
            one.layout.display = "none"


def test_controls_made_together_are_opened_at_the_end_with_all_that_was_set() -> None:
    with controls.opened_together():
        box, child = controls.VBox(), controls.HTML()
        box.children = [child]
        child.value = "set later"
        assert box.comm is None
        assert child.comm is None
    assert child.comm is not None
    assert box.get_state("children")["children"] == [f"IPY_MODEL_{child.model_id}"]


def test_the_height_of_an_explorer_can_be_set() -> None:
    explorer = dbx.explore()
    explorer.layout.height = "500px"
    assert explorer.filter_editor.layout.height is None
