"""Every kind of credential against every kind of host, with tokens that are really exchanged.

The matrix runs with whichever databricks-sdk is installed; the end of the run has a line for each of its cells.
"""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from simulator import Faults, Simulator, described, truth_of
from simulator.oauth import CLIENT_ID, CLIENT_SECRET, ENDPOINTS, METADATA
from simulator.server import TOKEN

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.connection import WorkspaceApi

pytestmark = pytest.mark.integration

SDK = version("databricks-sdk")
TOKEN_VARIABLE, SECRET_VARIABLE = "SIMULATOR_TOKEN", "SIMULATOR_SECRET"
HOPELESS = 60  # seconds; not a budget, but what would hang


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HOST", "TOKEN", "CONFIG_PROFILE", "CLIENT_ID", "CLIENT_SECRET", "DISCOVERY_URL", "WORKSPACE_ID"):
        monkeypatch.delenv(f"DATABRICKS_{name}", raising=False)
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "databrickscfg"))
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    monkeypatch.setenv(SECRET_VARIABLE, CLIENT_SECRET)


@pytest.fixture
def workspace() -> Iterator[Simulator]:
    with Simulator(described(dotted=False)) as simulator:
        yield simulator


@pytest.fixture
def profile(tmp_path: Path) -> Callable[..., dbx.ProfileAuth]:
    """Write a profile and return the credential that names it."""

    def write(name: str = "prod", **fields: str) -> dbx.ProfileAuth:
        lines = [f"[{name}]", *(f"{key} = {value}" for key, value in fields.items())]
        (tmp_path / "databrickscfg").write_text("[DEFAULT]\nhost = https://other.example\n" + "\n".join(lines) + "\n")
        return dbx.ProfileAuth(name)

    return write


def service_principal(**fields: Any) -> dbx.OAuthM2MAuth:
    return dbx.OAuthM2MAuth(CLIENT_ID, SECRET_VARIABLE, **fields)


# --- the matrix ---


@dataclass(frozen=True)
class Way:
    """A kind of credential: what to discover from, given the simulator and how to write a profile."""

    name: str
    source: Callable[[Simulator, Callable[..., dbx.ProfileAuth]], Any]
    exchanges: bool = True


def _sdk_client(simulator: Simulator, _profile: object) -> Any:
    return dbx.ConnectionSettings(simulator.url, service_principal()).workspace_client()


