"""The workspace URL: what is taken, what it becomes, and what is refused with which advice."""

from __future__ import annotations

from typing import Any

import pytest

from dbxexplore import errors
from dbxexplore.connection import ConnectionSettings, normalise_workspace_url
from dbxexplore.connection.url import WORKSPACE_URL_EXAMPLE, cloud_of

AWS = "https://dbc-1234abcd-56ef.cloud.databricks.com"
AZURE = "https://adb-1234567890123456.7.azuredatabricks.net"
GCP = "https://1234567890123456.7.gcp.databricks.com"
SECRET = "dapi" + "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("url", "cloud"),
    [
        (AWS, "aws"),
        ("https://dbc-1234abcd-56ef.cloud.databricks.us", "aws"),
        ("https://dbc-1234abcd-56ef.cloud.databricks.mil", "aws"),
        ("https://acme-prod.cloud.databricks.com", "aws"),
        (AZURE, "azure"),
        ("https://adb-1234567890123456.7.databricks.azure.us", "azure"),
        ("https://adb-1234567890123456.7.databricks.azure.cn", "azure"),
        (GCP, "gcp"),
        ("https://databricks.acme.example", "unknown"),
        ("http://127.0.0.1:8080", "loopback"),
        ("http://localhost:8080", "loopback"),
        ("http://workspace.localhost", "loopback"),
        ("http://[::1]:8080", "loopback"),
    ],
)
def test_a_workspace_url_is_kept_and_its_cloud_known(url: str, cloud: Any) -> None:
    assert normalise_workspace_url(url) == url
    assert cloud_of(url) == cloud
    assert ConnectionSettings(url).cloud == cloud


@pytest.mark.parametrize(
    "pasted",
    [
        f"{AWS}/",
        f"{AWS}///",
        f"{AWS}/?o=1234567890123456",
        f"{AWS}/?o=1234567890123456#",
        f"{AWS}/?o=1234567890123456#notebook/42/command/43",
        f"{AWS}/explore/data/main/gold/orders?o=1234567890123456&activeTab=schema",
        f"{AWS}/sql/warehouses/1234567890abcdef",
        f"{AWS}:443",
        f"{AWS}:443/browse",
        AWS.removeprefix("https://"),
        AWS.removeprefix("https://") + "/browse?o=1",
        AWS.upper(),
        f"  {AWS}\n",
        f'"{AWS}"',
        f"'{AWS}'",
        f"<{AWS}>",
        f"{AWS}.",
        f"{AWS}/login?next=user@example.com",
    ],
)
def test_what_is_pasted_from_a_browser_is_cleaned(pasted: str) -> None:
    assert normalise_workspace_url(pasted) == AWS
    assert ConnectionSettings(pasted).workspace_url == AWS


@pytest.mark.parametrize(
    ("pasted", "url"),
    [
        ("localhost:8080", "http://localhost:8080"),
        ("127.0.0.1", "http://127.0.0.1"),
        ("127.8.9.10:99/x", "http://127.8.9.10:99"),
        ("[::1]:80", "http://[::1]"),
        ("https://localhost:443", "https://localhost"),
        ("https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443"),
        ("https://203.0.113.9", "https://203.0.113.9"),
        ("databricks.acme.example:8443", "https://databricks.acme.example:8443"),
    ],
)
def test_hosts_of_ones_own(pasted: str, url: str) -> None:
    assert normalise_workspace_url(pasted) == url


@pytest.mark.parametrize(
    "console",
    [
        "https://accounts.cloud.databricks.com",
        "https://accounts.cloud.databricks.com/workspaces?account_id=1",
        "accounts.cloud.databricks.us",
        "https://accounts.azuredatabricks.net",
        "https://accounts.gcp.databricks.com/data",
        "https://ACCOUNTS.cloud.databricks.com",
    ],
)
def test_account_consoles_are_refused(console: Any) -> None:
    with pytest.raises(errors.WorkspaceUrlError, match="is the account console") as caught:
        normalise_workspace_url(console)
    assert WORKSPACE_URL_EXAMPLE in str(caught.value)
    assert "copy the address" in caught.value.remedy


