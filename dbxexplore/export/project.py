"""A Dagster project that holds a connection, ready for ``dg dev``.

Source: Dagster's project structure (https://docs.dagster.io/guides/build/projects).
"""

from __future__ import annotations

import json
import keyword
import os
import re
import sys
from importlib.machinery import PathFinder
from pathlib import Path

from dbxexplore import errors
from dbxexplore.export.config import ConnectionConfig
from dbxexplore.export.forms.component import component_yaml

DOCUMENT = "connection.yaml"

# What a project imports, whether or not it is installed where the project is written.
_DEPENDENCIES = frozenset(
    (
        *("alembic", "anywidget", "click", "croniter", "dagster", "dagster_dg_cli", "dagster_graphql"),
        *("dagster_pipes", "dagster_shared", "databricks", "dbxexplore", "google", "graphql", "grpc", "ipywidgets"),
        *("jinja2", "numpy", "packaging", "pandas", "pip", "pyarrow", "pydantic", "pytz", "requests", "rich"),
        *("ruamel", "setuptools", "sqlalchemy", "starlette", "structlog", "toposort", "traitlets", "typer", "upath"),
        *("uvicorn", "watchdog", "yaml"),
    )
)


def write_project(config: ConnectionConfig, folder: str | os.PathLike[str]) -> list[Path]:
    """Write a Dagster project that holds the connection, and return the paths of its files.

    ``dg dev`` in that folder shows the assets.

    Raises:
        ExportError: the credential is one that Dagster cannot have, or a file is there already; nothing was written.
    """
    root = Path(folder)
    files = {root / name: text for name, text in _project(config).items()}
    there = next((path for path in files if path.exists()), None)
    if there is not None:
        msg = f"{str(there)!r} exists already, and nothing was written"
        raise errors.ExportError(msg, remedy="Name another folder")
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        msg = f"{str(root)!r} cannot be written: {error.strerror or error}"
        raise errors.ExportError(msg, expected="a folder that may be written to") from None
    return list(files)


def _project(config: ConnectionConfig) -> dict[str, str]:
    package = package_name(config.name)
    source = f"src/{package}"
    defs = f"{source}/defs/{package}"
    return {
        "pyproject.toml": _PYPROJECT.format(
            package=package, project=package.replace("_", "-"), location=_toml_string(config.name)
        ),
        "README.md": _README.format(package=package, variable=_needs(config)),
        f"{source}/__init__.py": "",
        f"{source}/definitions.py": _DEFINITIONS,
        f"{source}/defs/__init__.py": "",
        f"{defs}/defs.yaml": component_yaml(config, DOCUMENT),
        f"{defs}/{DOCUMENT}": config.to_yaml(),
    }


def package_name(connection: str) -> str:
    """Return the name of a Python package for a connection, which hides no other package."""
    name = re.sub(r"[^a-z0-9]+", "_", connection.lower()).strip("_")
    taken = keyword.iskeyword(name) or name in {*sys.stdlib_module_names, *_DEPENDENCIES} or _is_installed(name)
    return f"connection_{name}".rstrip("_") if taken or not name[:1].isalpha() else name


def _is_installed(package: str) -> bool:
    # Not what the current folder holds, because that is not on the path of a project elsewhere.
    here = {"", str(Path.cwd())}
    return PathFinder.find_spec(package, [folder for folder in sys.path if folder not in here]) is not None


def _needs(config: ConnectionConfig) -> str:
    variable = config.settings.auth.secret_variable
    return f"Put the secret into the variable `{variable}`, then:" if variable else "Then:"


def _toml_string(text: str) -> str:
    # A basic string of TOML has the escapes of JSON; control characters are not among the names of connections.
    return json.dumps(text, ensure_ascii=False)


_PYPROJECT = """\
[project]
name = "{project}"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["dbxexplore[dagster]"]

[dependency-groups]
dev = ["dagster-webserver"]

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = ["src/{package}"]

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "{package}"
code_location_name = {location}
"""

_DEFINITIONS = '''\
"""All definitions of this project, from its folder of components."""

from pathlib import Path

from dagster import Definitions, definitions, load_from_defs_folder


@definitions
def defs() -> Definitions:
    """Return what the folder `defs` defines."""
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
'''

_README = """\
# A Databricks connection in Dagster

    pip install -e . dagster-webserver

{variable}

    dg dev

`dg dev` and `dg check defs` discover the workspace when they start, and show what is stored where it cannot be
reached. Elsewhere, `dg utils refresh-defs-state` discovers it; reload the code location to see what has changed. The
connection is in `src/{package}/defs/{package}/connection.yaml`.

If the connection has a schedule, a job refreshes what is stored, and the next reload shows it. A job can store it for a
code location on another machine only in versioned storage: set `defs_state: {{management_type:
VERSIONED_STATE_STORAGE}}` under `attributes` in `defs.yaml`.

If the connection names a SQL warehouse, there are dependencies between the assets, a sensor that reports what has
changed, and a check of each table's columns. The sensor starts the warehouse when it rests; `freshness_interval` says
how many seconds lie between its looks (900), and `freshness: false` turns it off.
"""
