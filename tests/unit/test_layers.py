"""Who may import whom: data flows one way, and nothing upstream knows what is downstream.

The whole source is read, not run, so that an import inside a function counts as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import dbxexplore

ROOT = Path(dbxexplore.__file__).parent
PACKAGE = "dbxexplore"

# From upstream to downstream: each part and the parts that it may import. One that is missing here fails the test.
_CORE = {"errors", "_version", "files", "text"}
_READ = _CORE | {"catalog", "connection"}
_JUDGED = _READ | {"filters"}
_EXPORTED = _JUDGED | {"export"}
_BELOW_WIDGETS = _EXPORTED | {"discovery", "permissions", "plots"}
MAY_IMPORT: dict[str, set[str]] = {
    "_version": set(),
    "errors": set(),
    "files": {"errors"},
    "text": set(),
    "catalog": _CORE,
    "connection": _CORE,
    "filters": _CORE | {"catalog"},
    "discovery": _READ,
    "export": _JUDGED,
    "permissions": _EXPORTED | {"discovery"},
    "plots": _CORE | {"catalog", "filters"},
    "dagster_sync": _EXPORTED | {"discovery"},
    "widgets": _BELOW_WIDGETS,
    # On top, where the public names may be used as anyone else uses them.
    "demo": _BELOW_WIDGETS | {"__init__"},
    "cli": _BELOW_WIDGETS | {"demo", "widgets", "__init__"},
    "__main__": {"cli"},
    # The root gives out the public names of all of these, each when it is first asked for.
    "__init__": _BELOW_WIDGETS | {"widgets"},
}
# Libraries that belong to some parts alone.
ONLY_IN: dict[str, set[str]] = {
    "ipywidgets": {"widgets"},
    "anywidget": {"widgets"},
    "traitlets": {"widgets"},
    "dagster": {"dagster_sync"},
    "databricks": {"connection", "discovery", "permissions", "demo"},
    "minilake": {"demo"},
}


@dataclass(frozen=True)
class Import:
    """One import statement: where it stands, and the full name of the module that it needs at run time."""

    file: str
    line: int
    part: str
    target: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.part} imports {self.target}"


def violations(root: Path) -> list[str]:
    """Every import below ``root`` that the rules forbid, as text."""
    return [
        f"{found}: {why}"
        for path in sorted(root.rglob("*.py"))
        for found in imports_of(path, root)
        if (why := forbidden(found))
    ]


def forbidden(found: Import) -> str | None:
    if found.part not in MAY_IMPORT:
        return f"{found.part} has no place among the layers"
    top, _, rest = found.target.partition(".")
    if top == PACKAGE:
        target = rest.partition(".")[0] or "__init__"
        if target == found.part or target in MAY_IMPORT[found.part]:
            return None
        return f"{target} is not upstream of it"
    owners = ONLY_IN.get(top)
    return None if owners is None or found.part in owners else f"only {', '.join(sorted(owners))} may"


def imports_of(path: Path, root: Path, *, names: bool = False) -> Iterator[Import]:
    """Yield the imports of a module; with ``names``, each imported name by itself, since it may be a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = path.relative_to(root).with_suffix("").parts
    module = (PACKAGE, *(inside[:-1] if inside[-1] == "__init__" else inside))
    # What a module is imported relative to: a package is relative to itself.
    package = module if inside[-1] == "__init__" else module[:-1]
    lazy = any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)
    for node in run_time_nodes(tree, lazy_annotations=lazy):
        for target in targets(node, package, root, names=names):
            yield Import("/".join(inside) + ".py", node.lineno, inside[0], target)


def run_time_nodes(node: ast.AST, *, lazy_annotations: bool) -> Iterator[ast.expr | ast.stmt]:
    """Every node but those under ``if TYPE_CHECKING``, which nothing at run time needs.

    Without lazy annotations, a name imported there would be needed, so then it counts.
    """
    for child in ast.iter_child_nodes(node):
        if lazy_annotations and isinstance(child, ast.If) and is_type_checking(child.test):
            for other in child.orelse:
                yield from run_time_nodes(ast.Module([other], []), lazy_annotations=lazy_annotations)
            continue
        if isinstance(child, ast.expr | ast.stmt):
            yield child
        yield from run_time_nodes(child, lazy_annotations=lazy_annotations)


