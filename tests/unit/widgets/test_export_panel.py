"""The export panel: the configuration it makes, what it says Dagster will make, and the file it writes."""

from __future__ import annotations

from pathlib import Path

import ipywidgets
import pandas as pd
import pytest
from widget_markup import button, field, markup, show_preview
from widget_names import HOSTILE

import dbxexplore as dbx
from dbxexplore.catalog.schema import failures_frame
from dbxexplore.export import FORMS
from dbxexplore.widgets import ExplorerState, ExportPanel
from dbxexplore.widgets.export.panel import MOST_BYTES

URL = "https://dbc-1234abcd-56ef.cloud.databricks.com"
SETTINGS = dbx.ConnectionSettings(URL)


def shown(panel: ExportPanel) -> str:
    assert panel.finding.wait(30)
    assert panel.comparing.wait(30)
    return "\n".join(markup(panel))


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def panel_of(preview: dbx.Preview | None = None, **fields: object) -> ExportPanel:
    panel = ExportPanel(ExplorerState(dbx.ConnectionConfig(**({"name": "lake", "settings": SETTINGS} | fields))))
    if preview is not None:
        show_preview(panel, preview)
    return panel


def difference(panel: ExportPanel) -> str:
    assert panel.comparing.wait(30)
    return panel._difference.value


# --- the configuration ---


def test_another_file_is_not_replaced_before_the_button_says_so(catalog: dbx.Catalog, tmp_path: Path) -> None:
    panel = dbx.explore(catalog, dbx.ConnectionSettings(URL)).export_panel
    path = tmp_path / "precious.yaml"
    path.write_text("of someone else")
    panel._path.value = str(path)
    panel._save.click()
    assert path.read_text() == "of someone else"
    assert "A file with this name exists" in shown(panel)
    assert panel._save.description == "Overwrite precious.yaml"
    path.write_text("of someone else, edited meanwhile")
    panel._save.click()
    assert path.read_text() == "of someone else, edited meanwhile"
    panel._save.click()
    assert path.read_text() == panel.text()


def test_the_export_panel_makes_and_saves_a_configuration() -> None:
    panel = ExportPanel()
    assert panel.state.config is None
    assert panel._save.disabled
    panel.state.settings = SETTINGS
    panel.state.filters = dbx.Filters(catalogs=dbx.Patterns(["^prod$"]))
    panel._name.value = "lake"
    panel._cron.value = "0 6 * * *"
    assert panel.state.config == dbx.ConnectionConfig(
        name="lake", settings=panel.state.settings, filters=panel.state.filters, schedule=dbx.Schedule(cron="0 6 * * *")
    )
    assert panel._path.value == "lake.yaml"
    panel._save.click()
    assert dbx.ConnectionConfig.load(panel.saved) == panel.state.config
    panel._form.value = "terraform"
    assert panel._path.value == "lake.tf"
    panel._save.click()
    assert Path("lake.tf").read_text(encoding="utf-8") == dbx.export.terraform(panel.state.config)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_saved_as_it_is_shown(form: str) -> None:
    panel = panel_of()
    panel._form.value = form
    panel._save.click()
    assert panel.state.config is not None
    assert panel.saved == {"component": "lake/defs.yaml"}.get(form, "lake" + FORMS[form].suffix)
    assert Path(panel.saved).read_text(encoding="utf-8") == panel.text() == FORMS[form].render(panel.state.config)
    assert "is up to date" in difference(panel)
    panel._form.value = "yaml"
    assert panel._path.value == "lake.yaml"


def test_what_keeps_the_fields_from_being_a_configuration_is_said(tmp_path: Path) -> None:
    panel = ExportPanel()
    panel.state.settings = SETTINGS
    panel._cron.value = "every day"
    assert panel.state.config is None
    assert "is not a cron expression" in shown(panel)
    assert panel._save.disabled
    panel._cron.value = ""
    assert panel.state.config is not None
    panel._path.value = str(tmp_path)
    panel._save.click()
    assert "cannot be written" in panel._outcome.value


