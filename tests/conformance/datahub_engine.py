"""Runs with DataHub's interpreter: what its own configuration class, filters and crawl make of recipes.

Reads one JSON request a line, and answers each with a line of JSON.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from datahub.configuration.config_loader import load_config_file
from datahub.ingestion.run.pipeline import Pipeline
from datahub.ingestion.source.unity import proxy_types
from datahub.ingestion.source.unity.config import UnityCatalogSourceConfig
from datahub.ingestion.source.unity.proxy_types import TableReference


def _loaded(recipe: str) -> dict:
    """Read a recipe as `datahub ingest` does: from a file, with variables put in."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recipe.yaml"
        path.write_text(recipe, encoding="utf-8")
        return load_config_file(path, resolve_env_vars=True)


def _escaped(name: str) -> str:
    # What older versions have as a private method is a function now.
    escape = getattr(proxy_types, "escape_unity_name", None)
    return escape(name) if escape else name.replace(" ", "_")


def judge(request: dict) -> list[bool]:
    """Return the engine's verdict on each object, all containers included."""
    config = UnityCatalogSourceConfig.model_validate(_loaded(request["recipe"])["source"]["config"])
    return [_allowed(config, thing) for thing in request["objects"]]


def _allowed(config: UnityCatalogSourceConfig, thing: dict) -> bool:
    if thing["kind"] == "notebook":
        return config.include_notebooks and config.notebook_pattern.allowed(thing["name"])
    return all(_passes(config, thing))


def _passes(config: UnityCatalogSourceConfig, thing: dict) -> Iterator[bool]:
    catalog, schema = thing["catalog"], thing["schema"]
    yield config.catalog_pattern.allowed(_escaped(catalog))
    if schema:
        yield config.schema_pattern.allowed(f"{_escaped(catalog)}.{_escaped(schema)}")
    if thing["kind"] in {"table", "view"}:
        yield _passes_by_itself(config, thing)


def _passes_by_itself(config: UnityCatalogSourceConfig, thing: dict) -> bool:
    qualified = TableReference(None, thing["catalog"], thing["schema"], thing["name"]).qualified_table_name
    if hasattr(config, "table_like_rejected_by"):
        is_view, is_metric_view = thing["kind"] == "view", thing["object_type"] == "METRIC_VIEW"
        return config.table_like_rejected_by(qualified, is_view=is_view, is_metric_view=is_metric_view) is None
    # Versions without that method hold the table pattern against everything, in the source itself.
    return config.table_pattern.allowed(qualified)


def crawl(request: dict) -> list[list]:
    """Run a whole ingestion of a recipe into a file, and return what is in there."""
    recipe = _loaded(request["recipe"])
    recipe["source"]["config"].update(request["changes"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.json"
        recipe["sink"] = {"type": "file", "config": {"filename": str(path)}}
        recipe["reporting"] = []
        pipeline = Pipeline.create(recipe)
        pipeline.run()
        failures = [str(failure) for failure in pipeline.source.get_report().failures]
        assert not failures, failures
        return _objects(json.loads(path.read_text(encoding="utf-8")))


def _objects(events: list[dict]) -> list[list]:
    aspects: dict[str, dict[str, dict]] = {}
    for event in events:
        aspects.setdefault(event["entityUrn"], {})[event["aspectName"]] = event["aspect"]["json"]
    found = []
    for urn, held in aspects.items():
        kinds = held.get("subTypes", {}).get("typeNames", [])
        if urn.startswith("urn:li:container:"):
            names = held["containerProperties"]["customProperties"]
            found.append([kinds[0].lower(), names["catalog"], names.get("unity_schema")])
        elif urn.startswith("urn:li:dataset:"):
            properties = held["datasetProperties"]
            if kinds == ["Notebook"]:
                found.append(["notebook", properties["customProperties"]["path"]])
            else:
                names = aspects[held["container"]["container"]]["containerProperties"]["customProperties"]
                kind = "view" if kinds == ["View"] else "table"
                found.append([kind, names["catalog"], names["unity_schema"], properties["name"]])
    return found


def main() -> None:
    logging.disable(logging.CRITICAL)
    answers = sys.stdout
    actions = {"judge": judge, "crawl": crawl, "version": lambda _: f"datahub {version('acryl-datahub')}"}
    with contextlib.redirect_stdout(sys.stderr):
        for line in sys.stdin:
            request = json.loads(line)
            answers.write(json.dumps(actions[request["action"]](request)) + "\n")
            answers.flush()


main()
