"""A real HTTP server on this machine that speaks as much of the Hub's API as pushing and pulling need.

Small files come inside the commit, weights by the batch API of Git LFS, as on the Hub; reading a file of the
latter kind is redirected. Commits are kept whole: a repository is a mapping of names to bytes per branch.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

TOKEN = "hf_stand_in"
LARGE = (".safetensors", ".flac", ".npy")


class Hub:
    """What the server holds: files by repository and branch, and objects by digest."""

    def __init__(self) -> None:
        self.endpoint = ""
        self.private: dict[str, bool] = {}
        self.branches: dict[tuple[str, str], dict[str, bytes]] = {}
        self.objects: dict[str, bytes] = {}
        self.fetched: list[str] = []

    def commit(self, repository: str, branch: str, lines: list[dict[str, Any]]) -> None:
        """Apply a commit."""
        files = self.branches.setdefault((repository, branch), {})
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.objects[value["oid"]]


@contextmanager
def stand_in() -> Iterator[Hub]:
    """The server, while the context lasts."""
    hub = Hub()

    class Handler(_Handler):
        state = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    state: Hub

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        parts = unquote(self.path).split("/")
        if parts[1] == "objects":
            self._answer(200, self.state.objects[parts[2]])
            return
        repository, revision, name = "/".join(parts[1:3]), parts[4], "/".join(parts[5:])
        self.state.fetched.append(name)
        if self.state.private.get(repository, False) and not self._known():
            self._answer(401, b"")
            return
        content = self.state.branches.get((repository, revision), {}).get(name)
        if content is None:
            self._answer(404, b"")
        elif name.endswith(LARGE):
            digest = hashlib.sha256(content).hexdigest()
            self.state.objects[digest] = content
            self._answer(302, b"", {"Location": f"{self.state.endpoint}/objects/{digest}"})
        else:
            self._answer(200, content)

    def do_PUT(self) -> None:
        content = self._body()
        self.state.objects[hashlib.sha256(content).hexdigest()] = content
        self._answer(200, b"")

    def do_POST(self) -> None:
        body, parts = self._body(), unquote(self.path.partition("?")[0]).split("/")
        if not self._known():
            self._answer(401, b"")
        elif self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
            self.state.private.setdefault(name, asked.get("visibility") == "private")
            self._json({"url": f"{self.state.endpoint}/{name}", "name": name})
        elif self.path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif parts[-1] == "batch":
            self._json(
                {"transfer": "basic", "objects": [self._upload(o) for o in json.loads(body)["objects"]]}
            )
        elif parts[5] == "preupload":
            self._json({"files": [_mode(file) for file in json.loads(body)["files"]]})
        else:
            lines = [json.loads(line) for line in body.splitlines() if line]
            repository, oid = "/".join(parts[3:5]), "0" * 40
            self.state.commit(repository, parts[6], lines)
            url = f"{self.state.endpoint}/{repository}/commit/{oid}"
            self._json({"commitUrl": url, "commitOid": oid, "hookOutput": ""})

    def _upload(self, asked: dict[str, Any]) -> dict[str, Any]:
        href = f"{self.state.endpoint}/objects/{asked['oid']}"
        return {**asked, "actions": {"upload": {"href": href, "header": {}}}}

    def _known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def _json(self, content: dict[str, Any]) -> None:
        self._answer(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _mode(file: dict[str, Any]) -> dict[str, Any]:
    large = file["path"].endswith(LARGE)
    return {"path": file["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
