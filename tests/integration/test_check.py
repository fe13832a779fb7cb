"""The test of a connection, called through the real SDK over real HTTP."""

from __future__ import annotations

import datetime as dt
import ipaddress
import logging
import socket
import ssl
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from simulator import Faults, Simulator, Workspace, described

import dbxexplore as dbx
from dbxexplore.connection import Problem

pytestmark = pytest.mark.integration

VARIABLE = "SIMULATOR_TOKEN"
CANARY = "dapi" + "feedface" * 4


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, CANARY)
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_CONFIG_PROFILE"):
        monkeypatch.delenv(name, raising=False)


def check(url: str, *, warehouse_id: Any = None, timeout: float = 5.0, auth: Any = None) -> dbx.ConnectionReport:
    return dbx.ConnectionSettings(url, auth or dbx.TokenAuth(VARIABLE), warehouse_id).check(timeout=timeout)


def simulated(workspace: Workspace = None, **faults: Any) -> Simulator:
    return Simulator(workspace or described(), Faults(**faults), token=CANARY)


def texts(report: dbx.ConnectionReport) -> str:
    return f"{report}{report!r}{report._repr_html_()}" + "".join(f"{p}{p!r}" for p in report.problems)


def only_problem(report: dbx.ConnectionReport, code: str) -> Problem:
    assert [problem.code for problem in report.problems] == [code], str(report)
    problem = report.problems[0]
    assert problem.message
    assert problem.remedy
    assert problem.message in str(report)
    return problem


def nothing_known(report: dbx.ConnectionReport) -> None:
    assert not report.ok
    assert report.identity is None
    assert report.metastore is None
    assert set(report.capabilities) >= {"catalogs", "table_summaries", "notebooks"}
    assert not any(capability.available for capability in report.capabilities.values())
    assert "Can't connect" in report._repr_html_()


def test_all_is_well() -> None:
    with simulated() as simulator:
        report = check(simulator.url, warehouse_id="running01")
    assert report.ok
    assert not report.problems
    assert report.workspace_url == simulator.url
    assert report.cloud == "loopback"
    assert report.identity == "ada@example.com (42)"
    assert report.metastore == "main-metastore (eu-central-1)"
    assert {name: c.available for name, c in report.capabilities.items()} == {
        "catalogs": True,
        "table_summaries": True,
        "notebooks": True,
        "warehouse": True,
    }
    assert "Ready to discover" in report._repr_html_()
    assert simulator.record.total <= 7
    assert not simulator.record.wrong_credentials


# --- the credential ---


def test_the_variable_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    with simulated() as simulator:
        report = check(simulator.url)
        assert simulator.record.total == 0
    nothing_known(report)
    problem = only_problem(report, "credential")
    assert VARIABLE in problem.message
    assert "not set" in problem.message


def test_the_variable_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "  ")
    with simulated() as simulator:
        report = check(simulator.url)
        assert simulator.record.total == 0
    nothing_known(report)
    assert "is empty" in only_problem(report, "credential").message


def test_the_runtime_identity_outside_databricks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    with simulated() as simulator:
        report = check(simulator.url, auth=dbx.RuntimeAuth())
    nothing_known(report)
    assert "only works inside Databricks" in only_problem(report, "credential").message


def test_a_profile_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "none.cfg"))
    (tmp_path / "none.cfg").write_text("[other]\nhost = http://127.0.0.1\n")
    report = dbx.ConnectionSettings(auth=dbx.ProfileAuth("prod")).check()
    nothing_known(report)
    assert "'prod'" in only_problem(report, "credential").message


def test_a_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with simulated() as simulator:
        monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "databrickscfg"))
        (tmp_path / "databrickscfg").write_text(f"[prod]\nhost = {simulator.url}\ntoken = {CANARY}\n")
        report = dbx.ConnectionSettings(auth=dbx.ProfileAuth("prod")).check()
    assert report.ok, str(report)
    assert report.workspace_url == simulator.url
    assert CANARY not in texts(report)


def test_the_token_is_not_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "dapi" + "00000000" * 4)
    with simulated() as simulator:
        report = check(simulator.url, warehouse_id="running01")
        assert simulator.record.total == 1  # nothing else is tried
    nothing_known(report)
    problem = only_problem(report, "unauthorized")
    assert "401" in problem.message
    assert "expired" in problem.remedy


def test_the_token_expires_during_the_check() -> None:
    with simulated(expired_after=1) as simulator:
        report = check(simulator.url, warehouse_id="running01")
    assert not report.ok
    assert not any(capability.available for capability in report.capabilities.values())
    assert {problem.code for problem in report.problems} == {"unauthorized"}


def test_forbidden() -> None:
    with simulated(denied={"/api/2.0/preview/scim/v2/Me"}) as simulator:
        report = check(simulator.url)
    nothing_known(report)
    assert "403" in only_problem(report, "forbidden").message


def test_blocked_by_an_ip_access_list() -> None:
    with simulated(ip_blocked=True) as simulator:
        report = check(simulator.url)
    nothing_known(report)
    problem = only_problem(report, "ip_blocked")
    assert "IP address" in problem.message
    assert "access list" in problem.remedy


# --- the way there ---


def test_an_unknown_host() -> None:
    start = time.monotonic()
    report = check("https://dbc-1234abcd-56ef.cloud.databricks.invalid")
    assert time.monotonic() - start < 60
    nothing_known(report)
    problem = only_problem(report, "unknown_host")
    assert "databricks.invalid" in problem.message
    assert "typos" in problem.remedy


def test_nobody_listens() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        start = time.monotonic()
        report = check(f"http://127.0.0.1:{reserved.getsockname()[1]}")
    assert time.monotonic() - start < 60
    nothing_known(report)
    assert "refused the connection" in only_problem(report, "unreachable").message


