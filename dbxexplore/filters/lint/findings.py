"""Findings of lint: one thing each, as text, as a table for notebooks and as a frame."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args, overload

import pandas as pd

from dbxexplore.catalog.schema import NAME_DTYPE
from dbxexplore.filters.patterns import LEVELS, Level, ListName
from dbxexplore.text import shorten

if TYPE_CHECKING:
    from dbxexplore.filters.filters import Filters

Severity: TypeAlias = Literal["error", "warning", "info"]
LIST_NAMES: tuple[ListName, ...] = get_args(ListName)
_SHOWN = 80  # characters of a pattern within a sentence


@dataclass(frozen=True)
class Finding:
    """One thing that is probably wrong.

    ``code`` is stable: see `dbxexplore.filters.lint.rules`. ``level``, ``list`` and ``index`` (from 0) say which
    pattern it is about, ``pattern`` is its text; ``index`` is None and ``pattern`` empty where it is about the whole
    list. ``examples`` are at most five of the names concerned. ``replacements`` are the patterns that `fixed` writes in
    its place, empty where there is no single remedy; ``in_other_list`` says that they belong into the other list.
    """

    code: str
    severity: Severity
    level: Level
    list: ListName
    index: int | None
    pattern: str
    message: str
    remedy: str
    examples: tuple[str, ...] = ()
    replacements: tuple[str, ...] = ()
    in_other_list: bool = False

    def fixed(self, filters: Filters) -> Filters:
        """Return ``filters`` with the replacements in place of the pattern; unchanged if there are none."""
        patterns = filters.level(self.level)
        texts = list(getattr(patterns, self.list))
        if not self.replacements or self.index is None or texts[self.index : self.index + 1] != [self.pattern]:
            return filters
        texts[self.index : self.index + 1] = () if self.in_other_list else self.replacements
        lists = {self.list: tuple(texts)}
        if self.in_other_list:
            other: ListName = "allow" if self.list == "deny" else "deny"
            lists[other] = (*getattr(patterns, other), *self.replacements)
        return filters.with_level(self.level, replace(patterns, **lists))

    def __str__(self) -> str:
        place = f"{self.level}, {self.list}" + ("" if self.index is None else f" pattern {self.index + 1}")
        shown = f": {shown_pattern(self.pattern)}" if self.index is not None else ""
        lines = [f"{self.severity} [{self.code}] {place}{shown}", f"  {self.message}"]
        if self.examples:
            lines.append(f"  e.g. {', '.join(self.examples)}")
        return "\n".join([*lines, f"  {self.remedy}"])


class Findings(Sequence[Finding]):
    """The findings of `lint`: errors first, then by place. Empty, and so false, when there is nothing."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        order: tuple[Severity, ...] = get_args(Severity)
        self._findings = tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> Findings: ...
    def __getitem__(self, index: int | slice) -> Finding | Findings:
        return Findings(self._findings[index]) if isinstance(index, slice) else self._findings[index]

    def __len__(self) -> int:
        return len(self._findings)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Findings) and self._findings == other._findings

    def __hash__(self) -> int:
        return hash(self._findings)

    @property
    def codes(self) -> tuple[str, ...]:
        """Each code once, in the order of the findings."""
        return tuple(dict.fromkeys(finding.code for finding in self))

    def counts(self) -> dict[Severity, int]:
        """Return how many findings there are of each severity, the gravest first."""
        return {severity: sum(finding.severity == severity for finding in self) for severity in get_args(Severity)}

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per finding, index 0..n-1.

        Columns: ``code`` (string), ``severity``, ``level``, ``list`` (categories), ``index`` (Int64, NA where a
        finding is about a whole list), ``pattern``, ``message``, ``remedy`` (string), ``examples`` (list of texts).
        """
        texts = {
            name: pd.array([getattr(finding, name) for finding in self], dtype=NAME_DTYPE)
            for name in ("code", "pattern", "message", "remedy")
        }
        choices = {"severity": get_args(Severity), "level": LEVELS, "list": LIST_NAMES}
        categories = {
            name: pd.Categorical([getattr(finding, name) for finding in self], categories=list(known))
            for name, known in choices.items()
        }
        columns = {
            **texts,
            **categories,
            "index": pd.array([finding.index for finding in self], dtype="Int64"),
            "examples": pd.Series([list(finding.examples) for finding in self], dtype=object),
        }
        order = ["code", "severity", "level", "list", "index", "pattern", "message", "remedy", "examples"]
        return pd.DataFrame(columns)[order]

    def __str__(self) -> str:
        return "\n".join(str(finding) for finding in self) or "No findings"

    def __repr__(self) -> str:
        counts = [f"{number} {severity}" for severity, number in self.counts().items()]
        return f"<Findings: {', '.join(counts)}>" if len(self) else "<Findings: none>"

    def _repr_html_(self) -> str:
        if not len(self):
            return "<p>No findings</p>"
        heads = "".join(f"<th>{name}</th>" for name in ("", "code", "where", "pattern", "what", "what to do"))
        rows = "".join(_html_row(finding) for finding in self)
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _html_row(finding: Finding) -> str:
    place = f"{finding.level}, {finding.list}" + ("" if finding.index is None else f" {finding.index + 1}")
    what = html.escape(finding.message)
    if finding.examples:
        what += "<br><small>" + ", ".join(f"<code>{html.escape(name)}</code>" for name in finding.examples) + "</small>"
    cells = [
        html.escape(finding.severity),
        f"<code>{html.escape(finding.code)}</code>",
        html.escape(place),
        f"<code>{html.escape(shown_pattern(finding.pattern))}</code>",
        what,
        html.escape(finding.remedy),
    ]
    return "<tr>" + "".join(f"<td style='text-align:left'>{cell}</td>" for cell in cells) + "</tr>"


def shown_pattern(text: str) -> str:
    """Return a pattern cut to what a sentence can take."""
    return shorten(text, _SHOWN)
