"""What all components share: one base class, one style sheet, and text made safe for HTML."""

from __future__ import annotations

import functools
import html
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
import traitlets

from dbxexplore import errors
from dbxexplore.widgets import controls as widgets

logger = logging.getLogger(__name__)

_P = ParamSpec("_P")
_R = TypeVar("_R")
_C = TypeVar("_C", bound="Component")

ONE_AT_A_TIME = threading.RLock()
"""Held while a value is changed and passed on to the other components, by whichever thread does it.

A notebook hands what is done in the page to a thread of its own while a cell runs, a discovery ends in another, and the
background work has more. Without it, two changes at the same time leave the components with different values. It is
never held while something is looked up or worked out that takes long; the preview, which every component waits for, is
the one exception.
"""


def exclusive(method: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a method that changes values be done by one thread at a time."""

    @functools.wraps(method)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with ONE_AT_A_TIME:
            return method(*args, **kwargs)

    return call


# Own colours that follow the host: JupyterLab's variables where it has them, else what the browser prefers.
STYLE = """<style>
.dbxe {
  --dbxe-fg: var(--jp-ui-font-color1, light-dark(#1f2328, #e6edf3));
  --dbxe-muted: var(--jp-ui-font-color2, light-dark(#57606a, #9da7b3));
  --dbxe-line: var(--jp-border-color2, light-dark(#d0d7de, #3d444d));
  --dbxe-soft: var(--jp-layout-color2, light-dark(#f6f8fa, #21262d));
  --dbxe-in: light-dark(#116329, #56d364);
  --dbxe-out: light-dark(#a40e26, #ff7b72);
  --dbxe-warn: light-dark(#7d4e00, #e3b341);
  color: var(--dbxe-fg);
}
.jp-mod-dark .dbxe, [data-jp-theme-light="false"] .dbxe { color-scheme: dark; }
[data-jp-theme-light="true"] .dbxe { color-scheme: light; }
.dbxe .widget-html-content, .dbxe .jupyter-widget-html-content { line-height: 1.5; }
.dbxe .widget-html, .dbxe .jupyter-widget-html, .dbxe .widget-html-content, .dbxe .jupyter-widget-html-content {
  min-width: 0; max-width: 100%;
}
.dbxe .dbxe-unseen { color: var(--dbxe-warn); border: 1px solid currentColor; border-radius: 3px; padding: 0 2px; font-size: 85%; }
.dbxe .dbxe-message:empty, .dbxe .dbxe-hidden { display: none; }
.dbxe .dbxe-error { color: var(--dbxe-out); margin: 0 0 4px; overflow-wrap: anywhere; }
.dbxe .dbxe-warn { color: var(--dbxe-warn); margin: 0 0 4px; overflow-wrap: anywhere; }
.dbxe .dbxe-ok { color: var(--dbxe-in); }
.dbxe .dbxe-no { color: var(--dbxe-out); }
.dbxe .dbxe-muted { color: var(--dbxe-muted); }
.dbxe h4 { margin: 8px 0 2px; font-size: 14px; font-weight: 600; color: var(--dbxe-fg); }
.dbxe table.dbxe-table { border-collapse: collapse; width: 100%; font-size: 13px; table-layout: auto; }
.dbxe table.dbxe-table th, .dbxe table.dbxe-table td {
  text-align: left; padding: 3px 10px 3px 0; border-bottom: 1px solid var(--dbxe-line);
  vertical-align: top; white-space: normal; line-height: 1.4;
}
.dbxe table.dbxe-table th { font-weight: 600; overflow-wrap: normal; white-space: nowrap; }
.dbxe table.dbxe-table td { overflow-wrap: break-word; }
.dbxe table.dbxe-table code { overflow-wrap: anywhere; }
.dbxe table.dbxe-table td.dbxe-number, .dbxe table.dbxe-table th.dbxe-number {
  text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap;
}
.dbxe code, .dbxe pre.dbxe-text { font-family: var(--jp-code-font-family, monospace); font-size: 12px; }
.dbxe code { background: var(--dbxe-soft); color: var(--dbxe-fg); padding: 1px 4px; border-radius: 3px; }
.dbxe pre.dbxe-text {
  background: var(--dbxe-soft); color: var(--dbxe-fg); border: 1px solid var(--dbxe-line); border-radius: 4px;
  padding: 8px 10px; margin: 4px 0; overflow: auto; line-height: 1.45; white-space: pre; max-height: 420px;
}
.dbxe .dbxe-bar { display: flex; height: 8px; min-width: 90px; border-radius: 4px; overflow: hidden; margin-top: 6px; }
.dbxe .dbxe-bar span { display: block; height: 100%; }
.dbxe .dbxe-bar .in { background: var(--dbxe-in); }
.dbxe .dbxe-bar .out {
  background: repeating-linear-gradient(45deg, var(--dbxe-line), var(--dbxe-line) 3px, transparent 3px, transparent 6px);
}
.dbxe .dbxe-sum { display: flex; flex-wrap: wrap; gap: 0 12px; align-items: center; font-size: 13px; font-variant-numeric: tabular-nums; }
.dbxe .dbxe-sum .dbxe-bar { flex: 1 1 60px; min-width: 60px; max-width: 260px; margin: 0; }
.dbxe .dbxe-sum > span { flex: none; white-space: nowrap; min-width: 6ch; }
.dbxe .dbxe-sum > span:nth-child(2) { min-width: 12ch; }
.dbxe .dbxe-inner .jupyter-button.dbxe-name:first-child, .dbxe .dbxe-inner .widget-button.dbxe-name:first-child { padding-left: 28px; }
.dbxe .js-plotly-plot { max-width: 100%; overflow-x: auto; }
.dbxe .dbxe-legend { display: flex; flex-wrap: wrap; gap: 2px 8px; align-items: center; font-size: 12px; }
.dbxe .dbxe-scale { width: 120px; height: 10px; border-radius: 2px; }
.dbxe pre.dbxe-diff { max-height: 260px; background: var(--jp-layout-color1, light-dark(#ffffff, #0d1117)); }
.dbxe .dbxe-diff span { display: block; min-height: 1.45em; }
.dbxe .dbxe-diff .add { color: var(--dbxe-in); }
.dbxe .dbxe-diff .del { color: var(--dbxe-out); }
.dbxe .dbxe-diff .at { color: var(--dbxe-muted); }
.dbxe .dbxe-keys { margin: 2px 0; padding: 0; list-style: none; font-size: 13px; line-height: 1.7; }
.dbxe .dbxe-keys li { overflow-wrap: anywhere; }
.dbxe .dbxe-row { border-bottom: 1px solid var(--dbxe-line); align-items: center; min-height: 28px; }
.dbxe .dbxe-row .jupyter-button.dbxe-name, .dbxe .dbxe-row .widget-button.dbxe-name {
  background: transparent; color: var(--dbxe-fg); text-align: left; border: none; box-shadow: none; padding: 0 4px;
  text-overflow: ellipsis; overflow: hidden; white-space: pre; justify-content: flex-start; line-height: 26px;
}
.dbxe .dbxe-row .dbxe-container { font-weight: 600; }
.dbxe .dbxe-row .dbxe-name:hover { text-decoration: underline; background: var(--dbxe-soft); }
.dbxe .dbxe-row .dbxe-name:focus-visible, .dbxe .dbxe-crumb:focus-visible { outline: 2px solid currentColor; outline-offset: -2px; }
.dbxe .dbxe-selected { background: var(--dbxe-soft); }
.dbxe .dbxe-crumb { background: transparent !important; box-shadow: none !important; color: var(--dbxe-fg); padding: 0 4px; }
.dbxe h4 .dbxe-muted { font-weight: 400; }
.dbxe .dbxe-patterns { flex-direction: column; align-items: stretch; }
.dbxe .dbxe-patterns > label.widget-label { text-align: left; width: auto; line-height: 18px; height: 18px; font-size: 12px; color: var(--dbxe-muted); }
.dbxe .dbxe-patterns textarea { font-family: var(--jp-code-font-family, monospace); font-size: 12px; line-height: 1.5; white-space: pre; }
.dbxe .dbxe-invalid textarea, .dbxe .dbxe-invalid input { border-color: var(--dbxe-out) !important; }
.dbxe .dbxe-hide-label > label.widget-label, .dbxe .dbxe-hide-label > .widget-label-basic > span {
  position: absolute; width: 1px; height: 1px; margin: -1px; padding: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
.dbxe .dbxe-reading > label.widget-label { flex: 0 0 auto; }
.dbxe .dbxe-level { border-top: 1px solid var(--dbxe-line); padding: 2px 0 4px; }
.dbxe .dbxe-level h4 { margin: 0; font-size: 13px; line-height: 24px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.dbxe .dbxe-level .dbxe-warn, .dbxe .dbxe-level .dbxe-error { margin: 0; font-size: 12px; }
.dbxe .dbxe-quiet {
  background: transparent; color: var(--dbxe-fg); border: 1px solid transparent; box-shadow: none; padding: 0 8px; width: auto;
  height: 24px; line-height: 22px; font-size: 12px; overflow: hidden; text-overflow: ellipsis; border-radius: 3px;
}
.dbxe .dbxe-quiet:hover:enabled, .dbxe .dbxe-act:hover:enabled { background: var(--dbxe-soft); border-color: var(--dbxe-line); box-shadow: none; }
.dbxe .dbxe-quiet:focus-visible, .dbxe .dbxe-act:focus-visible, .dbxe .dbxe-list:focus-visible, .dbxe .dbxe-lint > summary:focus-visible {
  outline: 2px solid currentColor; outline-offset: -1px;
}
.dbxe .dbxe-pattern { position: relative; }
.dbxe .dbxe-pattern .widget-checkbox { height: 24px; line-height: 24px; }
.dbxe .dbxe-pattern .widget-checkbox input { margin: 0 2px; }
.dbxe .dbxe-pattern .widget-text { height: 26px; position: relative; }
.dbxe .dbxe-pattern .widget-text input { font-family: var(--jp-code-font-family, monospace); font-size: 12px; height: 24px; width: 100%; padding: 0 6px; }
.dbxe .dbxe-pattern.dbxe-off .widget-text input { text-decoration: line-through; color: var(--dbxe-muted); }
.dbxe .dbxe-list {
  height: 20px; line-height: 18px; padding: 0; font-size: 12px; background: transparent; box-shadow: none;
  border: 1px solid currentColor; border-radius: 10px;
}
.dbxe .dbxe-list.dbxe-allow { color: var(--dbxe-in); }
.dbxe .dbxe-list.dbxe-deny { color: var(--dbxe-out); }
.dbxe .dbxe-act {
  background: transparent; color: var(--dbxe-muted); border: 1px solid transparent; box-shadow: none; padding: 0; height: 24px;
  font-size: 0; line-height: 22px; border-radius: 3px; overflow: hidden;
}
.dbxe .dbxe-act:disabled { visibility: hidden; }
.dbxe .dbxe-act::before { font-size: 14px; line-height: 22px; }
.dbxe .dbxe-act.dbxe-up::before { content: "↑" / ""; }
.dbxe .dbxe-act.dbxe-down::before { content: "↓" / ""; }
.dbxe .dbxe-act.dbxe-remove::before { content: "×" / ""; }
.dbxe .dbxe-count .widget-html-content, .dbxe .dbxe-count .jupyter-widget-html-content {
  line-height: 24px; font-size: 12px; padding-left: 8px; white-space: nowrap; font-variant-numeric: tabular-nums;
}
.dbxe .dbxe-zero { font-weight: 600; }
.dbxe .dbxe-note, .dbxe .dbxe-note .widget-html-content, .dbxe .dbxe-note .jupyter-widget-html-content {
  position: static; overflow: visible; height: auto; min-height: 0; font-size: 12px; line-height: 1.4;
}
.dbxe .dbxe-note .dbxe-error, .dbxe .dbxe-finding { padding: 1px 0 2px 24px; overflow-wrap: anywhere; white-space: normal; }
.dbxe .dbxe-lint > summary {
  position: absolute; top: 3px; right: 74px; max-width: 156px; padding: 0 4px; line-height: 20px; cursor: pointer; list-style: none;
  border-radius: 3px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; box-sizing: border-box;
}
.dbxe .dbxe-pattern:has(.dbxe-lint) .dbxe-split { display: none; }
.dbxe .dbxe-no-acts .dbxe-lint > summary { right: 0; }
.dbxe .dbxe-no-acts .dbxe-count { flex-basis: 264px !important; width: 264px !important; }
.dbxe .dbxe-lint > summary::-webkit-details-marker { display: none; }
.dbxe .dbxe-lint > summary:hover { background: var(--dbxe-soft); }
.dbxe .dbxe-lint.dbxe-error > summary { color: var(--dbxe-out); }
.dbxe .dbxe-lint.dbxe-warning > summary, .dbxe .dbxe-finding.dbxe-warning { color: var(--dbxe-warn); }
.dbxe .dbxe-lint.dbxe-info > summary { color: var(--dbxe-muted); }
.dbxe .dbxe-finding.dbxe-error { margin: 0; }
.dbxe .dbxe-finding { font-size: 12px; line-height: 1.4; }
.dbxe .dbxe-notes > summary { padding-left: 24px; cursor: pointer; color: var(--dbxe-muted); }
.dbxe .dbxe-finding code { overflow-wrap: anywhere; }
.dbxe.dbxe-stale .dbxe-lint, .dbxe .dbxe-outdated { visibility: hidden; }
.dbxe .dbxe-editor { container-type: inline-size; }
@container (max-width: 560px) {
  .dbxe .dbxe-pattern .dbxe-count { flex-basis: 92px !important; width: 92px !important; }
  .dbxe .dbxe-lint > summary { position: static; max-width: none; margin-left: 20px; }
  .dbxe .dbxe-split { display: none; }
}
.dbxe .dbxe-suggest .widget-checkbox { height: 28px; line-height: 28px; }
.dbxe table.dbxe-report { max-width: 620px; margin-top: 4px; }
.dbxe table.dbxe-report td:first-child, .dbxe table.dbxe-report th { width: 1%; white-space: nowrap; }
.dbxe .widget-dropdown > select { appearance: auto; background-image: none; padding: 0 4px; }
.dbxe .widget-checkbox:not(.dbxe-hide-label) > .widget-label-basic { display: flex; align-items: center; }
.dbxe .dbxe-pattern .widget-text input:disabled, .dbxe .dbxe-pattern .dbxe-list:disabled { opacity: 1; }
.dbxe .dbxe-changes td:first-child { width: 1%; white-space: nowrap !important; }
.dbxe .dbxe-changes td:nth-child(2) { min-width: 12ch; }
.dbxe .dbxe-changes td:last-child { min-width: 18ch; }
.dbxe .dbxe-suggest table.dbxe-table th { width: 1%; }
.dbxe .dbxe-why p { margin: 2px 0; line-height: 1.5; }
.dbxe .dbxe-why ul, .dbxe .dbxe-others ul { margin: 0; padding-left: 20px; line-height: 1.5; }
.dbxe .dbxe-others > summary { cursor: pointer; color: var(--dbxe-muted); font-size: 12px; }
.dbxe .dbxe-nowrap { white-space: nowrap !important; }
</style>"""


class Component(widgets.VBox):
    """A part of the Explorer: a column of widgets that keeps its state in Python.

    A keyword argument that is no trait is refused, and an exception in a callback is shown in the component.
    """

    shares_layout = False  # a user may set its height

    def __init__(self, **traits: object) -> None:
        unknown = sorted(set(traits) - set(self.trait_names()))
        if unknown:
            msg = f"{type(self).__name__} has no trait {unknown[0]!r}"
            raise TypeError(msg)
        self._message = message_area()
        super().__init__(**traits)
        # A default is made when a value is first read. Made while another thread sets the value, it would replace it.
        for name, trait in self.traits().items():
            if issubclass(trait.this_class, Component):
                getattr(self, name)
        self.add_class("dbxe")

    @exclusive
    def __setattr__(self, name: str, value: object) -> None:
        # Before the value is kept: of two that are kept at once, the first could be passed on last.
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        # Not the traits: a notebook saves this text beside the widget.
        return f"{type(self).__name__}()"

    def _displayed(self) -> None:
        """Do what has to be done when a notebook shows this component by itself."""

    # IPython asks for the one that there is: that of ipywidgets 8, or that of 7.
    if hasattr(widgets.Widget, "_repr_mimebundle_"):

        def _repr_mimebundle_(self, **kwargs: object) -> object:
            self._displayed()
            return super()._repr_mimebundle_(**kwargs)

    else:

        def _ipython_display_(self, **kwargs: object) -> None:
            self._displayed()
            super()._ipython_display_(**kwargs)

    def show_error(self, error: BaseException | None) -> None:
        """Show an error in the component, or take it away."""
        set_text(self._message, "" if error is None else error_html(error))


class Mask(traitlets.Instance):
    """A trait that holds a boolean for each row of a catalog, or None; another array is another value."""

    def __init__(self) -> None:
        super().__init__(np.ndarray, allow_none=True)

    if TYPE_CHECKING:

        def __get__(self, obj: object, cls: object = None) -> npt.NDArray[np.bool_] | None: ...
        def __set__(self, obj: object, value: npt.NDArray[np.bool_] | None) -> None: ...

    def set(self, obj: traitlets.HasTraits, value: object) -> None:
        """Set the value. The base class would compare a million booleans with None, one by one."""
        old = obj._trait_values.get(self.name)  # noqa: SLF001 - as the base class does
        obj._trait_values[self.name] = new = self._validate(obj, value)  # noqa: SLF001
        if new is not old:
            obj._notify_trait(self.name, old, new)  # noqa: SLF001


def guarded(callback: Callable[Concatenate[_C, _P], None]) -> Callable[Concatenate[_C, _P], None]:
    """Show what goes wrong in a callback in its component: the front end would drop it without a word."""

    @functools.wraps(callback)
    def call(self: _C, /, *args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            with ONE_AT_A_TIME:
                self.show_error(None)
                callback(self, *args, **kwargs)
        except Exception as error:
            if not isinstance(error, errors.DbxExploreError):
                logger.exception("%s failed", callback.__qualname__)
            self.show_error(error)

    return call


class Task:
    """Work in a thread, so that the kernel goes on answering, and at most one at a time."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether the work is under way."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, work: Callable[[], None]) -> None:
        """Start ``work`` unless other work is still under way."""
        if not self.running:
            self._thread = threading.Thread(target=work, name="dbxexplore-widget", daemon=True)
            self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the work is done, at most ``timeout`` seconds; return whether it is."""
        if self._thread is not None:
            self._thread.join(timeout)
        return not self.running


class Latest:
    """Work in a thread of which only the newest matters, such as what a pattern being typed would change.

    It begins ``delay`` seconds after the last call of `start`; what is not under way by then is never begun, and
    what is under way is asked to see, by the function that it is given, whether anyone still wants its result.
    """

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._newest = 0
        self._timer: threading.Timer | None = None
        self._one_at_a_time = threading.Lock()
        self._state = threading.Lock()  # held while the number, the timer and the event change, which is together
        self._idle = threading.Event()
        self._idle.set()

    def start(self, work: Callable[[Callable[[], bool]], None]) -> None:
        """Do ``work`` unless it is started or cancelled again before; it is given ``is_wanted``."""
        with self._state:
            self._forget()
            self._idle.clear()
            self._timer = threading.Timer(self._delay, self._run, [work, self._newest])
            self._timer.daemon = True
            self._timer.start()

    def cancel(self) -> None:
        """Want the result of no earlier work."""
        with self._state:
            self._forget()
            self._idle.set()

    def _forget(self) -> None:
        self._newest += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the newest work is done, at most ``timeout`` seconds; return whether it is."""
        return self._idle.wait(timeout)

    def _run(self, work: Callable[[Callable[[], bool]], None], number: int) -> None:
        with self._one_at_a_time:
            if number != self._newest:
                return
            try:
                work(lambda: number == self._newest)
            except Exception:
                logger.exception("work in the background failed")
            finally:
                with self._state:
                    if number == self._newest:
                        self._idle.set()


def message_area() -> widgets.HTML:
    """Return a place for a message that takes no room while there is none."""
    area = widgets.HTML()
    area.add_class("dbxe-message")
    set_text(area, "")
    return area


def set_text(area: widgets.HTML, markup: str) -> None:
    """Show ``markup``, which must be safe, in a message area, and hide the area when it is empty."""
    area.value = markup
    (area.remove_class if markup else area.add_class)("dbxe-hidden")


def error_html(error: BaseException) -> str:
    """Return an error as markup; what is no error of this package is named by its type."""
    known = isinstance(error, errors.DbxExploreError)
    text = str(error) if known else f"Unexpected {type(error).__name__}: {error}"
    return f"<div class='dbxe-error' role='alert'>{html.escape(text)}</div>"


def plural(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 object``, ``1,200 objects``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def one_line(text: str, limit: int = 255) -> str:
    """Return text fit for a label: what would break the line or turn its direction is shown as a symbol."""
    shown = "".join(c if c.isprintable() else "␤" if c == "\n" else "�" for c in text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
