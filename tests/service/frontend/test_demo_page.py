"""The demo page as it is served: its files and no others, with headers that keep it to itself."""

import re
import socket

import httpx
import pytest

from service.frontend.demo_page import DemoPage
from tests.service.frontend.harness import Service

_NAMES = sorted(DemoPage().names)
_TYPES = {"css": "text/css", "html": "text/html", "js": "text/javascript", "svg": "image/svg+xml"}
_MAX_LINES = 300


@pytest.mark.parametrize("name", _NAMES)
def test_a_file_is_served_with_its_type_and_kept_by_its_tag(service: Service, name: str) -> None:
    response = service.get(f"/demo/{name}")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith(_TYPES[name.rpartition(".")[2]])
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-cache"
    tag = response.headers["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        again = httpx.get(f"{service.url}/demo/{name}", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    changed = httpx.get(f"{service.url}/demo/{name}", headers={"If-None-Match": '"other"'})
    assert (changed.status_code, changed.content) == (200, response.content)


def test_the_page_is_at_the_root(service: Service) -> None:
    response = service.get("/")
    assert response.content == service.get("/demo/index.html").content
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    head = httpx.head(service.url + "/")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(response.content))
    assert httpx.post(service.url + "/").status_code == 405


def test_the_page_may_load_from_and_talk_to_its_own_service_only(service: Service) -> None:
    policy = service.get("/").headers["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert set(rules.values()) == {"'none'", "'self'"}
    assert {"script-src", "style-src", "connect-src", "frame-ancestors", "base-uri"} <= rules.keys()


@pytest.mark.parametrize(
    "path",
    [
        "/demo/",
        "/demo/nothing.js",
        "/demo/../demo_page.py",
        "/demo/..%2fdemo_page.py",
        "/demo/%2e%2e/%2e%2e/config.py",
        "/demo/....//config.py",
        "/demo//etc/passwd",
        "/demo/main.js/",
        "/demo/main.js%00.css",
        "/demo/Main.js",
        "/static/main.js",
        "/main.js",
    ],
)
def test_there_is_nothing_else(service: Service, path: str) -> None:
    with socket.create_connection(("127.0.0.1", service.http_port)) as connection:
        # As it is: a client library would tidy the path.
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = connection.makefile("rb").read()
    assert answer.split(b" ", 2)[1] in (b"404", b"307")
    assert b"import" not in answer


@pytest.mark.parametrize("name", _NAMES)
def test_a_file_is_small_and_names_nobody_else(service: Service, name: str) -> None:
    text = service.get(f"/demo/{name}").text
    assert len(text.splitlines()) <= _MAX_LINES
    foreign = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+[^\s\"']*", text)
    assert [url for url in foreign if url != "http://www.w3.org/2000/svg"] == []
    # The policy forbids them, and a browser would drop them in silence.
    assert not re.search(r"\sstyle=|\son\w+=\"|javascript:", text)


def test_every_file_is_used_by_another(service: Service) -> None:
    texts = {name: service.get(f"/demo/{name}").text for name in _NAMES}
    for name in set(_NAMES) - {"index.html"}:
        assert any(name in text for other, text in texts.items() if other != name), name


def test_every_module_that_is_imported_is_there(service: Service) -> None:
    for name in _NAMES:
        text = service.get(f"/demo/{name}").text
        wanted = re.findall(r"(?:from \"\./|(?:src|href)=\"demo/)([^\"]+)\"", text)
        assert set(wanted) <= set(_NAMES)
