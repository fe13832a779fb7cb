from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest

import dbxexplore as dbx
from dbxexplore import cli
from dbxexplore.catalog import schema
from dbxexplore.cli.commands import COMMANDS
from dbxexplore.cli.options import ConnectionOptions, FilterOptions
from dbxexplore.connection.auth import AUTH_KINDS, Auth, Field
from dbxexplore.discovery.arguments import STRATEGIES
from dbxexplore.filters.patterns import LEVELS

URL = "https://dbc-1234abcd-56ef.cloud.databricks.com"
TOKEN = "dapi0123456789abcdef0123456789abcdef"
ESCAPE = "\x1b[31mred\x1b[0m"


class Run:
    """Runs the command line in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Run:
        with pytest.raises(SystemExit) as left:
            cli.main([str(argument) for argument in arguments])
        self.code = left.value.code
        self.out, self.err = self._capsys.readouterr()
        return self

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(capsys)


def a_catalog(failures: list[tuple[str, str, str]] | None = None) -> dbx.Catalog:
    rows = [
        ("catalog", None, None, "prod", "prod"),
        ("schema", "prod", None, "gold", "prod.gold"),
        ("schema", "prod", None, "tmp", "prod.tmp"),
        ("table", "prod", "gold", "orders", "prod.gold.orders"),
        ("table", "prod", "tmp", "orders", "prod.tmp.orders"),
        ("table", "prod", "gold", ESCAPE, f"prod.gold.{ESCAPE}"),
        ("view", "prod", "gold", "[bold]v[/bold] :smile:", "prod.gold.[bold]v[/bold] :smile:"),
        ("notebook", None, None, "a\tb\nc", "/Shared/a\tb\nc"),
    ]
    frame = pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"])
    return dbx.Catalog.from_table(schema.table_from_frame(frame), failures or [], dbx.Provenance(depth="summary"))


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    return a_catalog().save(tmp_path / "snapshot.parquet")


@pytest.fixture
def incomplete(tmp_path: Path) -> Path:
    failures = [(f"prod.s{i:02}", "denied", f"no {ESCAPE}") for i in range(22)]
    return a_catalog(failures).save(tmp_path / "incomplete.parquet")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    filters = dbx.Filters(
        schemas=dbx.Patterns(deny=["prod\\.tmp$"]), tables=dbx.Patterns(allow=["^prod\\.gold\\.orders$"])
    )
    settings = dbx.ConnectionSettings(URL, dbx.TokenAuth("MY_TOKEN"))
    stored = dbx.ConnectionConfig(name="stored", settings=settings, filters=filters, dialect=dbx.Dialect.STRICT)
    return stored.save(tmp_path / "config.yaml")


# --- help and mistakes ---

NAMES = [function.__name__.replace("_", "-") for function in COMMANDS]


def test_help_names_the_commands_and_the_exit_codes(run: Run) -> None:
    run("--help")
    assert run.code == 0
    for word in (*NAMES, "Exit codes"):
        assert word in run.out


@pytest.mark.parametrize("command", NAMES)
def test_each_command_reports_its_exit_codes(run: Run, command: str) -> None:
    assert run(command, "--help").code == 0
    assert "Exit codes" in run.out


def test_help_says_why_there_is_no_option_for_the_token(run: Run) -> None:
    assert "no option for the secret itself" in " ".join(run("discover", "--help").out.replace("│", "").split())


def test_version(run: Run) -> None:
    assert run("--version").out == f"{dbx.__version__}\n"
    assert run.code == 0


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom dbxexplore import cli\n"
        "try:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('pandas', 'pyarrow', 'databricks.sdk', 'ipywidgets', 'dagster') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ["discover", "--token", TOKEN],
        ["discover", f"--token={TOKEN}"],
        ["discover", TOKEN],
        ["discover", "--url", URL, "--token-env-var", TOKEN],
        [TOKEN],
        ["check", "--url", f"https://token:{TOKEN}@{URL.removeprefix('https://')}"],
    ],
)
def test_a_secret_on_the_command_line_is_refused_and_not_shown(run: Run, arguments: list[str]) -> None:
    run(*arguments)
    assert run.code == cli.MISUSED
    assert "looks like a secret itself" in run.err
    assert TOKEN not in run.out + run.err


def test_a_random_text_where_a_variable_belongs_is_not_shown(run: Run) -> None:
    run("discover", "--url", URL, "--token-env-var", "q7Zr0aB9xK2mW4tYp8sD")
    assert run.code == cli.FAILED
    assert "looks like the secret itself" in run.err
    assert "q7Zr0aB9" not in run.out + run.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["discover"], "No workspace given"),
        (["check"], "No workspace given"),
        (["preview"], "No snapshot or workspace given"),
        (["discover", "--url", URL, "--profile", "p", "--client-id", "c"], "--client-id and --profile are different"),
        (["check", "--url", URL, "--client-secret-env-var", "X"], "--client-secret-env-var requires --client-id"),
        (["check", "--url", URL, "--scopes", "sql"], "--scopes requires --client-id"),
        (["export", "--url", URL], "The connection has no name"),
        (["export", "--url", URL, "--name", "x", "--timezone", "UTC"], "--timezone requires --cron"),
        (["export", "--url", URL, "--name", "x", "--format", "asset-keys"], "needs --snapshot"),
        (["discover", "--depth", "deep"], "--depth"),
        (["nothing"], "nothing"),
        (["demo", "--port", "70000"], "--port"),
    ],
)
def test_a_mistake_in_the_command_line_is_code_2(run: Run, arguments: list[str], message: str) -> None:
    run(*arguments)
    assert run.code == cli.MISUSED
    assert message in run.err
    assert run.out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["discover", "--url", URL, "--token-env-var", "NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE is not set"),
        (["discover", "--url", "http://example.com"], "plain http"),
        (["preview", "--snapshot", "/nowhere/x.parquet"], "There is no file"),
        (["preview", "--config", "/nowhere/x.yaml", "--url", URL], "cannot be read"),
        (["export", "--url", URL, "--name", "x", "--cron", "often"], "not a cron expression"),
        (["export", "--url", URL, "--name", "x", "--allow-tables", "("], "not a regular expression"),
        (["export", "--profile", "p", "--name", "x", "--format", "terraform"], "a profile exists on this machine only"),
    ],
)
def test_what_cannot_be_done_is_code_1_with_a_message_and_no_traceback(
    run: Run, arguments: list[str], message: str
) -> None:
    run(*arguments)
    assert run.code == cli.FAILED
    assert run.err.startswith("Error: ")
    assert message in run.err
    assert "Traceback" not in run.err
    assert run.out == ""


def test_the_levels_are_those_of_the_library() -> None:
    assert FilterOptions.LEVELS == LEVELS


@pytest.mark.parametrize(
    ("command", "option", "choices"),
    [
        ("discover", "--depth", schema.DEPTHS),
        ("discover", "--strategy", STRATEGIES),
        ("preview", "--dialect", dbx.Dialect.named()),
        ("export", "--format", [*dbx.export.FORMS, "asset-keys"]),
    ],
)
def test_the_choices_are_those_of_the_library(run: Run, command: str, option: str, choices: Iterable[str]) -> None:
    run(command, option, "none of them")
    assert run.code == cli.MISUSED
    assert all(choice in run.err for choice in choices)


def test_a_command_is_one_function_in_the_registry(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def count(connection: ConnectionOptions, *, twice: bool = False) -> int:
        """Count to one, or to two."""
        print(connection.settings().workspace_url, 1 + twice)  # noqa: T201 - what a command prints
        return cli.DONE

    monkeypatch.setattr(cli, "COMMANDS", [*COMMANDS, count])
    assert "Count to one, or to two." in run("--help").out
    assert run("count", "--url", URL, "--twice").out == f"{URL} 2\n"
    assert run.code == cli.DONE


def test_a_kind_of_credential_has_its_options(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class BadgeAuth(Auth):
        kind: ClassVar[str] = "badge"
        label: ClassVar[str] = "Badge"
        FIELDS: ClassVar[tuple[Field, ...]] = (
            Field("number", "Badge number", "badge-number", "Number of the badge."),
            Field("pin", "PIN variable", "pin-env-var", "Name of the PIN's variable.", default="PIN", variable=True),
        )
        number: str
        pin: str = "PIN"

    monkeypatch.setitem(AUTH_KINDS, "badge", BadgeAuth)
    assert "Number of the badge." in run("check", "--help").out
    run("export", "--url", URL, "--name", "x", "--badge-number", "7")
    assert "kind: badge" in run.out
    run("export", "--url", URL, "--name", "x", "--pin-env-var", "MY_PIN")
    assert "--pin-env-var requires --badge-number" in run.err
    run("export", "--url", URL, "--name", "x", "--badge-number", "7", "--profile", "p")
    assert "are different credentials" in run.err


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "dbxexplore", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == f"{dbx.__version__}\n"


# --- preview ---


def test_preview_counts(run: Run, snapshot: Path) -> None:
    run("preview", "--snapshot", snapshot, "--deny-schemas", "prod\\.tmp", "--json")
    assert run.code == cli.DONE
    assert run.json["counts"]["table"] == {"included": 2, "excluded": 1}
    assert run.json["complete"] is True
    assert run.json["dialect"]["name"] == "datahub"
    assert "objects" not in run.json


def test_preview_equals_the_library(run: Run, snapshot: Path, config: Path) -> None:
    run("preview", "--snapshot", snapshot, "--config", config, "--list", "all", "--json")
    expected = dbx.ConnectionConfig.load(config).preview(dbx.Catalog.load(snapshot))
    listed = [(row["full_name"], row["included"]) for row in run.json["objects"]]
    assert listed == list(zip(expected.frame["full_name"], expected.included, strict=True))
    assert run.json["dialect"]["name"] == "strict"


def test_an_option_replaces_what_the_document_says(run: Run, snapshot: Path, config: Path) -> None:
    arguments = ("preview", "--snapshot", snapshot, "--config", config, "--json", "--list", "included")
    before = {row["full_name"] for row in run(*arguments).json["objects"] if row["kind"] == "table"}
    after = {
        row["full_name"] for row in run(*arguments, "--allow-tables", ".*").json["objects"] if row["kind"] == "table"
    }
    assert before == {"prod.gold.orders"}
    assert after == {"prod.gold.orders", f"prod.gold.{ESCAPE}"}


def test_preview_lists_one_object_a_line(run: Run, snapshot: Path) -> None:
    run("preview", "--snapshot", snapshot, "--deny-schemas", "prod\\.tmp", "--list", "excluded")
    assert [line.split("\t") for line in run.out.splitlines()] == [
        ["excluded", "schema", "prod.tmp", "schema", "deny", "prod\\.tmp"],
        ["excluded", "table", "prod.tmp.orders", "schema", "deny", "prod\\.tmp"],
    ]
    assert "excluded" in run.err  # the sums


def test_preview_explains(run: Run, snapshot: Path) -> None:
    run("preview", "--snapshot", snapshot, "--deny-schemas", "prod\\.tmp", "--explain", "prod.tmp.orders")
    assert "prod.tmp.orders (table) is excluded (datahub rules)" in run.out
    assert "remove prod\\.tmp from schemas, deny" in run.out
    run("preview", "--snapshot", snapshot, "--explain", "prod.gold.orders", "--json")
    assert run.json["explanations"][0]["included"] is True
    assert run("preview", "--snapshot", snapshot, "--explain", "prod.gold.order").code == cli.FAILED
    assert "Did you mean 'prod.gold.orders'" in run.err


def test_names_cannot_steer_the_terminal(run: Run, snapshot: Path) -> None:
    run("preview", "--snapshot", snapshot, "--list", "all", "--explain", f"prod.gold.{ESCAPE}")
    assert not set(run.out + run.err) & {"\x1b", "\x9b", "\x07", "\r"}
    assert "prod.gold.[bold]v[/bold] :smile:" in run.out
    assert "/Shared/a�b�c" in run.out
    run("preview", "--snapshot", snapshot, "--list", "all", "--json")
    assert run.out.isascii()
    assert "\x1b" not in run.out
    assert f"prod.gold.{ESCAPE}" in {row["full_name"] for row in run.json["objects"]}


def test_incomplete_is_code_3_and_says_so(run: Run, incomplete: Path) -> None:
    run("preview", "--snapshot", incomplete)
    assert run.code == cli.INCOMPLETE
    assert "Incomplete: 22 catalogs/schemas couldn't be listed" in run.err
    assert "prod.s00: denied: no �[31mred�[0m" in run.err
    assert "and 2 more" in run.err
    assert run("preview", "--snapshot", incomplete, "--json").json["complete"] is False
    assert run.json["failures"][0] == {"scope": "prod.s00", "reason": "denied", "message": f"no {ESCAPE}"}
    assert run.code == cli.INCOMPLETE


# --- export ---


def test_export_builds_a_document_from_options(run: Run) -> None:
    run(
        "export", "--name", "databricks", "--url", f"{URL}/browse?o=1", "--client-id", "6f1c-app", "--warehouse-id", "ab12",
        "--scopes", "unity-catalog, sql",
        "--allow-catalogs", "^prod$", "--deny-schemas", "tmp$", "--deny-schemas", "^_", "--dialect", "strict",
        "--cron", "0 6 * * *", "--timezone", "Europe/Berlin", "--description", "All of it",
    )  # fmt: skip
    assert run.code == cli.DONE
    assert dbx.ConnectionConfig.from_yaml(run.out) == dbx.ConnectionConfig(
        name="databricks",
        description="All of it",
        settings=dbx.ConnectionSettings(
            URL, dbx.OAuthM2MAuth("6f1c-app", scopes=("unity-catalog", "sql")), "ab12", "1"
        ),
        filters=dbx.Filters(catalogs=dbx.Patterns(allow=["^prod$"]), schemas=dbx.Patterns(deny=["tmp$", "^_"])),
        dialect=dbx.Dialect.STRICT,
        schedule=dbx.Schedule(cron="0 6 * * *", timezone="Europe/Berlin"),
    )


@pytest.mark.parametrize(
    ("form", "render"),
    [
        ("yaml", dbx.ConnectionConfig.to_yaml),
        ("source-config", dbx.export.source_config_yaml),
        ("terraform", dbx.export.terraform),
        ("datahub", dbx.export.datahub_recipe),
    ],
)
def test_export_renders_each_form(
    run: Run, config: Path, tmp_path: Path, form: str, render: Callable[[dbx.ConnectionConfig], str]
) -> None:
    expected = render(dbx.ConnectionConfig.load(config))
    assert run("export", "--config", config, "--format", form).out == expected
    assert run("export", "--config", config, "--format", form, "--json").json["text"] == expected
    target = tmp_path / "new" / "out.txt"
    assert run("export", "--config", config, "--format", form, "--output", target).out == ""
    assert target.read_text(encoding="utf-8") == expected
    assert [path.name for path in target.parent.iterdir()] == ["out.txt"]


def test_export_keeps_the_document_but_for_what_is_given(run: Run, config: Path) -> None:
    run("export", "--config", config, "--name", "other", "--token-env-var", "OTHER_TOKEN")
    stored = dbx.ConnectionConfig.load(config)
    changed = dbx.ConnectionConfig.from_yaml(run.out)
    assert changed.name == "other"
    assert changed.settings == dbx.ConnectionSettings(URL, dbx.TokenAuth("OTHER_TOKEN"))
    assert (changed.filters, changed.dialect) == (stored.filters, stored.dialect)


def test_export_asset_keys(run: Run, config: Path, snapshot: Path, incomplete: Path) -> None:
    run("export", "--config", config, "--format", "asset-keys", "--snapshot", snapshot)
    assert run.code == cli.DONE
    assert ["stored", "prod", "gold", "orders"] in run.json
    assert ["stored", "prod", "tmp", "orders"] not in run.json
    run("export", "--config", config, "--format", "asset-keys", "--snapshot", incomplete)
    assert run.code == cli.INCOMPLETE
    assert "Incomplete" in run.err
    assert ["stored", "prod", "gold", "orders"] in run.json


def test_export_asset_keys_needs_filters_and_a_snapshot_alone(run: Run, snapshot: Path) -> None:
    run("export", "--format", "asset-keys", "--snapshot", snapshot, "--deny-schemas", r".*\.tmp", "--name", "mine")
    assert run.code == cli.DONE
    assert ["mine", "prod", "gold", "orders"] in run.json
    assert ["mine", "prod", "tmp", "orders"] not in run.json
    run("export", "--format", "asset-keys", "--snapshot", snapshot)
    assert ["databricks_unity_catalog", "prod", "tmp", "orders"] in run.json


def test_export_to_where_nothing_can_be_written(run: Run, config: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run("export", "--config", config, "--output", tmp_path / "file" / "x.yaml")
    assert run.code == cli.FAILED
    assert "cannot be written" in run.err


def test_an_empty_name_of_the_secrets_variable_is_refused(run: Run) -> None:
    run("check", "--url", URL, "--client-id", "6f1c-app", "--client-secret-env-var", "")
    assert run.code == cli.FAILED
    assert "client_secret_env_var is empty" in run.err


# --- lint ---


def test_lint_exits_by_severity(run: Run, snapshot: Path) -> None:
    assert run("lint", "--snapshot", snapshot).code == cli.DONE
    assert run.out.splitlines()[-1] == "1 info"  # a name with a line break, which . does not match
    assert run("lint", "--snapshot", snapshot, "--fail-on", "info").code == cli.FINDINGS
    arguments = ("lint", "--snapshot", snapshot, "--allow-catalogs", "^nothing$")
    assert run(*arguments).code == cli.FINDINGS
    assert "warning [dead-pattern] catalogs, allow pattern 1: ^nothing$" in run.out
    assert "1 warning" in run.out.splitlines()[-1]
    assert run(*arguments, "--fail-on", "error").code == cli.DONE
    assert run(*arguments, "--fail-on", "never").code == cli.DONE
    assert run(*arguments, "--fail-on", "fatal").code == cli.MISUSED
    run("lint", "--snapshot", snapshot, "--deny-tables", "*_tmp", "--json")
    assert run.code == cli.FINDINGS
    assert run.json["counts"]["error"] == 1
    assert run.json["findings"][0]["replacements"] == ["^.*_tmp$"]
