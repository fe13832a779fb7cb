"""The connection document: there and back, and everything that is refused in it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from configurations import LOCAL_CREDENTIALS, OWN_CREDENTIALS, YAML_TRAPS, configurations
from hypothesis import example, given, settings
from hypothesis import strategies as st

import dbxexplore as dbx
from dbxexplore import errors

MakeConfig = Callable[..., dbx.ConnectionConfig]
URL = "https://dbc-1234abcd-56ef.cloud.databricks.com"
ANY_CONFIG = configurations(OWN_CREDENTIALS | LOCAL_CREDENTIALS)

HEAD = f"""\
version: 1
name: prod
settings:
  workspace_url: {URL}
  auth:
    kind: token
    env_var: TOKEN_VARIABLE
"""  # seven lines; what a test adds starts at line 8


def refused(text: str) -> errors.ConfigError:
    """Return the error with which a document is refused."""
    with pytest.raises(errors.ConfigError) as caught:
        dbx.ConnectionConfig.from_yaml(text)
    return caught.value


# --- there and back --------------------------------------------------------------------------------


@settings(max_examples=150)
@given(ANY_CONFIG)
def test_a_document_reads_back_to_an_equal_configuration(config: dbx.ConnectionConfig) -> None:
    text = config.to_yaml()
    again = dbx.ConnectionConfig.from_yaml(text)
    assert again == config
    assert again.to_yaml() == text


def values_of(config: dbx.ConnectionConfig) -> dict[str, object]:
    """What a document holds, by the names of the contract."""
    auth = config.settings.auth
    levels = ("catalogs", "schemas", "tables", "views", "notebooks")
    held: dict[str, object] = {
        "version": 1,
        "name": config.name,
        "settings": {
            "workspace_url": config.settings.workspace_url,
            "auth": {
                name: list(value) if isinstance(value, tuple) else value
                for name in ("kind", *auth.__dataclass_fields__)
                if (value := getattr(auth, name)) != ()
            },
            **{
                name: value
                for name in ("warehouse_id", "workspace_id")
                if (value := getattr(config.settings, name)) is not None
            },
        },
        "filters": {
            level: {
                "allow": list(getattr(config.filters, level).allow),
                "deny": list(getattr(config.filters, level).deny),
            }
            for level in levels
            if getattr(config.filters, level) != dbx.Patterns()
        },
        "dialect": next((n for n, d in dbx.Dialect.named().items() if d == config.dialect), config.dialect.settings()),
    }
    if config.description:
        held["description"] = config.description
    if config.schedule:
        held["schedule"] = {"cron": config.schedule.cron, "timezone": config.schedule.timezone}
    if not held["filters"]:
        del held["filters"]
    return held


@settings(max_examples=100)
@given(ANY_CONFIG)
def test_a_reader_of_yaml_1_1_sees_the_same_values(config: dbx.ConnectionConfig) -> None:
    assert yaml.safe_load(config.to_yaml()) == values_of(config)


@pytest.mark.parametrize("text", YAML_TRAPS, ids=repr)
def test_text_that_yaml_reads_otherwise_stays_text(make_config: MakeConfig, text: str) -> None:
    filters = dbx.Filters(
        tables=dbx.Patterns(allow=[re.escape(text), text] if not dbx.Patterns([text]).problems() else [])
    )
    config = make_config(description=text, filters=filters)
    written = config.to_yaml()
    assert dbx.ConnectionConfig.from_yaml(written) == config
    assert yaml.safe_load(written) == values_of(config)


def test_a_long_text_stays_whole(make_config: MakeConfig) -> None:
    length = 24_000
    for text in ("word " * (length // 5), "a" * length, " \n" * (length // 2), "'\" #: " * (length // 6)):
        config = make_config(description=text, filters=dbx.Filters(tables=dbx.Patterns([re.escape(text)])))
        written = config.to_yaml()
        assert dbx.ConnectionConfig.from_yaml(written) == config
        assert yaml.safe_load(written) == values_of(config)


def test_a_document_is_written_as_people_write_it(make_config: MakeConfig) -> None:
    config = make_config(
        description="All of prod: no scratch",
        filters=dbx.Filters(catalogs=dbx.Patterns(["^prod$"]), tables=dbx.Patterns(deny=[r".*\.tmp_\d+"])),
        schedule=dbx.Schedule(cron="0 6 * * *", timezone="Europe/Berlin"),
    )
    assert config.to_yaml() == textwrap.dedent(
        r"""
        version: 1
        name: databricks_unity_catalog
        description: 'All of prod: no scratch'
        settings:
          workspace_url: 'https://dbc-1234abcd-56ef.cloud.databricks.com'
          auth:
            env_var: DATABRICKS_CONNECTION_TOKEN
            kind: token
        filters:
          catalogs:
            allow:
              - '^prod$'
            deny: []
          tables:
            allow:
              - '.*'
            deny:
              - '.*\.tmp_\d+'
        dialect: datahub
        schedule:
          cron: '0 6 * * *'
          timezone: Europe/Berlin
        """
    ).lstrip("\n")


def test_filters_that_include_everything_are_left_out(make_config: MakeConfig) -> None:
    assert "filters" not in make_config(filters=dbx.Filters()).to_yaml()


def test_a_document_with_every_level_written_out_is_read(make_config: MakeConfig) -> None:
    written = make_config(filters=dbx.Filters(tables=dbx.Patterns(["^a$"]))).to_yaml()
    levels = "".join(
        f"  {level}:\n    allow: ['.*']\n    deny: []\n" for level in ("catalogs", "schemas", "views", "notebooks")
    )
    old = dbx.ConnectionConfig.from_yaml(written.replace("filters:\n", f"filters:\n{levels}"))
    assert old == dbx.ConnectionConfig.from_yaml(written)


def test_what_is_left_out_has_its_default() -> None:
    config = dbx.ConnectionConfig.from_yaml(HEAD)
    assert config == dbx.ConnectionConfig(
        name="prod", settings=dbx.ConnectionSettings(URL, dbx.TokenAuth("TOKEN_VARIABLE"))
    )
    assert (config.filters, config.dialect, config.schedule) == (dbx.Filters(), dbx.Dialect.DATAHUB, None)


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ("{kind: profile}", dbx.ProfileAuth("DEFAULT")),
        ("{kind: profile, profile: dev}", dbx.ProfileAuth("dev")),
        ("{kind: runtime}", dbx.RuntimeAuth()),
        ("{kind: token}", dbx.TokenAuth()),
        ("{kind: oauth-m2m, client_id: abc}", dbx.OAuthM2MAuth("abc")),
        ("{kind: oauth-m2m, client_id: abc, scopes: [sql]}", dbx.OAuthM2MAuth("abc", scopes=("sql",))),
    ],
)
def test_every_kind_of_credential_is_read(auth: str, expected: object) -> None:
    text = f"version: 1\nname: prod\nsettings:\n  workspace_url: {URL}\n  auth: {auth}\n"
    assert dbx.ConnectionConfig.from_yaml(text).settings.auth == expected


def test_a_dialect_of_ones_own_is_read_and_what_it_leaves_out_is_datahubs() -> None:
    config = dbx.ConnectionConfig.from_yaml(HEAD + "dialect:\n  match: full\n  ignore_case: false\n")
    assert config.dialect == dbx.Dialect(match="full", ignore_case=False)


def test_aliases_and_merged_keys_are_read_as_what_they_stand_for() -> None:
    text = "filters:\n  tables: &same\n    allow: [a]\n  views: *same\n  schemas:\n    <<: *same\n    deny: [b]\n"
    filters = dbx.ConnectionConfig.from_yaml(HEAD + text).filters
    assert filters.tables == filters.views == dbx.Patterns(["a"])
    assert filters.schemas == dbx.Patterns(["a"], ["b"])


@pytest.mark.parametrize(
    "text", ["\ufeff" + HEAD, HEAD.replace("\n", "\r\n"), "---\n" + HEAD, "# comment\n" + HEAD, HEAD + "...\n"]
)
def test_how_an_editor_saves_a_document_does_not_matter(text: str) -> None:
    assert dbx.ConnectionConfig.from_yaml(text) == dbx.ConnectionConfig.from_yaml(HEAD)


# --- refusals, with line and key -------------------------------------------------------------------

REFUSED = [
    # added text, line, key, message
    (
        "colour: red\n",
        8,
        "colour",
        "unknown key. Expected one of version, name, description, settings, filters, dialect, s",
    ),
    (
        "filters:\n  table: {}\n",
        9,
        "filters.table",
        "unknown key. Expected one of catalogs, schemas, tables, views, notebooks.",
    ),
    ("filters:\n  tables:\n    permit: []\n", 10, "filters.tables.permit", "unknown key. Expected one of allow, deny."),
    (
        "schedule:\n  cron: 0 6 * * *\n  zone: UTC\n",
        10,
        "schedule.zone",
        "unknown key. Expected one of cron, timezone.",
    ),
    (
        "dialect:\n  match: full\n  case: no\n",
        10,
        "dialect.case",
        "unknown key. Expected one of match, ignore_case, subject, v",
    ),
    ("name: again\n", 8, "name", "duplicate key. Remove one of the two."),
    ("filters:\n  tables:\n    deny: []\n    deny: []\n", 11, "deny", "duplicate key. Remove one of the two."),
    ("description: 5\n", 8, "description", "is not text. Expected text; put it in quotes."),
    ("description: [a]\n", 8, "description", "is not text. Expected text; put it in quotes."),
    ("description: 2024-01-01\n", 8, "description", "is read as date. Expected text. Put it in quotes."),
    ("description: 2024-01-01 10:00:00\n", 8, "description", "is read as datetime. Expected text. Put it in quotes."),
    ("description: !!binary aGVsbG8=\n", 8, "description", "is read as bytes. Expected text. Put it in quotes."),
    ("description: !mine a\n", 8, "description", "is read with a tag. Expected text. Put it in quotes."),
    ('description: "\\ud800"\n', 8, "description", "contains an unpaired surrogate."),
    ("filters: [a]\n", 8, "filters", "is not a mapping. Expected keys and values."),
    ("filters:\n  views: [a]\n", 9, "filters.views", "is not a mapping. Expected keys and values."),
    (
        "filters:\n  views:\n    allow: '.*'\n",
        10,
        "filters.views.allow",
        "is a single text. Expected a list of patterns.",
    ),
    ("filters:\n  views:\n    allow: 5\n", 10, "filters.views.allow", "is not a list. Expected a list of patterns."),
    ("filters:\n  views:\n    allow:\n", 10, "filters.views.allow", "is not a list. Expected a list of patterns."),
    (
        "filters:\n  views:\n    allow: {a: b}\n",
        10,
        "filters.views.allow",
        "is not a list. Expected a list of patterns.",
    ),
    (
        "filters:\n  views:\n    deny:\n      - a\n      - 5\n",
        12,
        "filters.views.deny.2",
        "is not text. Expected text; put it i",
    ),
    (
        "filters:\n  views:\n    deny:\n      - a\n      - '*_tmp'\n",
        12,
        "filters.views.deny.2",
        "views, deny pattern 2: The pattern '*_tmp' is not a regular expression: nothing to repeat at character 1. If '*_t",
    ),
    (
        "filters:\n  tables: {allow: [ok, '(']}\n",
        9,
        "filters.tables.allow.2",
        "tables, allow pattern 2: The pattern '(' is no",
    ),
    (
        "dialect: glob\n",
        8,
        "dialect",
        f"'glob' is not a dialect; expected one of {', '.join(dbx.Dialect.named())}.",
    ),
    ("dialect: 5\n", 8, "dialect", "is not a mapping. Expected keys and values."),
    ("dialect:\n  match: glob\n", 9, "dialect.match", "match is 'glob'. Expected one of prefix, search, full."),
    ("dialect:\n  ignore_case: 1\n", 9, "dialect.ignore_case", "ignore_case is 1. Expected True or False."),
    ("schedule: daily\n", 8, "schedule", "is not a mapping. Expected keys and values."),
    (
        "schedule: {cron: daily}\n",
        8,
        "schedule.cron",
        "'daily' is not a cron expression; expected five fields, such as 0 6",
    ),
    ("schedule: {cron: 6}\n", 8, "schedule.cron", "is not text. Expected text; put it in quotes."),
    ("schedule: {}\n", 8, "schedule.cron", "is missing."),
    (
        "schedule: {cron: 0 6 * * *, timezone: Mars}\n",
        8,
        "schedule.timezone",
        "'Mars' is not a time zone; expected a name su",
    ),
    ("5: a\n", 8, "", "has a key that is read as int. Expected keys that are text."),
    ("? [a, b]\n: c\n", 8, "", "has a key that is read as CommentedKeySeq. Expected keys that are text."),
    ("filters:\n  2024-01-01: {}\n", 9, "filters", "has a key that is read as date. Expected keys that are text."),
    ("filters: &all\n  tables: *all\n", 9, "filters.tables", "is not a mapping. Expected keys and values."),
    ("filters:\n\ttables: {}\n", 9, "", "not valid YAML: found character '\\t' that cannot start any token."),
    ("filters: [a\n", 9, "", "not valid YAML: "),
    ("description: *nowhere\n", 8, "", "not valid YAML: found undefined alias 'nowhere'."),
    ("---\nversion: 1\n", 8, "", "not valid YAML: but found another document."),
]


@pytest.mark.parametrize(("added", "line", "key", "message"), REFUSED)
def test_a_wrong_document_is_refused_with_line_and_key(added: str, line: int | None, key: str, message: str) -> None:
    error = refused(HEAD + added)
    assert (error.line, error.key) == (line, key)
    where = ", ".join(part for part in (line and f"line {line}", key and f"key {key!r}") if part)
    assert str(error).startswith(f"{where}: {message}" if where else message)


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "message"),
    [
        ("version: 1\n", "", None, "version", "the version is missing. Expected version: 1."),
        ("version: 1\n", "version: 2\n", 1, "version", "the version is 2. Expected version: 1."),
        ("version: 1\n", "version: '1'\n", 1, "version", "the version is '1'. Expected version: 1."),
        ("version: 1\n", "version: 1.0\n", 1, "version", "the version is 1.0. Expected version: 1."),
        ("version: 1\n", "version: true\n", 1, "version", "the version is True. Expected version: 1."),
        ("version: 1\n", "version:\n", 1, "version", "the version is None. Expected version: 1."),
        ("name: prod\n", "", None, "name", "is missing."),
        ("name: prod\n", "name: ''\n", 2, "name", "String should have at least 1 character."),
        (
            "name: prod\n",
            "name: ' prod'\n",
            2,
            "name",
            "' prod' starts or ends with white space, or contains a control character.",
        ),
        (
            "name: prod\n",
            'name: "pr\\nod"\n',
            2,
            "name",
            "'pr\\nod' starts or ends with white space, or contains a control character.",
        ),
        ("name: prod\n", "name: 1e3\n", 2, "name", "is not text. Expected text; put it in quotes."),
        (
            f"  workspace_url: {URL}\n",
            "",
            3,
            "settings.workspace_url",
            "The workspace URL is empty. Example: https:",
        ),
        (
            URL,
            "ftp://a.example.com",
            4,
            "settings.workspace_url",
            "'ftp://a.example.com' starts with ftp://. Example: https:",
        ),
        (URL, "5", 4, "settings.workspace_url", "is not text; put it in quotes."),
        (
            URL,
            f"{URL}\n  warehouse: 1",
            5,
            "settings.warehouse",
            "unknown key. Expected one of workspace_url, auth, warehouse",
        ),
        (URL, f"{URL}\n  warehouse_id: 123", 5, "settings.warehouse_id", "is not text; put it in quotes."),
        (
            URL,
            f"{URL}\n  warehouse_id: a b",
            5,
            "settings.warehouse_id",
            "warehouse_id 'a b' is not a warehouse ID. Expected the ID of",
        ),
        (
            "kind: token",
            "kind: password",
            6,
            "settings.auth.kind",
            "unknown kind of credential; expected one of token, oauth-m2",
        ),
        (
            "    kind: token\n",
            "",
            5,
            "settings.auth.kind",
            "unknown kind of credential; expected one of token, oauth-m2m, prof",
        ),
        (
            "env_var: TOKEN_VARIABLE",
            "env_var:",
            7,
            "settings.auth.env_var",
            "env_var is empty. Expected the name of an environ",
        ),
        (
            "env_var",
            "variable",
            7,
            "settings.auth.variable",
            "unknown key. Expected one of client_id, client_secret_env_var, env",
        ),
        (
            "kind: token",
            "kind: oauth-m2m",
            7,
            "settings.auth.env_var",
            "unknown key. Expected one of client_id, client_secret_",
        ),
        ("kind: token\n    env_var: TOKEN_VARIABLE", "kind: oauth-m2m", 5, "settings.auth", "client_id is missing."),
    ],
)
def test_a_wrong_value_is_refused_with_line_and_key(
    old: str, new: str, line: int | None, key: str, message: str
) -> None:
    assert HEAD.count(old) == 1
    error = refused(HEAD.replace(old, new))
    assert (error.line, error.key) == (line, key)
    where = f"line {line}, key {key!r}" if line else f"key {key!r}"
    assert str(error).startswith(f"{where}: {message}")


def test_a_missing_credential_says_what_one_looks_like() -> None:
    error = refused(f"version: 1\nname: prod\nsettings:\n  workspace_url: {URL}\n")
    assert str(error) == (
        "line 3, key 'settings.auth': the credential is missing or not a mapping; expected kind: token and env_var: NAME."
    )


@pytest.mark.parametrize("text", ["", "5", "a", "- a\n", "# nothing\n", "---\n"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    assert str(refused(text)) == "the document is not a mapping. Expected keys and values, starting with version: 1."


@pytest.mark.parametrize("value", [None, b"version: 1", Path("a.yaml"), {"version": 1}], ids=repr)
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(errors.ConfigError) as caught:
        dbx.ConnectionConfig.from_yaml(value)  # type: ignore[arg-type]  # that is the point
    assert str(caught.value) == (
        f"the document is a {type(value).__name__}. Expected text. To read a file, use ConnectionConfig.load."
    )


def test_a_few_aliases_that_stand_for_millions_of_values_are_refused_at_once() -> None:
    lines = ["description: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"x{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    error = refused(HEAD + "\n".join(lines) + "\n")
    assert "is too large, or contains itself" in str(error)


@pytest.mark.parametrize("depth", [30, 600])
def test_a_document_that_nests_deeply_is_refused(depth: int) -> None:
    error = refused(HEAD + "description: " + "[" * depth + "]" * depth + "\n")
    assert len(str(error)) < 500


@settings(max_examples=300)
@given(st.text(max_size=60) | st.text(st.sampled_from("ab:-[]{}&*!|>'\"%@`#?, \n\t\\$<=~0.1"), max_size=40))
@example("version: 1\nname: {a: b}\nsettings: null\n")
@example("version: 1\nname: n\nsettings: {auth: {1: 2}}\n")
@example("!!python/object:os.system {}\n")
def test_any_text_is_a_document_or_a_config_error(text: str) -> None:
    for document in (text, HEAD + text):
        try:
            dbx.ConnectionConfig.from_yaml(document)
        except errors.ConfigError as error:
            assert error.what  # noqa: PT017 - either way is right


# --- secrets ---------------------------------------------------------------------------------------

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"


@pytest.mark.parametrize(
    "secret", ["dapi0123456789abcdef0123456789abcdef", "dose0123456789abcdef0123456789abcdef", JWT]
)
@pytest.mark.parametrize(
    ("old", "new", "line", "key"),
    [
        ("env_var: TOKEN_VARIABLE", "env_var: SECRET", 7, "settings.auth.env_var"),
        ("env_var: TOKEN_VARIABLE", "token: SECRET", 7, "settings.auth.token"),
        ("kind: token", "kind: SECRET", 6, "settings.auth.kind"),
        ("name: prod", "name: SECRET", 2, "name"),
        ("name: prod", "name: prod\ndescription: the token is SECRET", 3, "description"),
        ("name: prod", "name: prod\ndescription: !mine SECRET", 3, "description"),
        ("name: prod", "name: prod\nSECRET: yes", 3, ""),
        ("name: prod", "name: prod\nSECRET: yes\nSECRET: no", 4, ""),
        ("name: prod", "name: prod\nx: {y: [a, {z: SECRET}]}", 3, "x.y.2.z"),
        ("name: prod", "name: prod\nfilters:\n  tables:\n    allow:\n    - SECRET", 6, "filters.tables.allow.1"),
        ("name: prod", "name: prod\nfilters:\n  SECRET: {}", 4, "filters"),
        ("version: 1", "version: SECRET", 1, "version"),
        (URL, "https://user:SECRET@a.cloud.databricks.com", 4, "settings.workspace_url"),
        (URL, f"{URL}/?token=SECRET", 4, "settings.workspace_url"),
        (URL, f"{URL}\n  warehouse_id: SECRET", 5, "settings.warehouse_id"),
        ("name: prod", "name: prod\ndialect: SECRET", 3, "dialect"),
        ("name: prod", "name: prod\nschedule: {cron: SECRET}", 3, "schedule.cron"),
        ("name: prod", "name: prod\ndescription: *SECRET", 3, ""),
    ],
)
def test_a_literal_secret_is_refused_with_line_and_key_and_is_not_repeated(
    secret: str, old: str, new: str, line: int, key: str
) -> None:
    error = refused(HEAD.replace(old, new.replace("SECRET", secret)))
    if not (secret == JWT and "*SECRET" in new):  # an alias cannot be named so
        assert (error.line, error.key) == (line, key)
    for text in (str(error), repr(error), repr(vars(error)), "".join(error._render_traceback_())):
        assert secret not in text
        assert secret[:12] not in text
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize("value", ["hunter2!", "a b", "Xk29fjq0dLm3nVbq81Zz", "p@ss:w0rd", "s3cr3t-with-hyphens"])
@pytest.mark.parametrize(
    "auth", ["{kind: token, env_var: VALUE}", "{kind: oauth-m2m, client_id: x, client_secret_env_var: VALUE}"]
)
def test_a_value_where_a_variables_name_belongs_is_refused_and_not_repeated(auth: str, value: str) -> None:
    quoted = auth.replace("VALUE", repr(value))
    error = refused(f"version: 1\nname: prod\nsettings:\n  workspace_url: {URL}\n  auth: {quoted}\n")
    assert error.line == 5
    assert error.key in {"settings.auth.env_var", "settings.auth.client_secret_env_var"}
    assert "environment variable" in str(error)
    assert value not in str(error) + repr(vars(error))


@pytest.mark.parametrize("key", ["token", "client_secret", "password"])
def test_a_secret_under_an_unknown_key_is_refused_and_not_repeated(key: str) -> None:
    error = refused(HEAD.replace("env_var: TOKEN_VARIABLE", f"{key}: Tr0ub4dor&3"))
    assert str(error).startswith(f"line 7, key 'settings.auth.{key}': unknown key. Expected one of client_id, ")
    assert "Tr0ub4dor" not in str(error) + repr(vars(error))


@pytest.mark.parametrize("field", ["name", "description"])
def test_a_secret_is_refused_before_it_could_be_written(make_config: MakeConfig, canary: str, field: str) -> None:
    with pytest.raises(errors.ConfigError) as caught:
        make_config(**{field: f"x {canary}"})
    assert str(caught.value).startswith(f"key '{field}': contains what looks like a secret (not shown). ")
    assert canary not in str(caught.value) + repr(vars(caught.value))


def test_a_secret_in_a_pattern_is_refused(make_config: MakeConfig, canary: str) -> None:
    with pytest.raises(errors.ConfigError, match=r"^key 'filters\.tables\.deny\.1': contains what looks like a secret"):
        make_config(filters=dbx.Filters(tables=dbx.Patterns(deny=[canary])))


# --- the constructor -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": ""}, "key 'name': String should have at least 1 character."),
        ({"name": "x" * 256}, "key 'name': String should have at most 255 characters."),
        ({"name": "a\nb"}, "key 'name': 'a\\nb' starts or ends with white space, or contains a control character."),
        ({"name": 5}, "key 'name': is not text. Expected text; put it in quotes."),
        ({"name": "\ud800"}, "key 'name': contains an unpaired surrogate."),
        ({"description": "a\udfff"}, "key 'description': contains an unpaired surrogate."),
        (
            {"colour": "red"},
            "key 'colour': unknown key. Expected one of version, name, description, settings, filters, ",
        ),
        (
            {"dialect": "glob"},
            f"key 'dialect': 'glob' is not a dialect; expected one of {', '.join(dbx.Dialect.named())}.",
        ),
        (
            {"filters": dbx.Filters(views=dbx.Patterns(["a", "("]))},
            "key 'filters.views.allow.2': views, allow pattern 2: Th",
        ),
        (
            {"filters": dbx.Filters(views=dbx.Patterns(["\ud800"]))},
            "key 'filters.views.allow.1': views, allow pattern 1: Th",
        ),
        ({"version": 2}, "key 'version': Input should be 1."),
    ],
)
def test_the_constructor_refuses_as_the_reader_does(
    make_config: MakeConfig, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(errors.ConfigError) as caught:
        make_config(**fields)
    assert str(caught.value).startswith(message)


def test_what_a_connection_needs_is_named() -> None:
    with pytest.raises(errors.ConfigError, match=r"^key 'name': is missing\.$"):
        dbx.ConnectionConfig(settings=dbx.ConnectionSettings(URL))
    with pytest.raises(errors.ConfigError, match=r"^key 'settings': is missing\.$"):
        dbx.ConnectionConfig(name="a")


def test_a_configuration_does_not_change_in_place(make_config: MakeConfig) -> None:
    config = make_config()
    with pytest.raises(ValueError, match="frozen"):
        config.name = "other"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cron": "daily"}, "key 'cron': 'daily' is not a cron expression; expected five fields, such as 0 6 * * *."),
        ({"cron": "0 6 * *"}, "key 'cron': '0 6 * *' is not a cron expression; "),
        ({"cron": "0 6 * * *; rm"}, "key 'cron': '0 6 * * *; rm' is not a cron expression; "),
        ({"cron": ""}, "key 'cron': '' is not a cron expression; "),
        ({"cron": 5}, "key 'cron': is not text. "),
        ({}, "key 'cron': is missing."),
        (
            {"cron": "0 6 * * *", "timezone": "Mars/Olympus"},
            "key 'timezone': 'Mars/Olympus' is not a time zone; expected a n",
        ),
        ({"cron": "0 6 * * *", "timezone": ""}, "key 'timezone': '' is not a time zone; "),
        ({"cron": "0 6 * * *", "timezone": "../etc/passwd"}, "key 'timezone': '../etc/passwd' is not a time zone; "),
        ({"cron": "0 6 * * *", "timezone": "Europe"}, "key 'timezone': 'Europe' is not a time zone; "),
        ({"cron": "0 6 * * *", "zone": "UTC"}, "key 'zone': unknown key. Expected one of cron, timezone."),
    ],
)
def test_a_schedule_that_makes_no_sense_is_a_config_error(fields: dict[str, object], message: str) -> None:
    with pytest.raises(errors.ConfigError) as caught:
        dbx.Schedule(**fields)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("cron", ["0 0 31 2 *", "0 0 30 2 *", "0 0 30,31 FEB *", "0 0 31 4,6,9,11 *", "0 0 31 2 1"])
def test_a_schedule_that_never_occurs_is_refused(cron: str) -> None:
    with pytest.raises(errors.ConfigError, match=r"^key 'cron': .* never occurs, because no such month has that day"):
        dbx.Schedule(cron=cron)


@pytest.mark.parametrize(
    "cron",
    ["0 0 29 2 *", "0 0 29,30 2 *", "0 0 31 4,5 *", "0 0 L 2 *", "0 0 31 * *", "0 0 31 4 1", "0 0 * 2 *", "@monthly"],
)
def test_a_schedule_that_occurs_at_times_is_taken(cron: str) -> None:
    assert dbx.Schedule(cron=cron).cron == cron


@pytest.mark.parametrize(
    "cron", ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 2 1", "0 0 29 2 *", "0 6 * * *", "0 0 31 * 2", "@daily"]
)
def test_what_dagster_refuses_is_refused(cron: str) -> None:
    dagster = pytest.importorskip("dagster")
    try:
        dbx.Schedule(cron=cron)
    except errors.ConfigError:
        with pytest.raises(dagster.DagsterInvalidDefinitionError):
            dagster.ScheduleDefinition(job_name="a", cron_schedule=cron)
    else:
        dagster.ScheduleDefinition(job_name="a", cron_schedule=cron)


def test_white_space_in_a_cron_expression_is_evened_out() -> None:
    assert dbx.Schedule(cron=" 0  6 * *\t* ").cron == "0 6 * * *"


# --- files -----------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(config=configurations())
def test_a_document_is_saved_and_loaded(tmp_path_factory: pytest.TempPathFactory, config: dbx.ConnectionConfig) -> None:
    path = config.save(tmp_path_factory.mktemp("saved") / "folder" / "prod.yaml")
    assert dbx.ConnectionConfig.load(path) == config
    assert dbx.ConnectionConfig.load(str(path)) == config
    assert path.read_bytes().decode("utf-8") == config.to_yaml()
    assert [left.name for left in path.parent.iterdir()] == ["prod.yaml"]


def test_an_interrupt_leaves_the_old_document_whole(
    make_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_config(name="old").save(tmp_path / "a.yaml")

    def interrupted(_self: Path, _target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_config(name="new").save(path)
    assert dbx.ConnectionConfig.load(path).name == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_read_or_written_is_named(make_config: MakeConfig, tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigError, match=r"missing\.yaml' cannot be read: No such file or directory\.$"):
        dbx.ConnectionConfig.load(tmp_path / "missing.yaml")
    with pytest.raises(errors.ConfigError, match=r" cannot be read: Is a directory\.$"):
        dbx.ConnectionConfig.load(tmp_path)
    (tmp_path / "latin").write_bytes(b"name: \xe4")
    with pytest.raises(errors.ConfigError, match=r"latin' cannot be read: it is not UTF-8 text\.$"):
        dbx.ConnectionConfig.load(tmp_path / "latin")
    for place in (tmp_path, tmp_path / "latin" / "a.yaml"):
        with pytest.raises(errors.ConfigError, match=r" cannot be written: .*Choose a folder that you can write to"):
            make_config().save(place)


# --- asset keys ------------------------------------------------------------------------------------


def test_asset_keys_are_those_of_the_included_tables_views_and_notebooks_in_the_order_of_the_frame(
    make_config: MakeConfig, small_catalog: dbx.Catalog
) -> None:
    config = make_config(filters=dbx.Filters(tables=dbx.Patterns(deny=[r".*\.customers$"])))
    assert config.asset_keys(config.preview(small_catalog)) == [
        ["databricks_unity_catalog", "prod", "gold", "orders"],
        ["databricks_unity_catalog", "prod", "gold", "daily"],
        ["databricks_unity_catalog", "notebooks", "Users", "ann", "Load"],
    ]


def test_asset_keys_keep_raw_names_whatever_is_in_them(make_config: MakeConfig) -> None:
    names = ["a.b", "a/b", " ", "ß😀", 'q"`', "\n"]
    rows = {
        "kind": "table",
        "catalog": names,
        "schema": names,
        "name": names,
        "full_name": [".".join([n] * 3) for n in names],
    }
    catalog = dbx.Catalog.from_frame(pd.DataFrame(rows))
    config = make_config(name="my conn")
    keys = config.asset_keys(config.preview(catalog))
    assert keys == [["my conn", name, name, name] for name in catalog.objects["name"]]
    assert {type(part) for key in keys for part in key} == {str}


def test_there_are_no_asset_keys_for_what_is_excluded_or_holds_others(
    make_config: MakeConfig, small_catalog: dbx.Catalog
) -> None:
    config = make_config(filters=dbx.Filters(catalogs=dbx.Patterns([]), notebooks=dbx.Patterns([])))
    assert config.asset_keys(config.preview(small_catalog)) == []
    everything = make_config()
    assert len(everything.asset_keys(everything.preview(small_catalog))) == 4


def test_a_configuration_previews_as_its_own_dialect_reads(make_config: MakeConfig, small_catalog: dbx.Catalog) -> None:
    config = make_config(dialect="strict", filters=dbx.Filters(catalogs=dbx.Patterns(["PROD"])))
    preview = config.preview(small_catalog)
    assert preview.dialect == dbx.Dialect.STRICT
    assert preview.included.sum() == 1  # the notebook
    with pytest.raises(
        errors.FilterError, match=r"^Cannot preview a DataFrame\. Expected a Catalog, as dbx\.discover ret"
    ):
        config.preview(small_catalog.objects)


def test_a_mistake_in_a_file_names_the_file(make_config: Callable[..., dbx.ConnectionConfig], tmp_path: Path) -> None:
    path = tmp_path / "connection.yaml"
    path.write_text(f"{make_config().to_yaml()}nope: 1\n")
    with pytest.raises(errors.ConfigError) as caught:
        dbx.ConnectionConfig.load(path)
    line = len(path.read_text().splitlines())
    assert str(caught.value).startswith(
        f"{str(path)!r}, line {line}, key 'nope': unknown key. Expected one of version, "
    )
    assert (caught.value.file, caught.value.line, caught.value.key) == (str(path), line, "nope")
