"""A profile of ``~/.databrickscfg``, with whichever way to authenticate it holds."""

from __future__ import annotations

import configparser
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dbxexplore import errors
from dbxexplore.connection.auth.base import Auth, Field
from dbxexplore.connection.credentials import SdkConfig
from dbxexplore.connection.oauth import oauth_fields
from dbxexplore.connection.secrets import looks_like_secret, mask
from dbxexplore.connection.url import normalise_workspace_url, workspace_id_in


def profile_names() -> list[str]:
    """Return the names of the profiles on this machine, and nothing else of them."""
    return list(dict.fromkeys(["DEFAULT", *existing_profiles()]))


def existing_profiles() -> list[str]:
    """Return the names of the profiles in the file, in its order; none if it cannot be read."""
    try:
        names = _read_file(_path()).sections()
    except (OSError, configparser.Error, UnicodeDecodeError, RuntimeError):
        return []
    return [name for name in names if not name.startswith("__") and not looks_like_secret(name)]


@dataclass(frozen=True)
class ProfileAuth(Auth):
    """A profile of ``~/.databrickscfg``, as the Databricks CLI writes it."""

    kind = "profile"
    label = "Databricks CLI profile"
    FIELDS = (
        Field(
            name="profile",
            label="Profile",
            option="profile",
            help="Databricks CLI profile (in ~/.databrickscfg).",
            placeholder="DEFAULT",
            default="DEFAULT",
            suggestions=profile_names,
        ),
    )
    needs_url = False
    portable = False
    why_not = "a profile exists on this machine only"

    profile: str = "DEFAULT"

    def __post_init__(self) -> None:
        expected = "a section of ~/.databrickscfg, such as DEFAULT"
        name = self.profile.strip() if isinstance(self.profile, str) else ""
        if not name or looks_like_secret(name):
            msg = "The profile name looks like a secret (not shown)" if name else "The profile name is empty"
            raise errors.CredentialError(msg, expected=expected, field="profile")
        object.__setattr__(self, "profile", name)

    def sdk_config(self, host: str | None, workspace_id: str | None, timeout: float) -> SdkConfig:
        """Return how the SDK authenticates with it; see `Auth.sdk_config`."""
        section = _section(self.profile)
        name, pasted = f"The profile {self.profile!r}", None
        if host is None:
            written = section.get("host") or os.environ.get("DATABRICKS_HOST") or ""
            try:
                host, pasted = normalise_workspace_url(written), workspace_id_in(written)
            except errors.WorkspaceUrlError as error:
                msg = f"{name}: {error.problem}"
                raise errors.WorkspaceUrlError(msg, expected=error.expected, remedy=error.remedy) from None
        way = section.get("auth_type") or _way_of(section)
        if way in _PROGRAMS:
            _check_program(name, way, section)
        fields: dict[str, object] = {**section, "profile": self.profile, "auth_type": way}
        if way == "oauth-m2m":
            scopes = re.split(r"[\s,]+", section.get("scopes", ""))
            fields |= oauth_fields(host, tuple(filter(None, scopes)), timeout, section.get("discovery_url"))
        workspace_id = workspace_id or section.get("workspace_id") or pasted
        return SdkConfig(name, host, workspace_id, fields, remedy=_login_hint(self.profile, section))


# The program that an authentication type of a profile needs on this machine.
_PROGRAMS = {
    "databricks-cli": ("databricks", "the Databricks CLI"),
    "azure-cli": ("az", "the Azure CLI"),
}


def _section(name: str) -> dict[str, str]:
    """Return the fields of a profile; raises `CredentialError` if there is none of this name.

    Source: the page on configuration profiles in Databricks' documentation, which says where the file is and what
    it holds.
    """
    try:
        path = _path()
    except RuntimeError:
        msg = f"The profile {name!r} cannot be read: this user has no home directory"
        raise errors.CredentialError(
            msg, remedy="Set HOME, or DATABRICKS_CONFIG_FILE to the path of the file"
        ) from None
    try:
        file = _read_file(path)
    except FileNotFoundError:
        msg = f"The profile {name!r} cannot be read: there is no file {str(path)!r}"
        raise errors.CredentialError(msg, remedy="Create it with `databricks configure`") from None
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        # A parser's message may quote a line, and with it a token.
        reason = error.strerror if isinstance(error, OSError) else type(error).__name__
        msg = f"The profile {name!r} cannot be read from {str(path)!r}: {reason}"
        raise errors.CredentialError(msg, remedy="Correct the file") from None
    if not file.has_section(name):
        known = ", ".join(mask(other, 60) for other in file.sections() if not other.startswith("__"))
        msg = f"Profile {name!r} not found in {str(path)!r}"
        raise errors.CredentialError(msg, expected=f"one of {known}" if known else "a profile in it")
    return {key: value for key, value in file.items(name) if value}


def _path() -> Path:
    return Path(os.environ.get("DATABRICKS_CONFIG_FILE") or "~/.databrickscfg").expanduser()


def _read_file(path: Path) -> configparser.ConfigParser:
    # To the parser, DEFAULT is a section like the others: a profile does not inherit from it.
    file = configparser.ConfigParser(interpolation=None, default_section="")
    with path.open(encoding="utf-8") as text:
        file.read_file(text)
    return file


def _way_of(section: Mapping[str, str]) -> str | None:
    if section.get("token"):
        return "pat"
    return "oauth-m2m" if section.get("client_id") and section.get("client_secret") else None


def _check_program(what: str, way: str, section: Mapping[str, str]) -> None:
    program, name = _PROGRAMS[way]
    own = section.get("databricks_cli_path") or os.environ.get("DATABRICKS_CLI_PATH")
    if way == "databricks-cli" and own:
        program = own
    if shutil.which(program) is None:
        msg = f"{what} authenticates through {name}, but there is no program {program!r} on the PATH"
        raise errors.CredentialError(msg, remedy=f"Install {name}, or use a token or a service principal")


def _login_hint(name: str, section: Mapping[str, str]) -> str:
    if section.get("auth_type") or _way_of(section):
        return ""
    if any(shutil.which(program) for program, _ in _PROGRAMS.values()):
        return f"It contains no credential, so a login is used: `databricks auth login --profile {name}` or `az login`"
    return (
        "It contains no credential, and neither the Databricks CLI nor the Azure CLI is installed, whose login it needs"
    )
