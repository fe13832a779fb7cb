"""A dialect and a rule of lint are each one definition and one entry of a list; everything else reads the list."""

from __future__ import annotations

import re

import pytest
from test_lint import CATALOG

import dbxexplore as dbx
from dbxexplore.filters import dialects, lint
from dbxexplore.filters.lint import Finding, short_name
from dbxexplore.filters.lint.context import Context, Judged
from dbxexplore.filters.lint.rules import Rule

LOOSE = dbx.Dialect(match="search", name="loose", label="Loose", summary="matches anywhere")


class Shouting(Rule):
    code = "shouting-pattern"
    severity = "info"
    short = "shouting"

    def check(self, context: Context, pattern: Judged) -> Finding | None:  # noqa: ARG002 - as of every rule
        if not pattern.text.isupper():
            return None
        return self.finding(pattern, "Written in capitals", "Write it in small letters")


@pytest.fixture
def loose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialects, "DIALECTS", [*dialects.DIALECTS, LOOSE])


@pytest.mark.usefixtures("loose")
def test_a_new_dialect_is_known_everywhere() -> None:
    assert dbx.Dialect.named()["loose"] is LOOSE
    assert dbx.Dialect(match="search").title == "Loose"
    filters = dbx.Filters(catalogs=dbx.Patterns(["^p.*", "umba"]))
    messages = [finding.message for finding in filters.lint(CATALOG) if finding.code == "dialect-dependent"]
    assert not messages  # it matches prod_mumbai, which the other pattern lets through as well
    filters = dbx.Filters(catalogs=dbx.Patterns(["umba"]))
    (message,) = [finding.message for finding in filters.lint(CATALOG) if finding.code == "dialect-dependent"]
    assert message == "Under Loose rules, 1 catalog would match (a pattern may match anywhere)"
    assert filters.preview(CATALOG).dialect_dependent.sum() == 3


def test_a_new_rule_is_checked_and_has_a_short_name(monkeypatch: pytest.MonkeyPatch) -> None:
    filters = dbx.Filters(catalogs=dbx.Patterns(["PROD$"]))
    assert "shouting-pattern" not in filters.lint(CATALOG).codes
    monkeypatch.setattr(lint, "RULES", [*lint.RULES, Shouting()])
    (finding,) = [finding for finding in filters.lint(CATALOG) if finding.code == "shouting-pattern"]
    assert (finding.severity, finding.level, finding.index) == ("info", "catalogs", 0)
    assert "info [shouting-pattern] catalogs, allow pattern 1: PROD$" in str(finding)
    assert short_name("shouting-pattern") == "shouting"


def test_every_entry_is_named_and_described_once() -> None:
    assert [dialect.name for dialect in dialects.DIALECTS] == list(dbx.Dialect.named())
    assert all(dialect.label and dialect.summary for dialect in dialects.DIALECTS)
    codes = [rule.code for rule in lint.RULES]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)+", rule.code) and rule.short for rule in lint.RULES)
    for what in (lambda one: one.label, lambda one: tuple(one.settings().items())):
        held = [what(dialect) for dialect in dialects.DIALECTS]
        assert len(set(held)) == len(held), "two entries are the same"
