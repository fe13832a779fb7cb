"""The connection document, and the forms it is exported in: Dagster+, Terraform, DataHub, open-source Dagster."""

from dbxexplore.export.config import ConnectionConfig, Schedule, asset_keys
from dbxexplore.export.forms import FORMS, Form
from dbxexplore.export.forms.component import component_yaml
from dbxexplore.export.forms.recipe import datahub_recipe
from dbxexplore.export.forms.source_config import source_config_yaml
from dbxexplore.export.forms.terraform import terraform
from dbxexplore.export.project import write_project

__all__ = [
    "FORMS",
    "ConnectionConfig",
    "Form",
    "Schedule",
    "asset_keys",
    "component_yaml",
    "datahub_recipe",
    "source_config_yaml",
    "terraform",
    "write_project",
]
