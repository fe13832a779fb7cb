"""Every form that a configuration is rendered in, parsed back to the values it was made from."""

from __future__ import annotations

import io
import os
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import hcl2
import pytest
import yaml
from configurations import (
    FILTERS,
    LOCAL_CREDENTIALS,
    OWN_CREDENTIALS,
    TEMPLATE_TRAPS,
    TEXTS,
    YAML_TRAPS,
    configurations,
)
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.export.forms.recipe import _unexpanded
from dbxexplore.export.forms.terraform import hcl_string

MakeConfig = Callable[..., dbx.ConnectionConfig]
FORMS = {
    "source config": dbx.export.source_config_yaml,
    "terraform": dbx.export.terraform,
    "recipe": dbx.export.datahub_recipe,
}
LEVELS = ("catalogs", "schemas", "tables", "views", "notebooks")
CONFIG = configurations()


def parsed_alike(text: str) -> object:
    """Parse YAML as 1.1 and as 1.2, and return what both read."""
    old = yaml.safe_load(text)
    new = YAML(typ="safe", pure=True).load(io.StringIO(text))
    assert old == new
    return old


# --- Terraform -------------------------------------------------------------------------------------


def hcl_value(quoted: str) -> str:
    """The value of a quoted template, by the rules of the HCL specification; refuses interpolation.

    https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md and, for what a run of dollar signs means,
    the scanner beside it: it takes two signs together, and they are an escape only with a brace after them.
    """
    assert quoted[0] == quoted[-1] == '"'
    body, at, value = quoted[1:-1], 0, []
    while at < len(body):
        character = body[at]
        assert character not in '"\n\r'
        if character == "\\":
            kind = body[at + 1]
            length = {"u": 4, "U": 8}.get(kind, 0)
            value.append(
                chr(int(body[at + 2 : at + 2 + length], 16))
                if length
                else {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}[kind]
            )
            at += 2 + length
        elif character in "$%":
            if body[at : at + 2] == 2 * character:
                escape = body[at + 2 : at + 3] == "{"
                value.append(character + "{" if escape else 2 * character)
                at += 3 if escape else 2
            else:
                assert body[at : at + 2] != character + "{", "the start of a template"
                value.append(character)
                at += 1
        else:
            value.append(character)
            at += 1
    return "".join(value)


def python_hcl2(text: str) -> dict[str, object]:
    """Parse HCL with python-hcl2, which leaves the escapes of templates as they are written."""
    options = hcl2.SerializationOptions(strip_string_quotes=True)
    parsed = hcl2.loads(text, serialization_options=options)
    assert isinstance(parsed, dict)
    return parsed


def unescaped(value: str) -> str:
    return value.replace("$${", "${").replace("%%{", "%{")


@settings(max_examples=300)
@given(TEXTS)
@example(r"\bfoo")
@example("${")
@example("${${a}")
@example("$$${a}%%%{b}")
@example('${"}"}')
def test_an_hcl_string_is_read_as_its_text(text: str) -> None:
    assert hcl_value(hcl_string(text)) == text


@settings(max_examples=80)
@given(TEXTS)
@example(r"^(?:prod)$\b\\")
@example("${")
@example('a${b}c"')
def test_an_hcl_string_is_read_as_its_text_by_python_hcl2(text: str) -> None:
    # Its value of an escaped sign and that of two signs are the same text, so only one of them can be checked.
    assume(not re.search(r"\$\$\{(?![^}\\\"$%]*\})|%%\{(?![^}\\\"$%]*\})", text))
    parsed = python_hcl2(f"a = {hcl_string(text)}\nb = 1\n")
    assert unescaped(str(parsed["a"])) == text
    assert parsed["b"] == 1


@pytest.mark.parametrize("text", TEMPLATE_TRAPS + YAML_TRAPS, ids=repr)
def test_text_that_hcl_reads_otherwise_stays_text(text: str) -> None:
    for around in (text, f"a{text}", f"{text}}}", text + text, f"${text}", f"%{text}", f"\\{text}"):
        assert hcl_value(hcl_string(around)) == around


