"""Connection settings: kinds of authentication, names of variables, and that no secret is ever kept or quoted."""

from __future__ import annotations

import copy
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.connection import AUTH_KINDS, looks_like_secret, mask
from dbxexplore.connection.secrets import SECRET, check_variable_name, read_secret

URL = "https://dbc-1234abcd-56ef.cloud.databricks.com"
PAT = "dapi" + "0123456789abcdef" * 2
OAUTH_SECRET = "dose" + "0123456789abcdef" * 2
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.c2lnbmF0dXJl"
CLIENT_ID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def test_defaults() -> None:
    settings = dbx.ConnectionSettings(URL)
    assert settings.auth == dbx.TokenAuth("DATABRICKS_CONNECTION_TOKEN")
    assert settings.warehouse_id is None
    assert dbx.OAuthM2MAuth(CLIENT_ID).client_secret_env_var == "DATABRICKS_CONNECTION_CLIENT_SECRET"
    assert dbx.ProfileAuth().profile == "DEFAULT"


def test_settings_are_values() -> None:
    auth = dbx.OAuthM2MAuth(CLIENT_ID, "SECRET_NAME", scopes=["sql", "unity-catalog", "sql"])
    settings = dbx.ConnectionSettings(f"{URL}/?o=1", auth, "1234567890abcdef")
    again = dbx.OAuthM2MAuth(f" {CLIENT_ID} ", " SECRET_NAME ", ("sql", "unity-catalog"))
    assert settings == dbx.ConnectionSettings(URL, again, "1234567890abcdef", " 1 ")
    assert pickle.loads(pickle.dumps(settings)) == copy.deepcopy(settings) == settings
    assert hash(settings) == hash(copy.deepcopy(settings))
    with pytest.raises(AttributeError):
        settings.warehouse_id = "x"


def test_every_kind_of_authentication_has_its_name() -> None:
    assert {kind: make.kind for kind, make in AUTH_KINDS.items()} == {kind: kind for kind in AUTH_KINDS}
    # These names are in documents that people have.
    assert {"token", "oauth-m2m", "profile", "runtime"} <= set(AUTH_KINDS)


@pytest.mark.parametrize("auth", [dbx.ProfileAuth("prod"), dbx.RuntimeAuth()])
def test_a_profile_and_the_runtime_bring_their_own_url(auth: Any) -> None:
    assert dbx.ConnectionSettings(auth=auth).workspace_url is None
    assert dbx.ConnectionSettings(auth=auth).cloud == "unknown"
    assert dbx.ConnectionSettings(URL, auth).workspace_url == URL


@pytest.mark.parametrize("auth", [dbx.TokenAuth(), dbx.OAuthM2MAuth(CLIENT_ID)])
def test_the_others_need_one(auth: Any) -> None:
    with pytest.raises(errors.WorkspaceUrlError, match="is empty"):
        dbx.ConnectionSettings(auth=auth)


@pytest.mark.parametrize("auth", [None, "token", PAT, {"kind": "token"}, dbx.TokenAuth])
def test_another_auth_is_refused(auth: Any) -> None:
    with pytest.raises(errors.SettingsError) as caught:
        dbx.ConnectionSettings(URL, auth)
    assert all(kind.__name__ in str(caught.value) for kind in AUTH_KINDS.values())
    assert PAT not in str(caught.value)


# --- names of variables ---


@pytest.mark.parametrize("name", ["T", "_t", "DATABRICKS_TOKEN", "databricks_token", "TOKEN_2", "a" * 64])
def test_names_of_variables(name: str) -> None:
    assert check_variable_name(f" {name}\n", "env_var") == name
    assert dbx.TokenAuth(name).env_var == name


@pytest.mark.parametrize("name", ["", "  ", None, 3, b"X"])
def test_no_name(name: str) -> None:
    with pytest.raises(errors.CredentialError, match="env_var is empty") as caught:
        dbx.TokenAuth(name)
    assert "DATABRICKS_CONNECTION_TOKEN" in caught.value.expected


