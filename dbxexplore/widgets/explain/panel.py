"""Panel that explains why one object is included or excluded, and offers the edit that flips it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.filters import Filters, Preview
from dbxexplore.filters.explain import Change, Explanation, LevelExplanation, PatternExplanation
from dbxexplore.filters.patterns import LEVELS
from dbxexplore.text import line_html, one_line, plural
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.base import Component, shows_errors
from dbxexplore.widgets.state import ExplorerState
from dbxexplore.widgets.words import leaves
from dbxexplore.widgets.work import Debouncer

_MOST_PATTERNS = 12  # of one level
_MOST_FAILURES = 3  # of one scope
_AT_ONCE = 60  # patterns; more of them are matched in the background
_DELAY = 0.15  # seconds after the last key
_COUNT_DELAY = 0.5  # seconds after the last key; a second preview of a large catalog would slow down typing


class ExplanationPanel(Component):
    """Explains the verdict on one row of the previewed catalog, and flips it."""

    WRITES = ("filters",)

    def __init__(self, state: ExplorerState | None = None) -> None:
        self._explanation: Explanation | None = None
        self._later, self._counting = Debouncer(_DELAY), Debouncer(_COUNT_DELAY)
        self._text = widgets.HTML()
        self._flip = widgets.Button(layout={"width": "auto", "align_self": "flex-start"})
        self._flip.on_click(self._on_flip)
        super().__init__(state)
        self.children = [self._text, self._flip, self._message]
        self.state.observe(self._show, ["live", "selected", "read_only"])
        self._show({})

    @shows_errors
    def _on_flip(self, _button: widgets.Button) -> None:
        if self._explanation is not None:
            self.state.filters = self._explanation.flipped(self.state.filters)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the explanation is shown, and what the button would move; at most twice ``timeout`` seconds."""
        return self._later.wait(timeout) and self._counting.wait(timeout)

    @shows_errors
    def _show(self, _change: Mapping[str, object]) -> None:
        preview, selected = self.state.live, self.state.selected
        self._later.cancel()
        self._counting.cancel()
        if preview is None:
            self._explain(None, "")
        elif not 0 <= selected < len(preview.catalog):
            hint = "Click an object in the catalog to see why it is included or excluded."
            self._explain(None, f"<span class='dbxe-muted'>{hint}</span>")
        elif _number_of_patterns(preview.filters) <= _AT_ONCE:
            self._explain_now(preview, selected, preview.explain(selected))
        else:
            self._explain(None, "<span class='dbxe-muted'>Checking every pattern…</span>")
            self._later.start(partial(self._explain_later, preview, selected))

    def _explain_later(self, preview: Preview, selected: int, is_wanted: Callable[[], bool]) -> None:
        explanation = preview.explain(selected)
        with self.state.lock:
            if is_wanted():
                self._explain_now(preview, selected, explanation)

    def _explain_now(self, preview: Preview, selected: int, explanation: Explanation) -> None:
        self._explain(explanation, _unlisted_html(preview.catalog, explanation))
        if not self.state.read_only:  # the button works before the number of other objects is known
            self._counting.start(partial(self._count, preview, selected, explanation))

    def _count(self, preview: Preview, selected: int, explanation: Explanation, is_wanted: Callable[[], bool]) -> None:
        try:
            number = _moved_besides(preview, selected, explanation)
        except errors.PatternError:
            return  # the patterns take too long to count what the edit would move
        with self.state.lock:
            if is_wanted():
                self._show_flip(explanation, number)

    def _explain(self, explanation: Explanation | None, note: str) -> None:
        """Show an explanation, and a note below it."""
        self._explanation = explanation
        self._text.value = note if explanation is None else explanation_html(explanation) + note
        can_flip = explanation is not None and bool(explanation.changes) and not self.state.read_only
        self._flip.layout.display = None if can_flip else "none"
        if explanation is not None:
            self._show_flip(explanation, 0)

    def _show_flip(self, explanation: Explanation, more: int) -> None:
        """Label the button, with the number of other objects that it would move."""
        what = "Exclude it" if explanation.included else "Include it"
        self._flip.description = f"{what} and {more:,} more" if more else what
        self._flip.tooltip = f"{self._flip.description}: {'; '.join(map(_edit_text, explanation.changes))}"


