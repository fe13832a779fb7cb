"""The controls of ipywidgets, sent to the page in few messages and usable for as long as the kernel runs.

Use this module in place of `ipywidgets`. What it changes, and why:

- A kernel sends to its pages through a ZeroMQ socket that keeps 1,000 messages and silently drops the rest. Opened one
  by one, the controls of a full Explorer take about 1,300, and on a busy machine some were lost: the page then shows *model
  not found*, or nothing. Inside `opened_together` controls share layouts and styles and are opened at the end, each with
  all that was set until then; `reopen` and the end of `opened_together` let the socket empty itself in between.
- A page that cannot handle a new control yet closes it, for every page. Controls made here stay open in the kernel.
- `reopen` sends everything once more, for a page that has lost some of it.
"""

from __future__ import annotations

import contextlib
import sys
import time
import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import cache, partial

import ipywidgets
from ipywidgets import DOMWidget, Widget

__all__ = [
    "HTML",
    "Box",
    "Button",
    "ButtonStyle",
    "Checkbox",
    "Combobox",
    "Control",
    "DOMWidget",
    "Dropdown",
    "HBox",
    "IntProgress",
    "Layout",
    "Output",
    "Tab",
    "Text",
    "Textarea",
    "VBox",
    "Widget",
    "opened_together",
    "reopen",
]

MOST_AT_ONCE = 100
"""How many messages are sent before the socket is given time to pass them on, once there are many."""

_KEPT = 450  # messages that the socket keeps whatever happens, with some to spare
# Seconds in which the thread of ZeroMQ, which needs nothing of Python, writes to the connection. On a busy machine it
# may wait that long for a processor.
_PAUSE = 0.05


_GROUP = 35
"""How many controls share a layout and styles.

A page that connects in the middle of an opening waits two seconds for each model that refers to one that was sent
before. Subtrees are opened one after the other, so those are the rest of a group, and the containers around it.
"""


class _Together:
    """Controls that are made together and opened at the end."""

    def __init__(self) -> None:
        self._controls: list[Control] = []
        self._layout: Layout | None = None
        self._styles: dict[tuple[type[Widget], frozenset[tuple[str, object]]], Widget] = {}

    def add(self, control: Control) -> None:
        self._controls.append(control)

    def layout(self) -> Layout:
        """Return the layout of the controls that are given none."""
        if self._layout is None:
            self._layout = _fixed(Layout())
        return self._layout

    def style(self, kind: type[Widget], values: Mapping[str, object]) -> Widget:
        """Return the style of the controls that are given these values."""
        key = kind, frozenset(values.items())
        if key not in self._styles:
            self._styles[key] = _as_control(kind)(**values)  # type: ignore[arg-type]  # Any hides that it is hashable
        return self._styles[key]

    def open(self) -> None:
        for control in _paced(self._in_groups(), after=_KEPT):
            control.open()

    def _in_groups(self) -> Iterator[Widget]:
        controls = _contents_first(self._controls[::-1])  # whole trees, because containers are made last
        used: set[Widget] = set()  # by controls of earlier groups
        for start in range(0, len(controls), _GROUP):
            group = controls[start : start + _GROUP]
            copies: dict[Widget, Widget] = {}
            for control in group:
                for name in ("layout", "style"):
                    shared = getattr(control, name, None)
                    if shared in used:
                        if shared not in copies:
                            copies[shared] = self._copy(shared)
                        setattr(control, name, copies[shared])
            yield from group
            used.update(
                getattr(control, name) for control in group for name in ("layout", "style") if control.has_trait(name)
            )

    def _copy(self, shared: Widget) -> Widget:
        copy = type(shared)(**{name: getattr(shared, name) for name in shared.keys if not name.startswith("_")})
        return _fixed(copy) if shared is self._layout else copy


@cache
def _as_control(kind: type[Widget]) -> type[Widget]:
    """Return a class of widgets that are opened as controls are."""
    return type(kind.__name__, (Control, kind), {})


def _fixed(layout: Layout) -> Layout:
    """Make a shared layout raise an error when it is changed."""
    layout.observe(_refuse, layout.keys)
    return layout


_current: ContextVar[_Together | None] = ContextVar("_current", default=None)


@contextlib.contextmanager
def opened_together() -> Iterator[None]:
    """Open the controls that are made within it at its end; those that are given no layout share one, as with styles.

    Within another one, they are opened at the end of that.
    """
    if _current.get() is not None:
        yield
        return
    together = _Together()
    token = _current.set(together)
    try:
        yield
    finally:
        _current.reset(token)
    together.open()


def _refuse(change: Mapping[str, object]) -> None:
    msg = f"{change['name']} is set in a layout that many controls share. Make the control with `layout={{}}`, which is its own"
    raise TypeError(msg)