def test_all_fields_that_are_wrong_are_told_of_in_the_words_of_the_form() -> None:
    panel = panel_of()
    panel._name.value, panel._cron.value, panel._timezone.value = " ", "every <b>day</b>", "Mars/Olympus"
    said = panel._problem.value
    assert said.count("role='alert'") == 3
    assert (
        "Cron schedule: &#x27;every &lt;b&gt;day&lt;/b&gt;&#x27; is not a cron expression; expected five fields, such as "
        "0 6 * * *.</div>"
    ) in said
    assert (
        "Time zone: &#x27;Mars/Olympus&#x27; is not a time zone; expected a name such as Europe/Berlin.</div>" in said
    )
    assert "Connection name: a name is required." in said
    assert "key" not in said
    panel._cron.value = "0 6 * * *"
    assert panel._problem.value.count("role='alert'") == 2
    panel._cron.value, panel._name.value = "", "lake"  # without a schedule there is no time zone
    assert panel._problem.value == ""
    assert panel.state.config is not None


def test_a_missing_name_is_reported_once_the_field_was_left_or_save_was_clicked() -> None:
    panel = panel_of()
    panel._name.value = ""
    assert panel._problem.value == ""
    panel._description.value = "d"
    assert "a name is required" in panel._problem.value
    panel._name.value = "lake"
    panel._name.value = ""
    assert panel._problem.value == ""
    panel._save.click()
    assert "a name is required" in panel._problem.value
    assert panel.saved == ""


def test_a_half_character_or_pattern_is_told_of_without_keys() -> None:
    panel = panel_of()
    panel._description.value = "\ud800"
    assert "Description: contains an unpaired surrogate" in panel._problem.value
    panel._description.value = ""
    panel.state.filters = dbx.Filters(tables=dbx.Patterns(["a("]))
    assert "is not a regular expression" in panel._problem.value


def test_a_form_that_cannot_have_the_credential_says_so() -> None:
    panel = ExportPanel()
    panel.state.settings = dbx.ConnectionSettings(URL, dbx.ProfileAuth("work"))
    assert not panel._save.disabled
    panel._form.value = "datahub"
    assert "a profile exists on this machine only" in shown(panel)
    assert panel._save.disabled


@pytest.mark.parametrize("field", ["_name", "_description", "_cron", "_timezone", "_path", "_search"])
def test_a_secret_does_not_stay_in_a_field(field: str, canary: str) -> None:
    panel = panel_of()
    getattr(panel, field).value = canary
    assert getattr(panel, field).value == ""
    assert "looks like a secret" in panel._problem.value
    assert canary not in str(ipywidgets.Widget.get_manager_state())


def test_updating_equals_building_anew(catalog: dbx.Catalog) -> None:
    filters = dbx.Filters(catalogs=dbx.Patterns(["^prod$"]))
    preview = filters.preview(catalog, dbx.Dialect.STRICT)
    built = panel_of(preview, filters=filters, dialect=dbx.Dialect.STRICT)
    updated = panel_of(dbx.Filters().preview(catalog))
    assert updated.finding.wait(30)
    show_preview(updated, preview)
    assert shown(built) == shown(updated)
    assert built.state.config == updated.state.config


def test_nothing_can_be_changed_in_a_panel_to_read(catalog: dbx.Catalog) -> None:
    panel = panel_of(dbx.Filters().preview(catalog))
    panel.state.read_only = True
    fields = (panel._name, panel._description, panel._cron, panel._timezone, panel._path)
    assert all(field.disabled for field in fields)
    assert panel._save.layout.display == "none"
    panel._save.click()
    assert panel.saved == ""
    assert not Path("lake.yaml").exists()
    assert panel._copy.layout.display is None
    assert not panel._copy.disabled
    panel.state.read_only = False
    assert not any(field.disabled for field in fields)
    assert panel._save.layout.display is None


