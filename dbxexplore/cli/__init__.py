"""The command line: ``dbxexplore demo | discover | preview | export | check``.

Exit codes:

- 0: done
- 1: it could not be done; a `DbxExploreError`, told on standard error without a traceback
- 2: a mistake in the command line
- 3: done, but incomplete: something could not be listed
- 130: interrupted

With ``--json``, standard output holds one JSON document and nothing else. A secret is never taken from the
command line, only the name of the variable that holds it. Names and comments come from a workspace that may be
anyone's, so what could steer a terminal is replaced before it is shown.
"""

from __future__ import annotations

import functools
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, get_type_hints

import typer

from dbxexplore import errors
from dbxexplore._version import __version__
from dbxexplore.files import atomic_write

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from dbxexplore.catalog import Catalog
    from dbxexplore.connection import Auth, ConnectionSettings
    from dbxexplore.demo.serve import Running
    from dbxexplore.export import ConnectionConfig
    from dbxexplore.filters import Dialect, Explanation, Filters, Preview

DONE, FAILED, MISUSED, INCOMPLETE, INTERRUPTED = 0, 1, 2, 3, 130
_EXIT_CODES = (
    "Exit codes: 0 done; 1 it could not be done, the reason is on standard error; 2 a mistake in the command line; "
    "3 done, but something could not be listed."
)
_SHOWN = 20  # failures that are told one by one

app = typer.Typer(
    help="See which Databricks objects a Dagster+ connection would sync, and why, before it does.",
    epilog=_EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # shows the values of variables, among them secrets
)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; always raises `SystemExit` with one of the exit codes of this module."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal may not know all letters of a name
    from dbxexplore.connection.secrets import looks_like_secret

    # Before anything is parsed, because a message on a misplaced argument would quote it.
    if any(looks_like_secret(argument) for argument in given):
        _complain("An argument looks like a secret itself (not shown). Expected the name of an environment variable.")
        _complain("Put the secret into a variable and give its name: the command line is seen by others. Revoke it.")
        sys.exit(MISUSED)
    app(args=given, prog_name="dbxexplore")
    raise AssertionError


class _MisuseError(Exception):
    """Options that do not go together, or one that is missing."""


# --- options that several commands take ---


class Depth(StrEnum):
    """How much to find out of each object."""

    SUMMARY = "summary"
    DETAILS = "details"
    COLUMNS = "columns"


class Strategy(StrEnum):
    """How to list what is in Unity Catalog."""

    REST = "rest"
    SQL = "sql"


class Reading(StrEnum):
    """The named dialects."""

    DATAHUB = "datahub"
    DATAHUB_1_5 = "datahub-1.5"
    OPENMETADATA = "openmetadata"
    STRICT = "strict"


class Listed(StrEnum):
    """Which objects to list."""

    INCLUDED = "included"
    EXCLUDED = "excluded"
    ALL = "all"


class Form(StrEnum):
    """The forms of a connection."""

    YAML = "yaml"
    SOURCE_CONFIG = "source-config"
    TERRAFORM = "terraform"
    DATAHUB = "datahub"
    COMPONENT = "component"
    ASSET_KEYS = "asset-keys"


_CONNECTION = "Connection"
_FILTERS = "Filters"


