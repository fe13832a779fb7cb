"""What all components share: their base class, the style sheet, and callbacks that lock the state and show errors.

A component is given an `ExplorerState`, shows its values, and sets those that it lists in `Component.WRITES`.
"""

from __future__ import annotations

import functools
import html
import logging
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Concatenate, ParamSpec, Protocol, TypeVar

from dbxexplore import errors
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets import reload
from dbxexplore.widgets.state import ExplorerState

logger = logging.getLogger(__name__)

_P = ParamSpec("_P")
_R = TypeVar("_R")
_C = TypeVar("_C", bound="Component")
_S = TypeVar("_S", bound="_HasState")

_STATIC = Path(__file__).parent / "static"


def style_sheet() -> widgets.HTML:
    """Return a widget that applies the style of every panel; while developing, see `reload`, each edit of it too."""

    def markup() -> str:
        return f"<style>{(_STATIC / 'explorer.css').read_text(encoding='utf-8')}</style>"

    sheet = widgets.HTML(markup())
    reload.follow(sheet, _STATIC, value=markup)
    return sheet


class Component(widgets.VBox):
    """A part of the Explorer: a column of widgets that shows values of the state.

    A keyword argument that is not a trait is refused, and an exception in a callback is shown in the component.

    Args:
        state: what it shows and changes; without one, the component gets a state of its own.
        traits: values of its own traits.
    """

    WRITES: ClassVar[tuple[str, ...]] = ()
    """The values of the state that this component sets."""

    shares_layout = False  # a user may set its height

    def __init__(self, state: ExplorerState | None = None, **traits: object) -> None:
        unknown = sorted(set(traits) - set(self.trait_names()))
        if unknown:
            msg = f"{type(self).__name__} has no trait {unknown[0]!r}"
            raise TypeError(msg)
        self.state = ExplorerState() if state is None else state
        self._message = message_area()
        super().__init__(**traits)
        # A default is made when a value is first read. Made while another thread sets the value, it would replace it.
        for name, trait in self.traits().items():
            if issubclass(trait.this_class, Component):
                getattr(self, name)
        self.add_class("dbxe")

    def __repr__(self) -> str:
        # Not the traits: a notebook saves this text beside the widget.
        return f"{type(self).__name__}()"

    def _displayed(self) -> None:
        """Called when a notebook displays this component by itself."""

    # IPython calls the one that exists: `_repr_mimebundle_` of ipywidgets 8, or `_ipython_display_` of 7.
    if hasattr(widgets.Widget, "_repr_mimebundle_"):

        def _repr_mimebundle_(self, **kwargs: object) -> object:
            self._displayed()
            return super()._repr_mimebundle_(**kwargs)

    else:

        def _ipython_display_(self, **kwargs: object) -> None:
            self._displayed()
            super()._ipython_display_(**kwargs)

    def show_error(self, error: BaseException | None) -> None:
        """Show an error in the component, or remove it."""
        set_text(self._message, "" if error is None else error_html(error))


class _HasState(Protocol):
    state: ExplorerState


def locked(method: Callable[Concatenate[_S, _P], _R]) -> Callable[Concatenate[_S, _P], _R]:
    """Let a method run while no other thread changes the state."""

    @functools.wraps(method)
    def call(self: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with self.state.lock:
            return method(self, *args, **kwargs)

    return call


def shows_errors(callback: Callable[Concatenate[_C, _P], None]) -> Callable[Concatenate[_C, _P], None]:
    """Lock the state for a callback, and show an exception in its component: the front end would silently drop it."""

    @functools.wraps(callback)
    def call(self: _C, /, *args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            with self.state.lock:
                self.show_error(None)
                callback(self, *args, **kwargs)
        except Exception as error:
            if not isinstance(error, errors.DbxExploreError):
                logger.exception("%s failed", callback.__qualname__)
            self.show_error(error)

    return call


def message_area() -> widgets.HTML:
    """Return a message area that takes no room while it is empty."""
    area = widgets.HTML()
    area.add_class("dbxe-message")
    set_text(area, "")
    return area


def set_text(area: widgets.HTML, markup: str) -> None:
    """Show ``markup``, which must be safe, in a message area, and hide the area when it is empty."""
    area.value = markup
    (area.remove_class if markup else area.add_class)("dbxe-hidden")


def error_html(error: BaseException) -> str:
    """Return an error as markup; an error from outside this package is named by its type."""
    known = isinstance(error, errors.DbxExploreError)
    text = str(error) if known else f"Unexpected {type(error).__name__}: {error}"
    return f"<div class='dbxe-error' role='alert'>{html.escape(text)}</div>"
