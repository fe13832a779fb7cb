"""The connection as a resource of the ``dagster-io/dagsterplus`` Terraform provider.

Source: the resource ``dagsterplus_external_asset_connection``.
"""

from __future__ import annotations

import json
import re

from dbxexplore.export.config import ConnectionConfig
from dbxexplore.export.forms.base import Form
from dbxexplore.export.forms.source_config import source_config_yaml

_HEADER = """\
# The secret is not here: create the environment variable in Dagster+ under the same name.
# The source configuration is provisional; see the comment in it.
"""


def terraform(config: ConnectionConfig) -> str:
    """Return the resource as HCL.

    Raises:
        ExportError: Dagster+ cannot use the credential.
    """
    attributes = {
        "name": config.name,
        "connection_type": "DATABRICKS",
        "description": config.description,
        "cron_string": config.schedule.cron if config.schedule else "",
        "timezone": config.schedule.timezone if config.schedule else "",
    }
    written = {name: hcl_string(value) for name, value in attributes.items() if value}
    written["source_config_yaml"] = hcl_lines(source_config_yaml(config))
    width = max(map(len, written))
    lines = "".join(f"  {name:<{width}} = {value}\n" for name, value in written.items())
    label = re.sub(r"[^A-Za-z0-9_-]", "_", config.name)
    if not re.match(r"[A-Za-z_]", label):
        label = f"_{label}"
    return f'{_HEADER}resource "dagsterplus_external_asset_connection" "{label}" {{\n{lines}}}\n'


def hcl_string(text: str) -> str:
    """Return ``text`` as a quoted HCL string in which nothing is interpolated.

    HCL has all escapes of JSON but two, and reads ``${`` and ``%{`` as the start of a template. Doubling the sign is
    the usual escape; where that is ambiguous, after another such sign, or where python-hcl2 expects a closing brace,
    the sign is written by its code point.
    """
    quoted = _SHORT_ESCAPE.sub(lambda match: _CODE_POINT.get(match[0], match[0]), json.dumps(text, ensure_ascii=False))
    return _TEMPLATE.sub(_escaped_template, quoted)


def hcl_lines(text: str) -> str:
    """Return lines of YAML as an indented HCL heredoc in which nothing is interpolated, so that a person can read them.

    A heredoc has no escape but the doubled sign. Text where that is ambiguous, or with a line that would end the
    heredoc, becomes a quoted string.
    """
    lines = text.removesuffix("\n").split("\n")
    is_flush = any(line and not line.startswith(" ") for line in lines)  # otherwise HCL would remove its indentation
    if not text.endswith("\n") or not is_flush or _NOT_IN_HEREDOC.search(text):
        return hcl_string(text)
    body = "".join(f"    {_SIGN.sub(_DOUBLED, line)}\n" for line in lines)
    return f"<<-{_MARKER}\n{body}  {_MARKER}"


_MARKER = "YAML"
_NOT_IN_HEREDOC = re.compile(rf"[$%][$%]\{{|[\r\x00]|^\s*{_MARKER}\s*$", re.MULTILINE)
_SIGN, _DOUBLED = re.compile(r"([$%])\{"), r"\1\1{"
_SHORT_ESCAPE = re.compile(r"\\.")  # a backslash and what it escapes, so that an escaped backslash stays whole
_CODE_POINT = {r"\b": r"\u0008", r"\f": r"\u000c", "$": r"\u0024", "%": r"\u0025"}
_TEMPLATE = re.compile(r"(\$?\$|%?%)\{(?=([^}\\\"$%]*\})?)")


def _escaped_template(match: re.Match[str]) -> str:
    before, sign = match[1][:-1], match[1][-1]
    if match[2] is None:
        return f"{before}{_CODE_POINT[sign]}{{"
    return f"{_CODE_POINT.get(before, before)}{sign}{sign}{{"


FORM = Form("terraform", "Terraform", ".tf", terraform)
