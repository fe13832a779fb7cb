"""Random configurations, made of the texts that writers and readers of YAML and HCL stumble over."""

from __future__ import annotations

import re
from typing import get_args
from zoneinfo import available_timezones

from hypothesis import strategies as st

import dbxexplore as dbx
from dbxexplore.connection import looks_like_secret
from dbxexplore.filters.dialects import EmptyAllow, Match, Subject, Views

# What YAML 1.1 or 1.2 reads as something other than this text, or as structure.
YAML_TRAPS = [
    *(
        "yes",
        "No",
        "y",
        "N",
        "on",
        "OFF",
        "true",
        "False",
        "null",
        "Null",
        "~",
        "",
        "nan",
        ".nan",
        ".inf",
        "-.INF",
        "=",
    ),
    *(
        "1",
        "-1",
        "+1",
        "1.",
        ".5",
        "1e3",
        "1E+3",
        "0x10",
        "0o17",
        "017",
        "0b1",
        "1_000",
        "1:30",
        "190:20:30.15",
        "0.",
        "1,000",
    ),
    *(
        "2024-01-01",
        "2024-01-01T00:00:00Z",
        "2001-12-14 21:59:43.10 -5",
        "<<",
        "- a",
        "-",
        "--",
        "---",
        "...",
        "?",
        "? a",
        ":",
    ),
    *(
        "a: b",
        "a:b",
        "a #b",
        "#a",
        "!!str",
        "!a",
        "&a",
        "*a",
        "[a]",
        "{a}",
        "a, b",
        "|",
        ">",
        "|-",
        "%YAML 1.1",
        "@a",
        "`a`",
    ),
    *(
        "'a'",
        '"a"',
        "'",
        '"',
        "\\",
        "\\n",
        "''",
        '""',
        " a",
        "a ",
        "  ",
        "a  b",
        "\ta",
        "a\t",
        "a\tb",
        "\n",
        "\na",
        "a\n",
        "a\n\n",
    ),
    *(
        "a\nb",
        "a\n b",
        "a\n\nb",
        "\r",
        "a\r\nb",
        "\x00",
        "\x07",
        "\x08",
        "\x0c",
        "\x1b",
        "\x7f",
        "\x80",
        "\x85",
        "\xa0",
    ),
    *(
        "\u200b",
        "\u2028",
        "\u2029",
        "\ufeff",
        "\ufeffa",
        "\ufffe",
        "\uffff",
        "\ue000",
        "\U0001f600",
        "\U0010ffff",
        "ß",
        "中",
    ),
]
# What HCL or DataHub's variables read as more than text.
TEMPLATE_TRAPS = [
    *("${", "${a}", "$${", "$${a}", "$$${a}", "$", "$$", "%{", "%{a}", "%%{", "%%{if}", "%", "%%", "${${a}", "${%{a}}"),
    *(
        "$%{a}",
        "%${a}",
        '"',
        '"}',
        '${"a"}',
        "\\",
        "\\\\",
        r"\b",
        r"\\b",
        r"\f",
        r"\n",
        r"\u0041",
        "\b",
        "\f",
        "\\${a}",
        "}",
    ),
    *("EOT", "<<EOT", "//", "/*", "\n", "\r\n", "~}", "${~ a ~}", r"\$", "$A", "${A", "\\${"),
]
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TEXTS = st.one_of(
    ANY,
    st.lists(st.sampled_from(YAML_TRAPS + TEMPLATE_TRAPS) | ANY, max_size=3).map("".join),
).filter(lambda text: not looks_like_secret(text))


def _compiles(text: str) -> bool:
    return not dbx.Patterns([text]).problems()


PATTERNS = st.one_of(TEXTS.map(re.escape), TEXTS.filter(_compiles), TEXTS.map(lambda text: f"^(?:{re.escape(text)})$"))
LISTS = st.lists(PATTERNS, max_size=3)
LEVELS = st.builds(dbx.Patterns, allow=LISTS, deny=LISTS) | st.just(dbx.Patterns())
FILTERS = st.builds(dbx.Filters, LEVELS, LEVELS, LEVELS, LEVELS, LEVELS)
NAMES = TEXTS.map(lambda text: "".join(c for c in text if c.isprintable()).strip()).filter(bool)
VARIABLES = st.from_regex(r"[A-Z_][A-Z0-9_]{0,12}", fullmatch=True)
IDS = st.uuids().map(str) | st.from_regex(r"[A-Za-z0-9'\"{}%:#-]{1,12}", fullmatch=True).filter(bool)
OWN_CREDENTIALS = st.builds(dbx.TokenAuth, VARIABLES) | st.builds(
    dbx.OAuthM2MAuth, IDS, VARIABLES, st.lists(st.sampled_from(["sql", "unity-catalog", "query-history"]))
)
LOCAL_CREDENTIALS = st.builds(dbx.ProfileAuth, NAMES) | st.just(dbx.RuntimeAuth())
URLS = st.sampled_from(
    [
        "https://dbc-1234abcd-56ef.cloud.databricks.com",
        "https://adb-1234567890123456.7.azuredatabricks.net",
        "https://1234567890123456.7.gcp.databricks.com",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "https://databricks.example.com:8443",
    ]
)
WAREHOUSES = st.none() | st.sampled_from(["1234567890123456", "0123456789abcdef", "1e3", "yes", "0x10", "null"])
SCHEDULES = st.none() | st.builds(
    dbx.Schedule,
    cron=st.sampled_from(["0 6 * * *", "*/5 0-6,12 1 1 MON-FRI", "@daily", "@hourly", "5 4 * * SUN", "0 0 L * *"]),
    timezone=st.sampled_from(sorted(available_timezones() & {"UTC", "Europe/Berlin", "Asia/Kolkata", "Etc/GMT+5"})),
)
DIALECTS = st.sampled_from(list(dbx.Dialect.named().values())) | st.builds(
    dbx.Dialect,
    match=st.sampled_from(get_args(Match)),
    ignore_case=st.booleans(),
    subject=st.sampled_from(get_args(Subject)),
    views=st.sampled_from(get_args(Views)),
    empty_allow=st.sampled_from(get_args(EmptyAllow)),
    name=TEXTS,
)


def configurations(credentials: st.SearchStrategy[object] = OWN_CREDENTIALS) -> st.SearchStrategy[dbx.ConnectionConfig]:
    return st.builds(
        dbx.ConnectionConfig,
        name=NAMES,
        description=TEXTS,
        settings=st.builds(dbx.ConnectionSettings, URLS, credentials, WAREHOUSES),
        filters=FILTERS,
        dialect=DIALECTS,
        schedule=SCHEDULES,
    )
