"""The names that tutorials and scripts rely on, and that importing the package stays light."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

import pytest

import dbxexplore as dbx
from dbxexplore import errors

CONTRACT = [
    "Catalog",
    "ConnectionConfig",
    "ConnectionSettings",
    "Dialect",
    "Filters",
    "OAuthM2MAuth",
    "Patterns",
    "ProfileAuth",
    "RuntimeAuth",
    "Schedule",
    "TokenAuth",
    "discover",
    "explore",
]
FORMS = ["source_config_yaml", "terraform", "datahub_recipe"]
HEAVY = [
    "anywidget",
    "dagster",
    "databricks",
    "ipywidgets",
    "minilake",
    "pandas",
    "pyarrow",
    "pydantic",
    "ruamel",
    "traitlets",
]


def in_a_fresh_interpreter(code: str) -> list[str]:
    """Run code that prints one JSON list, with no module imported before."""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    found = json.loads(run.stdout)
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("name", CONTRACT)
def test_a_contract_name_is_public_and_documented(name: str) -> None:
    assert name in dbx.__all__
    assert name in dir(dbx)
    value = getattr(dbx, name)
    assert callable(value)
    assert value.__name__ == name
    assert inspect.getdoc(value)


@pytest.mark.parametrize("name", sorted(dbx.__all__))
def test_every_public_name_resolves_to_one_object(name: str) -> None:
    assert getattr(dbx, name) is getattr(dbx, name)


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_export_is_a_function(name: str) -> None:
    form = getattr(dbx.export, name)
    assert inspect.isfunction(form)
    assert list(inspect.signature(form).parameters) == ["config"]
    assert inspect.getdoc(form)


def test_the_errors_are_reached_from_the_package() -> None:
    assert dbx.errors is errors
    assert dbx.DbxExploreError is errors.DbxExploreError


@pytest.mark.parametrize("name", ["DATAHUB", "OPENMETADATA", "STRICT"])
def test_a_named_dialect_is_a_dialect(name: str) -> None:
    assert isinstance(getattr(dbx.Dialect, name), dbx.Dialect)


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        ("Catalog", ["load", "from_frame", "save", "complete"]),
        ("Filters", ["preview"]),
        ("Preview", ["included", "frame", "own_verdict", "counts", "explain"]),
        ("ConnectionConfig", ["to_yaml", "from_yaml", "save", "load", "asset_keys"]),
        ("ConnectionSettings", ["workspace_client", "check"]),
    ],
)
def test_the_methods_of_the_contract_are_there(owner: str, names: list[str]) -> None:
    assert [name for name in names if not hasattr(getattr(dbx, owner), name)] == []


def test_the_arguments_of_discover() -> None:
    parameters = inspect.signature(dbx.discover).parameters
    options = {
        "depth": "summary",
        "catalogs": None,
        "notebooks": True,
        "max_concurrency": 16,
        "progress": None,
        "cancel": None,
    }
    assert {name: parameters[name].default for name in options} == options
    assert parameters["depth"].kind is inspect.Parameter.KEYWORD_ONLY


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'dbxexplore' has no attribute 'Catalogue'$"):
        dbx.Catalogue  # noqa: B018 - the access is the test


def test_the_version_is_that_of_the_distribution() -> None:
    from importlib.metadata import version

    assert dbx.__version__ == version("dbxexplore")


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = f"import sys, json, dbxexplore; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    assert in_a_fresh_interpreter(code) == []


def test_the_check_above_sees_what_is_imported() -> None:
    code = f"import sys, json, dbxexplore; dbxexplore.Filters; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    assert "pandas" in in_a_fresh_interpreter(code)


@pytest.mark.parametrize("name", ["Catalog", "Filters", "ConnectionSettings", "errors"])
def test_a_name_imports_no_more_than_it_needs(name: str) -> None:
    unneeded = ["databricks", "dagster", "ipywidgets", "minilake", "pydantic"]
    code = f"import sys, json, dbxexplore; dbxexplore.{name}; print(json.dumps([m for m in {unneeded!r} if m in sys.modules]))"
    assert in_a_fresh_interpreter(code) == []


def test_a_star_import_gives_the_public_names() -> None:
    code = "import json; space = {}; exec('from dbxexplore import *', space); print(json.dumps(sorted(space)))"
    assert set(dbx.__all__) - {"explore"} <= set(in_a_fresh_interpreter(code))