@dataclass(frozen=True)
class ConnectionOptions:
    """How to connect; each option replaces what ``--config`` says."""

    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="A saved connection document.", rich_help_panel=_CONNECTION),
    ] = None
    url: Annotated[
        str | None,
        typer.Option("--url", help="Workspace URL, as copied from a browser.", rich_help_panel=_CONNECTION),
    ] = None
    token_env_var: Annotated[
        str | None,
        typer.Option(
            "--token-env-var",
            metavar="NAME",
            help="Name of the variable that holds a personal access token; DATABRICKS_CONNECTION_TOKEN if nothing "
            "else is said. There is no option for the token itself: a command line can be read by other processes "
            "and stays in the shell's history.",
            rich_help_panel=_CONNECTION,
        ),
    ] = None
    client_id: Annotated[
        str | None,
        typer.Option("--client-id", help="Application id of a service principal.", rich_help_panel=_CONNECTION),
    ] = None
    client_secret_env_var: Annotated[
        str | None,
        typer.Option(
            "--client-secret-env-var",
            metavar="NAME",
            help="Name of the variable that holds the service principal's secret; "
            "DATABRICKS_CONNECTION_CLIENT_SECRET if nothing else is said.",
            rich_help_panel=_CONNECTION,
        ),
    ] = None
    scopes: Annotated[
        str | None,
        typer.Option(
            "--scopes",
            metavar="NAMES",
            help="OAuth scopes to ask for, separated by commas, as in unity-catalog,sql. Needed where the secret of "
            "the service principal is limited to some.",
            rich_help_panel=_CONNECTION,
        ),
    ] = None
    profile: Annotated[
        str | None,
        typer.Option("--profile", help="Profile of ~/.databrickscfg.", rich_help_panel=_CONNECTION),
    ] = None
    warehouse_id: Annotated[
        str | None,
        typer.Option("--warehouse-id", help="Id of a SQL warehouse.", rich_help_panel=_CONNECTION),
    ] = None
    workspace_id: Annotated[
        str | None,
        typer.Option(
            "--workspace-id",
            help="ID of the workspace on a host that serves several: the number after ?o= in its address.",
            rich_help_panel=_CONNECTION,
        ),
    ] = None

    @functools.cached_property
    def document(self) -> ConnectionConfig | None:
        """The document that ``--config`` names, if any."""
        from dbxexplore.export import ConnectionConfig

        return ConnectionConfig.load(self.config) if self.config else None

    @property
    def are_given(self) -> bool:
        """Whether anything says which workspace to connect to."""
        return bool(self.config or self.url or self.profile)

    def settings(self) -> ConnectionSettings:
        """Return the settings that these options and the document make."""
        from dbxexplore.connection import ConnectionSettings, TokenAuth

        if not self.are_given:
            raise _MisuseError("Nothing says which workspace to connect to. Give --url, --profile or --config.")
        stored = self.document.settings if self.document else None
        auth = self._auth() or (stored.auth if stored else TokenAuth())
        url = self.url or (stored.workspace_url if stored else None)
        warehouse = self.warehouse_id or (stored.warehouse_id if stored else None)
        # Another address than that of the document may be another workspace.
        workspace = self.workspace_id or (stored.workspace_id if stored and not self.url else None)
        return ConnectionSettings(url, auth, warehouse, workspace)

    def _auth(self) -> Auth | None:
        from dbxexplore.connection import OAuthM2MAuth, ProfileAuth, TokenAuth
        from dbxexplore.connection.secrets import DEFAULT_SECRET_VARIABLE

        kinds = {"--token-env-var": self.token_env_var, "--client-id": self.client_id, "--profile": self.profile}
        given = [option for option, value in kinds.items() if value is not None]
        if len(given) > 1:
            raise _MisuseError(f"{' and '.join(given)} are different credentials. Give one of them.")
        if self.client_secret_env_var is not None and self.client_id is None:
            raise _MisuseError("--client-secret-env-var goes with --client-id.")
        if self.scopes is not None and self.client_id is None:
            raise _MisuseError("--scopes goes with --client-id.")
        if self.token_env_var is not None:
            return TokenAuth(self.token_env_var)
        if self.client_id is not None:
            scopes = [scope for scope in re.split(r"[\s,]+", self.scopes or "") if scope]
            given_secret = self.client_secret_env_var
            secret = DEFAULT_SECRET_VARIABLE if given_secret is None else given_secret
            return OAuthM2MAuth(self.client_id, secret, scopes=tuple(scopes))
        return ProfileAuth(self.profile) if self.profile is not None else None


def _patterns(name: str) -> object:
    action, level = name.split("_")
    return typer.Option(
        f"--{action}-{level}",
        metavar="PATTERN",
        help=f"Regular expression that {level} must {'' if action == 'allow' else 'not '}match; may be repeated.",
        rich_help_panel=_FILTERS,
    )