WAYS = [
    Way(
        "personal access token",
        lambda simulator, _: dbx.ConnectionSettings(simulator.url, dbx.TokenAuth(TOKEN_VARIABLE)),
        exchanges=False,
    ),
    Way(
        "personal access token in a profile",
        lambda simulator, profile: dbx.ConnectionSettings(auth=profile(host=simulator.url, token=TOKEN)),
        exchanges=False,
    ),
    Way("service principal", lambda simulator, _: dbx.ConnectionSettings(simulator.url, service_principal())),
    Way(
        "service principal in a profile",
        lambda simulator, profile: dbx.ConnectionSettings(
            auth=profile(host=f"{simulator.url}/?o=77", client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
        ),
    ),
    Way(
        "service principal in a profile of type oauth-m2m",
        lambda simulator, profile: dbx.ConnectionSettings(
            auth=profile(
                host=f"{simulator.url}/", client_id=CLIENT_ID, client_secret=CLIENT_SECRET, auth_type="oauth-m2m"
            )
        ),
    ),
    Way("WorkspaceClient of a service principal", _sdk_client),
]


def _plain(_simulator: Simulator) -> None:
    pass


def _no_page(simulator: Simulator) -> None:
    simulator.oauth.page = False


def _account_endpoints(simulator: Simulator) -> None:
    simulator.oauth.account_id = "0a1b2c3d"
    simulator.oauth.root = "/oidc/accounts/0a1b2c3d"
    simulator.oauth.metadata_workspace_id = "77"


def _expiring(simulator: Simulator) -> None:
    # Every SDK considers a token expired some seconds before it does, so this one is renewed from the start.
    simulator.oauth.lifetime = 5


HOSTS = {
    "a workspace": _plain,
    "no metadata page": _no_page,
    "endpoints of an account": _account_endpoints,
    "tokens that expire at once": _expiring,
}


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_the_matrix(  # noqa: PLR0913, PLR0917 - fixtures
    way: Way,
    host: str,
    workspace: Simulator,
    profile: Callable[..., dbx.ProfileAuth],
    in_table: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    HOSTS[host](workspace)
    monkeypatch.setattr("dbxexplore.connection.credentials.FRESH", 0.0)  # the crawl is over within a second
    begun = time.monotonic()
    catalog = dbx.discover(way.source(workspace, profile), depth="details", max_concurrency=4)
    assert time.monotonic() - begun < HOPELESS
    assert truth_of(catalog) == workspace.workspace.truth()
    assert catalog.complete
    exchanges = workspace.oauth.exchanges
    assert set(exchanges) == ({"all-apis"} if way.exchanges else set())
    if way.exchanges and host == "tokens that expire at once":
        assert len(exchanges) > 1
    what = f"tokens fetched: {len(exchanges)}" if exchanges else "no exchange"
    in_table(f"databricks-sdk {SDK}: {way.name}, {host}: {len(catalog):,} objects, {what}")


@pytest.mark.parametrize(
    "refusal",
    [
        (401, "Invalid access token"),
        (403, "Token is expiring within 30 seconds. (token expired)"),
        (403, "Invalid access token."),
    ],
    ids=lambda refusal: f"{refusal[0]} {refusal[1][:10]}",
)
def test_a_token_that_is_refused_in_mid_crawl_is_renewed(
    refusal: tuple[int, str], workspace: Simulator, in_table: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each token is good for so many calls; a crawl needs about twice as many.
    workspace.oauth.revoked_after, workspace.oauth.refusal = 30, refusal
    monkeypatch.setattr("dbxexplore.connection.credentials.RENEWAL_PAUSE", 0.0)
    catalog = dbx.discover(dbx.ConnectionSettings(workspace.url, service_principal()), depth="details")
    assert truth_of(catalog) == workspace.workspace.truth()
    assert catalog.complete
    assert len(workspace.oauth.exchanges) >= 2
    in_table(
        f"databricks-sdk {SDK}: service principal, a token refused in mid-crawl with {refusal[0]} {refusal[1]!r}: "
        f"{len(catalog):,} objects, tokens fetched: {len(workspace.oauth.exchanges)}"
    )


@pytest.mark.parametrize("path", [METADATA, f"/oidc{ENDPOINTS}", "/oidc/v1/token"])
def test_a_host_that_hangs_is_waited_for_a_while_and_told(
    path: str, workspace: Simulator, in_table: Callable[[str], None]
) -> None:
    workspace.oauth.hangs = frozenset({path})
    begun = time.monotonic()
    report = dbx.ConnectionSettings(workspace.url, service_principal()).check(timeout=0.5)
    took = time.monotonic() - begun
    assert took < HOPELESS
    assert [problem.code for problem in report.problems] == ["timed_out"], str(report)
    assert "did not answer" in report.problems[0].message
    assert "firewall" in report.problems[0].remedy
    in_table(f"databricks-sdk {SDK}: service principal, a host that hangs on {path}: told after {took:.1f} s")


def test_a_token_needs_no_metadata(workspace: Simulator, in_table: Callable[[str], None]) -> None:
    workspace.oauth.hangs = frozenset({METADATA})
    catalog = dbx.discover(dbx.ConnectionSettings(workspace.url, dbx.TokenAuth(TOKEN_VARIABLE)))
    assert catalog.complete
    assert not workspace.oauth.requests
    in_table(f"databricks-sdk {SDK}: personal access token, a host that hangs on {METADATA}: not asked for")


# --- scopes ---


SCOPES = ("sql", "unity-catalog")


def test_a_secret_limited_to_some_scopes(workspace: Simulator, in_table: Callable[[str], None]) -> None:
    workspace.oauth.scopes = frozenset({*SCOPES, "query-history"})
    settings = dbx.ConnectionSettings(workspace.url, service_principal(scopes=SCOPES))
    assert settings.check().ok
    assert dbx.discover(settings).complete
    assert set(workspace.oauth.exchanges) == {"sql unity-catalog"}
    assert [one.name for one in settings.workspace_client().catalogs.list(include_browse=True)]
    in_table(f"databricks-sdk {SDK}: service principal, a secret limited to {', '.join(SCOPES)}: works")


def test_a_limited_secret_without_its_scopes_says_what_to_do(workspace: Simulator) -> None:
    workspace.oauth.scopes = frozenset(SCOPES)
    settings = dbx.ConnectionSettings(workspace.url, service_principal())
    with pytest.raises(errors.UnauthorizedError, match="does not issue a token for these scopes") as caught:
        dbx.discover(settings)
    assert "scopes=(" in caught.value.remedy
    report = settings.check()
    assert not report.ok
    assert [problem.code for problem in report.problems] == ["unauthorized"]


def test_the_wrong_secret(workspace: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "dose" + "0123" * 8
    monkeypatch.setenv(SECRET_VARIABLE, wrong)
    with pytest.raises(errors.UnauthorizedError, match="ID and secret: invalid_client") as caught:
        dbx.discover(dbx.ConnectionSettings(workspace.url, service_principal()))
    assert "application ID" in caught.value.remedy
    assert wrong not in f"{caught.value!r}{caught.value}"


def test_a_credential_that_may_not_ask_who_it_is_can_be_ready(workspace: Simulator) -> None:
    workspace.oauth.scopes = frozenset({"unity-catalog"})
    workspace.oauth.limited = {"/api/2.0/preview/scim/v2/Me": "scim", "/api/2.0/workspace/list": "workspace"}
    settings = dbx.ConnectionSettings(workspace.url, service_principal(scopes=["unity-catalog"]))
    report = settings.check()
    assert report.ok, str(report)
    assert report.identity == CLIENT_ID
    assert [(problem.code, problem.severity) for problem in report.problems] == [("missing_scopes", "warning")]
    assert "API scopes: workspace" in report.problems[0].remedy
    catalog = dbx.discover(settings)
    assert catalog.counts()["table"]
    assert catalog.failures["scope"].tolist() == ["/"]
    assert "required scopes: workspace" in catalog.failures["message"][0]


# --- hosts of several workspaces ---


@pytest.mark.parametrize("way", ["token", "service principal", "profile", "pasted", "WorkspaceClient"])
def test_a_host_of_several_workspaces_is_told_which(
    way: str, workspace: Simulator, profile: Callable[..., dbx.ProfileAuth], in_table: Callable[[str], None]
) -> None:
    workspace.oauth.workspace_id = "7405609619"
    token = dbx.TokenAuth(TOKEN_VARIABLE)
    make: dict[str, Callable[[], Any]] = {
        "token": lambda: dbx.ConnectionSettings(workspace.url, token, workspace_id="7405609619"),
        "service principal": lambda: dbx.ConnectionSettings(
            workspace.url, service_principal(), workspace_id="7405609619"
        ),
        "profile": lambda: dbx.ConnectionSettings(
            auth=profile(host=workspace.url, token=TOKEN, workspace_id="7405609619")
        ),
        "pasted": lambda: dbx.ConnectionSettings(f"{workspace.url}/browse?o=7405609619", token),
        "WorkspaceClient": lambda: dbx.ConnectionSettings(
            workspace.url, token, workspace_id="7405609619"
        ).workspace_client(),
    }
    assert dbx.discover(make[way]()).complete
    in_table(f"databricks-sdk {SDK}: {way}, a host of several workspaces: works")


def test_without_the_workspace_the_error_says_so(workspace: Simulator) -> None:
    workspace.oauth.workspace_id = "7405609619"
    with pytest.raises(errors.BlockedError, match="Unable to load OAuth Config") as caught:
        dbx.discover(dbx.ConnectionSettings(workspace.url, dbx.TokenAuth(TOKEN_VARIABLE)))
    assert "workspace_id" in caught.value.remedy


# --- profiles ---


def test_a_profile_of_the_account_console_is_refused(profile: Callable[..., dbx.ProfileAuth]) -> None:
    auth = profile(host="https://accounts.cloud.databricks.com", account_id="1", token=TOKEN)
    with pytest.raises(errors.WorkspaceUrlError, match=r"'prod'.*is the account console"):
        dbx.discover(dbx.ConnectionSettings(auth=auth))


def test_a_profile_is_not_mixed_with_the_environment(
    workspace: Simulator, profile: Callable[..., dbx.ProfileAuth], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi" + "0" * 32)
    monkeypatch.setenv("DATABRICKS_HOST", "https://other.example")
    for fields in ({"token": TOKEN}, {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}):
        settings = dbx.ConnectionSettings(auth=profile(host=workspace.url, **fields))
        assert settings.check().ok
        assert settings.check().workspace_url == workspace.url


@pytest.mark.parametrize(("way", "program"), [("databricks-cli", "databricks"), ("azure-cli", "az")])
def test_a_program_that_a_profile_needs_and_that_is_missing_is_named(
    way: str, program: str, profile: Callable[..., dbx.ProfileAuth], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    auth = profile(host="https://dbc-1234abcd-56ef.cloud.databricks.com", auth_type=way)
    with pytest.raises(errors.CredentialError, match=f"no program '{program}' on the PATH") as caught:
        dbx.discover(dbx.ConnectionSettings(auth=auth))
    assert "Install" in caught.value.remedy


def test_a_profile_without_any_credential_says_what_it_needs(
    workspace: Simulator, profile: Callable[..., dbx.ProfileAuth], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(errors.CredentialError, match="'prod' cannot be used") as caught:
        dbx.discover(dbx.ConnectionSettings(auth=profile(host=workspace.url)))
    assert "neither the Databricks CLI nor the Azure CLI is installed" in caught.value.remedy


def test_a_login_of_the_databricks_cli(
    workspace: Simulator, profile: Callable[..., dbx.ProfileAuth], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "databricks"
    answer = json.dumps({"access_token": TOKEN, "token_type": "Bearer", "expiry": "2999-01-01T00:00:00Z"})
    # The SDK tells the CLI from its predecessor by its size.
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\nexit 0\n" + "#" * 1024 * 1024)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    report = dbx.ConnectionSettings(auth=profile(host=workspace.url, auth_type="databricks-cli")).check()
    assert report.ok, str(report)


def test_a_host_without_a_metadata_page_is_not_warned_of(
    workspace: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    _no_page(workspace)
    for auth in (dbx.TokenAuth(TOKEN_VARIABLE), service_principal()):
        dbx.ConnectionSettings(workspace.url, auth).workspace_client()
    assert caplog.messages == []


def test_a_user_without_a_home_is_told_how_to_name_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABRICKS_CONFIG_FILE")
    # As in a container whose user has no entry in /etc/passwd.
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    with pytest.raises(errors.CredentialError, match="'prod' cannot be read") as caught:
        dbx.ConnectionSettings(auth=dbx.ProfileAuth("prod")).workspace_client()
    assert "DATABRICKS_CONFIG_FILE" in caught.value.remedy


def test_other_profiles_are_named_where_one_is_missing(profile: Callable[..., dbx.ProfileAuth], tmp_path: Path) -> None:
    profile("staging", host="https://a.example", token=TOKEN)
    with pytest.raises(errors.CredentialError, match="Profile 'prod' not found") as caught:
        dbx.discover(dbx.ConnectionSettings(auth=dbx.ProfileAuth("prod")))
    assert caught.value.expected == "one of DEFAULT, staging"
    (tmp_path / "databrickscfg").write_text(f"[prod\ntoken = {TOKEN}\n")
    with pytest.raises(errors.CredentialError, match="cannot be read") as caught:
        dbx.discover(dbx.ConnectionSettings(auth=dbx.ProfileAuth("prod")))
    assert TOKEN not in str(caught.value)
    (tmp_path / "databrickscfg").unlink()
    with pytest.raises(errors.CredentialError, match="there is no file"):
        dbx.discover(dbx.ConnectionSettings(auth=dbx.ProfileAuth("prod")))


# --- what is called with it ---


def test_the_variable_is_read_for_each_call(workspace: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = WorkspaceApi(dbx.ConnectionSettings(workspace.url, dbx.TokenAuth(TOKEN_VARIABLE)), timeout=5, connections=1)
    assert calls.get("/api/2.0/preview/scim/v2/Me")
    monkeypatch.setenv(TOKEN_VARIABLE, "dapi" + "0" * 32)
    with pytest.raises(errors.UnauthorizedError):
        calls.get("/api/2.0/preview/scim/v2/Me")
    monkeypatch.delenv(TOKEN_VARIABLE)
    with pytest.raises(errors.CredentialError, match="is not set"):
        calls.get("/api/2.0/preview/scim/v2/Me")


def test_the_secret_of_a_service_principal_is_never_shown(
    workspace: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    settings = dbx.ConnectionSettings(workspace.url, service_principal())
    shown = f"{settings!r}{settings.check()!r}{dbx.discover(settings).provenance!r}"
    workspace.oauth.client_secret = "another"
    report = settings.check()
    for secret in (CLIENT_SECRET, "made-up-token-1"):
        assert secret not in shown + repr(report) + str(report)
        assert secret not in caplog.text


def test_faults_of_the_crawl_are_not_those_of_the_credential() -> None:
    with Simulator(described(dotted=False), Faults(rate_503=0.3)) as simulator:
        catalog = dbx.discover(dbx.ConnectionSettings(simulator.url, service_principal()))
    assert catalog.complete
