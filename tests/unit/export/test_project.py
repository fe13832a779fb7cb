"""The connection as a Dagster component, and as a project: written once, read by others, nothing overwritten."""

from __future__ import annotations

import ast
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import dbxexplore as dbx
from dbxexplore import cli, errors
from dbxexplore.export.project import package_name

URL = "https://dbc-1234abcd-56ef.cloud.databricks.com"
TYPE = "dbxexplore.dagster_sync.DatabricksConnectionComponent"
MakeConfig = Callable[..., dbx.ConnectionConfig]


def read(text: str) -> dict[str, Any]:
    document = yaml.safe_load(text)
    assert isinstance(document, dict)
    return document


def test_the_yaml_holds_the_document(make_config: MakeConfig) -> None:
    config = make_config(schedule=dbx.Schedule(cron="0 6 * * *"), description="yes")
    document = read(dbx.export.component_yaml(config))
    assert document["type"] == TYPE
    assert document["requirements"] == {"env": ["DATABRICKS_CONNECTION_TOKEN"]}
    assert set(document["attributes"]) == {"connection"}
    assert dbx.ConnectionConfig.from_yaml(yaml.safe_dump(document["attributes"]["connection"])) == config


def test_the_yaml_names_a_file(make_config: MakeConfig) -> None:
    document = read(dbx.export.component_yaml(make_config(), "connection.yaml"))
    assert document["attributes"] == {"connection_file": "connection.yaml"}


@pytest.mark.parametrize(
    ("auth", "variables"),
    [
        (dbx.OAuthM2MAuth("11111111-2222-3333-4444-555555555555", "MY_SECRET"), {"env": ["MY_SECRET"]}),
        (dbx.ProfileAuth("DEFAULT"), None),
    ],
)
def test_the_yaml_says_which_variable_it_needs(
    make_config: MakeConfig, auth: dbx.OAuthM2MAuth | dbx.ProfileAuth, variables: dict[str, list[str]] | None
) -> None:
    config = make_config(settings=dbx.ConnectionSettings(URL, auth))
    assert read(dbx.export.component_yaml(config)).get("requirements") == variables


def test_a_notebooks_own_identity_is_refused(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config(settings=dbx.ConnectionSettings(auth=dbx.RuntimeAuth()))
    with pytest.raises(errors.ExportError, match="the identity of a notebook"):
        dbx.export.component_yaml(config)
    with pytest.raises(errors.ExportError, match="the identity of a notebook"):
        dbx.export.write_project(config, tmp_path / "p")
    assert not list(tmp_path.iterdir())


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(
    lambda text: text == text.strip() and text.isprintable()
)


@given(name=texts, pattern=st.sampled_from(["{{ x }}", "{% y %}", "a{2}", "^a: #b$", "'", '"', "yes"]))
def test_whatever_the_names_and_patterns_the_yaml_is_read_back(name: str, pattern: str) -> None:
    filters = dbx.Filters(tables=dbx.Patterns([pattern]))
    config = dbx.ConnectionConfig(name=name, settings=dbx.ConnectionSettings(URL), filters=filters)
    inline = read(dbx.export.component_yaml(config))["attributes"]["connection"]
    assert dbx.ConnectionConfig.from_yaml(yaml.safe_dump(inline, allow_unicode=True)) == config


# --- a project ---


@given(name=texts)
def test_a_package_name_can_be_imported_and_hides_no_other(name: str) -> None:
    package = package_name(name)
    assert package.isidentifier()
    assert package.isascii()
    assert package == package.lower()
    ast.parse(f"import {package}")


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("my-conn", "my_conn"),
        ("Größe 1", "gr_e_1"),
        ("1st", "connection_1st"),
        ("class", "connection_class"),
        ("json", "connection_json"),
        ("dagster", "connection_dagster"),
        ("pandas", "connection_pandas"),
        ("Click", "connection_click"),
        ("dagster-graphql", "connection_dagster_graphql"),
        ("pytest", "connection_pytest"),  # installed, and no dependency
        ("表", "connection"),
    ],
)
def test_package_names(name: str, package: str) -> None:
    assert package_name(name) == package


def test_a_package_name_does_not_depend_on_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lakehouse").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    assert package_name("lakehouse") == "lakehouse"


def test_a_project(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config(name='my "conn"')
    files = dbx.export.write_project(config, tmp_path)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(files)
    document = tomllib.loads((tmp_path / "pyproject.toml").read_text())
    assert document["tool"]["dg"]["project"] == {"root_module": "my_conn", "code_location_name": 'my "conn"'}
    assert document["project"]["dependencies"] == ["dbxexplore[dagster]"]
    defs = tmp_path / "src" / "my_conn" / "defs" / "my_conn"
    assert read((defs / "defs.yaml").read_text())["attributes"] == {"connection_file": "connection.yaml"}
    assert dbx.ConnectionConfig.load(defs / "connection.yaml") == config
    ast.parse((tmp_path / "src" / "my_conn" / "definitions.py").read_text())
    assert "DATABRICKS_CONNECTION_TOKEN" in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize("name", ["pyproject.toml", "README.md", "src/my_conn/defs/my_conn/connection.yaml"])
def test_no_file_is_overwritten_and_none_is_written(make_config: MakeConfig, tmp_path: Path, name: str) -> None:
    there = tmp_path / name
    there.parent.mkdir(parents=True, exist_ok=True)
    there.write_text("mine")
    with pytest.raises(errors.ExportError, match="already exists, so nothing was written"):
        dbx.export.write_project(make_config(name="my-conn"), tmp_path)
    assert there.read_text() == "mine"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [there]


def test_a_folder_that_cannot_be_written_to(make_config: MakeConfig, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.ExportError, match="cannot be written"):
        dbx.export.write_project(make_config(), tmp_path / "file" / "below")


# --- the command ---


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as left:
        cli.main(["export", *(str(argument) for argument in arguments)])
    return left.value.code, *capsys.readouterr()


def test_the_command_writes_yaml(make_config: MakeConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = make_config().save(tmp_path / "c.yaml")
    code, out, _ = run(capsys, "--config", document, "--format", "component")
    assert (code, out) == (cli.DONE, dbx.export.component_yaml(make_config()))


def test_the_command_writes_a_project_once(
    make_config: MakeConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = make_config().save(tmp_path / "c.yaml")
    arguments = ("--config", document, "--format", "component", "--project", tmp_path / "project")
    code, out, err = run(capsys, *arguments, "--json")
    assert code == cli.DONE
    files = json.loads(out)["files"]
    assert all(Path(name).is_file() for name in files)
    assert err.splitlines() == [f"Wrote {name}" for name in files]
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (cli.FAILED, "")
    assert "already exists" in err


@pytest.mark.parametrize("more", [("--format", "yaml"), (), ("--format", "component", "--output", "x")])
def test_a_project_goes_with_the_component_alone(
    make_config: MakeConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    document = make_config().save(tmp_path / "c.yaml")
    code, _, err = run(capsys, "--config", document, "--project", tmp_path / "project", *more)
    assert code == cli.MISUSED
    assert "--project requires --format component" in err
    assert not (tmp_path / "project").exists()
