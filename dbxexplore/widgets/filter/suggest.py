"""Generates patterns from the selection in the catalog, and previews them before they are applied."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import traitlets

from dbxexplore.catalog import Catalog
from dbxexplore.filters import Dialect, Filters, Patterns, Preview, Suggestion, suggest_filters
from dbxexplore.filters.patterns import LEVELS, Level
from dbxexplore.filters.suggest import untouched_levels
from dbxexplore.text import line_html, plural
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.base import Component, error_html, message_area, set_text, shows_errors
from dbxexplore.widgets.focus import focus
from dbxexplore.widgets.state import ExplorerState
from dbxexplore.widgets.words import containers_text, leaves, objects_text
from dbxexplore.widgets.work import Debouncer

_DELAY = 0.2  # seconds after the last tick
_MOST_PATTERNS = 12  # of one list
_MOST_NAMES = 8


class SuggestPanel(Component):
    """Generates filters that include the selection, and shows their effect before they are applied.

    A suggestion is made again when the selection, the catalog, an option or the matching rules change. Once it is applied,
    the selection has done its work and is cleared.
    """

    WRITES = ("filters", "ticked", "ticked_text")

    suggestion = traitlets.Instance(Suggestion, allow_none=True)
    """The suggestion that is not applied yet. Set from a thread."""

    def __init__(self, state: ExplorerState | None = None) -> None:
        self._work = Debouncer(_DELAY)
        self._working = False
        self._suggested: Preview | None = None  # what the suggestion would include
        self._write = widgets.Button(description="Generate patterns", layout={"width": "auto"})
        self._generalise = widgets.Checkbox(
            description="Also match future names", indent=False, layout={"width": "auto"}
        )
        self._generalise.tooltip = "Use wildcards that also match future objects, instead of listing names"
        self._state = message_area()
        self._shown = message_area()
        self._effect = message_area()
        self._apply = widgets.Button(description="Apply", button_style="primary", layout={"width": "auto"})
        self._discard = widgets.Button(description="Discard", layout={"width": "auto"})
        super().__init__(state)
        self._ask = widgets.HBox(
            [self._write, self._generalise], layout={"flex_flow": "row wrap", "align_items": "center"}
        )
        self._answer = widgets.HBox([self._apply, self._discard], layout={})
        # The list of patterns comes last, because it may be longer than the pane.
        self.children = [self._ask, self._state, self._effect, self._answer, self._shown, self._message]
        self.add_class("dbxe-suggest")
        self._write.on_click(self._on_write)
        self._apply.on_click(self._on_apply)
        self._discard.on_click(self._on_discard)
        self.state.observe(self._on_outdated, ["catalog", "dialect", "ticked"])
        self._generalise.observe(self._on_outdated, "value")
        self.state.observe(self._on_filters, "filters")
        self.state.observe(self._on_preview, "preview")
        self.state.observe(self._on_shown, ["ticked_text", "read_only"])
        self._show()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until a suggestion is written, at most ``timeout`` seconds; return whether none is under way."""
        return self._work.wait(timeout)

    # --- what happens ---

    @shows_errors
    def _on_write(self, _button: widgets.Button) -> None:
        self._start()

    def _start(self) -> None:
        catalog, ticked = self.state.catalog, self._ticked()
        self._drop()
        if catalog is None or ticked is None:
            self._show()
            return
        self._working = True
        task = _Task(catalog, ticked, self.state.filters, self.state.dialect, generalise=bool(self._generalise.value))
        self._show()
        self._work.start(lambda is_wanted: self._suggest(task, is_wanted))

    def _suggest(self, task: _Task, is_wanted: Callable[[], bool]) -> None:
        try:
            suggestion, suggested = task.run()
        except Exception as error:  # noqa: BLE001 - in a thread no one else would show it
            with self.state.lock:
                if is_wanted():
                    self._working = False
                    self._show()
                    set_text(self._state, error_html(error))
            return
        with self.state.lock:
            if is_wanted():
                self._working = False
                self._suggested = suggested
                self.suggestion = suggestion
                self._show()

    @shows_errors
    def _on_apply(self, _button: widgets.Button) -> None:
        suggestion = self.suggestion
        self._drop()
        self._show()
        if suggestion is not None:
            self.state.update(filters=suggestion.filters, ticked=None, ticked_text="")
            set_text(self._state, "<span class='dbxe-ok' role='status'>✓ Applied</span>")
        focus(self._write)

    @shows_errors
    def _on_discard(self, _button: widgets.Button) -> None:
        self._drop()
        self._show()
        focus(self._write)

    @shows_errors
    def _on_outdated(self, _change: Mapping[str, object]) -> None:
        if self.suggestion is not None or self._working:
            self._start()
        else:
            self._show()

    @shows_errors
    def _on_filters(self, _change: Mapping[str, object]) -> None:
        """Make a suggestion again that keeps patterns which have changed."""
        suggestion = self.suggestion
        if suggestion is not None and any(
            suggestion.filters.level(level) != self.state.filters.level(level) for level in self._kept
        ):
            self._start()

    @shows_errors
    def _on_preview(self, _change: Mapping[str, object]) -> None:
        self._show_effect()

    @shows_errors
    def _on_shown(self, _change: Mapping[str, object]) -> None:
        self._show()

    def _drop(self) -> None:
        self._work.cancel()
        self._working = False
        self._suggested = None
        self.suggestion = None

    @property
    def _kept(self) -> list[Level]:
        """The levels whose patterns the suggestion leaves as they were."""
        catalog, ticked = self.state.catalog, self._ticked()
        if catalog is None or ticked is None:
            return []
        return untouched_levels(catalog, ticked)

    # --- what is shown ---

    def _ticked(self) -> npt.NDArray[np.bool_] | None:
        """Return a boolean for each row of the catalog, or None if nothing in it is ticked."""
        catalog, ticked = self.state.catalog, self.state.ticked
        is_any = catalog is not None and ticked is not None and len(ticked.flags) == len(catalog) and ticked.flags.any()
        return ticked.flags if ticked is not None and is_any else None

    def _text(self) -> str:
        """Return what is ticked, in words, empty for nothing."""
        catalog, ticked = self.state.catalog, self._ticked()
        if catalog is None or ticked is None:
            return ""
        return self.state.ticked_text or objects_text(catalog, ticked)

    def _show(self) -> None:
        text = self._text()
        self._ask.layout.display = "none" if self.state.read_only else None
        self._write.tooltip = f"Generate patterns that include {text}" if text else "Tick objects in the catalog first"
        state = ""
        if self._working:
            state = f"<div role='status'>Generating patterns for {html.escape(text)}…</div>"
        elif self.state.read_only:
            state = "<span class='dbxe-muted'>Read-only</span>"
        elif not text:
            state = "<span class='dbxe-muted'>Tick objects in the catalog to generate patterns for them.</span>"
        elif self.suggestion is None:
            state = f"<span class='dbxe-muted'>Selected: {html.escape(text)}</span>"
        set_text(self._state, state)
        set_text(self._shown, suggestion_html(self.suggestion, text, self._kept) if self.suggestion is not None else "")
        self._answer.layout.display = None if self.suggestion is not None and not self.state.read_only else "none"
        self._show_effect()

    def _show_effect(self) -> None:
        now, then = self.state.preview, self._suggested
        if self.suggestion is None or now is None or then is None or now.catalog is not then.catalog:
            set_text(self._effect, "")
            return
        set_text(self._effect, _effect_html(now, then))