def is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def targets(node: ast.AST, package: tuple[str, ...], root: Path, *, names: bool) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
        module = ".".join(part for part in (base, node.module) if part)
        for alias in node.names:
            # `from dbxexplore import errors` needs a module; `from dbxexplore import explore` what that name stands for.
            is_name = names or (module == PACKAGE and is_module(alias.name, root))
            yield f"{module}.{alias.name}" if is_name else module
    elif isinstance(node, ast.Call) and is_importing(node.func) and node.args:
        yield from [str(node.args[0].value)] if isinstance(node.args[0], ast.Constant) else []


def is_importing(function: ast.expr) -> bool:
    return ast.unparse(function).rpartition(".")[2] in {"import_module", "__import__"}


def is_module(name: str, root: Path) -> bool:
    return (root / f"{name}.py").exists() or (root / name / "__init__.py").exists()


# --- the package -----------------------------------------------------------------------------------


def test_nothing_upstream_imports_what_is_downstream() -> None:
    assert violations(ROOT) == []


def test_the_order_has_no_circle() -> None:
    done: set[str] = set()
    left = {part: wanted - {part} for part, wanted in MAY_IMPORT.items()}
    while left:
        ready = {part for part, wanted in left.items() if wanted <= done}
        assert ready, f"a circle among {sorted(left)}"
        done |= ready
        left = {part: wanted for part, wanted in left.items() if part not in ready}


def test_the_check_reads_the_whole_package() -> None:
    found = [one for path in ROOT.rglob("*.py") for one in imports_of(path, ROOT)]
    pairs = {(one.part, one.target) for one in found}
    assert ("connection", "databricks.sdk") in pairs  # inside a function
    assert ("filters", "dbxexplore.catalog") in pairs
    assert ("export", "dbxexplore.errors") in pairs
    assert ("catalog", "pandas") in pairs


def test_no_modules_import_each_other_in_a_circle(modules: dict[str, set[str]]) -> None:
    assert circle(modules) == []


@pytest.fixture(scope="module")
def modules() -> dict[str, set[str]]:
    return modules_of(ROOT)


def modules_of(root: Path) -> dict[str, set[str]]:
    """Return what each module below ``root`` imports of the package, by name within it."""
    modules = {}
    for path in sorted(root.rglob("*.py")):
        targets = {one.target.removeprefix(f"{PACKAGE}.") for one in imports_of(path, root, names=True)}
        # A name in a package stands for one of its modules, or for what its __init__ defines.
        imported = {first_file(target, target.rpartition(".")[0], root=root) for target in targets}
        modules[module_of(path, root)] = imported - {"", module_of(path, root)}
    return modules


