"""A kind of credential, or a form of export, is one class and one line of a registry; all else follows from there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.connection import AUTH_KINDS, Auth, Field
from dbxexplore.connection.credentials import Credential, SdkConfig
from dbxexplore.connection.secrets import check_variable_name, read_secret
from dbxexplore.export import FORMS, Form
from dbxexplore.widgets import ConnectForm, ExplorerState
from dbxexplore.widgets.export.panel import ExportPanel

URL = "https://dbc-1234abcd-56ef.cloud.databricks.com"


@dataclass(frozen=True)
class BadgeAuth(Auth):
    """A made-up kind: a badge number, and a PIN in an environment variable."""

    kind = "badge"
    label = "Badge and PIN"
    FIELDS = (
        Field("number", "Badge number", "badge", "Number of the badge.", export_key="badge"),
        Field(
            "pin_env_var",
            "PIN variable",
            "pin-env-var",
            "Name of the variable that holds the PIN.",
            default="BADGE_PIN",
            variable=True,
            export_key="pin",
        ),
        Field("doors", "Doors", "doors", "Doors to open.", many=True, optional=True),
    )

    number: str
    pin_env_var: str = "BADGE_PIN"
    doors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.number:
            msg = "number is empty"
            raise errors.CredentialError(msg, field="number")
        object.__setattr__(self, "pin_env_var", check_variable_name(self.pin_env_var, "pin_env_var"))
        object.__setattr__(self, "doors", tuple(self.doors))

    def sdk_config(self, host: str | None, workspace_id: str | None, timeout: float) -> SdkConfig:
        raise NotImplementedError

    def credential(self, host: str | None, workspace_id: str | None, timeout: float) -> Credential:  # noqa: ARG002
        return BadgeCredential(self, host or "", workspace_id)


class BadgeCredential:
    verify = True

    def __init__(self, auth: BadgeAuth, host: str, workspace_id: str | None) -> None:
        self.auth, self.host, self.workspace_id = auth, host, workspace_id

    def headers(self) -> dict[str, str]:
        return {"Badge": f"{self.auth.number}:{read_secret(self.auth.pin_env_var)}"}

    def renew(self, refused: Mapping[str, str]) -> bool:  # noqa: ARG002
        return False


CARDS = Form("cards", "Index cards", ".txt", lambda config: f"{config.name} on a card\n", provisional=True)


@pytest.fixture(autouse=True)
def _one_more_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(AUTH_KINDS, BadgeAuth.kind, BadgeAuth)
    monkeypatch.setitem(FORMS, CARDS.key, CARDS)


def config_with(auth: Auth) -> dbx.ConnectionConfig:
    return dbx.ConnectionConfig(name="lake", settings=dbx.ConnectionSettings(URL, auth))


BADGE = BadgeAuth("0042", "MY_PIN", ("front", "back"))


def test_a_document_has_the_new_kind_and_is_read_back() -> None:
    config = config_with(BADGE)
    text = config.to_yaml()
    assert "kind: badge" in text
    assert dbx.ConnectionConfig.from_yaml(text) == config


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ("kind: badge", "kind: bagde", "settings.auth.kind", "profile, runtime, "),
        ("number:", "badge_number:", "settings.auth.badge_number", "number, "),
        (
            "pin_env_var: MY_PIN",
            "pin_env_var: '${PIN}'",
            "settings.auth.pin_env_var",
            "not a valid environment variable name",
        ),
        ("number: '0042'", "number: ''", "settings.auth.number", "number is empty"),
    ],
)
def test_a_mistake_in_it_is_reported_with_its_key(old: str, new: str, key: str, message: str) -> None:
    text = config_with(BADGE).to_yaml()
    assert old in text
    with pytest.raises(errors.ConfigError) as caught:
        dbx.ConnectionConfig.from_yaml(text.replace(old, new))
    assert caught.value.key == key
    assert caught.value.line is not None
    assert message in str(caught.value)


def test_the_connection_form_offers_it_with_its_fields() -> None:
    form = ConnectForm(ExplorerState(settings=dbx.ConnectionSettings(URL, BADGE)))
    assert form.state.settings == dbx.ConnectionSettings(URL, BADGE)
    texts = {getattr(widget, "description", ""): widget for widget in form.children}
    kinds = texts["Sign in with"]
    assert kinds.options[-1] == ("Badge and PIN", "badge")
    assert texts["Doors"].value == "front, back"
    assert texts["Doors"].layout.display != "none"
    texts["Badge number"].value = "7"
    assert form.state.settings is not None
    assert form.state.settings.auth == BadgeAuth("7", "MY_PIN", ("front", "back"))
    kinds.value = "token"
    assert texts["Doors"].layout.display == "none"
    assert form.state.settings.auth == dbx.TokenAuth()


def test_forms_for_other_machines_have_its_fields() -> None:
    text = dbx.export.source_config_yaml(config_with(BADGE))
    assert "badge: '0042'" in text
    assert "pin:\n  env: MY_PIN" in text
    assert "no known field for the Doors: front, back." in text
    assert "pin: '${MY_PIN}'" in dbx.export.datahub_recipe(config_with(BADGE))
    assert "MY_PIN" in dbx.export.component_yaml(config_with(BADGE))


def test_a_call_is_authenticated_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_PIN", "a-pin-of-four")
    credential = dbx.ConnectionSettings(URL, BADGE).credential(timeout=1)
    assert credential.headers() == {"Badge": "0042:a-pin-of-four"}


def test_the_export_panel_offers_the_new_form() -> None:
    panel = ExportPanel(ExplorerState(config=config_with(dbx.TokenAuth())))
    assert ("Index cards (provisional)", "cards") in panel._form.options
    panel._form.value = "cards"
    assert panel.text() == "lake on a card\n"
    assert panel._path.value == "lake.txt"


@pytest.mark.parametrize("kind", AUTH_KINDS)
def test_every_kind_is_described_in_full(kind: str) -> None:
    auth = AUTH_KINDS[kind]
    assert auth.kind == kind
    assert auth.label
    assert auth.portable or auth.why_not
    for field in auth.FIELDS:
        assert field.label
        assert field.option
        assert field.help.endswith(".")
        # Without one, the formats for other machines have no credential.
        assert field.export_key or not auth.portable or field.optional


def test_no_two_kinds_share_a_field_or_an_option() -> None:
    """Forms and the command line know a field by its name, and its option, alone."""
    fields = [field for auth in AUTH_KINDS.values() for field in auth.FIELDS]
    for what in ("name", "option"):
        values = [getattr(field, what) for field in fields]
        assert len(set(values)) == len(values), f"two fields have one {what}: {sorted(values)}"


EXAMPLES: dict[str, Callable[[], Auth]] = {
    "token": dbx.TokenAuth,
    "oauth-m2m": lambda: dbx.OAuthM2MAuth("1b4e28ba", scopes=("sql", "unity-catalog")),
    "profile": lambda: dbx.ProfileAuth("prod"),
    "runtime": dbx.RuntimeAuth,
}


def test_every_kind_has_an_example() -> None:
    assert set(AUTH_KINDS) - {BadgeAuth.kind} == set(EXAMPLES), "add it to EXAMPLES, so that the tests below have it"


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_credential_is_the_same_after_a_form(kind: str) -> None:
    auth = EXAMPLES[kind]()
    assert AUTH_KINDS[kind].from_texts(auth.texts()) == auth