def test_no_answer_in_time() -> None:
    with simulated(silent=True) as simulator:
        start = time.monotonic()
        report = check(simulator.url, timeout=0.3)
        assert time.monotonic() - start < 30
    nothing_known(report)
    problem = only_problem(report, "timed_out")
    assert "in time" in problem.message
    assert "firewall" in problem.remedy


@pytest.fixture
def self_signed(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "simulator")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context, path


def test_a_certificate_that_is_not_trusted(self_signed: Any) -> None:
    with Simulator(described(), token=CANARY, tls=self_signed[0]) as simulator:
        report = check(simulator.url)
        assert simulator.record.total == 0
    nothing_known(report)
    problem = only_problem(report, "tls")
    assert "certificate" in problem.message
    assert "REQUESTS_CA_BUNDLE" in problem.remedy


def test_a_certificate_trusted_by_the_bundle(self_signed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(self_signed[1]))
    with Simulator(described(), token=CANARY, tls=self_signed[0]) as simulator:
        report = check(simulator.url)
    assert report.ok, str(report)


# --- not a workspace ---


@pytest.mark.parametrize(
    "faults",
    [
        {"html_status": 200},
        {"html_status": 404},
        {"plain_json": {}},
        {"plain_json": {"hello": "world"}},
        {"plain_json": [1, 2]},
        {"broken": {"/api/2.0/preview/scim/v2/Me": 404}},
    ],
)
def test_not_a_databricks_workspace(faults: Any) -> None:
    with simulated(**faults) as simulator:
        report = check(simulator.url)
    nothing_known(report)
    assert "Check the workspace URL" in only_problem(report, "not_databricks").remedy


def test_a_server_that_breaks() -> None:
    with simulated(html_status=500) as simulator:
        report = check(simulator.url)
    nothing_known(report)
    assert len(report.problems) == 1


# --- what is missing there ---


def test_no_metastore() -> None:
    with simulated(replace(described(), metastore=None)) as simulator:
        report = check(simulator.url)
    assert report.metastore is None
    assert [problem.severity for problem in report.problems] == ["warning"]
    assert "No metastore" in only_problem(report, "not_found").message


def test_catalogs_denied() -> None:
    with simulated(denied={"/api/2.1/unity-catalog/catalogs"}) as simulator:
        report = check(simulator.url)
    assert not report.ok
    assert report.identity
    assert report.capabilities["catalogs"].available is False
    assert not report.capabilities["table_summaries"].available
    assert only_problem(report, "forbidden").severity == "error"


def test_no_catalog_is_visible() -> None:
    with simulated(Workspace()) as simulator:
        report = check(simulator.url)
    assert report.ok
    assert report.capabilities["catalogs"].available
    assert "USE CATALOG" in only_problem(report, "no_catalogs").remedy


@pytest.mark.parametrize("summaries", [404, 501, 4040])
def test_no_table_summaries(summaries: Any) -> None:
    with simulated(summaries=summaries) as simulator:
        report = check(simulator.url)
    assert report.ok
    assert not report.problems
    assert report.capabilities["table_summaries"].available is False
    assert "schema by schema" in str(report)


def test_notebooks_denied() -> None:
    with simulated(denied={"/"}) as simulator:
        report = check(simulator.url)
    assert report.ok
    assert report.capabilities["notebooks"].available is False
    assert only_problem(report, "forbidden").severity == "warning"


def test_empty_first_pages() -> None:
    with simulated(rate_empty=1.0) as simulator:
        report = check(simulator.url)
    assert report.ok
    assert report.capabilities["catalogs"].detail == "can be listed"


def test_a_stopped_warehouse_is_not_started() -> None:
    with simulated() as simulator:
        report = check(simulator.url, warehouse_id="stopped01")
        assert simulator.record.paths["/api/2.0/sql/statements"] == 0
    assert report.ok
    assert report.capabilities["warehouse"].available is None
    assert "stopped" in report.capabilities["warehouse"].detail


def test_a_warehouse_that_is_not_there() -> None:
    with simulated() as simulator:
        report = check(simulator.url, warehouse_id="nowhere")
    assert report.ok
    assert report.capabilities["warehouse"].available is False
    assert "'nowhere'" in only_problem(report, "warehouse").message


# --- secrets ---


@pytest.mark.parametrize(
    "faults",
    [
        Faults(),
        Faults(expired_after=0),
        Faults(ip_blocked=True),
        Faults(html_status=500),
        Faults(html_status=404),
        Faults(silent=True),
        Faults(denied={CANARY, "/api/2.1/unity-catalog/catalogs"}),
        Faults(rate_reset=1.0, at_most_in_a_row=99),
    ],
)
def test_the_token_is_never_shown(faults: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Simulator(described(), faults, token=CANARY) as simulator:
        report = check(simulator.url, warehouse_id="running01", timeout=0.5)
    assert CANARY not in texts(report)
    assert CANARY not in caplog.text
    assert CANARY not in "".join(str(record.__dict__) for record in caplog.records)


@pytest.mark.parametrize("secret", [CANARY, "correct horse battery staple"])
def test_a_server_that_echoes_the_token(
    secret: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, secret)
    caplog.set_level(logging.DEBUG, "dbxexplore")
    with simulated(echo=True) as simulator:
        report = check(simulator.url)
    nothing_known(report)
    assert "Bearer *** may not" in only_problem(report, "forbidden").message
    assert secret not in texts(report) + caplog.text


def test_debug_headers_in_the_environment_do_not_log_the_token(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_DEBUG_HEADERS", "true")
    caplog.set_level(logging.DEBUG)
    with simulated() as simulator:
        assert check(simulator.url).ok
    assert CANARY not in caplog.text
