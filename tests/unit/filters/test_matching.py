"""The engine against Python's ``re``, name by name: no difference is allowed.

``DBXEXPLORE_PAIRS`` sets how many (pattern, name) pairs a reading is tried on.
"""

from __future__ import annotations

import os
import random
import re
import string
import time
import warnings
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbxexplore import errors
from dbxexplore.filters.dialects import Dialect
from dbxexplore.filters.engine import fallback, matching, re2
from dbxexplore.filters.engine.matching import Names, matches
from dbxexplore.filters.engine.syntax import NotRegularError, parse
from dbxexplore.filters.patterns import compile_pattern

PAIRS = int(os.environ.get("DBXEXPLORE_PAIRS", "25000"))
NAMES_A_PATTERN = 250
READINGS = [
    pytest.param(Dialect(match=match, ignore_case=ignore_case), id=f"{match}-{'any' if ignore_case else 'same'}-case")
    for match in ("prefix", "search", "full")
    for ignore_case in (True, False)
]
NAMED = [pytest.param(dialect, id=name) for name, dialect in Dialect.named().items()]

PLAIN = "aabbAB_.-1"
# Letters that fold in unexpected ways, digits and spaces that only Unicode knows, and what ends a line.
ODD = "kKsS\u017f\u212aéÉİ\u0131Iißẞς\u03c3Σ٣²\u00a0\u2028ǅ\U0001d7d8\U00010400\U00010428µμ$^[]()\\ \t\x00\x1c"


