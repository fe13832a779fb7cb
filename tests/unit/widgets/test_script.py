from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import needs
import pytest

from dbxexplore.widgets.browse import script


def write(folder: Path, **modules: str) -> Path:
    for name, text in modules.items():
        (folder / f"{name}.js").write_text(text, encoding="utf-8")
    return folder


def node() -> str:
    return shutil.which("node") or needs.absent("there is no node on the PATH", "apt-get install nodejs") or ""


def run_module(code: str) -> str:
    command = [node(), "--input-type=module"]
    return subprocess.run(command, input=code, capture_output=True, text=True, check=True, timeout=60).stdout


ENTRY = 'import {\n  double,\n  half,\n} from "./b.js";\nimport { one } from "./a.js";\n\nexport default { all: [one, double, half()] };\n'


def test_modules_come_after_those_that_they_import_each_once(tmp_path: Path) -> None:
    b = 'import { one } from "./a.js";\n\nexport const double = one + one;\nexport async function half() {}\n'
    write(tmp_path, a="export const one = 1;\n", b=b, widget=ENTRY)
    joined = script.join(tmp_path, "widget.js")
    assert joined == (
        "// a.js\n\nconst one = 1;\n\n"
        "// b.js\n\nconst double = one + one;\nasync function half() {}\n\n"
        "// widget.js\n\nexport default { all: [one, double, half()] };\n"
    )
    assert script.join(tmp_path, "widget.js") == joined


def test_the_joined_module_does_what_the_modules_do(tmp_path: Path) -> None:
    b = 'import { one } from "./a.js";\nexport const double = one + one;\nexport class Half {}\n'
    entry = (
        'import { Half, double } from "./b.js";\nconst all = [double, Half.name];\nconsole.log(JSON.stringify(all));\n'
    )
    write(tmp_path, a="export let one = 1;\n", b=b, widget=entry)
    assert run_module(script.join(tmp_path, "widget.js")) == '[2,"Half"]\n'


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        (
            {"a": 'import { two } from "./b.js";\n', "b": 'import { one } from "./a.js";\nexport const two = 2;\n'},
            r"circular import: widget\.js -> a\.js -> b\.js -> a\.js",
        ),
        ({"a": "const width = 1;\n", "b": "function width() {}\n"}, r"width is declared in a\.js and in b\.js"),
        ({"a": "export const one = 1;\nexport default one;\n"}, r"a\.js: only widget\.js may have a default export"),
        ({"a": 'export { one } from "./b.js";\n', "b": ""}, r"a\.js: unsupported import or export: export \{ one \}"),
        ({"a": 'export * from "./b.js";\n', "b": ""}, r"a\.js: unsupported import or export: export \*"),
        ({"a": "const one = 1;\nexport { one };\n"}, r"a\.js: unsupported import or export: export \{"),
        ({"a": 'import "./b.js";\n', "b": ""}, r'a\.js: unsupported import or export: import "\./b\.js"'),
        ({"a": 'import * as b from "./b.js";\n', "b": ""}, r"a\.js: unsupported import or export: import \* as b"),
        ({"a": 'import b from "./b.js";\n', "b": ""}, r"a\.js: unsupported import or export: import b"),
        ({"a": 'import { b } from "https://example.com/b.js";\n'}, r"a\.js: unsupported import or export"),
        ({"a": 'import { b } from "../b.js";\n'}, r"a\.js: unsupported import or export"),
        (
            {"a": 'import { one as two } from "./b.js";\n', "b": "export const one = 1;\n"},
            r"a\.js: b\.js does not export 'one as two'",
        ),
        ({"a": 'import { one } from "./b.js";\n', "b": "const one = 1;\n"}, r"a\.js: b\.js does not export 'one'"),
        ({"a": "const { one } = {};\n"}, r"a\.js: a declaration of more than one name"),
        ({"a": "let one, two;\n"}, r"a\.js: a declaration of more than one name"),
    ],
)
def test_what_cannot_be_joined_is_refused(tmp_path: Path, modules: dict[str, str], message: str) -> None:
    entry = "".join(f'import {{ }} from "./{name}.js";\n' for name in modules)
    write(tmp_path, widget=entry, **modules)
    with pytest.raises(script.JoinError, match=message):
        script.join(tmp_path, "widget.js")


def test_a_missing_module_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, widget='import { a } from "./a.js";\n')
    with pytest.raises(FileNotFoundError, match=r"a\.js"):
        script.join(tmp_path, "widget.js")


def test_each_module_of_the_tree_is_in_its_script_which_exports_the_widget() -> None:
    joined = script.page_script()
    assert {path.name for path in script.STATIC.glob("*.js")} == {
        line.removeprefix("// ") for line in joined.splitlines() if line.startswith("// ") and line.endswith(".js")
    }
    shown = f"{joined.replace('export default', 'const widget =')}\nconsole.log(typeof widget.render);"
    assert run_module(shown) == "function\n"


FOLLOW = """
import sys, threading
from pathlib import Path
import traitlets
from dbxexplore.widgets import reload

class Widget(traitlets.HasTraits):
    text = traitlets.Unicode("first")

path = Path(sys.argv[1])
def read():
    text = path.read_text()
    if text == "broken":
        raise ValueError(text)
    return text

widget, changed = Widget(), threading.Event()
widget.observe(lambda change: changed.set(), "text")
reload.follow(widget, path.parent, text=read)
for text in ("broken", "second"):
    # The watcher may not have begun yet, so the file is written until the change is seen.
    for _ in range(100):
        path.write_text(text)
        if changed.wait(0.2):
            break
        if text == "broken":
            break
print(widget.text)
"""


@pytest.mark.parametrize(("hmr", "shown"), [("1", "second"), ("0", "first")])
def test_an_edited_text_is_assigned_while_developing(tmp_path: Path, hmr: str, shown: str) -> None:
    pytest.importorskip("watchfiles", reason=needs.package("watchfiles"))
    code = textwrap.dedent(FOLLOW).replace("range(100)", f"range({100 if hmr == '1' else 2})")
    command = [sys.executable, "-c", code, str(tmp_path / "text.css")]
    environment = {**os.environ, "ANYWIDGET_HMR": hmr}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    assert ran.stdout == f"{shown}\n", ran.stderr
