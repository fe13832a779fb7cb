"""What every export form has, and what the forms for other machines have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dbxexplore import errors
from dbxexplore.export.config import ConnectionConfig


@dataclass(frozen=True)
class Form:
    """One form that a connection is exported in; one line in `FORMS` makes it known to the Explorer and `export`."""

    key: str
    """Its name on the command line, such as ``terraform``."""

    label: str
    """Its name in the Explorer, such as ``Terraform``."""

    suffix: str
    """What follows the connection's name in the name of a file, such as ``.tf``."""

    render: Callable[[ConnectionConfig], str]
    """Returns the text; raises `ExportError` if the form cannot express the connection."""

    provisional: bool = False
    """Whether the format is not published, so that it may change."""

    @property
    def title(self) -> str:
        """The label, marked if the form is provisional."""
        return f"{self.label} (provisional)" if self.provisional else self.label


def check_portable(config: ConnectionConfig, form: str) -> None:
    """Reject a credential that exists only on this machine or in this notebook.

    Raises:
        ExportError: the credential of ``config`` is not portable.
    """
    auth = config.settings.auth
    if not auth.portable:
        msg = f"{form} cannot use this credential: {auth.why_not}"
        raise errors.ExportError(msg, expected="a token or a service principal, by the name of its variable")


def left_out(config: ConnectionConfig, form: str) -> list[str]:
    """Return a line for each setting of the connection that ``form`` has no field for."""
    workspace_id = config.settings.workspace_id
    values = ({"workspace ID": workspace_id} if workspace_id else {}) | config.settings.auth.not_exported()
    return [f"{form} has no known field for the {label}: {value}." for label, value in values.items()]
