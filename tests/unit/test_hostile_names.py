"""Names and comments from a workspace are text everywhere: the markup around them is the same whatever they are."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import ipywidgets
import pandas as pd
import pytest

import dbxexplore as dbx
from dbxexplore.catalog.schema import failures_frame
from dbxexplore.widgets import CoveragePanel, ExplorerState, ExportPanel

sys.path.append(str(Path(__file__).parent / "widgets"))
from widget_markup import show_preview, state_of
from widget_names import HOSTILE_NAMES

SETTINGS = dbx.ConnectionSettings("https://dbc-1234abcd-56ef.cloud.databricks.com")
HARMLESS = "harmless"


class Structure(HTMLParser):
    """The tags of some markup with the names of their attributes, and its text."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: set[tuple[str, ...]] = set()
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add((tag, *(name for name, _ in attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.tags.add((f"/{tag}",))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, _data: str) -> None:
        self.tags.add(("comment",))

    def handle_decl(self, _decl: str) -> None:
        self.tags.add(("declaration",))


def catalog_of(name: str) -> dbx.Catalog:
    """A catalog in which everything that a workspace may name is called the same."""
    rows = [
        ("catalog", None, None, name, name),
        ("schema", name, None, name, f"{name}.{name}"),
        ("table", name, name, name, f"{name}.{name}.{name}"),
        ("table", name, name, "other", f"{name}.{name}.other"),
        ("view", name, name, name, f"{name}.{name}.{name}"),  # with the asset key of the table
        ("notebook", None, None, name, f"/Shared/{name}"),
    ]
    frame = pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"])
    texts = dict.fromkeys(("comment", "owner", "format", "object_type"), name)
    made = dbx.Catalog.from_frame(frame.assign(**texts))
    return dbx.Catalog(made.objects, failures_frame([(name, "denied", name)]), made.provenance)


def preview_of(name: str) -> dbx.Preview:
    patterns = dbx.Patterns(allow=[".*"], deny=[re.escape(name) + r"\..*other$"])
    return dbx.Filters(tables=patterns).preview(catalog_of(name))


def markup(widget: ipywidgets.Widget) -> Iterator[str]:
    if isinstance(widget, ipywidgets.HTML):
        yield widget.value
    for child in getattr(widget, "children", ()):
        yield from markup(child)


def export_panel(name: str) -> str:
    preview = preview_of(name)
    # Patterns may hold a name; the connection's own name takes no control characters.
    connection = name if name == name.strip() and name.isprintable() else HARMLESS
    panel = ExportPanel(
        ExplorerState(dbx.ConnectionConfig(name=connection, settings=SETTINGS, filters=preview.filters))
    )
    panel._description.value = name
    show_preview(panel, preview)
    assert panel.finding.wait(30)
    Path("there").write_text(f"{name}\n" * 3, encoding="utf-8", newline="")
    panel._path.value = "there"
    assert panel.comparing.wait(30)
    assert "would be shared" in panel._collisions.value
    panel._save.click()
    assert panel._save.description == "Overwrite there"
    return "\n".join(markup(panel))


def coverage_panel(name: str) -> str:
    panel = CoveragePanel(state_of(preview_of(name)))
    panel._rows[0]._open.click()
    assert sum(row.box.layout.display != "none" for row in panel._rows) == 2
    return "\n".join(markup(panel))


def explanation(name: str) -> str:
    preview = preview_of(name)
    rows = preview.catalog.objects.index[preview.catalog.objects["kind"] == "view"]
    return preview.explain(int(rows[0]))._repr_html_()


def suggestion(name: str) -> str:
    catalog = catalog_of(name)
    chosen = catalog.objects[catalog.objects["name"] != "other"].index
    return dbx.suggest_filters(catalog, list(chosen))._repr_html_()


def findings(name: str) -> str:
    # A pattern that matches nothing, one that is no anchored one, and one that is no regular expression.
    filters = dbx.Filters(tables=dbx.Patterns(allow=[re.escape(name), "(" + name], deny=["gone " + re.escape(name)]))
    return filters.lint(catalog_of(name))._repr_html_()


SHOWN: dict[str, Callable[[str], str]] = {
    "export panel": export_panel,
    "coverage panel": coverage_panel,
    "catalog": lambda name: catalog_of(name)._repr_html_(),
    "preview": lambda name: preview_of(name)._repr_html_(),
    "explanation": explanation,
    "suggestion": suggestion,
    "findings": findings,
    "objects": lambda name: catalog_of(name).objects.to_html(),
    "frame": lambda name: preview_of(name).frame._repr_html_(),
    "failures": lambda name: catalog_of(name).failures.to_html(),
}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=range(len(HOSTILE_NAMES)))
@pytest.mark.parametrize("where", SHOWN)
def test_the_markup_does_not_depend_on_the_names(where: str, name: str) -> None:
    hostile, harmless = Structure(SHOWN[where](name)), Structure(SHOWN[where](HARMLESS))
    assert harmless.tags
    assert hostile.tags == harmless.tags


@pytest.mark.parametrize("where", ["catalog", "explanation", "export panel", "failures", "frame", "objects"])
def test_a_name_can_be_read(where: str) -> None:
    assert "<img src=x onerror=alert(1)>" in Structure(SHOWN[where]("<img src=x onerror=alert(1)>")).text


@pytest.mark.parametrize("panel", [export_panel, coverage_panel])
@pytest.mark.parametrize("name", [name for name in HOSTILE_NAMES if not name.isprintable()], ids=ascii)
def test_the_panels_show_what_cannot_be_seen_as_a_symbol(panel: Callable[[str], str], name: str) -> None:
    # Not the exported text itself, which is shown as it is written, character by character.
    shown = re.sub(r"<pre class='dbxe-text' tabindex='0'>.*?</pre>", "", panel(name), flags=re.DOTALL)
    assert {c for c in shown if not c.isprintable()} <= {"\n"}