_PatternList = list[str] | None


@dataclass(frozen=True)
class FilterOptions:
    """Which objects to let through; each list that is given replaces that of ``--config``."""

    allow_catalogs: Annotated[_PatternList, _patterns("allow_catalogs")] = None
    deny_catalogs: Annotated[_PatternList, _patterns("deny_catalogs")] = None
    allow_schemas: Annotated[_PatternList, _patterns("allow_schemas")] = None
    deny_schemas: Annotated[_PatternList, _patterns("deny_schemas")] = None
    allow_tables: Annotated[_PatternList, _patterns("allow_tables")] = None
    deny_tables: Annotated[_PatternList, _patterns("deny_tables")] = None
    allow_views: Annotated[_PatternList, _patterns("allow_views")] = None
    deny_views: Annotated[_PatternList, _patterns("deny_views")] = None
    allow_notebooks: Annotated[_PatternList, _patterns("allow_notebooks")] = None
    deny_notebooks: Annotated[_PatternList, _patterns("deny_notebooks")] = None
    dialect: Annotated[
        Reading | None,
        typer.Option(
            "--dialect",
            help="How the patterns are read; that of --config, or datahub, if nothing else is said.",
            rich_help_panel=_FILTERS,
        ),
    ] = None

    def filters(self, document: ConnectionConfig | None) -> Filters:
        """Return the filters of ``document`` with the lists that are given in their place."""
        from dbxexplore.filters import Filters
        from dbxexplore.filters.patterns import LEVELS

        filters = document.filters if document else Filters()
        for level in LEVELS:
            given = {action: getattr(self, f"{action}_{level}") for action in ("allow", "deny")}
            changes = {action: texts for action, texts in given.items() if texts}
            filters = filters.with_level(level, replace(filters.level(level), **changes))
        return filters

    def reading(self, document: ConnectionConfig | None) -> Dialect:
        """Return the dialect that is given, or that of ``document``."""
        from dbxexplore.filters import Dialect

        if self.dialect:
            return Dialect.named()[self.dialect.value]
        return document.dialect if document else Dialect.DATAHUB


_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
_Snapshot = Annotated[
    Path | None, typer.Option("--snapshot", metavar="FILE", help="A snapshot that discover --output has saved.")
]


def _command(function: Callable[..., int]) -> Callable[..., None]:
    """Make a command of a function that returns an exit code.

    A parameter that is one of the groups of options above is spread into its options, so that each group is
    written once. An error of this package becomes its message and an exit code.
    """
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    groups: dict[str, type] = {p.name: p.annotation for p in parameters if _is_group(p.annotation)}
    spread = [option for p in parameters for option in (_options_of(p.annotation) if p.name in groups else [p])]

    @functools.wraps(function)
    def command(**values: object) -> None:
        try:
            grouped = {
                name: group(**{f.name: values.pop(f.name) for f in fields(group)}) for name, group in groups.items()
            }
            code = function(**grouped, **values)
        except errors.DbxExploreError as error:
            _complain(f"Error: {error}")
            code = FAILED
        except _MisuseError as error:
            _complain(f"Error: {error} See --help.")
            code = MISUSED
        except KeyboardInterrupt:
            _complain("Interrupted.")
            code = INTERRUPTED
        raise typer.Exit(code)

    command.__signature__ = inspect.Signature(spread)  # type: ignore[attr-defined]  # what inspect looks at first
    command.__annotations__ = {option.name: option.annotation for option in spread}
    return command


def _is_group(annotation: object) -> bool:
    return is_dataclass(annotation)


def _options_of(group: type) -> Iterable[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    for f in fields(group):
        yield inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name])


# --- commands ---


def _show_version(wanted: bool) -> None:
    if wanted:
        print(__version__)  # noqa: T201 - standard output is where a command line answers
        raise typer.Exit