@pytest.mark.parametrize(
    ("path", "saved"),
    [("conn.yml", "conn.tf"), ("conn.yaml", "conn.tf"), ("conn-recipe.yaml", "conn.tf"), ("conn", "conn.tf")],
)
def test_the_suffix_of_another_format_replaces_the_old_one(path: str, saved: str) -> None:
    panel = panel_of()
    panel._path.value = path
    panel._form.value = "terraform"
    assert panel._path.value == saved


def test_a_whole_project_is_shown_and_written_and_never_overwritten(tmp_path: Path) -> None:
    panel = panel_of()
    panel._form.value = "project"
    assert panel._path.value == "lake"
    assert "pyproject.toml" in panel._text.value
    panel._save.click()
    assert (tmp_path / "lake" / "pyproject.toml").is_file()
    assert panel.saved == "lake"
    written = {path: path.read_bytes() for path in (tmp_path / "lake").rglob("*") if path.is_file()}
    panel._description.value = "other"
    panel._save.click()
    assert "already exists, so nothing was written" in panel._outcome.value
    assert all(path.read_bytes() == content for path, content in written.items())


def test_patterns_that_would_be_left_out_are_named_before_saving() -> None:
    panel = panel_of()
    panel.state.unfinished = ("deny tables 1", "<b>")
    panel._save.click()
    assert panel.saved == ""
    assert "left out: deny tables 1, &lt;b&gt;." in panel._outcome.value
    assert panel._save.description == "Save without them"
    panel.state.unfinished = ("deny tables 1",)
    assert panel._save.description == "Save"
    panel._save.click()
    assert panel.saved == ""
    panel._save.click()
    assert dbx.ConnectionConfig.load("lake.yaml") == panel.state.config


def test_copying_reports_success_only_when_the_browser_has_copied() -> None:
    panel = panel_of(description="</script>")
    panel._copy.click()
    assert "Copied" not in panel._outcome.value.split("“Copied”")[0]
    (output,) = panel._script.outputs
    script = output["data"]["application/javascript"]
    assert '.then(() => say("Copied"), refused)' in script
    assert "</script>" not in script
    mark = script.split('querySelectorAll(".')[1].split('"')[0]
    assert mark in panel._outcome.value


# --- the assets ---


def test_keys_are_listed_without_a_workspace(catalog: dbx.Catalog) -> None:
    panel = ExportPanel(ExplorerState(catalog=catalog, connection_name="lake"))
    assert panel.state.config is None
    config = dbx.ConnectionConfig(name="lake", settings=SETTINGS)
    expected = config.asset_keys(panel.state.preview)
    assert len(keys_of(panel)) == min(len(expected), 20)
    assert keys_of(panel)[0].startswith(f'["lake", "{expected[0][1]}"')


def test_the_number_of_lint_findings_is_shown(catalog: dbx.Catalog) -> None:
    preview = dbx.Filters(tables=dbx.Patterns(["no_such_thing"])).preview(catalog)
    panel = panel_of(preview)
    assert panel.finding.wait(30)
    number = sum(finding.severity == "warning" for finding in preview.filters.lint(catalog))
    assert number
    assert f"{number} warning" in panel._lint.value
    show_preview(panel, dbx.Filters().preview(catalog))
    assert panel.finding.wait(30)
    assert panel._lint.value == ""


def test_the_first_finding_is_shown_among_the_filters(catalog: dbx.Catalog, focused: list[object]) -> None:
    explorer = dbx.explore(catalog)
    filters = dbx.Filters(tables=dbx.Patterns(deny=["^never_there$"]))
    explorer.state.update(filters=filters, connection_name="lake")
    explorer.page = "Export"
    assert explorer.export_panel.finding.wait(30)
    show = button(explorer.export_panel, "Show the first finding")
    assert show.layout.display is None
    show.click()
    assert explorer.page == "Browse and filter"
    assert focused == [field(explorer.filter_editor, "deny tables 1").text]
    explorer.page = "Export"
    show.click()
    assert len(focused) == 2, "it leads there as often as it is clicked"