def _moved_besides(preview: Preview, selected: int, explanation: Explanation) -> int:
    """Return how many tables, views and notebooks besides the explained one its button would move."""
    flipped = explanation.flipped(preview.filters).preview(preview.catalog, preview.dialect)
    moved = (flipped.included.to_numpy() != preview.included.to_numpy()) & leaves(preview.catalog)
    return int(np.count_nonzero(moved)) - int(moved[selected])


def _unlisted_html(catalog: Catalog, explanation: Explanation) -> str:
    """Return a warning for a container that could not be listed, with the reason."""
    if explanation.kind not in {"catalog", "schema"}:
        return ""
    failures = catalog.failures
    at = np.flatnonzero((failures["scope"] == explanation.full_name).to_numpy(dtype=bool, na_value=False))
    return "".join(
        f"<div class='dbxe-warn'>⚠ This {explanation.kind} couldn't be listed ({line_html(str(why), 80)}): "
        f"{line_html(str(message), 600)} Its contents are unknown.</div>"
        for why, message in failures.iloc[at[:_MOST_FAILURES]][["reason", "message"]].itertuples(index=False)
    )


def _number_of_patterns(filters: Filters) -> int:
    return sum(len(filters.level(level).allow) + len(filters.level(level).deny) for level in LEVELS)


def explanation_html(explanation: Explanation) -> str:
    """Return an explanation as compact markup."""
    included = explanation.included
    verdict = "<span class='dbxe-ok'>included</span>" if included else "<span class='dbxe-no'>excluded</span>"
    decided = explanation.decided_by
    levels = "".join(_level_html(level, blocks=level is decided) for level in explanation.levels)
    edits = "".join(f"<li>{_edit_html(edit)}</li>" for edit in explanation.changes)
    return (
        f"<div class='dbxe-why'><p><code>{line_html(explanation.full_name)}</code> "
        f"<span class='dbxe-muted'>({explanation.kind})</span> is <strong>{verdict}</strong> "
        f"({line_html(explanation.dialect.title)} rules)</p>"
        "<table class='dbxe-table'><thead><tr><th scope='col'>Level</th><th scope='col'>Verdict</th>"
        f"<th scope='col'>Matched name and reason</th></tr></thead><tbody>{levels}</tbody></table>"
        f"<p class='dbxe-muted'>{line_html(explanation.advice)}</p>{f'<ul>{edits}</ul>' if edits else ''}</div>"
    )


def _level_html(level: LevelExplanation, *, blocks: bool) -> str:
    failed = "✗ blocks it" if blocks else "✗ fails"
    verdict = (
        f"<span class='{'dbxe-ok' if level.passes else 'dbxe-no'}'>{'✓ passes' if level.passes else failed}</span>"
    )
    decided = level.decided_by
    reason = line_html(level.reason)
    others = [pattern for pattern in level.patterns if pattern is not decided]
    return (
        f"<tr><th scope='row'>{level.level}</th><td class='dbxe-nowrap'>{verdict}</td>"
        f"<td><code>{line_html(level.subject)}</code><br>{reason}{_others_html(others)}</td></tr>"
    )


def _others_html(patterns: Sequence[PatternExplanation]) -> str:
    """Return the patterns that did not decide, those that match first."""
    if not patterns:
        return ""
    shown = sorted(patterns, key=lambda pattern: not pattern.matches)[:_MOST_PATTERNS]
    items = "".join(
        f"<li>{other.place.replace(' pattern', '')} <code>{line_html(other.pattern, 120)}</code> "
        f"{'also matches' if other.matches else 'does not match'}</li>"
        for other in shown
    )
    rest = len(patterns) - len(shown)
    more = f"<li>and {rest:,} more</li>" if rest else ""
    return f"<details class='dbxe-others'><summary>{plural(len(patterns), 'more pattern')}</summary><ul>{items}{more}</ul></details>"


def _edit_text(edit: Change) -> str:
    where = f"{'to' if edit.action == 'add' else 'from'} {edit.list} {edit.level}"
    return f"{edit.action} {one_line(edit.pattern, 120)} {where}"


def _edit_html(edit: Change) -> str:
    where = f"{'to' if edit.action == 'add' else 'from'} {edit.list} {edit.level}"
    return f"{edit.action} <code>{line_html(edit.pattern)}</code> {where}"
