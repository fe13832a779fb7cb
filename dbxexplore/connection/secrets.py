"""Recognises secrets, keeps them out of messages, and reads the one that a connection names from the environment.

Everything that tells a secret from other text is here; the page's script has a copy of the one pattern that it needs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from dbxexplore import errors
from dbxexplore.text import printable, shorten

DEFAULT_TOKEN_VARIABLE = "DATABRICKS_CONNECTION_TOKEN"  # noqa: S105 - a variable's name, not a token
DEFAULT_SECRET_VARIABLE = "DATABRICKS_CONNECTION_CLIENT_SECRET"  # noqa: S105 - a variable's name, not a secret

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_NAMED_LIKE_SECRETS = re.compile(r"TOKEN|SECRET|PASSWORD|_KEY", re.IGNORECASE)
# Databricks' own prefixes: dapi (personal access token), dose (OAuth secret), dkea (token of a recipient);
# and a JSON web token, which starts with the base64 of '{"'.
SECRET = re.compile(r"(?:dapi|dose|dkea)[0-9a-f]{12,}|\beyJ[\w-]{10,}\.[\w-]{10,}\.", re.IGNORECASE)
# Cheaper, and found in every text that the former is found in, by engines of regular expressions other than Python's.
SECRET_HINT = r"(dapi|dose|dkea)[0-9a-f]{12}|eyj"  # noqa: S105 - a pattern
# A long run of letters and digits without a word in it: nobody names a variable so.
_RANDOM = re.compile(r"(?=[^_]*\d)(?=[^_]*[a-z])[A-Za-z0-9]{20,}\Z")
_SHORTEST = 8  # characters; a shorter value would hide ordinary words

# The variables that connections of this process have named. Their values are secrets whatever they look like, and
# `mask` needs them wherever it is called.
_named_by_connections = {DEFAULT_TOKEN_VARIABLE, DEFAULT_SECRET_VARIABLE}


def looks_like_secret(text: str) -> bool:
    """Return whether ``text`` contains what can only be a token or secret, so that it must not be stored or quoted."""
    return SECRET.search(text) is not None


def looks_like_value(text: str) -> bool:
    """Return whether ``text``, given as the name of a variable, is probably the secret that belongs in the variable.

    Besides what `looks_like_secret` recognises, that is a long text of letters and digits without a word in it, or
    one with characters that no variable name contains, as the secrets of most identity providers have.
    """
    text = text.strip()
    mixed = len(text) >= 20 and re.search(r"\d", text) and re.search(r"[a-z]", text)  # noqa: PLR2004 - names are shorter, or have no digits
    return looks_like_secret(text) or bool(_RANDOM.match(text) or (mixed and not _VARIABLE.match(text)))


def has_login(address: str) -> bool:
    """Return whether an address contains a user name or password, as ``https://user:password@host`` does."""
    return re.search(r"://[^/?#\s]*@", address) is not None


def mask(text: str, limit: int = 300) -> str:
    """Return text from a server fit for a message: one line, of bounded length, without secrets."""
    text = " ".join(without_secrets(text, secret_values()).split())
    return shorten(printable(text), limit)


def without_secrets(text: str, values: Iterable[str] = ()) -> str:
    """Return ``text`` with ``***`` in place of each of ``values`` and each token in it."""
    for value in values:
        text = text.replace(value, "***")
    return SECRET.sub("***", text)


def secret_values(*variables: str) -> list[str]:
    """Return the secrets in the environment, longest first, as one may contain another.

    These are the values of ``variables`` and of all variables that a connection has named, and the values of
    variables named like secrets if they look like one: ``SECRET_SCOPE=lakehouse`` names a scope, and masking it
    would hide an ordinary word.
    """
    named = {*variables, *_named_by_connections}
    values = {
        value.strip()
        for name, value in os.environ.items()
        if name in named or (_NAMED_LIKE_SECRETS.search(name) and _is_secret(value))
    }
    return sorted((value for value in values if len(value) >= _SHORTEST), key=lambda value: (-len(value), value))


def _is_secret(value: str) -> bool:
    # A path or an address may be as long and as mixed as a secret, and names a place.
    return looks_like_value(value) and not re.match(r"[./~]|[A-Za-z]:\\|\w+://", value.strip())


_LIKELY = re.compile(r"TOKEN|SECRET|DATABRICKS|PASSWORD|_PAT\b", re.IGNORECASE)


def likely_variables() -> list[str]:
    """Return the names of environment variables that may hold a secret, sorted. Their values are not read."""
    return sorted(name for name in os.environ if _LIKELY.search(name) and not looks_like_secret(name))


def check_variable_name(value: object, what: str, example: str = DEFAULT_TOKEN_VARIABLE) -> str:
    """Return ``value`` if it names an environment variable; ``what`` names the setting in the error.

    Raises:
        CredentialError: it is empty, cannot name a variable, or looks like the secret itself. The
            message never quotes what could be a secret.
    """
    expected = f"the name of an environment variable, such as {example}"
    if not isinstance(value, str) or not value.strip():
        msg = f"{what} is empty"
        raise errors.CredentialError(msg, expected=expected, field=what)
    value = value.strip()
    if looks_like_value(value):
        msg = f"{what} contains what looks like the secret itself ({len(value)} characters, not shown)"
        raise errors.CredentialError(msg, expected=expected, remedy="Put the secret into that variable", field=what)
    if not _VARIABLE.match(value):
        msg = f"{what} is not a valid environment variable name (not shown in case it is a secret)"
        remedy = "Use letters, digits and _ only, without $ or {}"
        raise errors.CredentialError(msg, remedy=remedy, field=what)
    return value


def read_secret(variable: str) -> str:
    """Return the value of an environment variable that a connection names, without surrounding white space.

    Raises:
        CredentialError: the variable is not set, or empty.
    """
    _named_by_connections.add(variable)
    value = os.environ.get(variable)
    if value is None or not value.strip():
        msg = f"The environment variable {variable} is {'not set' if value is None else 'empty'} in this process"
        example = f'import os, getpass; os.environ["{variable}"] = getpass.getpass()'
        raise errors.CredentialError(msg, remedy=f"Set it, for example with `{example}`, or name another variable")
    return value.strip()