def resource(text: str) -> tuple[str, dict[str, object]]:
    """Return the label and the attributes of the one resource in a Terraform file."""
    (block,) = python_hcl2(text)["resource"]  # type: ignore[misc]  # a list of blocks
    ((kind, labels),) = block.items()
    assert kind == "dagsterplus_external_asset_connection"
    ((label, attributes),) = labels.items()
    return label, {name: value for name, value in attributes.items() if not name.startswith("__")}


def expected_attributes(config: dbx.ConnectionConfig) -> dict[str, str]:
    given_values = {
        "name": config.name,
        "connection_type": "DATABRICKS",
        "description": config.description,
        "cron_string": config.schedule.cron if config.schedule else "",
        "timezone": config.schedule.timezone if config.schedule else "",
        "source_config_yaml": dbx.export.source_config_yaml(config),
    }
    return {name: value for name, value in given_values.items() if value}


ATTRIBUTE = re.compile(r"^  (\w+) += (<<-YAML\n(?:.*\n)*?  YAML$|.*$)", re.MULTILINE)


def heredoc(written: str) -> str:
    """The lines of a flush heredoc, without the indentation that all of them have."""
    first, *lines, last = written.split("\n")
    assert first == f"<<-{last.strip()}"
    return textwrap.dedent("\n".join(lines)) + "\n"


def hcl_text(written: str) -> str:
    """The value of a quoted string, or of a heredoc, in which a backslash is itself."""
    if written.startswith('"'):
        return hcl_value(written)
    lines = heredoc(written).split("\n")
    return "\n".join(hcl_value('"' + line.replace("\\", "\\\\").replace('"', '\\"') + '"') for line in lines)


@pytest.mark.parametrize(
    "pattern", ["a", "^(?:prod)$", r"a\.b", "${a}", "%{a}", "$${a}", "$%{a}", "%%{", "YAML", "a\nYAML\nb"]
)
def test_a_source_configuration_in_terraform_is_lines_unless_a_sign_is_ambiguous(
    make_config: MakeConfig, pattern: str
) -> None:
    config = make_config(filters=dbx.Filters(tables=dbx.Patterns([re.escape("x"), pattern.replace("%%{", r"%%\{")])))
    text = dbx.export.terraform(config)
    read = {name: hcl_text(value) for name, value in ATTRIBUTE.findall(text)}
    assert read["source_config_yaml"] == dbx.export.source_config_yaml(config)
    assert ("<<-YAML\n" in text) == (pattern not in {"$${a}", "$%{a}"})


@settings(max_examples=80)
@given(CONFIG)
def test_terraform_holds_the_same_values(config: dbx.ConnectionConfig) -> None:
    text = dbx.export.terraform(config)
    read = {name: hcl_text(value.strip()) for name, value in ATTRIBUTE.findall(text)}
    assert read == expected_attributes(config)


@settings(max_examples=40)
@given(CONFIG)
def test_terraform_holds_the_same_values_for_python_hcl2(config: dbx.ConnectionConfig) -> None:
    expected = expected_attributes(config)
    assume(not any(re.search(r"\$\$\{|%%\{", value) for value in expected.values()))
    label, attributes = resource(dbx.export.terraform(config))
    read = {name: heredoc(str(value)) if str(value).startswith("<<") else value for name, value in attributes.items()}
    assert {name: unescaped(str(value)) for name, value in read.items()} == expected
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", label)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("prod", "prod"),
        ("my conn", "my_conn"),
        ("1st", "_1st"),
        ("-a", "_-a"),
        ("ß", "_"),
        ("a.b/c", "a_b_c"),
        ("${a}", "__a_"),
    ],
)
def test_the_label_of_the_resource_is_a_name_in_hcl(make_config: MakeConfig, name: str, label: str) -> None:
    assert resource(dbx.export.terraform(make_config(name=name)))[0] == label