@pytest.mark.parametrize(
    "name", ["1TOKEN", "MY-TOKEN", "MY TOKEN", "$TOKEN", "${TOKEN}", "a=b", "Ü", "hunter2hunter2!"]
)
def test_what_cannot_name_a_variable(name: str) -> None:
    with pytest.raises(errors.CredentialError, match="not a valid environment variable name") as caught:
        dbx.TokenAuth(name)
    assert "Use letters, digits and _ only" in str(caught.value)
    assert name not in str(caught.value)  # it might be a secret


@pytest.mark.parametrize("secret", [PAT, OAUTH_SECRET, JWT, f"Bearer {PAT}", "a1b2c3d4e5f6a7b8c9d0e1f2"])
@pytest.mark.parametrize(
    "make",
    [
        dbx.TokenAuth,
        lambda secret: dbx.OAuthM2MAuth(CLIENT_ID, secret),
    ],
)
def test_a_secret_in_place_of_a_name(make: Any, secret: str) -> None:
    with pytest.raises(errors.CredentialError) as caught:
        make(secret)
    assert secret not in f"{caught.value}{caught.value!r}{caught.value.args}"
    assert "environment variable" in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        dbx.OAuthM2MAuth,
        dbx.ProfileAuth,
        lambda secret: dbx.OAuthM2MAuth(CLIENT_ID, scopes=[secret]),
        lambda secret: dbx.ConnectionSettings(URL, warehouse_id=secret),
        lambda secret: dbx.ConnectionSettings(URL, workspace_id=secret),
        dbx.ConnectionSettings,
    ],
)
@pytest.mark.parametrize("secret", [PAT, OAUTH_SECRET, JWT])
def test_a_secret_anywhere_else(make: Any, secret: str) -> None:
    with pytest.raises(errors.SettingsError, match="secret") as caught:
        make(secret)
    assert secret not in f"{caught.value}{caught.value!r}{caught.value.args}"


@pytest.mark.parametrize("client_id", ["", " ", None])
def test_no_client_id(client_id: Any) -> None:
    with pytest.raises(errors.CredentialError, match=r"application ID \(client_id\) is required"):
        dbx.OAuthM2MAuth(client_id)


def test_a_display_name_is_no_client_id() -> None:
    with pytest.raises(errors.CredentialError, match="not its display name"):
        dbx.OAuthM2MAuth("Dagster service principal")


@pytest.mark.parametrize("profile", ["", " ", None])
def test_no_profile(profile: Any) -> None:
    with pytest.raises(errors.CredentialError, match="profile name is empty"):
        dbx.ProfileAuth(profile)


# --- warehouses ---


@pytest.mark.parametrize(
    "pasted",
    [
        "1234567890abcdef",
        " 1234567890abcdef ",
        "/sql/1.0/warehouses/1234567890abcdef",
        f"{URL}/sql/warehouses/1234567890abcdef/",
    ],
)
def test_a_warehouse_by_its_id_or_path(pasted: str) -> None:
    assert dbx.ConnectionSettings(URL, warehouse_id=pasted).warehouse_id == "1234567890abcdef"


@pytest.mark.parametrize("empty", ["", "  ", None])
def test_no_warehouse(empty: Any) -> None:
    assert dbx.ConnectionSettings(URL, warehouse_id=empty).warehouse_id is None


@pytest.mark.parametrize("wrong", ["my warehouse", "a/b", "é", "x" * 65, 42])
def test_no_id_of_a_warehouse(wrong: Any) -> None:
    with pytest.raises(errors.SettingsError, match="is not a warehouse ID") as caught:
        dbx.ConnectionSettings(URL, warehouse_id=wrong)
    assert "1234567890abcdef" in caught.value.expected


# --- secrets ---


def test_the_secret_is_read_without_white_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", f"  {PAT}\n")
    assert read_secret("SOME_TOKEN") == PAT


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_TOKEN", raising=False)
    with pytest.raises(errors.CredentialError, match="SOME_TOKEN is not set") as caught:
        read_secret("SOME_TOKEN")
    assert "Set it" in caught.value.remedy


def test_an_empty_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", " \n")
    with pytest.raises(errors.CredentialError, match="SOME_TOKEN is empty") as caught:
        read_secret("SOME_TOKEN")
    assert "Set it" in caught.value.remedy


