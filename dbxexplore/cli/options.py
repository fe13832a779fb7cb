"""Options that several commands share, and what makes a command of a function.

A parameter of a command whose annotation is an `OptionGroup` stands for all options of that group. The credentials come
from `AUTH_KINDS`, the matching rules from the named dialects: a new one has its option without a change here.
"""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from dbxexplore import errors
from dbxexplore.cli.output import FAILED, INTERRUPTED, MISUSED, complain
from dbxexplore.connection.auth import AUTH_KINDS, Auth, Field, TokenAuth

if TYPE_CHECKING:
    from dbxexplore.connection import ConnectionSettings
    from dbxexplore.export import ConnectionConfig
    from dbxexplore.filters import Dialect, Filters
    from dbxexplore.filters.patterns import Level

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Snapshot = Annotated[
    Path | None, typer.Option("--snapshot", metavar="FILE", help="Snapshot saved by discover --output.")
]


class Misuse(Exception):  # noqa: N818 - a usage error of the command line, not of the package
    """Options that contradict each other, or one that is missing."""


def one_of(choices: Sequence[str]) -> dict[str, Any]:
    """Return how an option takes one of several texts, for `typer.Option`."""

    def parse(value: str) -> str:
        if value not in choices:
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(choices)}.")
        return value

    return {"metavar": f"[{'|'.join(choices)}]", "parser": parse}