def test_terraform_as_a_person_reads_it(make_config: MakeConfig) -> None:
    config = make_config(
        name="prod",
        description='Costs ${amount}, "really"',
        schedule=dbx.Schedule(cron="0 6 * * *", timezone="Europe/Berlin"),
        filters=dbx.Filters(tables=dbx.Patterns([r"prod\.\bgold\b"])),
    )
    lines = dbx.export.terraform(config).splitlines()
    assert lines[2:8] == [
        'resource "dagsterplus_external_asset_connection" "prod" {',
        '  name               = "prod"',
        '  connection_type    = "DATABRICKS"',
        r'  description        = "Costs $${amount}, \"really\""',
        '  cron_string        = "0 6 * * *"',
        '  timezone           = "Europe/Berlin"',
    ]
    assert lines[8] == "  source_config_yaml = <<-YAML"
    assert r"        - 'prod\.\bgold\b'" in lines
    assert lines[-2:] == ["  YAML", "}"]


# --- the source configuration ----------------------------------------------------------------------


def expected_credential(config: dbx.ConnectionConfig, secret: Callable[[str], object]) -> dict[str, object]:
    auth = config.settings.auth
    if isinstance(auth, dbx.TokenAuth):
        held: dict[str, object] = {"token": secret(auth.env_var)}
    else:
        assert isinstance(auth, dbx.OAuthM2MAuth)
        held = {"client_id": auth.client_id, "client_secret": secret(auth.client_secret_env_var)}
    if config.settings.warehouse_id:
        held["warehouse_id"] = config.settings.warehouse_id
    return {"workspace_url": config.settings.workspace_url, **held}


@settings(max_examples=80)
@given(CONFIG)
def test_the_source_configuration_holds_the_same_values(config: dbx.ConnectionConfig) -> None:
    expected = expected_credential(config, lambda variable: {"env": variable})
    for level in LEVELS:
        patterns = config.filters.level(level)
        expected[f"{level[:-1]}_pattern"] = {"allow": list(patterns.allow), "deny": list(patterns.deny)}
    assert parsed_alike(dbx.export.source_config_yaml(config)) == expected


def test_the_source_configuration_says_that_it_is_provisional(make_config: MakeConfig) -> None:
    assert dbx.export.source_config_yaml(make_config()).startswith("# Provisional: ")


# --- the DataHub recipe ----------------------------------------------------------------------------


def expands(element: str) -> bool:
    """Whether DataHub takes a text for one with variables in it, which it replaces before all else.

    https://docs.datahub.com/docs/metadata-ingestion/recipe_overview#handling-sensitive-information-in-recipes:
    ``${NAME}`` anywhere in it, or ``$NAME`` at its start.
    """
    return re.search(r"\$\{.+\}", element) is not None or element.startswith("$")


def texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_in(item)


@settings(max_examples=80)
@given(CONFIG)
def test_the_recipe_holds_the_same_values(config: dbx.ConnectionConfig) -> None:
    recipe = parsed_alike(dbx.export.datahub_recipe(config))
    assert isinstance(recipe, dict)
    assert recipe["sink"] == {"type": "console", "config": {}}
    assert recipe["source"]["type"] == "unity-catalog"
    source = recipe["source"]["config"]
    for name, value in expected_credential(config, lambda variable: f"${{{variable}}}").items():
        assert source.pop(name) == value
    assert source.pop("include_notebooks") == bool(config.filters.notebooks.allow)
    # What the preview does not show is not crawled; without a warehouse it never is.
    assert source.pop("include_hive_metastore", None) is (False if config.settings.warehouse_id else None)
    filters = config.filters
    if replace(config.dialect, ignore_case=True) == dbx.Dialect.DATAHUB_1_5:
        filters = filters.with_level("views", dbx.Patterns())
    for level in LEVELS:
        patterns = filters.level(level)
        if level not in {"catalogs", "schemas"} and patterns == dbx.Patterns():
            continue  # as DataHub does without it
        written = source.pop(f"{level[:-1]}_pattern")
        assert written.pop("ignoreCase") == config.dialect.ignore_case
        for name in ("allow", "deny"):
            texts = written.pop(name)
            if (level, name) == ("catalogs", "deny"):
                assert texts.pop() == "^hive_metastore$"
            assert len(texts) == len(getattr(patterns, name))
            assert not any(map(expands, texts))
            for text, original in zip(texts, getattr(patterns, name), strict=True):
                assert text == original or "$" in original
        assert written == {}
    assert source == {}


ATOMS = st.sampled_from(
    [
        *(
            "$",
            r"\$",
            "[$]",
            "[^$]",
            r"[\$]",
            r"[^\$]",
            "[]$]",
            "[^]$]",
            r"[\]$]",
            r"[$\]]",
            "[$-&]",
            "[ -$]",
            r"[\\$]",
            "[[$]",
        ),
        *(
            "{",
            "}",
            "{A}",
            "${",
            "${A}",
            r"\${A}",
            r"\${2}",
            "[$]{2}",
            "[$]{A}",
            r"\\$",
            r"\\\$",
            "$$",
            "$|",
            "|$",
            "^$",
            "(?=$)",
        ),
        *(
            "(?#$)",
            "(?#${A})",
            "(?#[)",
            "(?#a])",
            r"(?#\)$)",
            "#",
            "#$",
            "# ${A}\n",
            "#[\n",
            "\n",
            " ",
            "#\\\n$",
            "(?#\\$)",
        ),
        *(
            "(",
            ")",
            "(?:",
            "(?x:",
            "(?-x:",
            "(?i:",
            "(?P<n>",
            "(?(1)$|a)",
            "(?<=$)",
            "(?!$)",
            "(?m:",
            "(?s-x:",
            "(?xs-i:",
        ),
        *(
            "a",
            "A",
            ".",
            ".*",
            "b?",
            "|",
            "^",
            "x",
            "1",
            r"\x24",
            r"\0",
            r"\N{DOLLAR SIGN}",
            r"\#",
            r"\[",
            r"\]",
            r"\(",
            r"\)",
        ),
    ]
)
EXPRESSIONS = st.builds(
    lambda flags, parts: flags + "".join(parts),
    st.sampled_from(["", "", "", "(?x)", "(?m)", "(?xm)", "(?i)", "(?sx)"]),
    st.lists(ATOMS, min_size=1, max_size=7),
).filter(lambda text: not dbx.Patterns([text]).problems())
SUBJECTS = [
    "",
    "$",
    "$$",
    "$$$",
    "a",
    "A",
    "${A}",
    "$A",
    "{A}",
    "a$",
    "${2}",
    "$\n",
    "\n",
    "a\n",
    "\\",
    "\\$",
    "]",
    "&",
    "#",
    "_",
    "x24",
]
SUBJECTS += [
    "\\x24",
    "a${A}",
    "$a",
    "#$",
    "# ${A}",
    "[",
    "[$",
    "$]",
    "]$",
    " ",
    "#[",
    "2",
    "$2",
    "1",
    "b",
    "x",
    "%",
    "a{A}",
    "$){A}",
]


@pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")
@settings(max_examples=1500)
@given(EXPRESSIONS, st.lists(st.text(st.sampled_from("$aA{}\\\n#x24[]()_ "), max_size=6), max_size=6))
@example(r"[\$]${A}", ["$", "\\", "x", "2", "4"])
@example("(?#${X})a", ["a"])
@example("(?x)a # [ \n${X} ]", ["a", "a$", "a${X}"])
@example("#[\n$]${A}", ["#[\n$]${A}", "#[\n", "#$", "#["])
@example("$|[(?x:]#$", ["#", "(#", "#$"])
@example("(?x)(a # [\n$|${A} # ]\n)", ["a", "a$"])
@example("(?x:a # [\n$|${A} # ]\n)", ["a", "a$"])
@example("(?x:a)(?:# [\n$|${A}]|a#)", ["a# $", "aa#"])
@example("(?x)(?-x:#$|${A})", ["#"])
@example("(?x-i:a#$\n|${A})#", ["a", "#", "a#"])
def test_a_pattern_in_a_recipe_matches_what_it_matched_and_has_no_variable(pattern: str, subjects: list[str]) -> None:
    written = _unexpanded(pattern)
    assert not expands(written)
    for flags in (0, re.IGNORECASE):
        before, after = re.compile(pattern, flags), re.compile(written, flags)
        assert (before.groups, before.groupindex) == (after.groups, after.groupindex)
        for subject in SUBJECTS + subjects:
            one, other = before.search(subject), after.search(subject)
            assert (one and one.regs) == (other and other.regs), (pattern, written, subject)


