"""The connection document itself, which every other form is rendered from."""

from dbxexplore.export.config import ConnectionConfig
from dbxexplore.export.forms.base import Form

FORM = Form(key="yaml", label="Connection document", suffix=".yaml", render=ConnectionConfig.to_yaml)
