"""What every kind of credential has: its fields, as forms and options show them, and how it authenticates."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeVar

if TYPE_CHECKING:
    from typing import Self

    from dbxexplore.connection.credentials import Credential, SdkConfig

_Reference = TypeVar("_Reference")


@dataclass(frozen=True)
class Field:
    """One value that a kind of credential takes, and how it is asked for."""

    name: str
    """The attribute of the class, such as ``env_var``."""

    label: str
    """What a form calls it, such as ``Token environment variable``."""

    option: str
    """The command-line option without its dashes, such as ``token-env-var``."""

    help: str
    """One sentence."""

    placeholder: str = ""
    default: str | None = None
    """None: there is none, so the field is required unless it is optional."""

    many: bool = False
    """Several values, separated by commas or spaces."""

    optional: bool = False
    variable: bool = False
    """The value is the name of the environment variable that holds the secret."""

    export_key: str = ""
    """What DataHub and Dagster+ call it; empty if they have no such field."""

    suggestions: Callable[[], Sequence[str]] = tuple
    """Return values that exist on this machine, to choose from."""


class Auth:
    """A credential, by the *name* of what holds its secret; never the secret.

    A kind is a frozen dataclass that sets these and says in `sdk_config` how the Databricks SDK authenticates with it;
    one line in `AUTH_KINDS` makes it known to documents, forms, options and exports.
    """

    kind: ClassVar[str]
    """Its name in documents, such as ``token``."""

    label: ClassVar[str]
    """Its name in forms, such as ``Personal access token``."""

    FIELDS: ClassVar[tuple[Field, ...]] = ()

    needs_url: ClassVar[bool] = True
    """False if it knows the workspace by itself."""

    portable: ClassVar[bool] = True
    """Whether another machine, such as that of Dagster+, can authenticate in the same way."""

    needs_notebook: ClassVar[bool] = False
    """Whether only a Databricks notebook can authenticate in this way."""

    why_not: ClassVar[str] = ""
    """Why it is not portable, such as ``a profile exists on this machine only``."""

    def sdk_config(self, host: str | None, workspace_id: str | None, timeout: float) -> SdkConfig:
        """Return how the SDK authenticates at ``host``; ``timeout`` is in seconds, for each answer that this takes.

        Raises:
            CredentialError: the credential is missing or cannot be used.
            WorkspaceError: the host does not answer, where it has to be asked how.
        """
        raise NotImplementedError

    def credential(self, host: str | None, workspace_id: str | None, timeout: float) -> Credential:
        """Return what authenticates single calls; takes and raises the same as `sdk_config`."""
        return self.sdk_config(host, workspace_id, timeout).credential(timeout)

    @property
    def identity(self) -> str | None:
        """Who the credential belongs to, None if only the workspace knows."""
        return None

    @property
    def secret_variable(self) -> str | None:
        """The name of the environment variable that holds the secret, None if none does."""
        return next((getattr(self, field.name) for field in self.FIELDS if field.variable), None)

    def exported(self, refer: Callable[[str], _Reference]) -> dict[str, str | _Reference]:
        """Return the fields that DataHub and Dagster+ know, under their keys.

        ``refer`` makes a reference to an environment variable of its name.
        """
        values = [(field, getattr(self, field.name)) for field in self.FIELDS if field.export_key]
        return {field.export_key: refer(value) if field.variable else value for field, value in values}

    def not_exported(self) -> dict[str, str]:
        """Return the values that `exported` leaves out, by their label."""
        return {field.label: text for field in self.FIELDS if not field.export_key and (text := self._text(field))}

    @classmethod
    def from_texts(cls, texts: Mapping[str, str | None]) -> Self:
        """Return the credential that a form or a command line describes, by the fields' names.

        Raises:
            CredentialError: a value is missing or cannot be used.
        """
        values: dict[str, object] = {}
        for field in cls.FIELDS:
            text = texts.get(field.name)
            text = field.default or "" if text is None else text
            values[field.name] = tuple(filter(None, re.split(r"[\s,]+", text))) if field.many else text
        make: Callable[..., Self] = cls
        return make(**values)

    def texts(self) -> dict[str, str]:
        """Return the values as `from_texts` takes them."""
        return {field.name: self._text(field) for field in self.FIELDS}

    def document(self) -> dict[str, object]:
        """Return the values as the connection document holds them, without those that are empty."""
        values = {field.name: getattr(self, field.name) for field in self.FIELDS}
        filled = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items() if value}
        return {**filled, "kind": self.kind}

    def _text(self, field: Field) -> str:
        value = getattr(self, field.name)
        return ", ".join(value) if field.many else value
