"""The command line: ``dbxexplore COMMAND``.

`main` is the entry point. A command is a function in a module of `commands`, listed in its `COMMANDS`; it takes its
options as keyword arguments and returns one of the exit codes of `output`.

With ``--json``, standard output holds one JSON document and nothing else. A secret is never taken from the command
line, only the name of the variable that holds it. Names and comments come from a workspace that may be anyone's, so
characters that could control a terminal are replaced before they are printed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Annotated, NoReturn

import typer

from dbxexplore._version import __version__
from dbxexplore.cli.commands import COMMANDS
from dbxexplore.cli.options import command, without_options
from dbxexplore.cli.output import DONE, EXIT_CODES, FAILED, FINDINGS, INCOMPLETE, INTERRUPTED, MISUSED, complain

__all__ = ["DONE", "FAILED", "FINDINGS", "INCOMPLETE", "INTERRUPTED", "MISUSED", "main"]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; always raises `SystemExit` with one of the exit codes."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal may not know all letters of a name
    from dbxexplore.connection.secrets import looks_like_secret

    # Before anything is parsed, because a message about a misplaced argument would quote it.
    if any(looks_like_secret(word) for word in words):
        complain("An argument looks like a secret itself (not shown). Expected the name of an environment variable.")
        complain("Store the secret in a variable and pass its name: others can read a command line. Revoke the secret.")
        sys.exit(MISUSED)
    wanted = next((word for word in words if not word.startswith("-")), None)
    app(COMMANDS, wanted)(args=words, prog_name="dbxexplore")
    raise AssertionError


def app(commands: Sequence[Callable[..., int]], wanted: str | None) -> typer.Typer:
    """Return the command line of ``commands``; each has the name of its function, with hyphens.

    Only ``wanted`` gets its options: the choices of some are in libraries that take long to import.
    """
    made = typer.Typer(
        help="See which Databricks objects a Dagster+ connection will sync, and why, before it does.",
        epilog=EXIT_CODES,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,  # they show the values of variables, which may be secrets
    )
    made.callback()(_version_option)
    for function in commands:
        name = function.__name__.replace("_", "-")
        callback = command(function) if name == wanted else without_options(function)
        made.command(name, epilog=EXIT_CODES)(callback)
    return made


def _show_version(wanted: bool) -> None:
    if wanted:
        print(__version__)  # noqa: T201 - standard output is where a command line answers
        raise typer.Exit


def _version_option(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass
