"""A version to push and a hub to push it to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from codec.repository import VersionPath
from tests.codec.hub.stand_in import TOKEN, Hub, stand_in
from tests.codec.models import publish_tiny


@pytest.fixture(scope="session")
def version(tmp_path_factory: pytest.TempPathFactory) -> VersionPath:
    """A published codec with random weights."""
    return publish_tiny(tmp_path_factory.mktemp("repository"), "tiny")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub on this machine that is the one to use, with a token that may write."""
    constants = pytest.importorskip("huggingface_hub.constants")
    # Xet needs servers of its own; without it files go by Git LFS, over HTTP.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with stand_in() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        yield server