@app.callback()
def _dbxexplore(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command(epilog=_EXIT_CODES)
@_command
def demo(
    *,
    directory: Annotated[
        Path, typer.Option("--dir", metavar="FOLDER", help="Where the tutorials go; none there is overwritten.")
    ] = Path("dbxexplore-demo"),
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="JupyterLab's port; a free one if not given.")
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")] = False,
    as_json: _Json = False,
) -> int:
    """Open JupyterLab on the tutorials, with an emulated Databricks workspace on this machine.

    Nothing is called beyond this machine. Ctrl-C stops both, and leaves the tutorials.
    """
    from dbxexplore.demo.serve import serve

    if not as_json:
        _complain("Starting the demo workspace and JupyterLab …")
    announce = _demo_as_json if as_json else _demo_banner
    serve(directory, port=port, open_browser=not no_browser, announce=announce)
    if not as_json:
        _complain("Stopped.")
    return DONE


@app.command(epilog=_EXIT_CODES)
@_command
def check(connection: ConnectionOptions, *, as_json: _Json = False) -> int:
    """Test a connection: who the credential is, what it can do, and each problem with its remedy."""
    report = connection.settings().check()
    if as_json:
        _print_json({**asdict(report), "ok": report.ok})
    else:
        _print_lines(str(report).splitlines())
    return DONE if report.ok else FAILED


@app.command(epilog=_EXIT_CODES)
@_command
def discover(  # noqa: PLR0913 - one parameter an option
    connection: ConnectionOptions,
    *,
    depth: Annotated[
        Depth, typer.Option("--depth", help="Names and types; with owner, comment and times; with columns as well.")
    ] = Depth.SUMMARY,
    catalog: Annotated[
        list[str] | None, typer.Option("--catalog", help="A catalog to list; may be repeated. All if not given.")
    ] = None,
    no_notebooks: Annotated[bool, typer.Option("--no-notebooks", help="Do not list notebooks.")] = False,
    max_concurrency: Annotated[
        int, typer.Option("--max-concurrency", min=1, max=64, help="How many calls may run at once.")
    ] = 16,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Save a snapshot (Parquet) here.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            help="Keep what was listed here, so that the same command goes on from there after an interruption. "
            "Removed when all is listed.",
        ),
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Do not go on from --checkpoint, but start it anew.")] = False,
    strategy: Annotated[
        Strategy | None,
        typer.Option(
            "--strategy",
            help="Over REST, or through the SQL warehouse of --warehouse-id; sql if one is given, if nothing is said.",
        ),
    ] = None,
    hive_metastore: Annotated[
        bool,
        typer.Option("--hive-metastore", help="List hive_metastore too, through the SQL warehouse of --warehouse-id."),
    ] = False,
    as_json: _Json = False,
) -> int:
    """List the catalogs, schemas, tables, views and notebooks that a credential can see."""
    import dbxexplore as dbx
    from dbxexplore.discovery import progress_bar

    settings = connection.settings()
    with progress_bar() as progress:
        found = dbx.discover(
            settings,
            depth=depth.value,
            catalogs=catalog or None,
            notebooks=not no_notebooks,
            max_concurrency=max_concurrency,
            progress=progress,
            checkpoint=checkpoint,
            resume=not anew,
            strategy=strategy.value if strategy else None,
            hive_metastore=hive_metastore,
        )
    if output:
        _written(output, found.save)
    if as_json:
        _print_json({**_about(found), "counts": found.counts(), "objects": _records(found.objects)})
    else:
        _print_lines([str(found.provenance)])
        _print_table("kind", ["objects"], {kind: [number] for kind, number in found.counts().items()})
        _print_lines(found.provenance.notes)
    return _told_whether_complete(found)