@pytest.mark.parametrize("pattern", ["^prod$", r"prod\.gold\..*", "a|b$", "[$]", r"\$", "(?:a$)"])
def test_a_pattern_in_which_datahub_sees_no_variable_is_left_as_it_is(pattern: str) -> None:
    assert not expands(pattern)
    assert _unexpanded(pattern) == pattern


@pytest.mark.parametrize("name", list(dbx.Dialect.named()))
def test_a_recipe_warns_where_datahub_reads_otherwise(make_config: MakeConfig, name: str) -> None:
    text = dbx.export.datahub_recipe(make_config(dialect=name))
    assert text.startswith(f"# Warning: these filters use the matching rules {name}, and DataHub") == (
        name not in {"datahub", "datahub-1.5"}
    )


def test_view_patterns_name_the_first_version_that_applies_them(make_config: MakeConfig) -> None:
    filters = dbx.Filters(views=dbx.Patterns(["^(?:a)$"]))
    text = dbx.export.datahub_recipe(make_config(filters=filters))
    assert text.startswith("# view_pattern needs DataHub 1.6.0.12 or later: earlier versions ignore it.\nsource:")
    assert dbx.export.datahub_recipe(make_config(filters=filters, dialect="datahub-1.5")).startswith("source:")


def test_case_is_not_a_reason_to_warn_since_a_recipe_says_it(make_config: MakeConfig) -> None:
    config = make_config(dialect=dbx.Dialect(ignore_case=False))
    assert dbx.export.datahub_recipe(config).startswith("source:")


@given(TEXTS)
@example("a\nsource: stolen\n")
@example("a\x85b\x00\u2028- c")
def test_what_a_dialect_is_called_does_not_leave_the_comment(name: str) -> None:
    settings_ = dbx.ConnectionSettings("https://a.cloud.databricks.com")
    config = dbx.ConnectionConfig(name="n", settings=settings_, dialect=dbx.Dialect(match="full", name=name))
    recipe = parsed_alike(dbx.export.datahub_recipe(config))
    assert isinstance(recipe, dict)
    assert list(recipe) == ["source", "sink"]


# --- what no form may hold, and who may not have one -----------------------------------------------


@settings(max_examples=40)
@given(CONFIG, st.sampled_from(sorted(dbx.export.FORMS)))
def test_no_form_holds_the_secret(config: dbx.ConnectionConfig, form: str) -> None:
    auth = config.settings.auth
    variable = auth.env_var if isinstance(auth, dbx.TokenAuth) else getattr(auth, "client_secret_env_var")  # noqa: B009 - a union
    assume(variable not in os.environ)
    secret = "a-secret-of-no-known-form-5f2a"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(variable, secret)
        written = [
            dbx.export.FORMS[form].render(config),
            config.to_yaml(),
            repr(config),
            str(config),
            repr(config.settings),
        ]
    assert not any(secret in text for text in written)
    assert variable in written[0]