@dataclass(frozen=True)
class _Task:
    """The input of one suggestion."""

    catalog: Catalog
    ticked: npt.NDArray[np.bool_]
    filters: Filters
    dialect: Dialect
    generalise: bool

    def run(self) -> tuple[Suggestion, Preview]:
        selected = pd.Series(self.ticked, index=self.catalog.objects.index)
        suggestion = suggest_filters(
            self.catalog, selected, generalise=self.generalise, dialect=self.dialect, keep=self.filters
        )
        preview = suggestion.filters.preview(self.catalog, self.dialect)
        _ = preview.included
        return suggestion, preview


def _effect_html(now: Preview, then: Preview) -> str:
    """Return as markup what going from one preview to another changes."""
    was, would, counted = now.included.to_numpy(), then.included.to_numpy(), leaves(now.catalog)
    added, removed = (np.count_nonzero(flags & counted) for flags in (would & ~was, was & ~would))
    before, after = np.count_nonzero(was & counted), np.count_nonzero(would & counted)
    containers = containers_text(now.catalog, would)
    apart = f", {containers}" if containers else ""
    more = f"<span class='dbxe-ok'>+{added:,}</span>" if added else ""
    fewer = f"<span class='dbxe-no'>−{removed:,}</span>" if removed else ""
    change = ", ".join(filter(None, (more, fewer))) or "no change"
    return f"<div>Applying: {before:,} → {plural(int(after), 'object')} ({change}){apart}</div>"


