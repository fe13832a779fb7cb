"""What the HTTP client makes of any answer: limits on size, nesting and time, redirects, text, and what is sent."""

from __future__ import annotations

import gzip
import json
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.connection import WorkspaceApi
from dbxexplore.connection.web import MOST_BYTES

pytestmark = pytest.mark.integration

TOKEN = "dapi" + "feedface" * 4
PIECE = 2**17  # bytes
HOPELESS = 30  # seconds; not a budget, but what would hang


class Server:
    """Answers each path as a test says; ``seen`` has the requests."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.trickle = 0.0  # seconds between two pieces of an answer
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.seen.append((self.command, self.path, dict(self.headers), body))
                status, headers, content = outer.answers.get(self.path, (404, {}, b"{}"))
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                try:
                    for at in range(0, len(content), PIECE):
                        self.wfile.write(content[at : at + PIECE])
                        time.sleep(outer.trickle)
                except OSError:
                    self.close_connection = True  # the client has given up, as it should

            do_POST = do_GET  # noqa: N815 - the name that the base class looks for

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def says(self, content: object, status: int = 200, path: str = "/x", **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.answers[path] = (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("SOME_TOKEN", TOKEN)
    with Server() as running:
        yield running


@pytest.fixture
def calls(server: Server) -> WorkspaceApi:
    return WorkspaceApi(dbx.ConnectionSettings(server.url, dbx.TokenAuth("SOME_TOKEN")), timeout=5, connections=2)


# --- what is sent ---


def test_what_a_call_sends(server: Server, calls: WorkspaceApi) -> None:
    server.says({"a": 1}, path="/x?max_results=0&include_browse=true&q=a+b%2Fc")
    assert calls.get("/x", {"max_results": 0, "include_browse": True, "q": "a b/c"}) == {"a": 1}
    server.says({"b": 2}, path="/y")
    assert calls.post("/y", {"statement": "SELECT 'ü'"}) == {"b": 2}
    (get, _, headers, _), (post, _, posted, body) = server.seen
    assert (get, post) == ("GET", "POST")
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["User-Agent"].startswith("dbxexplore/")
    assert posted["Content-Type"] == "application/json"
    assert json.loads(body) == {"statement": "SELECT 'ü'"}


def test_no_cookie_is_kept(server: Server, calls: WorkspaceApi) -> None:
    server.says({"a": 1}, Set_Cookie="session=1; Path=/")
    calls.get("/x")
    calls.get("/x")
    assert "Cookie" not in server.seen[1][2]


def test_a_netrc_does_not_replace_the_credential(
    server: Server, calls: WorkspaceApi, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ada password hunter2hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.says({"a": 1})
    calls.get("/x")
    assert server.seen[0][2]["Authorization"] == f"Bearer {TOKEN}"


# --- redirects ---


def test_a_redirect_to_another_host_is_not_followed(server: Server, calls: WorkspaceApi) -> None:
    with Server() as other:
        other.says({"catalogs": []})
        for location in (f"{other.url}/x", f"//127.0.0.1:{other.url.rpartition(':')[2]}/x"):
            server.says(b"", 302, Location=location)
            with pytest.raises(errors.NotDatabricksError, match=r"redirects to .*, which is not followed"):
                calls.get("/x")
        assert not other.seen


def test_a_redirect_on_the_same_host_is_followed_three_times(server: Server, calls: WorkspaceApi) -> None:
    server.says({"found": True}, path="/end?page=2")
    for at in range(3):
        server.says(b"", 307, path=f"/{at}", Location=f"/{at + 1}" if at < 2 else f"{server.url}/end?page=2")
    assert calls.get("/0") == {"found": True}
    server.says(b"", 301, path="/loop", Location="/loop")
    with pytest.raises(errors.NotDatabricksError, match="redirects too many times"):
        calls.get("/loop")
    assert sum(path == "/loop" for _, path, _, _ in server.seen) == 4


def test_a_redirect_of_a_post_is_not_followed(server: Server, calls: WorkspaceApi) -> None:
    server.says(b"", 307, Location="/y")
    with pytest.raises(errors.NotDatabricksError, match="not followed"):
        calls.post("/x", {})
    assert len(server.seen) == 1


def test_the_login_page_of_private_link(server: Server, calls: WorkspaceApi) -> None:
    server.says(b"", 302, Location="/login.html?error=private-link-validation-error:1234")
    with pytest.raises(errors.BlockedError, match="private network") as caught:
        calls.get("/x")
    assert "Private Link" in caught.value.remedy
    assert caught.value.refuses_all


# --- limits ---


def test_an_answer_that_decompresses_to_too_much(server: Server, calls: WorkspaceApi) -> None:
    bomb = zlib.compressobj(9, wbits=31)
    content = b"".join(bomb.compress(b" " * 2**20) for _ in range(200)) + bomb.flush()
    assert len(content) < 2**20
    server.says(content, Content_Encoding="gzip")
    begun = time.monotonic()
    with pytest.raises(errors.NotDatabricksError, match="more than 64 MiB"):
        calls.get("/x")
    assert time.monotonic() - begun < HOPELESS


def test_a_large_answer_within_the_limit(server: Server, calls: WorkspaceApi) -> None:
    answer = {"text": "x" * (MOST_BYTES - 100)}
    server.says(gzip.compress(json.dumps(answer).encode(), 1), Content_Encoding="gzip")
    assert calls.get("/x") == answer


@pytest.mark.parametrize("depth", [150, 1_000, 100_000])
@pytest.mark.parametrize("opening", ['{"a":', "["])
def test_an_answer_that_is_nested_too_deep(server: Server, calls: WorkspaceApi, opening: str, depth: int) -> None:
    closing = "}" if opening[0] == "{" else "]"
    server.says((f'{{"text": "\\ud83d", "deep": {opening * depth}1{closing * depth}}}').encode())
    with pytest.raises(errors.NotDatabricksError, match="did not respond with JSON"):
        calls.get("/x")


def test_an_answer_that_never_ends(server: Server) -> None:
    server.says(b"{" + b" " * 400 * PIECE)
    server.trickle = 0.1
    calls = WorkspaceApi(dbx.ConnectionSettings(server.url, dbx.TokenAuth("SOME_TOKEN")), timeout=0.5, connections=1)
    begun = time.monotonic()
    with pytest.raises(errors.TimedOutError, match="did not finish an answer"):
        calls.get("/x")
    assert time.monotonic() - begun < HOPELESS


# --- what is decoded ---


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (rb'{"a": "cut \ud83d"}', "cut �"),
        (rb'{"a": "\udc00 low"}', "� low"),
        (rb'{"a": "whole \ud83e\udd86"}', "whole 🦆"),
        (rb'{"a": "\ud83d\ud83e\udd86"}', "�🦆"),
        (b'{"a": "latin \xfc"}', "latin �"),
        (b'{"a": "\xed\xa0\xbd"}', "���"),
        ('{"a": "Größe 表"}'.encode(), "Größe 表"),
    ],
)
def test_text_that_is_not_unicode_is_replaced_and_counted(
    server: Server, calls: WorkspaceApi, content: bytes, text: str
) -> None:
    server.says(content)
    answer = calls.get("/x")
    assert answer == {"a": text}
    assert calls.replaced == ("�" in text)
    json.dumps(answer, ensure_ascii=False).encode()


def test_half_a_pair_in_a_key(server: Server, calls: WorkspaceApi) -> None:
    server.says(rb'{"\ud83d": [{"b\udc00": "c"}], "n": 1000000000000000000000000000000}')
    assert calls.get("/x") == {"�": [{"b�": "c"}], "n": 10**30}


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"3", b'"text"', b"<html></html>", b"{", b'{"a": 1} x'])
def test_what_is_not_an_object_is_not_a_workspace(server: Server, calls: WorkspaceApi, content: bytes) -> None:
    server.says(content)
    with pytest.raises(errors.NotDatabricksError):
        calls.get("/x")


@pytest.mark.parametrize(
    "answer",
    [
        {"error_code": "INTERNAL_ERROR", "message": "out of order"},
        {"error_code": 500, "message": "out of order", "catalogs": []},
        {"error": {"code": 3}, "message": "out of order"},
        {"message": "out of order"},
        {"status": "400", "detail": "out of order", "schemas": None, "error": "x"},
    ],
)
def test_an_error_in_an_answer_of_200(server: Server, calls: WorkspaceApi, answer: Any) -> None:
    server.says(answer)
    with pytest.raises(errors.WorkspaceError, match="out of order"):
        calls.get("/x")


def test_an_answer_that_says_more_than_a_message_is_none(server: Server, calls: WorkspaceApi) -> None:
    for answer in ({}, {"tables": [], "message": "welcome", "error": None}):
        server.says(answer)
        assert calls.get("/x") == answer


def test_a_refusal_in_an_answer_of_200(server: Server, calls: WorkspaceApi) -> None:
    server.says({"error_code": "PERMISSION_DENIED", "message": "Invalid access token."})
    with pytest.raises(errors.UnauthorizedError):
        calls.get("/x")
    server.says({"error_code": "INTERNAL_ERROR", "message": "Something broke"})
    with pytest.raises(errors.WorkspaceError, match="INTERNAL_ERROR: Something broke"):
        calls.get("/x")


# --- links ---


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda server: server.says(b"", 302, Location="/y"), "answered 302"),
        (lambda server: server.says(b"", 403), "answered 403"),
    ],
)
def test_a_link_that_does_not_lead_to_a_result(
    server: Server, calls: WorkspaceApi, prepare: Callable[[Server], None], message: str
) -> None:
    prepare(server)
    with pytest.raises(errors.WorkspaceError, match=message):
        calls.download(f"{server.url}/x")


def test_a_link_is_followed_without_a_credential(server: Server, calls: WorkspaceApi) -> None:
    server.says(b"content")
    assert calls.download(f"{server.url}/x") == b"content"
    assert "Authorization" not in server.seen[0][2]
    for other in ("ftp://127.0.0.1/x", "http://storage.example/x", "file:///etc/passwd", "nothing"):
        with pytest.raises(errors.WorkspaceError, match="not followed"):
            calls.download(other)