@app.command(epilog=_EXIT_CODES)
@_command
def preview(  # noqa: PLR0913 - one parameter an option
    connection: ConnectionOptions,
    filters: FilterOptions,
    *,
    snapshot: _Snapshot = None,
    listed: Annotated[
        Listed | None,
        typer.Option("--list", help="List objects: verdict, kind, name, deciding level, rule and pattern."),
    ] = None,
    explain: Annotated[
        list[str] | None,
        typer.Option("--explain", metavar="NAME", help="Say why one object is in or out; may be repeated."),
    ] = None,
    as_json: _Json = False,
) -> int:
    """Show what filters let through, of a snapshot or of the workspace as it is now."""
    catalog = _catalog(connection, snapshot)
    document = connection.document
    judged = filters.filters(document).preview(catalog, filters.reading(document))
    explanations = [judged.explain(name) for name in explain or []]
    if as_json:
        _print_json(_preview_document(judged, listed, explanations))
    else:
        _print_preview(judged, listed, explanations)
    return _told_whether_complete(catalog)


@app.command(epilog=_EXIT_CODES)
@_command
def export(  # noqa: PLR0913 - one parameter an option
    connection: ConnectionOptions,
    filters: FilterOptions,
    *,
    form: Annotated[
        Form, typer.Option("--format", help="What to write; asset-keys are JSON and need --snapshot.")
    ] = Form.YAML,
    name: Annotated[str | None, typer.Option("--name", help="Connection name; needed without --config.")] = None,
    description: Annotated[str | None, typer.Option("--description", help="What the connection is for.")] = None,
    cron: Annotated[str | None, typer.Option("--cron", help="When to sync, such as '0 6 * * *'.")] = None,
    timezone: Annotated[str | None, typer.Option("--timezone", help="Time zone of --cron; UTC if not given.")] = None,
    snapshot: _Snapshot = None,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write to this file instead of standard output.")
    ] = None,
    project: Annotated[
        Path | None,
        typer.Option(
            "--project",
            metavar="FOLDER",
            help="With --format component: write a whole Dagster project here; no file is overwritten.",
        ),
    ] = None,
    as_json: _Json = False,
) -> int:
    """Write a connection as YAML, Dagster+ source config, Terraform, DataHub recipe or Dagster component, or its keys."""
    from dbxexplore.catalog import Catalog

    if form is Form.ASSET_KEYS and snapshot is None:
        raise _MisuseError("--format asset-keys needs --snapshot, the objects that the keys are of.")
    if project and (output or form is not Form.COMPONENT):
        raise _MisuseError("--project goes with --format component, and without --output.")
    config = _export_config(connection, filters, name, description, _schedule(cron, timezone))
    if project:
        return _export_project(config, project, as_json=as_json)
    catalog = Catalog.load(snapshot) if snapshot else None
    text, keys = _rendered(config, form, catalog)
    if as_json:
        about = {"complete": catalog.complete if catalog else None}
        document = {"name": config.name, "format": form.value, **about}
        text = _json({**document, **({"asset_keys": keys} if form is Form.ASSET_KEYS else {"text": text})})
    if output:
        _written(output, lambda path: _write(path, text))
    else:
        sys.stdout.write(text)
    return _told_whether_complete(catalog) if catalog else DONE


# --- what the commands are made of ---


def _catalog(connection: ConnectionOptions, snapshot: Path | None) -> Catalog:
    import dbxexplore as dbx
    from dbxexplore.discovery import progress_bar

    if snapshot:
        return dbx.Catalog.load(snapshot)
    if not connection.are_given:
        raise _MisuseError("Nothing says what to preview. Give --snapshot, --url, --profile or --config.")
    settings = connection.settings()
    with progress_bar() as progress:
        return dbx.discover(settings, progress=progress)


def _schedule(cron: str | None, timezone: str | None) -> dict[str, str] | None:
    if cron is None:
        if timezone is not None:
            raise _MisuseError("--timezone goes with --cron.")
        return None
    return {"cron": cron, **({} if timezone is None else {"timezone": timezone})}


