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

# Packages that a project imports, whether or not they are installed where it is written.
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
        ExportError: Dagster cannot use the credential, or a file already exists; nothing was written.
    """
    root = Path(folder)
    files = {root / name: text for name, text in project_files(config).items()}
    existing = next((path for path in files if path.exists()), None)
    if existing is not None:
        msg = f"{str(existing)!r} already exists, so nothing was written"
        raise errors.ExportError(msg, remedy="Choose another folder")
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        msg = f"{str(root)!r} cannot be written: {error.strerror or error}"
        raise errors.ExportError(msg, remedy="Choose a folder that you can write to") from None
    return list(files)


def project_files(config: ConnectionConfig) -> dict[str, str]:
    """Return the texts of a project by the paths of its files.

    Raises:
        ExportError: Dagster cannot use the credential.
    """
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
    """Return a Python package name for a connection that does not hide another package."""
    name = re.sub(r"[^a-z0-9]+", "_", connection.lower()).strip("_")
    taken = keyword.iskeyword(name) or name in {*sys.stdlib_module_names, *_DEPENDENCIES} or _is_installed(name)
    return f"connection_{name}".rstrip("_") if taken or not name[:1].isalpha() else name


def _is_installed(package: str) -> bool:
    # The current folder is left out, because it is not on the path of the project.
    here = {"", str(Path.cwd())}
    return PathFinder.find_spec(package, [folder for folder in sys.path if folder not in here]) is not None


def _needs(config: ConnectionConfig) -> str:
    variable = config.settings.auth.secret_variable
    return f"Put the secret into the variable `{variable}`, then:" if variable else "Then:"


def _toml_string(text: str) -> str:
    # A basic string of TOML has the escapes of JSON; the name of a connection has no control characters.
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

`dg dev` and `dg check defs` discover the workspace when they start, or use the stored state if it cannot be reached.
In production, run `dg utils refresh-defs-state` and reload the code location to see changes. The connection is in
`src/{package}/defs/{package}/connection.yaml`.

If the connection has a schedule, a job refreshes the stored state, and the next reload shows it. For a code location on
another machine, the job needs versioned storage: set `defs_state: {{management_type: VERSIONED_STATE_STORAGE}}` under
`attributes` in `defs.yaml`.

A sensor reports what has changed in the workspace. It is stopped until you turn it on under **Automation**. Its first
look observes each table once and runs nothing; from then on it reports a materialization when the data of a table have
changed. `freshness_interval` sets the seconds between two looks (900 by default), and `freshness: false` removes the
sensor.

If the connection has a SQL warehouse, there are also dependencies between the assets and a check of each table's
columns, and the sensor tells changes of data from changed comments and properties. Each look starts the warehouse if it
is stopped: with the default interval and a warehouse that stops after 10 minutes without a query, it runs two thirds of
the time, so choose a longer interval where that is too much.
"""