@settings(max_examples=30)
@given(configurations(LOCAL_CREDENTIALS), st.sampled_from(sorted(FORMS)))
def test_a_credential_of_this_machine_is_refused(config: dbx.ConnectionConfig, form: str) -> None:
    runtime = config.settings.auth == dbx.RuntimeAuth()
    why = (
        "the identity of a notebook exists in that notebook only"
        if runtime
        else "a profile exists on this machine only"
    )
    who = "A DataHub recipe" if form == "recipe" else "Dagster+"
    with pytest.raises(errors.ExportError) as caught:
        FORMS[form](config)
    assert str(caught.value) == (
        f"{who} cannot use this credential: {why}. Expected a token or a service principal, by the name of its variable."
    )


# These are read where the credential is; any other form has to call `check_portable`.
FOR_THIS_MACHINE = {"yaml", "component"}


@settings(max_examples=40)
@given(configurations(LOCAL_CREDENTIALS), st.sampled_from(sorted(set(dbx.export.FORMS) - FOR_THIS_MACHINE)))
def test_every_form_for_other_machines_refuses_such_a_credential(config: dbx.ConnectionConfig, form: str) -> None:
    with pytest.raises(errors.ExportError, match="cannot use this credential"):
        dbx.export.FORMS[form].render(config)


@settings(max_examples=30)
@given(configurations(OWN_CREDENTIALS), FILTERS)
def test_a_form_depends_on_the_configuration_alone(config: dbx.ConnectionConfig, filters: dbx.Filters) -> None:
    for form in FORMS.values():
        assert form(config) == form(dbx.ConnectionConfig.from_yaml(config.to_yaml())) or config.dialect.name != "custom"
        changed = config.model_copy(update={"filters": filters})
        assert (form(changed) == form(config)) == (filters == config.filters)


# --- workspace IDs and scopes ---


@pytest.mark.parametrize("form", ["source_config_yaml", "datahub_recipe"])
def test_what_a_form_has_no_field_for_is_said(make_config: MakeConfig, form: str) -> None:
    auth = dbx.OAuthM2MAuth("6f1c-app", scopes=("unity-catalog", "sql"))
    url = "https://dbc-1234abcd-56ef.cloud.databricks.com"
    text = getattr(dbx.export, form)(make_config(settings=dbx.ConnectionSettings(url, auth, workspace_id="7405")))
    comments = " ".join(line for line in text.splitlines() if line.startswith("#"))
    assert "no known field for the workspace ID: 7405." in comments
    assert "no known field for the OAuth scopes: unity-catalog, sql." in comments
    plain = getattr(dbx.export, form)(make_config(settings=dbx.ConnectionSettings(url, dbx.OAuthM2MAuth("6f1c-app"))))
    assert "no known field" not in plain


def test_the_component_keeps_both(make_config: MakeConfig) -> None:
    auth = dbx.OAuthM2MAuth("6f1c-app", scopes=("unity-catalog", "sql"))
    settings = dbx.ConnectionSettings("https://dbc-1234abcd-56ef.cloud.databricks.com/?o=7405", auth)
    attributes = yaml.safe_load(dbx.export.component_yaml(make_config(settings=settings)))["attributes"]
    assert attributes["connection"]["settings"]["workspace_id"] == "7405"
    assert attributes["connection"]["settings"]["auth"]["scopes"] == ["unity-catalog", "sql"]


# --- the next steps --------------------------------------------------------------------------------


def test_the_next_steps_name_every_field_and_each_changed_level(make_config: MakeConfig) -> None:
    config = make_config(
        name="a`b",
        filters=dbx.Filters(catalogs=dbx.Patterns(["^prod$"]), notebooks=dbx.Patterns([])),
        schedule=dbx.Schedule(cron="0 6 * * *", timezone="Europe/Berlin"),
    )
    text = dbx.export.FORMS["steps"].render(config)
    assert "- Connection name: `` a`b ``" in text
    assert f"`{config.settings.workspace_url}`" in text
    assert "DATABRICKS_CONNECTION_TOKEN (the variable's name, not the secret)" in text
    assert "Filter on catalogs, allow: `^prod$`" in text
    assert "Filter on notebooks, allow: nothing" in text
    assert "Filter on tables" not in text
    assert "`0 6 * * *`, time zone Europe/Berlin" in text