def circle(modules: dict[str, set[str]]) -> list[str]:
    """Return the modules of a circle of imports; empty when there is none."""
    try:
        TopologicalSorter(modules).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def module_of(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def first_file(*modules: str, root: Path) -> str:
    return next((module for module in modules if module and is_module(module.replace(".", "/"), root)), "")


# --- the check itself, on made-up trees ------------------------------------------------------------

GOOD = {
    "__init__.py": "from dbxexplore import errors\n",
    "errors.py": "",
    "catalog/__init__.py": "from dbxexplore.catalog.snapshot import Catalog\n",
    "catalog/snapshot.py": "from dbxexplore import errors\nimport pandas as pd\n",
    "connection/__init__.py": "def client():\n    from databricks.sdk import WorkspaceClient\n",
    "filters/__init__.py": "from dbxexplore.catalog import Catalog\n",
    "widgets/__init__.py": "import ipywidgets\nfrom dbxexplore.filters import Filters\n",
}


def tree(root: Path) -> Path:
    for name, text in GOOD.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def changed(root: Path, name: str, text: str) -> list[str]:
    made = tree(root)
    (made / name).parent.mkdir(parents=True, exist_ok=True)
    (made / name).write_text(text)
    return violations(made)


def test_a_made_up_tree_in_order_passes(tmp_path: Path) -> None:
    assert violations(tree(tmp_path)) == []


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        (
            "catalog/schema.py",
            "from dbxexplore.filters import Filters\n",
            "catalog/schema.py:1: catalog imports dbxexplore.filters",
        ),
        (
            "catalog/schema.py",
            "import dbxexplore.filters.patterns\n",
            "catalog/schema.py:1: catalog imports dbxexplore.filters.",
        ),
        (
            "catalog/schema.py",
            "from dbxexplore import connection\n",
            "catalog/schema.py:1: catalog imports dbxexplore.connecti",
        ),
        (
            "catalog/schema.py",
            "from dbxexplore import discover\n",
            "catalog/schema.py:1: catalog imports dbxexplore: __init__ is",
        ),
        (
            "catalog/schema.py",
            "from ..filters import Filters\n",
            "catalog/schema.py:1: catalog imports dbxexplore.filters",
        ),
        ("catalog/schema.py", "from .. import filters\n", "catalog/schema.py:1: catalog imports dbxexplore.filters"),
        (
            "catalog/__init__.py",
            "from ..filters import Filters\n",
            "catalog/__init__.py:1: catalog imports dbxexplore.filters",
        ),
        (
            "catalog/schema.py",
            "def f():\n    if True:\n        import dbxexplore.widgets\n",
            "catalog/schema.py:3: catalog imports",
        ),
        (
            "catalog/schema.py",
            "class A:\n    from dbxexplore import filters\n",
            "catalog/schema.py:2: catalog imports dbxexplore.f",
        ),
        (
            "catalog/schema.py",
            "import importlib\nimportlib.import_module('dbxexplore.export')\n",
            "catalog/schema.py:2: catalog ",
        ),
        (
            "catalog/schema.py",
            "__import__('ipywidgets')\n",
            "catalog/schema.py:1: catalog imports ipywidgets: only widgets may",
        ),
        (
            "errors.py",
            "from dbxexplore.catalog import Catalog\n",
            "errors.py:1: errors imports dbxexplore.catalog: catalog is not u",
        ),
        (
            "filters/preview.py",
            "import anywidget\n",
            "filters/preview.py:1: filters imports anywidget: only widgets may",
        ),
        (
            "filters/preview.py",
            "from traitlets import Unicode\n",
            "filters/preview.py:1: filters imports traitlets: only widgets m",
        ),
        (
            "widgets/tree.py",
            "from databricks.sdk import WorkspaceClient\n",
            "widgets/tree.py:1: widgets imports databricks.sdk: only",
        ),
        (
            "export/component.py",
            "import dagster as dg\n",
            "export/component.py:1: export imports dagster: only dagster_sync may",
        ),
        ("cli/__init__.py", "import minilake\n", "cli/__init__.py:1: cli imports minilake: only demo may"),
        ("helpers.py", "import os\n", "helpers.py:1: helpers imports os: helpers has no place among the layers"),
        (
            "catalog/schema.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from dbxexplore.filters import Filters\n",
            "catalog/schema.py:3: catalog imports dbxexplore.filters",
        ),
        (
            "catalog/schema.py",
            "from __future__ import annotations\nif TYPE_CHECKING:\n    pass\nelse:\n    import dbxexplore.filters\n",
            "catalog/schema.py:5: catalog imports dbxexplore.filters",
        ),
        (
            "catalog/schema.py",
            "from __future__ import annotations\nif not TYPE_CHECKING:\n    import dbxexplore.filters\n",
            "catalog/schema.py:3: catalog imports dbxexplore.filters",
        ),
    ],
)
def test_an_upward_import_is_found_wherever_it_stands(tmp_path: Path, name: str, text: str, found: str) -> None:
    (one,) = changed(tmp_path, name, text)
    assert one.startswith(found)


def test_an_upward_import_in_a_copy_of_this_package_is_found(tmp_path: Path) -> None:
    for path in ROOT.rglob("*.py"):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    assert violations(tmp_path) == []
    schema = tmp_path / "catalog" / "schema.py"
    schema.write_text(
        schema.read_text(encoding="utf-8") + "\n\ndef late():\n    from dbxexplore.filters import Filters\n"
    )
    (one,) = violations(tmp_path)
    assert "catalog imports dbxexplore.filters: filters is not upstream of it" in one


@pytest.mark.parametrize("test", ["TYPE_CHECKING", "typing.TYPE_CHECKING"])
def test_an_import_for_the_type_checker_alone_is_none(tmp_path: Path, test: str) -> None:
    text = f"from __future__ import annotations\nif {test}:\n    from dbxexplore.filters import Filters\n"
    assert changed(tmp_path, "catalog/schema.py", text) == []


def test_a_circle_within_a_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "filters").mkdir()
    files = {
        "a": "from dbxexplore.filters.b import x\n",
        "b": "def f():\n    from dbxexplore.filters import c\n",
        "c": "",
    }
    for name, text in files.items():
        (tmp_path / "filters" / f"{name}.py").write_text(text)
    assert circle(modules_of(tmp_path)) == []
    (tmp_path / "filters" / "c.py").write_text("import dbxexplore.filters.a\n")
    assert {"filters.a", "filters.b", "filters.c"} == set(circle(modules_of(tmp_path)))