def test_a_repr_names_the_variable_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", PAT)
    settings = dbx.ConnectionSettings(URL, dbx.TokenAuth("SOME_TOKEN"))
    assert "SOME_TOKEN" in repr(settings)
    assert PAT not in f"{settings!r}{settings}{settings.__dict__}"


@pytest.mark.parametrize("secret", [PAT, PAT.upper(), OAUTH_SECRET, JWT, f"a {PAT} b"])
def test_what_looks_like_a_secret(secret: str) -> None:
    assert looks_like_secret(secret)


@pytest.mark.parametrize("text", ["DATABRICKS_TOKEN", URL, CLIENT_ID, "dapi", "dapi_TOKEN", "eyJ", ""])
def test_what_does_not(text: str) -> None:
    assert not looks_like_secret(text)


def test_the_script_of_the_page_recognises_the_same_secrets() -> None:
    scripts = "".join(path.read_text("utf-8") for path in Path(dbx.__file__).parent.rglob("*.js"))
    assert re.findall(r"/(\(\?:dapi.*)/i;", scripts) == [SECRET.pattern]


def test_masking_hides_tokens_and_the_values_of_secret_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_ODD_NAME", "correct horse battery")
    read_secret("MY_ODD_NAME")  # a connection names it
    monkeypatch.setenv("MY_SECRET", "short")  # too short to tell from a word
    text = mask(f"{PAT} and {JWT} and correct horse battery\nand short \x1b[31m")
    assert text.count("***") == 3
    assert PAT not in text
    assert "horse" not in text
    assert "short" in text
    assert text.isprintable()
    assert len(mask("x" * 1000)) == 300


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_SCOPE", "lakehouse"),
        ("TOKEN_KIND", "personal access"),
        ("PASSWORD_FILE", "/run/secrets/databricks_password_2"),
        ("TOKEN_URL", "https://login.example.com/oauth2/v2/token"),
    ],
)
def test_masking_leaves_words_that_are_no_secret(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert mask(f"The tables of {value}") == f"The tables of {value}"


@pytest.mark.parametrize("value", ["s3cr3tValueOfManyLetters99", "kT9~q8Q-.wzvR2rXlPmN0aBcD3fGh", PAT])
def test_masking_hides_what_looks_like_a_secret_wherever_it_is(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ANOTHER_SECRET", value)
    assert mask(f"told {value}!") == "told ***!"


# --- workspace IDs and scopes ---


def test_the_workspace_of_a_pasted_address_is_kept() -> None:
    assert dbx.ConnectionSettings(f"{URL}/?o=7405609619#notebook/42").workspace_id == "7405609619"
    assert dbx.ConnectionSettings(f"{URL}/browse?x=1&o=7405609619").workspace_id == "7405609619"
    assert dbx.ConnectionSettings(f"{URL}/#job/1?o=7405609619").workspace_id == "7405609619"
    assert dbx.ConnectionSettings(f"{URL}/?o=x").workspace_id is None
    assert dbx.ConnectionSettings(URL, workspace_id=7405609619).workspace_id == "7405609619"
    assert dbx.ConnectionSettings(URL, workspace_id=" ").workspace_id is None


def test_two_workspaces_are_refused() -> None:
    assert dbx.ConnectionSettings(f"{URL}/?o=1", workspace_id="1").workspace_id == "1"
    with pytest.raises(errors.SettingsError, match=r"workspace_id is '2', but the workspace URL names .* '1'"):
        dbx.ConnectionSettings(f"{URL}/?o=1", workspace_id="2")


@pytest.mark.parametrize("wrong", ["my workspace", "-1", "1/2", "é", "x" * 101, True, 1.5])
def test_no_id_of_a_workspace(wrong: Any) -> None:
    with pytest.raises(errors.SettingsError, match="workspace_id"):
        dbx.ConnectionSettings(URL, workspace_id=wrong)


@pytest.mark.parametrize("wrong", ["sql", None, 3, {"sql"}, [""], ["unity catalog"], [3], ["a,b"]])
def test_no_scopes(wrong: Any) -> None:
    with pytest.raises(errors.CredentialError, match="scopes"):
        dbx.OAuthM2MAuth(CLIENT_ID, scopes=wrong)