class Grammar:
    """Makes regular expressions of every construct that ``re`` knows, most of them valid."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.groups = 0

    def pattern(self) -> str:
        self.groups = 0
        body = self.choice(3)
        flags = "".join(flag for flag in "imsxa" if self.random.random() < 0.06)
        wrapped = self.random.choice(["{}", "{}", "{}", "^{}", "{}$", "^(?:{})$", ".*{}", "^.*{}", "{}.*", r"\A{}\Z"])
        return (f"(?{flags})" if flags else "") + wrapped.replace("{}", body)

    def choice(self, depth: int) -> str:
        return "|".join(self.sequence(depth) for _ in range(self.random.choice([1, 1, 1, 1, 2, 3])))

    def sequence(self, depth: int) -> str:
        return "".join(self.quantified(depth) for _ in range(self.random.choice([0, 1, 1, 2, 2, 3, 4])))

    def quantified(self, depth: int) -> str:
        atom = self.atom(depth)
        if self.random.random() < 0.65:
            return atom
        low, more = self.random.randrange(4), self.random.randrange(3)
        counts = ["*", "+", "?", f"{{{low}}}", f"{{{low},}}", f"{{{low},{low + more}}}", f"{{,{more}}}", "{0,2000}"]
        quantifier = self.random.choice(counts) + self.random.choice(["", "", "", "", "?", "+"])
        return (atom if self.random.random() < 0.5 else f"(?:{atom})") + quantifier

    def atom(self, depth: int) -> str:
        made = [self.literal, self.literal, self.literal, self.simple, self.charset, self.anchor]
        if depth:
            made += [self.group, self.group, self.look, self.rare]
        maker = self.random.choice(made)
        return maker() if maker in made[:6] else maker(depth - 1)  # type: ignore[call-arg]

    def char(self) -> str:
        return self.random.choice(PLAIN if self.random.random() < 0.8 else ODD)

    def literal(self) -> str:
        char = self.char()
        forms = [re.escape(char), re.escape(char), re.escape(char)]
        forms += [f"\\x{ord(char):02x}" if ord(char) < 256 else char if ord(char) > 65535 else f"\\u{ord(char):04x}"]
        return self.random.choice(forms)

    def simple(self) -> str:
        return self.random.choice([".", ".", ".", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"\n", r"\.", r"\t", r"\0"])

    def charset(self) -> str:
        parts = []
        for _ in range(self.random.randrange(1, 4)):
            low, high = sorted([self.char(), self.char()])
            one = re.escape(self.char())
            parts.append(
                self.random.choice([one, one, f"{re.escape(low)}-{re.escape(high)}", r"\d", r"\W", r"\s", "a-z"])
            )
        return f"[{self.random.choice(['', '', '^'])}{''.join(parts)}]"

    def anchor(self) -> str:
        return self.random.choice(["^", "$", r"\A", r"\Z", r"\b", r"\B", "$", ""])

    def group(self, depth: int) -> str:
        heads = ["(?:", "(", "(", f"(?P<n{self.groups}>", "(?i:", "(?s:", "(?m:", "(?a:", "(?x:", "(?-i:", "(?i-s:"]
        head = self.random.choice(heads)
        self.groups += head == "(" or head.startswith("(?P")
        return f"{head}{self.choice(depth)})"

    def look(self, depth: int) -> str:
        if self.random.random() < 0.15:
            return "(?:(?!" + self.sequence(depth) + ").)*"
        return self.random.choice(["(?=", "(?!", "(?<=", "(?<!"]) + self.sequence(0) + ")"

    def rare(self, depth: int) -> str:
        back = f"\\{self.random.randint(1, self.groups)}" if self.groups else "a"
        known = self.random.randint(1, self.groups) if self.groups else 1
        return self.random.choice(
            [
                back,
                back,
                f"(?>{self.choice(depth)})",
                f"(?({known}){self.sequence(0)}|{self.sequence(0)})",
                "(?#n)",
                "(?!)",
            ]
        )


def made_names(rng: random.Random, number: int) -> list[str]:
    """Return names of one of several characters: all ASCII, some odd, some with newlines, some empty."""
    kind = rng.randrange(4)
    alphabet = PLAIN * 4 + {0: "", 1: "ksSI $", 2: ODD, 3: ODD + "\n\n\n\n\r"}[kind]
    names = ["".join(rng.choice(alphabet) for _ in range(rng.choice([1, 2, 3, 3, 4, 5, 6, 8]))) for _ in range(number)]
    return [*names[:-1], ""] if kind else names


def by_re(dialect: Dialect, text: str, names: list[str]) -> np.ndarray:
    matcher = dialect.matcher(text)
    return np.array([matcher(name) is not None for name in names], dtype=bool)


def difference(dialect: Dialect, text: str, names: list[str]) -> list[tuple[str, bool]]:
    expected = by_re(dialect, text, names)
    got = matches(text, dialect, names)
    return [(names[i], bool(expected[i])) for i in np.flatnonzero(got != expected)]


def valid_patterns(seed: int) -> Iterator[str]:
    grammar = Grammar(seed)
    while True:
        text = grammar.pattern()
        try:
            compiled = compile_pattern(text, ignore_case=False)
        except errors.PatternError:
            continue
        # What `re` itself cannot decide on eight characters is no yardstick.
        if compiled and fallback.steps(parse(text, compiled.flags), 8) < 1e9:
            yield text


@pytest.mark.parametrize("dialect", READINGS)
def test_equals_re_on_patterns_of_every_construct(dialect: Dialect) -> None:
    rng = random.Random(dialect.match + str(dialect.ignore_case))
    pairs = 0
    for text in valid_patterns(rng.randrange(2**32)):
        names = made_names(rng, NAMES_A_PATTERN)
        assert not difference(dialect, text, names), text
        pairs += len(names)
        if pairs >= PAIRS:
            break
    print(f"\n{pairs:,} pairs, no difference: {dialect.match}, ignore_case={dialect.ignore_case}")  # noqa: T201 - the number is the result


@pytest.mark.parametrize("dialect", NAMED)
def test_equals_re_for_the_named_dialects(dialect: Dialect) -> None:
    rng = random.Random(dialect.name)
    pairs = 0
    for text in valid_patterns(rng.randrange(2**32)):
        names = made_names(rng, NAMES_A_PATTERN)
        assert not difference(dialect, text, names), text
        pairs += len(names)
        if pairs >= PAIRS:
            break
    print(f"\n{pairs:,} pairs, no difference: {dialect.name}")  # noqa: T201 - the number is the result


@settings(max_examples=max(100, PAIRS // 250), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    text=st.one_of(
        st.text(st.sampled_from(r"ab.*+?()[]{}|^$\-,1:=!<>PiAZbBwWdDsSn"), max_size=12),
        st.text(max_size=8),
        st.text(max_size=8).map(re.escape),
    ),
    names=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=20),
    dialect=st.sampled_from([param.values[0] for param in READINGS]),
)
def test_equals_re_on_any_text(text: str, names: list[str], dialect: Dialect) -> None:
    try:
        compile_pattern(text, ignore_case=dialect.ignore_case)
    except errors.PatternError:
        with pytest.raises(errors.PatternError):
            matches(text, dialect, names)
        return
    assert not difference(dialect, text, names)


@pytest.mark.parametrize("dialect", READINGS)
@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a$", ["a", "a\n", "a\n\n", "b\na"]),
        ("(?m)^a$", ["a", "b\na", "a\nb", "a\n"]),
        (r"\Bx|\B", ["", "x", "é", "aéb"]),
        (r"\b", ["", "a", "-", "é"]),
        ("k", ["k", "K", "\u212a"]),
        ("\u212a", ["k", "K", "\u212a"]),
        ("s", ["s", "S", "\u017f"]),
        ("i", ["i", "I", "İ", "\u0131"]),
        ("İ", ["i", "I", "İ", "\u0131", "i̇"]),
        ("\u0131", ["i", "I", "İ", "\u0131"]),
        ("ß", ["ß", "ẞ", "ss", "SS"]),
        (r"\d+", ["1", "٣", "²", "x"]),
        (r"\w+", ["a", "é", "_", "-", "中"]),
        (r"\s", [" ", "\x1c", "\u00a0", "\u2028", "x"]),
        ("(?a)\\w", ["é", "a"]),
        ("[^a]", ["a", "A", "é", "\n"]),
        (".", ["\n", "\r", "\u2028", "a", ""]),
        ("(?s).", ["\n", "", "a"]),
        ("a{1001}", ["a" * 1000, "a" * 1001]),
        ("(?:a{30}){40}", ["a" * 1199, "a" * 1200, "a" * 1201]),
        ("(?:|a)+b", ["ab", "aab", "b", "a"]),
        ("(?:a|ab)(?:c|bcd)", ["abcd", "abc", "ac"]),
        ("a{", ["a{", "a"]),
        ("[[:alpha:]]", ["a", ":]", "l]", "["]),
        (r"a\Z", ["a", "a\n"]),
        ("^(?!tmp_).*$", ["tmp_a", "a_tmp_", "tmp", "TMP_x"]),
        ("^(?:(?!tmp).)*$", ["tmp", "atmpb", "tm", "", "TMP"]),
        ("^(?:(?!tmp|$).)*$", ["tmp", "atmpb", "tm", ""]),
        (".*(?<!_tmp)$", ["a_tmp", "a_tmpx", "_TMP"]),
        ("^(?=.*a)(?=.*b)[^c]*$", ["ab", "ba", "abc", "a"]),
        (r"(.)\1", ["aa", "ab", "aA", "kK"]),
        ("(a)?b(?(1)c|d)", ["abc", "bd", "abd", "bc"]),
        ("(?>a+)b|a++c", ["aab", "aac", "aad"]),
        ("(?i:a)B", ["aB", "AB", "ab"]),
        ("(?x) a b # c", ["ab", "a b"]),
        ("", ["", "a", "é", "\n"]),
        ("|a", ["", "a"]),
        ("(?!)", ["", "a"]),
        (r"\ud800", ["a", "é"]),
        ("\x00", ["\x00", "a"]),
        ("prod|prod_eu|dev", ["prod", "prod_eu", "prod_", "DEV", "dev2"]),
        ("^(?:é|e)$", ["é", "É", "e", "E"]),
    ],
)
def test_equals_re_where_engines_differ(dialect: Dialect, text: str, names: list[str]) -> None:
    assert not difference(dialect, text, names)


def test_every_common_pattern_goes_through_re2() -> None:
    traits = re2.Traits(string.printable.replace("\n", ""), 60)
    texts = ["prod", "^prod$", ".*_tmp$", r"prod\..*", r"^(?!tmp).*", "(a+)+$", "(.*a){30}", r"\bprod\b", "a{0,5000}"]
    for text in texts:
        for match in ("prefix", "search", "full"):
            assert re2.plan(parse(text, re.IGNORECASE), match, traits)


@pytest.mark.parametrize("dialect", [Dialect.DATAHUB, Dialect(match="search", ignore_case=False)])
@pytest.mark.parametrize(
    "text",
    [
        "(a+)+$",
        "(.*a){30}",
        "(a|a)*b",
        "(a|aa)+$",
        r"(a+)+\1$x",
        r"(?:a+)+(?<!z)b",
        "(?=(a+)+b)c",
        "(.?){900}x",
        r"^(([a-z])+.)+[A-Z]([a-z])+$",
        r"(.*)(.*)(.*)(.*)(.*)(.*)\1\2\3\4x",
        r"(?:(?:){1000}){1000}(?:(?:){1000}){1000}(?=x)",
    ],
)
def test_a_catastrophic_pattern_ends(dialect: Dialect, text: str) -> None:
    names = Names([f"{'a' * 40}{i}" for i in range(100_000)])
    started = time.monotonic()
    slow = None
    try:
        assert len(matches(text, dialect, names)) == len(names)
    except errors.PatternError as error:
        slow = error
    assert slow is None or (slow.pattern == text and "takes too long over 100,000 names" in str(slow))
    # The limit is a second; without one, most of these would take longer than anyone lives.
    assert time.monotonic() - started < 60


@pytest.mark.parametrize(
    "text", ["((((a|b)*)+)+c)*", "(?:(?:(?:(?:a|b){9,}){9,}){9,}){9,}", "(?:){1000000000}", "a*" * 500]
)
def test_the_bound_on_steps_of_any_pattern_is_a_number(text: str) -> None:
    assert fallback.steps(parse(text, 0), 300) > 1e6
    assert fallback.steps(parse("(a*)*", 0), 10) < 1e18


@pytest.mark.parametrize("text", ["(a+)+$", "(.*a){30}"])
def test_a_pattern_that_only_looks_catastrophic_is_decided(text: str) -> None:
    names = ["a" * 40, "a" * 40 + "!"]
    expected = [True, False] if text == "(a+)+$" else [True, True]
    assert matches(text, Dialect.DATAHUB, names).tolist() == expected


def test_a_long_pattern_is_decided() -> None:
    names = Names([f"prod.sales.orders_{i}" for i in range(100_000)])
    text = "|".join(f"prod\\.sales\\.orders_{i}" for i in range(0, 100_000, 25))
    assert 90_000 < len(text) < 110_000
    assert matches(f"^(?:{text})$", Dialect.STRICT, names).sum() == 4000
    assert matches("a" * 100_000, Dialect.DATAHUB, names).sum() == 0


def test_a_helper_that_cannot_start_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fallback.sys, "executable", "/nowhere/python")
    with pytest.raises(errors.PatternError, match="cannot be tried safely here"):
        matches(r"(a+)+\1$x", Dialect.DATAHUB, ["a" * 40])
    assert matches(r"(a)\1", Dialect.DATAHUB, ["aa", "ab"]).tolist() == [True, False]


@pytest.mark.parametrize("text", [r"(a)\1", r"(\w+)\.\1", r"(?:a+)+(?<!z)b"])
def test_the_helper_says_what_re_says(text: str) -> None:
    names = ["aa", "ab", "prod.prod", "é.é", "a\n", "", "aab"]
    compiled = re.compile(text, re.IGNORECASE)
    found = fallback._judge_apart(compiled, "match", names, 5)
    assert found.tolist() == [compiled.match(name) is not None for name in names]


def test_a_pattern_that_the_parser_does_not_know_is_left_to_python(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise NotRegularError

    monkeypatch.setattr(matching, "parse", refuse)
    assert not difference(Dialect.DATAHUB, "(?:a|b)+$", ["ab", "abc", "AB", "é"])


def test_without_re2_verdicts_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise pa.ArrowNotImplementedError("no RE2")

    monkeypatch.setattr(matching.pc, "match_substring_regex", refuse)
    assert not difference(Dialect.DATAHUB, "[ab]+$", ["ab", "abc", "AB", "é"])


@pytest.mark.parametrize(
    "text",
    [
        pa.array(["b", "a"]),
        pa.array(["b", "a"], pa.large_string()),
        pa.chunked_array([["b"], ["a"]]),
        pa.chunked_array([], pa.string()),
        pa.array(["x", "b", "a"]).slice(1),
        [],
    ],
)
def test_names_may_come_in_any_form(text: object) -> None:
    names = Names(text)
    assert matches("a", Dialect.STRICT, names).tolist() == [False, True][: len(names)]


def test_many_slices_are_put_together_in_order() -> None:
    rng = random.Random(3)
    names = [f"{rng.choice(['prod', 'dev'])}.s{rng.randrange(9)}.t_{i}" for i in range(200_000)]
    text = r"prod\.s[1-3]\.t_\d*7$"
    assert (matches(text, Dialect.DATAHUB, names) == by_re(Dialect.DATAHUB, text, names)).all()


def test_no_warning_reaches_the_user() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert matches("[[a]", Dialect.DATAHUB, ["["]).tolist() == [True]