def test_a_workspace_named_like_accounts_is_no_console() -> None:
    for name in ("accountspayable", "accounts-payable"):
        url = f"https://{name}.cloud.databricks.com"
        assert normalise_workspace_url(url) == url


@pytest.mark.parametrize(
    "site",
    ["https://www.databricks.com", "databricks.com", "docs.databricks.com/en/index.html", "login.databricks.com"],
)
def test_other_sites_of_databricks_are_refused(site: Any) -> None:
    with pytest.raises(errors.WorkspaceUrlError, match="a Databricks site but not a workspace") as caught:
        normalise_workspace_url(site)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "url", [AWS.replace("https", "http"), "http://10.0.0.1:8080", "http://databricks.acme.example"]
)
def test_plain_http_beyond_this_machine_is_refused(url: str) -> None:
    with pytest.raises(errors.WorkspaceUrlError, match="would send the token unencrypted") as caught:
        normalise_workspace_url(url)
    assert "https://" in caught.value.remedy


@pytest.mark.parametrize("scheme", ["ftp", "file", "databricks", "jdbc:databricks", "javascript"])
def test_other_schemes_are_refused(scheme: Any) -> None:
    with pytest.raises(errors.WorkspaceUrlError) as caught:
        normalise_workspace_url(f"{scheme}://{AWS.removeprefix('https://')}")
    assert WORKSPACE_URL_EXAMPLE in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://ada:hunter2hunter2@dbc-1234abcd-56ef.cloud.databricks.com",
        "https://token@dbc-1234abcd-56ef.cloud.databricks.com/browse",
        "ada:hunter2hunter2@localhost:8080",
        "https://:hunter2hunter2@localhost",
    ],
)
def test_credentials_in_the_url_are_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(errors.WorkspaceUrlError, match="user name or password") as caught:
        normalise_workspace_url(url)
    assert "hunter2" not in str(caught.value)
    assert "Remove everything up to the @" in caught.value.remedy


@pytest.mark.parametrize("url", [SECRET, f"https://{SECRET}@x.cloud.databricks.com", f"{AWS}/?token={SECRET}"])
def test_a_secret_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(errors.WorkspaceUrlError, match=r"secret|password") as caught:
        ConnectionSettings(url)
    assert SECRET not in f"{caught.value}{caught.value!r}"


@pytest.mark.parametrize("url", ["", "   ", "\n", '""', None, 42])
def test_nothing_is_refused(url: str) -> None:
    with pytest.raises(errors.WorkspaceUrlError, match="The workspace URL is empty") as caught:
        normalise_workspace_url(url)
    assert WORKSPACE_URL_EXAMPLE in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://",
        "https:///path",
        "https://?o=1",
        "prod",
        "my workspace",
        "https://dbc 1.cloud.databricks.com",
        "https://dbc_\x00.cloud.databricks.com",
        "https://-dbc.cloud.databricks.com",
        "https://dbc..cloud.databricks.com",
        "https://dbc.cloud.databricks.com:port",
        "https://dbc.cloud.databricks.com:99999",
        "https://[::1",
        "https:\\\\dbc.cloud.databricks.com",
        "https://" + "a" * 64 + ".com",
        "dbc…cloud.databricks.com",
        "\u202ehttps://dbc.cloud.databricks.com",
    ],
)
def test_nonsense_is_refused(url: str) -> None:
    with pytest.raises(errors.WorkspaceUrlError) as caught:
        normalise_workspace_url(url)
    assert WORKSPACE_URL_EXAMPLE in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_long_text_is_quoted_in_part() -> None:
    with pytest.raises(errors.WorkspaceUrlError) as caught:
        normalise_workspace_url("no/" * 1000)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("url", [AWS, AZURE, GCP, "http://[::1]:1", "localhost", f"{AWS}/x?o=1"])
def test_normalising_twice_changes_nothing(url: str) -> None:
    once = normalise_workspace_url(url)
    assert normalise_workspace_url(once) == once
