"""The demo page: a fixed table of the files that it is made of, read once and served without a key."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PREFIX = "/demo/"
"""Where the files are; the page itself is at `/`."""

_PAGE = "index.html"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS = {
    # Kept, but asked for every time: modules of two releases do not fit together.
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    media_type: str
    etag: str


class DemoPage:
    """Handlers of `GET /` and `GET /demo/NAME`; names are looked up in the table, never on a disk."""

    def __init__(self) -> None:
        self._files = {
            entry.name: _file(entry.name, entry.read_bytes())
            for entry in (files("service.frontend") / "static").iterdir()
        }

    @property
    def names(self) -> frozenset[str]:
        """The files that there are."""
        return frozenset(self._files)

    def routes(self) -> list[Route]:
        """What the application has to route here."""
        return [
            Route("/", self.page, methods=["GET"], include_in_schema=False),
            Route(PREFIX + "{name}", self.file, methods=["GET"], include_in_schema=False),
        ]

    async def page(self, request: Request) -> Response:
        """The page itself."""
        return _answer(request, self._files[_PAGE])

    async def file(self, request: Request) -> Response:
        """One of its scripts, styles or pictures; 404 for any other name."""
        file = self._files.get(request.path_params["name"])
        if file is None:
            raise HTTPException(404)
        return _answer(request, file)


def _file(name: str, content: bytes) -> _File:
    digest = hashlib.sha256(content).hexdigest()[:32]
    return _File(content, _TYPES[PurePosixPath(name).suffix], f'"{digest}"')


def _answer(request: Request, file: _File) -> Response:
    headers = _HEADERS | {"ETag": file.etag}
    known = request.headers.get("if-none-match", "")
    if file.etag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers | {"Content-Type": file.media_type})