def _export_config(
    connection: ConnectionOptions,
    filters: FilterOptions,
    name: str | None,
    description: str | None,
    schedule: Mapping[str, str] | None,
) -> ConnectionConfig:
    from dbxexplore.export import ConnectionConfig

    document = connection.document
    if document is None and name is None:
        raise _MisuseError("The connection has no name. Give --name, or --config.")
    given = {"name": name, "description": description, "schedule": schedule}
    stored = {field: getattr(document, field) for field in given} if document else {}
    return ConnectionConfig(
        **{**stored, **{field: value for field, value in given.items() if value is not None}},
        settings=connection.settings(),
        filters=filters.filters(document),
        dialect=filters.reading(document),
    )


def _rendered(config: ConnectionConfig, form: Form, catalog: Catalog | None) -> tuple[str, list[list[str]]]:
    from dbxexplore import export as forms

    if form is Form.ASSET_KEYS:
        assert catalog is not None
        keys = config.asset_keys(config.preview(catalog))
        return _json(keys), keys
    render = {
        Form.YAML: forms.ConnectionConfig.to_yaml,
        Form.SOURCE_CONFIG: forms.source_config_yaml,
        Form.TERRAFORM: forms.terraform,
        Form.DATAHUB: forms.datahub_recipe,
        Form.COMPONENT: forms.component_yaml,
    }[form]
    return render(config), []


def _export_project(config: ConnectionConfig, folder: Path, *, as_json: bool) -> int:
    from dbxexplore.export import write_project

    files = write_project(config, folder)
    for path in files:
        _complain(f"Wrote {path}")
    if as_json:
        _print_json({"name": config.name, "format": Form.COMPONENT.value, "files": [str(path) for path in files]})
    return DONE


def _written(path: Path, write: Callable[[Path], object]) -> None:
    try:
        write(path)
    except OSError as error:
        msg = f"{str(path)!r} cannot be written: {error.strerror or error}"
        raise errors.DbxExploreError(msg, remedy="Name another file with --output") from None
    _complain(f"Wrote {path}")


def _write(path: Path, text: str) -> None:
    with atomic_write(path, errors.ExportError) as partial:
        partial.write_text(text, encoding="utf-8")


# --- JSON ---


def _json(document: object) -> str:
    # ASCII alone, because JSON leaves some control characters beyond it unescaped.
    return json.dumps(document, indent=2, ensure_ascii=True, default=str) + "\n"


def _print_json(document: object) -> None:
    sys.stdout.write(_json(document))


def _about(catalog: Catalog) -> dict[str, object]:
    provenance = asdict(catalog.provenance)
    taken_at = catalog.provenance.taken_at
    return {
        "provenance": {**provenance, "taken_at": taken_at.isoformat() if taken_at else None},
        "complete": catalog.complete,
        "failures": _records(catalog.failures),
    }