def suggestion_html(suggestion: Suggestion, what: str, kept: Sequence[Level] = ()) -> str:
    """Return a suggestion as markup: whether it is exact, its patterns per level, and what else it would match.

    ``kept`` are the levels whose patterns stay as they were.
    """
    if suggestion.exact:
        head = f"<span class='dbxe-ok'>✓ Matches your selection exactly</span> <span class='dbxe-muted'>({html.escape(what)})</span>"
    else:
        head = f"<span class='dbxe-warn'>⚠ Differs from your selection in</span> {_names(suggestion.wrong)}"
    also = ""
    if suggestion.also_captures:
        # A name of stars and dots alone is any name in the catalogs and schemas that are included.
        named = tuple(name for name in suggestion.also_captures if name.strip("*./"))
        anywhere = len(named) < len(suggestion.also_captures)
        sentences = ["Future objects in the included catalogs and schemas will be included too."] if anywhere else []
        if named:
            sentences.append(f"Also matches future objects named {_names(named)}.")
        also = f"<div class='dbxe-warn'>⚠ {' '.join(sentences)}</div>"
    rows = "".join(
        f"<tr><th scope='row'>{name} {level}</th><td>{_texts(getattr(suggestion.filters.level(level), name))}</td></tr>"
        for level in LEVELS
        if level not in kept and suggestion.filters.level(level) != Patterns()
        for name in ("allow", "deny")
        if name == "allow" or suggestion.filters.level(level).deny
    )
    rest = [level for level in LEVELS if level not in kept and suggestion.filters.level(level) == Patterns()]
    other = f"<span class='dbxe-muted'>Not restricted: {', '.join(rest)}.</span>" if rest else ""
    if kept:
        other += f" <span class='dbxe-muted'>Not changed: {', '.join(kept)}.</span>"
    return f"<div>{head}</div><table class='dbxe-table'><tbody>{rows}</tbody></table>{other}{also}"


def _texts(patterns: tuple[str, ...]) -> str:
    if not patterns:
        return "<span class='dbxe-muted'>(nothing)</span>"
    shown = "<br>".join(f"<code>{line_html(text)}</code>" for text in patterns[:_MOST_PATTERNS])
    rest = len(patterns) - _MOST_PATTERNS
    return shown + (f"<br><span class='dbxe-muted'>and {rest:,} more</span>" if rest > 0 else "")


def _names(names: tuple[str, ...]) -> str:
    shown = ", ".join(f"<code>{line_html(name, 80)}</code>" for name in names[:_MOST_NAMES])
    rest = len(names) - _MOST_NAMES
    return shown + (f" and {rest:,} more" if rest > 0 else "")