class OptionGroup(ABC):
    """Options that belong together; made of their values by name."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    @classmethod
    @abstractmethod
    def options(cls) -> list[inspect.Parameter]:
        """Return the options as parameters of a function."""


def _option(name: str, kind: Any, *flags: str, **about: Any) -> inspect.Parameter:  # noqa: ANN401 - as typer has it
    annotation: object = Annotated[kind, typer.Option(*flags, **about)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


class ConnectionOptions(OptionGroup):
    """How to connect; each option replaces what ``--config`` says."""

    @classmethod
    def options(cls) -> list[inspect.Parameter]:
        """Return the options of the workspace and of every kind of credential."""
        panel = {"rich_help_panel": "Connection"}
        return [
            _option("config", Path | None, "--config", metavar="FILE", help="Saved connection document.", **panel),
            _option("url", str | None, "--url", help="Workspace URL, as copied from the browser.", **panel),
            *(_auth_option(field) for auth in AUTH_KINDS.values() for field in auth.FIELDS),
            _option(
                "warehouse_id",
                str | None,
                "--warehouse-id",
                help="SQL warehouse ID; faster on large metastores.",
                **panel,
            ),
            _option(
                "workspace_id",
                str | None,
                "--workspace-id",
                help="Workspace ID, if one host serves several: the number after ?o= in the URL.",
                **panel,
            ),
        ]

    @functools.cached_property
    def document(self) -> ConnectionConfig | None:
        """The document that ``--config`` names, if any."""
        from dbxexplore.export import ConnectionConfig

        return ConnectionConfig.load(self.values["config"]) if self.values["config"] else None

    @property
    def are_given(self) -> bool:
        """Whether the options name a workspace."""
        auth = self._kind()
        return bool(self.values["config"] or self.values["url"] or (auth and not auth.needs_url))

    def settings(self) -> ConnectionSettings:
        """Return the settings that these options and the document describe."""
        from dbxexplore.connection import ConnectionSettings

        auth = self._auth()
        if not self.are_given:
            raise Misuse("No workspace given. Pass --url, --profile or --config.")
        stored = self.document.settings if self.document else None
        url = self.values["url"] or (stored.workspace_url if stored else None)
        warehouse = self.values["warehouse_id"] or (stored.warehouse_id if stored else None)
        # A workspace ID belongs to the URL of the document, so another URL does not keep it.
        workspace = self.values["workspace_id"] or (stored.workspace_id if stored and not self.values["url"] else None)
        return ConnectionSettings(url, auth or (stored.auth if stored else TokenAuth()), warehouse, workspace)

    def _kind(self) -> type[Auth] | None:
        """Return the kind of credential whose options are given, None without any."""
        used = {auth: option for auth in AUTH_KINDS.values() for option in reversed(self._used(auth))}
        if len(used) > 1:
            raise Misuse(f"{' and '.join(used.values())} are different credentials. Pass only one of them.")
        return next(iter(used), None)

    def _auth(self) -> Auth | None:
        auth = self._kind()
        if auth is None:
            return None
        for field in auth.FIELDS:
            if field.default is None and not field.optional and self.values[_parameter(field)] is None:
                raise Misuse(f"{self._used(auth)[0]} requires --{field.option}.")
        return auth.from_texts({field.name: self.values[_parameter(field)] for field in auth.FIELDS})

    def _used(self, auth: type[Auth]) -> list[str]:
        return [f"--{field.option}" for field in auth.FIELDS if self.values[_parameter(field)] is not None]


def _parameter(field: Field) -> str:
    return field.option.replace("-", "_")


def _auth_option(field: Field) -> inspect.Parameter:
    note = (
        " There is no option for the secret itself, because others can read a command line." if field.variable else ""
    )
    return _option(
        _parameter(field),
        str | None,
        f"--{field.option}",
        metavar="NAME" if field.variable else None,
        help=field.help + note,
        show_default=field.default if field.variable else False,
        rich_help_panel="Connection",
    )


class FilterOptions(OptionGroup):
    """What to include; each list that is given replaces the one in ``--config``."""

    LEVELS: ClassVar[tuple[Level, ...]] = ("catalogs", "schemas", "tables", "views", "notebooks")

    @classmethod
    def options(cls) -> list[inspect.Parameter]:
        """Return the options of the patterns of each level and of the matching rules."""
        panel = {"rich_help_panel": "Filters"}
        patterns = [
            _option(
                f"{action}_{level}",
                list[str] | None,
                f"--{action}-{level}",
                metavar="PATTERN",
                help=f"{'Include' if action == 'allow' else 'Exclude'} {level} that match this regular expression; repeatable.",
                **panel,
            )
            for level in cls.LEVELS
            for action in ("allow", "deny")
        ]
        rules = _option(
            "dialect",
            str | None,
            "--dialect",
            **one_of(_dialects()),
            help="Matching rules.",
            show_default="that of --config, else datahub",
            **panel,
        )
        return [*patterns, rules]

    def filters(self, document: ConnectionConfig | None) -> Filters:
        """Return the filters of ``document``, with the lists that are given in their place."""
        from dbxexplore.filters import Filters

        filters = document.filters if document else Filters()
        for level in self.LEVELS:
            lists = {action: self.values[f"{action}_{level}"] for action in ("allow", "deny")}
            changes = {action: patterns for action, patterns in lists.items() if patterns}
            filters = filters.with_level(level, replace(filters.level(level), **changes))
        return filters

    def dialect(self, document: ConnectionConfig | None) -> Dialect:
        """Return the matching rules that are given, else those of ``document``."""
        from dbxexplore.filters import Dialect

        if self.values["dialect"]:
            return Dialect.named()[self.values["dialect"]]
        return document.dialect if document else Dialect.DATAHUB


def _dialects() -> list[str]:
    from dbxexplore.filters import Dialect

    return list(Dialect.named())


def command(function: Callable[..., int]) -> Callable[..., None]:
    """Return a function for typer that calls ``function`` and exits with the code that it returns.

    Its option groups are spread into their options. An error of this package becomes its message and an exit code.
    """
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    groups = {p.name: p.annotation for p in parameters if _is_group(p.annotation)}
    spread = [
        option.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for p in parameters
        for option in (groups[p.name].options() if p.name in groups else [p])
    ]

    @functools.wraps(function)
    def call(**values: object) -> None:
        try:
            arguments = {
                name: group({option.name: values.pop(option.name) for option in group.options()})
                for name, group in groups.items()
            }
            code = function(**arguments, **values)
        except errors.DbxExploreError as error:
            complain(f"Error: {error}")
            code = FAILED
        except Misuse as error:
            complain(f"Error: {error} See --help.")
            code = MISUSED
        except KeyboardInterrupt:
            complain("Interrupted.")
            code = INTERRUPTED
        raise typer.Exit(code)

    call.__signature__ = inspect.Signature(spread)  # type: ignore[attr-defined]  # what inspect looks at first
    call.__annotations__ = {option.name: option.annotation for option in spread}
    return call


def without_options(function: Callable[..., int]) -> Callable[..., None]:
    """Return a command that only ``--help`` of the command line lists."""

    def call() -> None: ...

    call.__doc__ = function.__doc__
    return call


def _is_group(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, OptionGroup)
