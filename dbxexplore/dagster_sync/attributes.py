"""The attributes of the component that Dagster has to resolve: a file beside ``defs.yaml``, or the document in it."""

# Without lazy annotations, because Dagster reads those of the types.
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import dagster as dg
from dagster.components.utils.translation import TranslationFn, TranslationFnResolver

from dbxexplore.dagster_sync.translate import DatabricksObject


def _resolve_file(context: dg.ResolutionContext, value: str | None) -> Path | None:
    if value is None:
        return None
    return context.resolve_source_relative_path(str(context.resolve_value(value)))


def _as_it_is(_context: dg.ResolutionContext, value: Mapping[str, object] | None) -> Mapping[str, object] | None:
    # Not rendered as a template, because a pattern may hold what Jinja takes for one.
    return value


File = Annotated[
    Path | None,
    dg.Resolver(
        _resolve_file,
        model_field_type=str | None,
        description="An exported connection document; relative to the folder of this file.",
        examples=["connection.yaml"],
    ),
]
Document = Annotated[
    Mapping[str, object] | None,
    dg.Resolver(
        _as_it_is,
        model_field_type=dict | None,
        description="The connection document itself, in place of a file. Not rendered as a template.",
    ),
]
Translation = (
    Annotated[
        TranslationFn[DatabricksObject],
        TranslationFnResolver[DatabricksObject](template_vars_for_translation_fn=lambda row: {"row": row}),
    ]
    | None
)
