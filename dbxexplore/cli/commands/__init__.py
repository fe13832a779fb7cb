"""The commands, one module per command, and `COMMANDS`, which lists them in the order of ``--help``."""

from __future__ import annotations

from collections.abc import Callable

from dbxexplore.cli.commands.check import check
from dbxexplore.cli.commands.demo import demo
from dbxexplore.cli.commands.discover import discover
from dbxexplore.cli.commands.export import export
from dbxexplore.cli.commands.grants import grants
from dbxexplore.cli.commands.lint import lint
from dbxexplore.cli.commands.preview import preview

__all__ = ["COMMANDS"]

COMMANDS: list[Callable[..., int]] = [
    demo,
    check,
    discover,
    preview,
    lint,
    export,
    grants,
]
