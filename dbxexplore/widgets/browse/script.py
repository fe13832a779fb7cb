"""The page's script, joined from the modules in ``static/``, and the style sheet beside them.

anywidget takes one ES module as a text. The script is written as several modules, so that each is tested by itself, and
`join` makes one text of them. The alternatives do not work everywhere or cost more:

- Relative imports: a front end runs the text from a URL of its own, which has no folder beside it.
- A blob or data URL per module: the content security policy of a sandboxed frame forbids it, as would a CDN's.
- A bundler: a build step, and a toolchain of npm in a Python package.

`join` is not a parser: it accepts a small part of the syntax, each import and declaration at the start of a line, and
refuses the rest. The joined modules share one scope, so that a name may be declared in one of them only.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

import traitlets

from dbxexplore.widgets import reload

STATIC = Path(__file__).parent / "static"

_IMPORT = re.compile(r'^import \{([^{}]*)\} from "\./([\w.-]+)";\n+', re.MULTILINE)
_OTHER_IMPORT = re.compile(r"^(?:import\b|export *[{*]).*", re.MULTILINE)
_DEFAULT = re.compile(r"^export default\b", re.MULTILINE)
_DECLARATION = re.compile(r"^(export )?(?:async )?(?:const|let|var|class|function\*?) (.*)", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z_$][\w$]*")


class JoinError(ValueError):
    """A module uses syntax that `join` does not support, or does not fit with the others."""


@functools.cache
def page_script() -> str:
    """Return the script of the tree as one ES module that imports nothing."""
    return join(STATIC, "widget.js")


def page_style() -> str:
    """Return the style sheet of the tree."""
    return (STATIC / "tree.css").read_text(encoding="utf-8")


def reload_in(widget: traitlets.HasTraits) -> None:
    """While developing, show each edit of the script and the style sheet in a live tree, see `reload.follow`."""

    def edited_script() -> str:
        page_script.cache_clear()
        return page_script()

    reload.follow(widget, STATIC, _css=page_style, _esm=edited_script)


def join(folder: Path, entry: str) -> str:
    """Return a module and all that it imports as one module, each after those that it imports.

    Raises `JoinError` for an import or export other than ``import { a, b } from "./x.js"``, a named export or the
    default export of ``entry``; for an import of what is not exported, a circle, and a name that is declared twice.
    """
    texts: dict[str, str] = {}
    exports: dict[str, set[str]] = {}
    owners: dict[str, str] = {}

    def add(name: str, importers: tuple[str, ...]) -> None:
        if name in importers:
            raise JoinError(f"circular import: {' -> '.join((*importers, name))}")
        if name in texts:
            return
        text = (folder / name).read_text(encoding="utf-8")
        for names, imported in _IMPORT.findall(text):
            add(imported, (*importers, name))
            _check_imported(name, names, imported, exports[imported])
        text = _IMPORT.sub("", text)
        if other := _OTHER_IMPORT.search(text):
            raise JoinError(f"{name}: unsupported import or export: {other[0]}")
        if importers and _DEFAULT.search(text):
            raise JoinError(f"{name}: only {entry} may have a default export")
        exports[name] = set()
        for exported, rest in _DECLARATION.findall(text):
            declared = _declared_name(name, rest)
            if owners.setdefault(declared, name) != name:
                raise JoinError(f"{declared} is declared in {owners[declared]} and in {name}")
            exports[name] |= {declared} if exported else set()
        texts[name] = re.sub(r"^export (?!default\b)", "", text, flags=re.MULTILINE)

    add(entry, ())
    return "\n".join(f"// {name}\n\n{text.strip()}\n" for name, text in texts.items())


def _check_imported(importer: str, names: str, imported: str, exported: set[str]) -> None:
    for name in (part.strip() for part in names.split(",")):
        # A trailing comma leaves an empty part.
        if name and name not in exported:
            raise JoinError(f"{importer}: {imported} does not export {name!r}; renaming is not supported")


def _declared_name(module: str, declaration: str) -> str:
    name = _NAME.match(declaration)
    if name is None or declaration[name.end() :].lstrip().startswith(","):
        raise JoinError(f"{module}: a declaration of more than one name is not supported: {declaration}")
    return name[0]
