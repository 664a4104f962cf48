"""Where models are pulled from and pushed to: folders, and repositories on a hub."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import httpx

from codec.atomic import open_plain
from codec.errors import InvalidRequestError, NotFoundError, RepositoryError

_SCHEME = "hf://"
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][\w./-]{0,127}", re.ASCII)
_COPY_BYTES = 2**20
_TIMEOUT_SECONDS = 60.0


class Place(Protocol):
    """A model repository in the hub's layout."""

    def fetch(self, name: str, target: Path, max_bytes: int) -> None:
        """Copy one file to `target`, counting the bytes as they come.

        Raises `NotFoundError` if it is not there, `RepositoryError` if it is larger or cannot be had.
        """


@dataclass(frozen=True, slots=True)
class FolderPlace:
    """A folder."""

    path: Path

    def fetch(self, name: str, target: Path, max_bytes: int) -> None:
        """Copy one file, as `Place` says."""
        try:
            with open_plain(self.path / name) as file:
                _copy(iter(lambda: file.read(_COPY_BYTES), b""), target, max_bytes, name)
        except FileNotFoundError:
            raise NotFoundError(f"{self.path} has no {name}; name a folder that codecd push made") from None


@dataclass(frozen=True, slots=True)
class HubPlace:
    """`owner/name` on the hub that `HF_ENDPOINT` names, else on huggingface.co, at a revision."""

    repository: str
    revision: str = "main"

    @property
    def endpoint(self) -> str | None:
        """The hub; None for the usual one."""
        return os.environ.get("HF_ENDPOINT") or None

    def fetch(self, name: str, target: Path, max_bytes: int) -> None:
        """Copy one file, as `Place` says, with the token of `HF_TOKEN` or `hf auth login`, if any."""
        require_hub()
        from huggingface_hub import hf_hub_url
        from huggingface_hub.utils._headers import build_hf_headers

        url = hf_hub_url(self.repository, name, revision=self.revision, endpoint=self.endpoint)
        headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
        with (
            self._errors(name),
            # httpx sends the token to no other host that it is redirected to.
            httpx.Client(follow_redirects=True, timeout=_TIMEOUT_SECONDS) as client,
            client.stream("GET", url, headers=headers) as answer,
        ):
            answer.raise_for_status()
            _copy(answer.iter_bytes(_COPY_BYTES), target, max_bytes, name)

    @contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            if status == 404:
                raise NotFoundError(f"{self.repository} has no {name} at {self.revision}") from error
            hint = "; set HF_TOKEN to a token that may read it" if status in (401, 403) else ""
            raise RepositoryError(
                f"the hub answers {status} for {name} of {self.repository}{hint}"
            ) from error
        except httpx.HTTPError as error:
            raise RepositoryError(f"{name} of {self.repository} cannot be had: {error!r}") from error


def place_of(text: str) -> FolderPlace | HubPlace:
    """The place that `hf://owner/name`, `hf://owner/name@revision`, `file:///folder` or a path means.

    Raises `InvalidRequestError` for another form.
    """
    if text.startswith(_SCHEME):
        repository, at, revision = text.removeprefix(_SCHEME).partition("@")
        if not _REPOSITORY.fullmatch(repository) or (at and not _REVISION.fullmatch(revision)):
            raise InvalidRequestError(f"{text!r} is no hf://owner/name or hf://owner/name@revision")
        return HubPlace(repository, revision) if at else HubPlace(repository)
    if text.startswith("file://"):
        parts = urlsplit(text)
        if parts.netloc not in ("", "localhost"):
            raise InvalidRequestError(f"{text!r} is on another machine; write file:///folder")
        return FolderPlace(Path(unquote(parts.path)))
    return FolderPlace(Path(text))


def require_hub() -> None:
    """Raise `InvalidRequestError` where `huggingface_hub` is missing."""
    import importlib.util

    if importlib.util.find_spec("huggingface_hub") is None:
        raise InvalidRequestError("hf:// needs huggingface_hub; install it with: pip install 'codecd[hub]'")


def _copy(pieces: Iterator[bytes], target: Path, max_bytes: int, name: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with target.open("wb") as sink:
        for piece in pieces:
            size += len(piece)
            if size > max_bytes:
                raise RepositoryError(f"{name} is larger than the {max_bytes} bytes that it may have")
            sink.write(piece)