class Control(Widget):
    """Adds to a widget what the module says. It comes before the widget's class."""

    shares_layout = True
    """Whether its layout is never changed, unless it was given one."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        together, traits = _current.get(), self.class_traits()
        if together is not None and "layout" in traits:
            layout = kwargs.get("layout", together.layout() if self.shares_layout else {})
            kwargs["layout"] = Layout(**layout) if isinstance(layout, Mapping) else layout
        if together is not None and "style" in traits:
            style = kwargs.get("style", {})
            kwargs["style"] = together.style(traits["style"].klass, style) if isinstance(style, Mapping) else style
        super().__init__(*args, **kwargs)

    def open(self) -> None:
        """Open the control in the page now, or at the end of `opened_together`."""
        together = _current.get()
        if together is not None:
            if self.comm is None:
                together.add(self)
            return
        super().open()
        for widget in (self, getattr(self, "layout", None), getattr(self, "style", None)):
            if isinstance(widget, Widget):  # made by ipywidgets, a layout or a style is not a control
                _keep_open(widget)


def _keep_open(widget: Widget) -> None:
    """Keep a control open that a page closes: other pages show it, and this one asks for it again later."""
    if widget.comm is not None:
        widget.comm.on_close(partial(_on_close, weakref.ref(widget)))


def _on_close(reference: weakref.ref[Widget], _message: object) -> None:
    from comm import get_comm_manager

    widget = reference()
    if widget is None or widget.comm is None:
        return
    closed = widget.comm
    # Not primary: the same, without telling a page, which would close it again.
    again = type(closed)(comm_id=closed.comm_id, target_name=closed.target_name, primary=False)
    if hasattr(closed, "kernel"):
        again.kernel = closed.kernel  # ipywidgets sends nothing without
    get_comm_manager().register_comm(again)
    widget.comm = again
    _keep_open(widget)


def reopen(root: Widget) -> None:
    """Close a control and all that belongs to it, and open it again, so that pages have what the kernel has.

    The outputs that show it become empty; it is to be displayed again.
    """
    widgets = _contents_first(_belonging(root))
    for widget in _paced(reversed(widgets)):
        if widget.comm is not None:
            widget.comm.close()
            widget.comm = None
    for widget in _paced(widgets):
        widget.open()


def _belonging(root: Widget) -> list[Widget]:
    """Return the control and all that its traits and attributes refer to, shown or not."""
    owned: dict[int, Widget] = {}
    seen: set[int] = set()
    waiting: list[object] = [root]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Widget):
            owned[id(value)] = value
            waiting += _synced(value)
        if isinstance(value, list | tuple | set):
            waiting += list(value)[:_MOST_FOLLOWED]
        elif isinstance(value, dict):
            waiting += list(value.values())[:_MOST_FOLLOWED]
        elif type(value).__module__.startswith(_PACKAGE) and hasattr(value, "__dict__"):
            waiting += list(vars(value).values())
    return list(owned.values())


_MOST_FOLLOWED = 1_000  # what is longer is data
_PACKAGE = __name__.rpartition(".")[0]


def _synced(widget: Widget) -> list[object]:
    """Return the values of a control that are synchronized with the page."""
    return [getattr(widget, name) for name in widget.keys]


def _contents_first(widgets: Collection[Widget]) -> list[Widget]:
    """Return widgets in the order in which a page has to know them: what refers to another one comes after it."""
    known = {id(widget) for widget in widgets}
    ordered: dict[int, Widget] = {}

    def place(value: object) -> None:
        if isinstance(value, Widget) and id(value) not in ordered:
            for item in _synced(value):
                place(item)
            if id(value) in known:
                ordered[id(value)] = value
        elif isinstance(value, list | tuple):
            for item in value[:_MOST_FOLLOWED]:
                place(item)

    for widget in widgets:
        place(widget)
    return list(ordered.values())


def _paced(widgets: Iterable[Widget], after: int = 0) -> Iterator[Widget]:
    """Yield widgets, each of which makes a message, and from ``after`` on let messages leave the kernel in between."""
    for number, widget in enumerate(widgets, 1):
        yield widget
        if number > after and number % MOST_AT_ONCE == 0:
            sys.stdout.flush()  # in a kernel, this waits until all messages were given to the socket
            time.sleep(_PAUSE)


class Layout(Control, ipywidgets.Layout):
    """Where a control is and how large."""


class ButtonStyle(Control, ipywidgets.ButtonStyle):
    """How a button looks."""


class Box(Control, ipywidgets.Box):
    """A container."""


class HBox(Control, ipywidgets.HBox):
    """A row."""


class VBox(Control, ipywidgets.VBox):
    """A column."""


class Tab(Control, ipywidgets.Tab):
    """Pages with tabs."""


class HTML(Control, ipywidgets.HTML):
    """Markup."""


class Button(Control, ipywidgets.Button):
    """A button."""


class Checkbox(Control, ipywidgets.Checkbox):
    """A box to tick."""


class Text(Control, ipywidgets.Text):
    """A line of text."""


class Textarea(Control, ipywidgets.Textarea):
    """Some lines of text."""


class Dropdown(Control, ipywidgets.Dropdown):
    """A choice."""


class Combobox(Control, ipywidgets.Combobox):
    """A line of text with choices."""


class IntProgress(Control, ipywidgets.IntProgress):
    """A bar."""


class Output(Control, ipywidgets.Output):
    """What a cell would show."""
