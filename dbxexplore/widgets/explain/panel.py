"""Panel that explains why one object is included or excluded, and offers the edits that flip it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.filters import Filters, Preview
from dbxexplore.filters.explain import Change, Explanation, LevelExplanation, PatternExplanation
from dbxexplore.filters.flips import Flip, flips
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
_MOST_FLIPS = 3
_DELAY = 0.15  # seconds after the last key
_COUNT_DELAY = 0.5  # seconds after the last key; a second preview of a large catalog would slow down typing


class ExplanationPanel(Component):
    """Explains the verdict on one row of the previewed catalog, and flips it."""

    WRITES = ("filters",)

    def __init__(self, state: ExplorerState | None = None) -> None:
        self._flips: tuple[Flip, ...] = ()
        self._later, self._counting = Debouncer(_DELAY), Debouncer(_COUNT_DELAY)
        self._verdict, self._text = widgets.HTML(), widgets.HTML()
        self._buttons = [widgets.Button(layout={"width": "auto"}) for _ in range(_MOST_FLIPS)]
        for number, button in enumerate(self._buttons):
            button.on_click(partial(self._on_flip, number))
        actions = widgets.HBox(self._buttons, layout={"flex_flow": "row wrap"})
        super().__init__(state)
        self.children = [self._verdict, actions, self._text, self._message]
        self.state.observe(self._show, ["live", "selected", "read_only"])
        self._show({})

    @shows_errors
    def _on_flip(self, number: int, _button: widgets.Button) -> None:
        if number < len(self._flips):
            self.state.filters = self._flips[number].apply(self.state.filters)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the explanation is shown, and what the buttons would move; at most twice ``timeout`` seconds."""
        return self._later.wait(timeout) and self._counting.wait(timeout)

    @shows_errors
    def _show(self, _change: Mapping[str, object]) -> None:
        preview, selected = self.state.live, self.state.selected
        self._later.cancel()
        self._counting.cancel()
        if preview is None:
            self._explain_nothing("")
        elif not 0 <= selected < len(preview.catalog):
            hint = "Click an object in the catalog to see why it is included or excluded."
            self._explain_nothing(f"<span class='dbxe-muted'>{hint}</span>")
        elif _number_of_patterns(preview.filters) <= _AT_ONCE:
            self._explain_now(preview, selected, preview.explain(selected))
        else:
            self._explain_nothing("<span class='dbxe-muted'>Checking every pattern…</span>")
            self._later.start(partial(self._explain_later, preview, selected))

    def _explain_later(self, preview: Preview, selected: int, is_wanted: Callable[[], bool]) -> None:
        explanation = preview.explain(selected)
        with self.state.lock:
            if is_wanted():
                self._explain_now(preview, selected, explanation)

    def _explain_nothing(self, note: str) -> None:
        self._show_flips((), "")
        self._verdict.value, self._text.value = note, ""

    def _explain_now(self, preview: Preview, selected: int, explanation: Explanation) -> None:
        self._verdict.value = verdict_html(explanation)
        self._text.value = levels_html(explanation) + _unlisted_html(preview.catalog, explanation)
        found = () if self.state.read_only else flips(preview, selected, explanation)[:_MOST_FLIPS]
        verb = "Exclude" if explanation.included else "Include"
        self._show_flips(found, verb)
        if found:  # the buttons work before the number of other objects is known
            self._counting.start(partial(self._count, preview, selected, found, verb))

    def _count(
        self, preview: Preview, selected: int, found: Sequence[Flip], verb: str, is_wanted: Callable[[], bool]
    ) -> None:
        for number, flip in enumerate(found):
            if not is_wanted():
                return
            try:
                more = _moved_besides(preview, selected, flip)
            except errors.PatternError:
                return  # the patterns take too long to count what the edit would move
            with self.state.lock:
                if is_wanted():
                    self._label(number, flip, verb, more)

    def _show_flips(self, found: tuple[Flip, ...], verb: str) -> None:
        self._flips = found
        for number, button in enumerate(self._buttons):
            button.layout.display = None if number < len(found) else "none"
            if number < len(found):
                self._label(number, found[number], verb, 0)

    def _label(self, number: int, flip: Flip, verb: str, more: int) -> None:
        """Label a button, with the number of other objects that it would move."""
        button, what = self._buttons[number], f"{verb} {one_line(flip.scope, 60)}"
        button.description = f"{what} and {more:,} more" if more else what
        button.tooltip = f"{button.description}: {'; '.join(map(_edit_text, flip.changes))}"


def _moved_besides(preview: Preview, selected: int, flip: Flip) -> int:
    """Return how many tables, views and notebooks besides the explained one an edit would move."""
    flipped = flip.apply(preview.filters).preview(preview.catalog, preview.dialect)
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


def verdict_html(explanation: Explanation) -> str:
    """Return the verdict as one line of markup."""
    included = explanation.included
    verdict = "<span class='dbxe-ok'>included</span>" if included else "<span class='dbxe-no'>excluded</span>"
    return (
        f"<div class='dbxe-why'><code>{line_html(explanation.full_name)}</code> "
        f"<span class='dbxe-muted'>({explanation.kind})</span> is <strong>{verdict}</strong> "
        f"<span class='dbxe-muted'>under {line_html(explanation.dialect.title)} rules</span></div>"
    )


def levels_html(explanation: Explanation) -> str:
    """Return the verdict of each level, and the edits that flip it, as compact markup."""
    decided = explanation.decided_by
    levels = "".join(_level_html(level, blocks=level is decided) for level in explanation.levels)
    edits = "".join(f"<li>{_edit_html(edit)}</li>" for edit in explanation.changes)
    return (
        "<div class='dbxe-why'><table class='dbxe-table'><thead><tr><th scope='col'>Level</th><th scope='col'>Verdict</th>"
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