def _records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """Return rows as plain values; what is missing is None, a time is text."""
    import pandas as pd
    import pyarrow as pa

    def plain(value: str | bool | pd.Timestamp | None) -> object:
        if pd.isna(value):
            return None
        return value.isoformat() if isinstance(value, pd.Timestamp) else value

    columns = {
        name: pa.array(frame[name].array).to_pylist()
        if name == "columns"
        else [plain(value) for value in frame[name].tolist()]
        for name in frame.columns
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _preview_document(judged: Preview, listed: Listed | None, explanations: Sequence[Explanation]) -> dict[str, object]:
    document: dict[str, object] = {
        **_about(judged.catalog),
        "dialect": {"name": judged.dialect.name, **judged.dialect.settings()},
        "counts": {
            str(kind): {"included": int(row["included"]), "excluded": int(row["excluded"])}
            for kind, row in judged.counts().iterrows()
        },
        "dialect_dependent": int(judged.dialect_dependent.sum()),
    }
    if listed:
        document["objects"] = _records(_listed(judged, listed)[[*_VERDICT_COLUMNS, "catalog", "schema", "name"]])
    if explanations:
        document["explanations"] = [
            {**asdict(found), "included": found.included, "changes": [asdict(change) for change in found.changes]}
            for found in explanations
        ]
    return document


_VERDICT_COLUMNS = ["included", "kind", "full_name", "level", "rule", "pattern"]


def _listed(judged: Preview, listed: Listed) -> pd.DataFrame:
    if listed is Listed.ALL:
        return judged.frame
    included = judged.included.to_numpy()
    return judged.frame.loc[included if listed is Listed.INCLUDED else ~included]


def _demo_as_json(running: Running) -> None:
    _print_json(
        {
            "workspace_url": running.workspace.url,
            "token_env_var": running.workspace.token_env_var,
            "jupyter_url": running.jupyter_url,
            "directory": str(running.folder.resolve()),
            "kept": [str(path) for path in running.kept],
        }
    )
    sys.stdout.flush()


# --- text ---


def _clean(text: str) -> str:
    """Return text that cannot steer a terminal: control, escape and direction characters are replaced.

    The joiner that emoji are made with stays.
    """
    return "".join(c if c.isprintable() or c == "\u200d" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{_clean(line)}\n")


def _complain(line: str) -> None:
    sys.stderr.write(f"{_clean(line)}\n")
    sys.stderr.flush()


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    # No markup and no emoji codes: what is printed is text from elsewhere.
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def _print_table(
    corner: str, columns: Sequence[str], rows: Mapping[str, Sequence[int]], *, stderr: bool = False
) -> None:
    from rich import box
    from rich.table import Table

    table = Table(corner, box=box.SIMPLE_HEAD, show_footer=True)
    table.columns[0].footer = "all"
    for at, name in enumerate(columns):
        total = sum(numbers[at] for numbers in rows.values())
        table.add_column(name, justify="right", footer=f"{total:,}")
    for label, numbers in rows.items():
        table.add_row(_clean(label), *(f"{number:,}" for number in numbers))
    _console(stderr=stderr).print(table)


def _print_preview(judged: Preview, listed: Listed | None, explanations: Sequence[Explanation]) -> None:
    counts = {str(kind): [int(row["included"]), int(row["excluded"])] for kind, row in judged.counts().iterrows()}
    # What is listed may go to a file or another program, so that the sums do not stand in between.
    _print_table(judged.dialect.name, ["included", "excluded"], counts, stderr=listed is not None)
    dependent = int(judged.dialect_dependent.sum())
    if dependent:
        _complain(f"{dependent:,} of these verdicts would differ if the patterns were read another way.")
    if listed:
        for record in _records(_listed(judged, listed)[_VERDICT_COLUMNS]):
            verdict = "included" if record["included"] else "excluded"
            cells = [verdict, *("" if record[name] is None else str(record[name]) for name in _VERDICT_COLUMNS[1:])]
            sys.stdout.write("\t".join(map(_clean, cells)) + "\n")
    for found in explanations:
        _print_lines(_explained(found))


def _explained(found: Explanation) -> Iterator[str]:
    verdict = "included" if found.included else "excluded"
    yield f"{found.full_name} ({found.kind}) is {verdict}, read as {found.dialect.name}"
    yield from (f"  {level}" for level in found.levels)
    yield found.advice
    yield from (f"  {change}" for change in found.changes)


def _told_whether_complete(catalog: Catalog) -> int:
    if catalog.complete:
        return DONE
    number = len(catalog.failures)
    _complain(f"Incomplete: {number:,} scope{'s' * (number != 1)} could not be listed; what is missing is not known.")
    for record in _records(catalog.failures.head(_SHOWN)):
        _complain(f"  {record['scope']}: {record['reason']}: {record['message']}")
    if number > _SHOWN:
        _complain(f"  and {number - _SHOWN:,} more")
    return INCOMPLETE


def _demo_banner(running: Running) -> None:
    for path in running.kept:
        _complain(f"Kept your {path}; delete it to get the tutorial as it was.")
    lines = [
        "",
        f"  Workspace   {running.workspace.url}",
        f"  JupyterLab  {running.jupyter_url}",
        f"  Tutorials   {running.folder.resolve()}",
        "",
        "  Ctrl-C stops both.",
        "",
    ]
    _print_lines(lines)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
