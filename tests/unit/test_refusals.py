"""Refusals in the words that Databricks uses: what each means, whether it refuses everything, and what to do."""

from __future__ import annotations

import json

import pytest

from dbxexplore import errors
from dbxexplore.connection.failures import explain_answer

HOST = "https://dbc-1234abcd-56ef.cloud.databricks.com"

# (status, words, error, a part of the remedy)
REFUSALS = [
    (403, "Invalid access token.", errors.UnauthorizedError, "create a new one"),
    (403, "JWT has expired", errors.UnauthorizedError, "new token"),
    (403, "Unauthorized access to workspace: 1234567890123456", errors.UnauthorizedError, "another workspace"),
    (403, "Invalid Token", errors.UnauthorizedError, "create a new one"),
    (403, "Token is expiring within 30 seconds. (token expired)", errors.UnauthorizedError, "new token"),
    (400, "The access token has expired. Error: token has expired", errors.UnauthorizedError, "new token"),
    (
        401,
        "Credential was not sent or was of an unsupported type for this API.",
        errors.UnauthorizedError,
        "the token itself, not its ID",
    ),
    (
        403,
        "Unauthorized access to Org: 3382109464960313 [ReqId: f5cb0cb6]",
        errors.UnauthorizedError,
        "another workspace",
    ),
    (403, "Invalid access to Org: 1444828305810485", errors.UnauthorizedError, "another workspace"),
    (
        403,
        "Provided OAuth token does not have required scopes: unity-catalog",
        errors.MissingScopesError,
        "API scopes: unity-catalog",
    ),
    (
        403,
        "Source IP address: 203.0.113.9 is blocked by Databricks IP ACL for workspace: 7474646471015793",
        errors.IpBlockedError,
        "IP access list",
    ),
    (403, "Unauthorized network access to workspace: 1234567890123456", errors.BlockedError, "Private Link"),
    (403, "Public access is not allowed for workspace: 2717931942638877", errors.BlockedError, "Private Link"),
    (
        403,
        "This API is disabled for users without the workspace-access entitlement.",
        errors.ForbiddenError,
        "entitlement",
    ),
    (
        403,
        "This API is disabled for users without the databricks-sql-access or workspace-consume entitlements.",
        errors.ForbiddenError,
        "entitlement",
    ),
    (403, "This API is disabled for users without account admin status.", errors.BlockedError, "workspace itself"),
    (404, "No metastore assigned for the current workspace.", errors.NotFoundError, "assign a metastore"),
    (400, "Unable to load OAuth Config", errors.BlockedError, "workspace_id"),
    (403, "Catalog 'cat' is not accessible in current workspace", errors.ForbiddenError, "bind it"),
    (403, "User does not have USE CATALOG on Catalog 'prod'.", errors.ForbiddenError, "privilege"),
    (403, "PERMISSION_DENIED: User does not have READ METADATA on Metastore 'x'.", errors.ForbiddenError, "privilege"),
    (403, "Personal access tokens are disabled for this workspace", errors.UnauthorizedError, "service principal"),
    (403, "The workspace 1234 has been suspended", errors.BlockedError, "administers"),
    (403, "User ada@example.com is not active", errors.BlockedError, "activate"),
]
REFUSES_ALL = (errors.UnauthorizedError, errors.IpBlockedError, errors.BlockedError)


FORMS = ("json", "numeric", "html", "plain", "header", "reason")
# A privilege is refused in JSON, by Unity Catalog itself and not by a gateway in front of it.
CASES = [
    (form, *refusal)
    for form in FORMS
    for refusal in REFUSALS
    if form != "html" or not refusal[1].startswith(("User", "PERMISSION"))
]


@pytest.mark.parametrize(
    ("form", "status", "words", "kind", "remedy"), CASES, ids=[f"{case[0]} {case[2][:40]}" for case in CASES]
)
def test_a_refusal_is_known_by_its_words(
    form: str, status: int, words: str, kind: type[errors.WorkspaceError], remedy: str
) -> None:
    headers = {"X-Databricks-Reason-Phrase": words} if form == "header" else {}
    content = {
        "json": json.dumps({"error_code": "PERMISSION_DENIED", "message": words}),
        "numeric": json.dumps({"error_code": status, "message": words}),
        "html": f"<html><head><title>Error {status} </title></head><body><h2>{words}</h2></body></html>",
        "plain": words,
        "header": "<html><body>Sorry</body></html>",
        "reason": json.dumps({"X-Databricks-Reason-Phrase": words}),
    }[form]
    error = explain_answer(HOST, status, headers, content.encode())
    assert type(error) is kind
    assert remedy in error.remedy
    assert words.rstrip(".") in error.problem
    assert error.refuses_all is isinstance(error, REFUSES_ALL)


@pytest.mark.parametrize(
    "words",
    [
        "User does not have USE SCHEMA on Schema 'prod.account_is_suspended'.",
        "User does not have SELECT on Table 'prod.net.invalid access token'.",
        "User does not have USE CATALOG on Catalog 'ip access list'.",
        "Something that nobody has seen before",
    ],
)
def test_other_refusals_are_missing_privileges(words: str) -> None:
    error = explain_answer(HOST, 403, {}, json.dumps({"error_code": "PERMISSION_DENIED", "message": words}).encode())
    assert type(error) is errors.ForbiddenError
    assert not error.refuses_all


def test_missing_scopes_are_named() -> None:
    message = "Provided OAuth token does not have required scopes: unity-catalog, sql [ReqId: 1a2b]"
    error = explain_answer(HOST, 403, {}, json.dumps({"error_code": 403, "message": message}).encode())
    assert isinstance(error, errors.MissingScopesError)
    assert error.scopes == ("unity-catalog", "sql")
    assert error.remedy.endswith("unity-catalog, sql")


@pytest.mark.parametrize(
    ("value", "seconds"), [("7", 7.0), ("0", 0.0), ("-1", None), ("soon", None), ("1e9", None), ("", None)]
)
def test_a_wait_in_seconds(value: str, seconds: float | None) -> None:
    error = explain_answer(HOST, 429, {"Retry-After": value}, b"{}")
    assert isinstance(error, errors.ThrottledError)
    assert error.retry_after == seconds


def test_a_wait_until_a_date() -> None:
    past = explain_answer(HOST, 503, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, b"")
    assert isinstance(past, errors.ThrottledError)
    assert past.retry_after == 0.0
    future = explain_answer(HOST, 503, {"Retry-After": "Fri, 21 Oct 2950 07:28:00 GMT"}, b"")
    assert isinstance(future, errors.ThrottledError)
    assert future.retry_after
    assert future.retry_after > 1e9


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"3", b"\xff\xfe", b"{" * 5000, b'{"message": {"a": 1}}'])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 418, 429, 500, 503, 599])
def test_any_body_of_an_error_makes_an_error(status: int, content: bytes) -> None:
    error = explain_answer(HOST, status, {}, content)
    assert isinstance(error, errors.WorkspaceError)
    assert error.remedy
    assert isinstance(error, errors.UnauthorizedError) is (status == 401)
