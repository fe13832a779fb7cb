"""The forms that a connection is exported in: one module per form, and `FORMS`, which names them all."""

from dbxexplore.export.forms import component, document, recipe, source_config, steps, terraform
from dbxexplore.export.forms.base import Form

__all__ = ["FORMS", "Form"]

# In the order in which the Explorer offers them.
FORMS: dict[str, Form] = {
    document.FORM.key: document.FORM,
    source_config.FORM.key: source_config.FORM,
    terraform.FORM.key: terraform.FORM,
    recipe.FORM.key: recipe.FORM,
    component.FORM.key: component.FORM,
    steps.FORM.key: steps.FORM,
}