def test_more_of_the_shared_keys_are_shown_on_request() -> None:
    rows = [("table", "a", "b", f"t{n}", f"a.b.t{n}") for n in range(8) for _ in range(2)]
    rows = [(("view" if index % 2 else "table"), *row[1:]) for index, row in enumerate(rows)]
    catalog = dbx.Catalog.from_frame(pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"]))
    panel = panel_of(dbx.Filters().preview(catalog))
    assert panel.finding.wait(30)
    assert "and 3 more keys" in panel._collisions.value
    panel._more.click()
    assert "more key" not in panel._collisions.value
    assert "a.b.t7" in panel._collisions.value
    assert panel._more.layout.display == "none"


def keys_of(panel: ExportPanel) -> list[str]:
    assert panel.finding.wait(30)
    return panel._keys.value.replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").split("<li><code>")[1:]


def test_the_keys_are_those_of_the_configuration_page_by_page(catalog: dbx.Catalog) -> None:
    preview = dbx.Filters(schemas=dbx.Patterns(deny=["tmp$", ".*tmp$"])).preview(catalog)
    panel = panel_of(preview)
    assert panel.state.config is not None
    expected = panel.state.config.asset_keys(preview)
    found = keys_of(panel)
    assert "28 assets" in panel._note.value
    assert len(expected) == 28
    assert panel._pager.box.children[0].disabled
    panel._pager.box.children[1].click()
    found += keys_of(panel)
    assert panel._pager.box.children[1].disabled
    assert [line.split("</code>")[0] for line in found] == [
        "[" + ", ".join(f'"{part}"' for part in key) + "]" for key in expected
    ]


def test_another_name_shows_other_keys_of_the_same_page(catalog: dbx.Catalog) -> None:
    panel = panel_of(dbx.Filters().preview(catalog))
    keys_of(panel)
    panel._pager.box.children[1].click()
    before = keys_of(panel)
    panel._name.value = "other"
    assert [line.replace('"lake"', '"other"') for line in before] == keys_of(panel)


@pytest.mark.parametrize("text", ["GOLD.t0", "gold/t0", "prod/gold/t0"])
def test_keys_are_found_by_a_part_of_the_name(catalog: dbx.Catalog, text: str) -> None:
    panel = panel_of(dbx.Filters().preview(catalog))
    panel._search.value = text
    assert len(keys_of(panel)) == 10
    panel._search.value = "Shared/etl"
    assert keys_of(panel) == ['["lake", "notebooks", "Shared", "etl"]</code></li></ul>']
    panel._search.value = "no such thing"
    assert keys_of(panel) == []
    assert "No matching keys" in panel._keys.value


def test_objects_that_share_a_key_are_named() -> None:
    rows = [
        ("table", "notebooks", "Shared", "load", "notebooks.Shared.load"),
        ("notebook", None, None, "load", "/Shared/load"),
    ]
    catalog = dbx.Catalog.from_frame(pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"]))
    panel = panel_of(dbx.Filters().preview(catalog))
    said = shown(panel)
    assert "1 asset key would be shared" in said
    assert "table &#x27;notebooks.Shared.load&#x27; and notebook &#x27;/Shared/load&#x27;" in said
    show_preview(panel, dbx.Filters(notebooks=dbx.Patterns(deny=[".*"])).preview(catalog))
    assert "would be shared" not in shown(panel)


def test_what_could_not_be_listed_is_named(catalog: dbx.Catalog) -> None:
    scopes = ["prod.hr", HOSTILE, "dev.a", "dev.b"]
    failures = failures_frame([(scope, "denied", "no") for scope in scopes])
    partial = dbx.Catalog(catalog.objects, failures, catalog.provenance)
    said = shown(panel_of(dbx.Filters().preview(partial)))
    assert "4 catalogs/schemas couldn't be listed (&lt;img" in said
    assert ", dev.a, dev.b and 1 more)" in said
    assert "prod.hr" not in said


def test_the_last_of_several_previews_is_shown(catalog: dbx.Catalog) -> None:
    first = dbx.Filters().preview(catalog)
    panel = panel_of(first)
    before = shown(panel)
    for preview in (dbx.Filters(tables=dbx.Patterns([])).preview(catalog), first):
        show_preview(panel, preview)
    assert shown(panel) == before


def test_a_connection_that_would_sync_nothing_is_warned_of(catalog: dbx.Catalog) -> None:
    nothing = "The filters exclude everything: 0 assets would be synced."
    panel = panel_of(dbx.Filters().preview(catalog))
    assert nothing not in shown(panel)
    show_preview(panel, dbx.Filters(catalogs=dbx.Patterns(["x"]), notebooks=dbx.Patterns([])).preview(catalog))
    assert f"<div class='dbxe-warn' role='status'>⚠ {nothing}</div>" in shown(panel)


def test_a_recipe_tells_what_datahub_would_read(catalog: dbx.Catalog) -> None:
    filters = dbx.Filters(schemas=dbx.Patterns(["prod.gold", "unlisted.inner"]), views=dbx.Patterns([".*"]))
    panel = panel_of(filters.preview(catalog, dbx.Dialect.STRICT), filters=filters, dialect=dbx.Dialect.STRICT)
    assert "DataHub's own rules" not in shown(panel)
    panel._form.value = "datahub"
    assert "28 assets" in shown(panel)
    assert "DataHub's own rules" not in shown(panel)  # the same
    filters = dbx.Filters(tables=dbx.Patterns(["prod.gold"]))
    show_preview(panel, filters.preview(catalog, dbx.Dialect.STRICT))
    assert "DataHub's own rules would include 27 objects, not 2." in shown(panel)
    filters = dbx.Filters(schemas=dbx.Patterns(["gold"]), notebooks=dbx.Patterns([]))
    show_preview(panel, filters.preview(catalog, dbx.Dialect.OPENMETADATA))
    assert "DataHub's own rules would include 0 objects, not 27." in shown(panel)
    # The recipe for filters that are read without view patterns has none either.
    filters = dbx.Filters(views=dbx.Patterns([]))
    show_preview(panel, filters.preview(catalog, dbx.Dialect.DATAHUB_1_5))
    assert "DataHub's own rules" not in shown(panel)
    panel._form.value = "yaml"
    assert "DataHub's own rules" not in shown(panel)


def test_as_many_objects_may_be_others() -> None:
    rows = [("table", "a", "b", "t", "a.b.t"), ("table", "b", "a", "t", "b.a.t")]
    catalog = dbx.Catalog.from_frame(pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"]))
    filters = dbx.Filters(schemas=dbx.Patterns(["b"]))
    panel = panel_of(
        filters.preview(catalog, dbx.Dialect.OPENMETADATA), filters=filters, dialect=dbx.Dialect.OPENMETADATA
    )
    panel._form.value = "datahub"
    assert "include 1 object too, 1 of them not among these" in shown(panel)


# --- the file ---


def test_a_folder_that_saving_makes_is_named(tmp_path: Path) -> None:
    panel = panel_of()
    assert difference(panel) == ""
    panel._path.value = "new/<b>/lake.yaml"
    assert "creates the folder <code>new/&lt;b&gt;</code>" in difference(panel)
    panel._save.click()
    assert (tmp_path / "new" / "<b>" / "lake.yaml").is_file()
    panel._path.value = "new/<b>/other.yaml"
    assert difference(panel) == ""


def test_marks_that_turn_the_direction_are_seen_and_the_file_stays_as_it_is() -> None:
    filters = dbx.Filters(catalogs=dbx.Patterns(["a\u202eb"]))
    panel = panel_of(filters=filters)
    mark = "<span class='dbxe-unseen'>U+202E</span>"
    assert f"a{mark}b" in panel._text.value
    assert "\u202e" not in panel._text.value
    Path("lake.yaml").write_text(panel.text().replace("a\u202eb", "c\u202ed"), encoding="utf-8")
    panel._path.value = "./lake.yaml"
    assert f"c{mark}d" in difference(panel)
    assert "\u202e" not in difference(panel)
    panel._save.click()
    panel._save.click()
    assert Path("lake.yaml").read_text(encoding="utf-8") == panel.text()
    assert dbx.ConnectionConfig.load("lake.yaml").filters == filters


def test_the_difference_to_the_file_is_shown_and_overwritten() -> None:
    panel = panel_of()
    assert difference(panel) == ""
    assert panel._save.description == "Save"
    panel._save.click()
    assert "is up to date" in difference(panel)
    assert panel._save.description == "Save"
    panel._description.value = HOSTILE
    said = difference(panel)
    assert "+1</span> line" in said
    assert "−" not in said.split("<pre")[0]  # nothing is removed
    assert "<span class='add'>+description: " in said
    assert "<img" not in said
    panel._save.click()
    assert panel._save.description == "Overwrite lake.yaml"
    panel._save.click()
    assert "is up to date" in difference(panel)
    assert panel._save.description == "Save"
    assert dbx.ConnectionConfig.load("lake.yaml").description == HOSTILE


def test_another_path_or_format_is_compared_anew() -> None:
    Path("lake.tf").write_text("# mine\n", encoding="utf-8")
    panel = panel_of()
    assert difference(panel) == ""
    panel._form.value = "terraform"
    assert "-# mine" in difference(panel)
    panel._path.value = "other.tf"
    assert difference(panel) == ""
    assert panel._save.description == "Save"


def test_a_secret_in_the_file_is_not_shown(canary: str) -> None:
    Path("lake.yaml").write_text(f"token: {canary}\nname: old\n", encoding="utf-8")
    panel = panel_of()
    assert "looks like a secret" in difference(panel)
    assert "name: old" in difference(panel)
    assert canary not in str(ipywidgets.Widget.get_manager_state())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00x", "is not a text file"),
        (b"a\x00b", "is not a text file"),
        (b"x" * (MOST_BYTES + 1), "too large to compare (1.0 MB)"),
        (b"x\n" * 10_000, "too long to compare (10,001 lines in the file"),
    ],
)
def test_a_file_that_cannot_be_compared_is_said_to_be_so(content: bytes, said: str) -> None:
    Path("lake.yaml").write_bytes(content)
    panel = panel_of()
    assert said in difference(panel)
    panel._save.click()
    assert panel._save.description == "Overwrite lake.yaml"
    assert Path("lake.yaml").read_bytes() == content
    panel._save.click()
    assert dbx.ConnectionConfig.load("lake.yaml") == panel.state.config


@pytest.mark.parametrize(
    ("path", "said"), [(".", "is a folder"), ("n" * 300, "cannot be read"), ("~nobody-there/x", "")]
)
def test_a_path_that_is_no_file_is_said_to_be_so(path: str, said: str) -> None:
    panel = panel_of()
    panel._path.value = path
    assert said in difference(panel)
    assert panel._save.description == "Save"
    assert panel._message.value == ""


def test_a_file_that_may_not_be_read_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("lake.yaml").write_text("x", encoding="utf-8")

    def refused(_path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refused)
    panel = panel_of()
    assert "cannot be read: Permission denied" in difference(panel)
    panel._save.click()
    assert panel._save.description == "Overwrite lake.yaml"


def test_a_long_difference_is_cut() -> None:
    Path("lake.yaml").write_text("".join(f"line {n}\n" for n in range(3_000)), encoding="utf-8")
    said = difference(panel_of())
    assert "−3,000</span> lines" in said
    assert "more lines</span>" in said
    assert len(said) < 20_000


def test_line_ends_of_another_system_are_no_difference() -> None:
    panel = panel_of()
    Path("lake.yaml").write_bytes(panel.text().replace("\n", "\r\n").encode())
    panel._path.value = "./lake.yaml"
    assert "is up to date" in difference(panel)
