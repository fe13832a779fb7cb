"""Each component by itself: what it shows for a value, and what value it has for what is typed or clicked."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import ipywidgets
import pytest
from widget_markup import shown, state_of
from widget_names import HOSTILE

import dbxexplore as dbx
from dbxexplore.catalog.schema import failures_frame
from dbxexplore.connection import Capability, ConnectionReport
from dbxexplore.widgets import (
    CatalogBrowser,
    ConnectForm,
    DiscoverPanel,
    ExplorerState,
)
from dbxexplore.widgets.base import Component, shows_errors
from dbxexplore.widgets.connect.snippet import set_variable

URL = "https://dbc-1234abcd-56ef.cloud.databricks.com"


def rows_of(browser: CatalogBrowser) -> list[str]:
    return [row._name.description for row in browser._rows if row.box.layout.display != "none"]


# --- the base ---


def test_an_unknown_keyword_argument_is_refused() -> None:
    with pytest.raises(TypeError, match="Component has no trait 'colour'"):
        Component(colour="red")


def test_an_exception_in_a_callback_is_shown_and_goes_with_the_next_success() -> None:
    class Breaking(Component):
        @shows_errors
        def act(self, fail: object) -> None:
            if fail:
                raise RuntimeError(HOSTILE)

    component = Breaking()
    component.act(True)
    assert "Unexpected RuntimeError: &lt;img" in component._message.value
    component.act(False)
    assert component._message.value == ""


# --- the connect form ---


def test_the_form_makes_settings_of_each_kind_of_credential() -> None:
    form = ConnectForm()
    assert form.state.settings is None
    form._url.value = URL + "/?o=123#job/1"
    assert form.state.settings == dbx.ConnectionSettings(URL, dbx.TokenAuth(), workspace_id="123")
    form._fields["env_var"].value = "MY_TOKEN"
    assert form.state.settings == dbx.ConnectionSettings(URL, dbx.TokenAuth("MY_TOKEN"), workspace_id="123")
    form._kind.value = "oauth-m2m"
    assert form.state.settings is None
    form._fields["client_id"].value = "3f1c2a9e-0000-4000-8000-000000000000"
    assert form.state.settings is not None
    assert form.state.settings.auth == dbx.OAuthM2MAuth("3f1c2a9e-0000-4000-8000-000000000000")
    form._fields["scopes"].value = "unity-catalog, sql"
    assert form.state.settings.auth.scopes == ("unity-catalog", "sql")
    form._kind.value = "profile"
    assert form.state.settings.auth == dbx.ProfileAuth("DEFAULT")
    form._kind.value = "runtime"
    assert form.state.settings.auth == dbx.RuntimeAuth()


@pytest.mark.parametrize(
    "settings",
    [
        dbx.ConnectionSettings(URL, dbx.TokenAuth("T"), "abc123"),
        dbx.ConnectionSettings(URL, dbx.OAuthM2MAuth("id", "S", ("sql", "unity-catalog")), workspace_id="7405"),
        dbx.ConnectionSettings(URL, dbx.ProfileAuth("work")),
        dbx.ConnectionSettings(None, dbx.RuntimeAuth()),
    ],
    ids=lambda settings: settings.auth.kind,
)
def test_updating_the_form_equals_building_it_anew(settings: dbx.ConnectionSettings) -> None:
    built, updated = ConnectForm(ExplorerState(settings=settings)), ConnectForm()
    updated.state.settings = settings
    assert built.state.settings == updated.state.settings == settings
    assert [c.value for c in built.children if hasattr(c, "value")] == [
        c.value for c in updated.children if hasattr(c, "value")
    ]


def test_what_is_wrong_stands_beside_its_field() -> None:
    form = ConnectForm()
    form._url.value = "https://accounts.cloud.databricks.com"
    assert "account console" in form._messages["workspace_url"].value
    assert "dbxe-error" not in form._messages["env_var"].value
    form._url.value = URL
    form._fields["env_var"].value = "not a name"
    assert form._messages["workspace_url"].value == ""
    assert "not a valid environment variable name" in form._messages["env_var"].value
    assert form.state.settings is None


def test_the_hint_about_variables_is_shown_only_below_the_field_of_one() -> None:
    form = ConnectForm()
    for kind, field in (("token", "env_var"), ("oauth-m2m", "client_secret_env_var"), ("profile", ""), ("runtime", "")):
        form._kind.value = kind
        hints = [name for name, message in form._messages.items() if "not its value" in message.value]
        assert hints == [field] * bool(field)


def test_a_field_is_said_to_be_required_once_it_was_left() -> None:
    form = ConnectForm()
    form._kind.value = "oauth-m2m"
    assert "required" not in shown(form)
    form._fields["client_id"].value = "3f1c2a9e"
    form._fields["client_id"].value = ""
    assert "required" not in shown(form)
    form._url.value = URL
    assert "Application ID is required" in form._messages["client_id"].value
    assert shown(form).count("is required") == 1


@pytest.mark.parametrize("press", ["_test", "discover"])
def test_pressing_a_button_says_what_is_required(press: str) -> None:
    form = ConnectForm()
    panel = DiscoverPanel(form.state)
    form._kind.value = "oauth-m2m"
    (panel._start if press == "discover" else form._test).click()
    assert "Workspace URL is required" in form._messages["workspace_url"].value
    assert "Application ID is required" in form._messages["client_id"].value
    assert "is required" not in form._messages["scopes"].value
    assert ("connection is incomplete" in shown(panel)) == (press == "discover")
    assert not panel.task.running


@pytest.mark.parametrize("field", ["env_var", "client_id", "client_secret_env_var", "profile"])
def test_a_secret_does_not_stay_in_a_field(field: str) -> None:
    form = ConnectForm(ExplorerState(settings=dbx.ConnectionSettings(URL)))
    secret = "dapi" + "0123456789ab" * 3
    form._fields[field].value = secret
    assert form._fields[field].value == ""
    assert secret not in str(ipywidgets.Widget.get_manager_state())
    assert "looks like a token" in form._messages[field].value


@pytest.mark.parametrize("field", ["env_var", "client_secret_env_var"])
@pytest.mark.parametrize(
    "secret",
    ["q3Zk8LmN0pQrStUvWx12yZ", "abc8Q~Zk3LmN0pQrStUvWx-_12yZabcdefgh", "pass word 123456 and more", "https://u:p@host"],
)
def test_what_is_probably_a_secret_does_not_stay_where_a_name_is_wanted(field: str, secret: str) -> None:
    form = ConnectForm(ExplorerState(settings=dbx.ConnectionSettings(URL)))
    form._fields[field].value = secret
    assert form._fields[field].value == ""
    assert "looks like a token" in form._messages[field].value


@pytest.mark.parametrize("name", ["DATABRICKS_CONNECTION_TOKEN_2", "my_workspace_token_for_2026", "TOKEN"])
def test_a_name_of_a_variable_stays(name: str) -> None:
    form = ConnectForm(ExplorerState(settings=dbx.ConnectionSettings(URL)))
    form._fields["env_var"].value = name
    assert form.state.settings.auth.env_var == name


def test_a_password_in_the_url_does_not_stay() -> None:
    form = ConnectForm()
    form._url.value = "https://user:hunter2@dbc-1234abcd-56ef.cloud.databricks.com"
    assert form._url.value == ""


def test_variables_are_offered_by_name_and_never_by_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "the value of it")
    form = ConnectForm()
    assert "SOME_TOKEN" in form._fields["env_var"].options
    assert "the value of it" not in str(form._fields["env_var"].get_state())


def test_a_test_without_the_variable_tells_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MISSING_TOKEN", raising=False)
    form = ConnectForm(
        ExplorerState(settings=dbx.ConnectionSettings("http://127.0.0.1:9", dbx.TokenAuth("MISSING_TOKEN")))
    )
    form._test.click()
    assert form.task.wait(30)
    assert form.report is not None
    assert not form.report.ok
    assert "MISSING_TOKEN is not set" in form._result.value
    assert not form._test.disabled


# --- where it starts from ---

PROFILES = (
    "[DEFAULT]\nhost = https://x.cloud.databricks.com\ntoken = %s\n[work]\nhost = https://y.cloud.databricks.com\n"
)


def test_the_form_starts_from_the_environment_without_the_secret(monkeypatch: pytest.MonkeyPatch, canary: str) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", URL + "/")
    monkeypatch.setenv("DATABRICKS_TOKEN", canary)
    form = ConnectForm()
    assert form.state.settings == dbx.ConnectionSettings(URL, dbx.TokenAuth("DATABRICKS_TOKEN"))
    assert "from <code>DATABRICKS_HOST</code>" in form._messages["workspace_url"].value
    assert "from <code>DATABRICKS_TOKEN</code>" in form._messages["env_var"].value
    assert canary not in str(ipywidgets.Widget.get_manager_state())
    form._url.value = "https://other.cloud.databricks.com"
    assert "DATABRICKS_HOST" not in form._messages["workspace_url"].value


def test_the_variable_of_this_package_goes_before_that_of_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABRICKS_TOKEN", "DATABRICKS_CONNECTION_TOKEN"):
        monkeypatch.setenv(name, "a token")
    assert ConnectForm()._fields["env_var"].value == "DATABRICKS_CONNECTION_TOKEN"


def test_a_service_principal_of_the_environment_is_offered_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", URL)
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", "3f1c2a9e-0000-4000-8000-000000000000")
    assert ConnectForm()._kind.value == "token"  # without a secret
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", "the secret of it")
    form = ConnectForm()
    auth = dbx.OAuthM2MAuth("3f1c2a9e-0000-4000-8000-000000000000", "DATABRICKS_CLIENT_SECRET")
    assert form.state.settings == dbx.ConnectionSettings(URL, auth)


def test_profiles_are_offered_by_name_and_their_tokens_are_nowhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, canary: str
) -> None:
    path = tmp_path / "profiles"
    path.write_text(PROFILES % canary, encoding="utf-8")
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(path))
    form = ConnectForm()
    assert form.state.settings == dbx.ConnectionSettings(None, dbx.ProfileAuth("DEFAULT"))
    assert set(form._fields["profile"].options) == {"DEFAULT", "work"}
    assert "from <code>DATABRICKS_CONFIG_FILE</code>" in form._messages["profile"].value
    assert canary not in str(ipywidgets.Widget.get_manager_state())
    monkeypatch.setenv("DATABRICKS_CONFIG_PROFILE", "work")
    assert ConnectForm().state.settings == dbx.ConnectionSettings(None, dbx.ProfileAuth("work"))


@pytest.mark.parametrize("host", ["https://user:hunter2@dbc-1234abcd-56ef.cloud.databricks.com", "not a url", " "])
def test_a_host_that_cannot_be_used_is_left_out(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", host)
    form = ConnectForm()
    assert form._url.value == ""
    assert "hunter2" not in str(ipywidgets.Widget.get_manager_state())


def test_explicit_settings_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", "https://other.cloud.databricks.com")
    settings = dbx.ConnectionSettings(URL, dbx.TokenAuth("T"))
    form = ConnectForm(ExplorerState(settings=settings))
    assert form.state.settings == settings
    assert "from <code>" not in shown(form)


def test_the_environment_of_another_workspace_than_the_catalogs_is_left_out(
    monkeypatch: pytest.MonkeyPatch, catalog: dbx.Catalog
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", URL)
    for origin, expected in ((URL, URL), ("https://other.cloud.databricks.com", "")):
        made = dbx.Catalog(catalog.objects, catalog.failures, replace(catalog.provenance, workspace_url=origin))
        assert ConnectForm(ExplorerState(catalog=made))._url.value == expected


def test_a_missing_variable_comes_with_code_that_sets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    form = ConnectForm()
    assert "getpass" not in shown(form)  # nothing is wrong with an empty form
    form._url.value = URL
    assert "isn't set in this kernel" in form._messages["env_var"].value
    assert "Copy snippet" in form._messages["env_var"].value
    monkeypatch.setattr("getpass.getpass", lambda _prompt: "typed")
    monkeypatch.setenv("MY_TOKEN", "")
    exec(set_variable("MY_TOKEN"), {})
    assert os.environ["MY_TOKEN"] == "typed"
    form._fields["env_var"].value = "MY_TOKEN"
    assert "getpass" not in shown(form)


# --- the discover panel ---


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch) -> list[dbx.ConnectionSettings]:
    """Every test of a connection succeeds; the settings that were tested."""
    tested: list[dbx.ConnectionSettings] = []

    def check(settings: dbx.ConnectionSettings) -> ConnectionReport:
        tested.append(settings)
        return ConnectionReport(URL, "aws", "ann", "main", {"catalogs": Capability("catalogs", True)}, ())

    monkeypatch.setattr(dbx.ConnectionSettings, "check", check)
    return tested


def test_one_button_tests_the_connection_and_discovers(
    reachable: list[dbx.ConnectionSettings], catalog: dbx.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbxexplore.widgets.connect.discover.discover", lambda *_, **__: catalog)
    form = ConnectForm(ExplorerState(settings=dbx.ConnectionSettings(URL)))
    panel = DiscoverPanel(form.state)
    for _ in range(2):
        panel._start.click()
        assert panel.task.wait(30)
    assert panel.state.catalog is catalog
    assert form.report is not None
    assert "Ready to discover" in shown(form)
    assert len(reachable) == 1  # a test that succeeded counts until the settings change
    form.state.settings = dbx.ConnectionSettings(URL, dbx.TokenAuth("OTHER"))
    assert form.report is None
    assert "Ready to discover" not in shown(form)


def test_a_failed_discovery_keeps_what_was_fetched(catalog: dbx.Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MISSING_TOKEN", raising=False)
    panel = DiscoverPanel(
        ExplorerState(
            settings=dbx.ConnectionSettings("http://127.0.0.1:9", dbx.TokenAuth("MISSING_TOKEN")), catalog=catalog
        )
    )
    panel._start.click()
    assert panel.task.wait(30)
    assert panel.state.catalog is catalog
    assert "Can&#x27;t connect" in shown(panel)
    assert "MISSING_TOKEN is not set" in shown(ConnectForm(panel.state))
    assert panel._line.layout.display == "none"
    assert not panel._start.disabled


@pytest.mark.usefixtures("reachable")
def test_cancel_stops_a_discovery(monkeypatch: pytest.MonkeyPatch, catalog: dbx.Catalog) -> None:
    from dbxexplore.widgets.connect import discover as discover_panel

    started = threading.Event()

    def endless(_settings: object, *, cancel: threading.Event, **_options: object) -> dbx.Catalog:
        started.set()
        assert cancel.wait(30)
        return catalog

    monkeypatch.setattr(discover_panel, "discover", endless)
    panel = DiscoverPanel(ExplorerState(settings=dbx.ConnectionSettings(URL)))
    panel._start.click()
    assert started.wait(30)
    assert panel.state.discovering
    assert panel._line.layout.display is None
    assert not panel._line._stop.disabled
    panel._line._stop.click()
    assert "Cancelling" in shown(panel._line)
    assert panel.task.wait(30)
    assert not panel.state.discovering
    assert panel.state.catalog is catalog


# --- the browser ---


def test_the_browser_walks_from_catalogs_to_objects(catalog: dbx.Catalog) -> None:
    browser = CatalogBrowser(ExplorerState(catalog=catalog))
    assert rows_of(browser) == [HOSTILE, "prod", "prod_mumbai", "unlisted", "Notebooks"]
    browser._rows[1]._name.click()
    assert browser.path == ("prod",)
    assert rows_of(browser) == ["gold", "tmp"]
    browser._rows[0]._name.click()
    assert browser.path == ("prod", "gold")
    assert len(rows_of(browser)) == 20
    browser._pager.box.children[1].click()
    assert rows_of(browser) == ["t20", "t21", "t22", "t23", "t24", HOSTILE]
    browser._rows[0]._name.click()
    assert catalog.objects["full_name"][browser.state.selected] == "prod.gold.t20"
    browser._crumbs.children[0].click()
    assert browser.path == ()


def test_containers_without_a_row_of_their_own_can_be_opened(catalog: dbx.Catalog) -> None:
    browser = CatalogBrowser(ExplorerState(catalog=catalog))
    browser._rows[3]._name.click()
    assert browser.path == ("unlisted",)
    browser._rows[0]._name.click()
    assert rows_of(browser) == ["orders"]
    browser.path = (None,)
    assert rows_of(browser) == ["/Shared/etl"]


def test_search_looks_through_everything_in_any_case(catalog: dbx.Catalog) -> None:
    browser = CatalogBrowser(ExplorerState(catalog=catalog))
    browser._search.value = "T01"
    assert rows_of(browser) == ["prod.gold.t01", "prod.tmp.t01"]
    browser._search.value = "no such thing"
    assert rows_of(browser) == []
    assert "Nothing here" in shown(browser)


def test_the_browser_does_not_call_empty_what_could_not_be_listed(catalog: dbx.Catalog) -> None:
    failures = failures_frame(
        [("prod_mumbai", "denied", "no"), ("prod.gold", "error", "no"), ("unlisted", "pending", "")]
    )
    browser = CatalogBrowser(ExplorerState(catalog=dbx.Catalog(catalog.objects, failures, catalog.provenance)))
    assert "at least 2 schemas, 50 tables, 1 view" in browser._rows[1]._details.value
    assert "not listed: denied" in browser._rows[2]._details.value
    assert "empty" in browser._rows[0]._details.value
    assert "at least 1 schema, 1 table" in browser._rows[3]._details.value
    assert "1 folder, 1 notebook" in browser._rows[4]._details.value
    browser.path = ("prod",)
    assert "at least 25 tables, 1 view" in browser._rows[0]._details.value
    browser.path = ("prod_mumbai",)
    assert "Not listed: denied" in browser._where.value
    browser.path = (HOSTILE,)
    assert "Nothing here" in browser._where.value
    browser.path = ("unlisted",)
    assert browser._unlisted() == "Not fully listed yet"


def test_another_catalog_starts_the_browser_anew(catalog: dbx.Catalog) -> None:
    browser = CatalogBrowser(state_of(dbx.Filters().preview(catalog)))
    browser.path = ("prod", "gold")
    other = dbx.Catalog.from_frame(catalog.objects[catalog.objects["kind"] == "notebook"])
    browser.state.catalog = other
    assert (browser.path, browser.state.selected) == ((), -1)
    assert rows_of(browser) == ["Notebooks"]


def test_names_and_comments_are_shown_as_text(catalog: dbx.Catalog) -> None:
    browser = CatalogBrowser(state_of(dbx.Filters(catalogs=dbx.Patterns([HOSTILE])).preview(catalog)))
    for path in [(), ("prod",), ("prod", "gold"), (None,)]:
        browser.path = path
        assert "<img" not in shown(browser)
        assert "<b>" not in shown(browser)


# --- an incomplete catalog ---


def test_an_incomplete_catalog_is_said_to_be_so(catalog: dbx.Catalog) -> None:
    from dbxexplore.catalog.schema import failures_frame

    failures = failures_frame([("prod.secret", "denied", "no <b>")])
    partial = dbx.Catalog(catalog.objects, failures, catalog.provenance)
    assert "prod.secret" in shown(DiscoverPanel(ExplorerState(catalog=partial)))
    assert "no &lt;b&gt;" in shown(DiscoverPanel(ExplorerState(catalog=partial)))
