"""A model and a corpus that the tests of this folder share; both are only read."""

from pathlib import Path

import pytest

from codec.repository import VersionPath
from tests.codec.bulk.corpus import write_corpus
from tests.codec.models import publish_tiny


@pytest.fixture(scope="session")
def version(tmp_path_factory: pytest.TempPathFactory) -> VersionPath:
    """A published codec with random weights."""
    return publish_tiny(tmp_path_factory.mktemp("repository"), "tiny")


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven recordings."""
    return write_corpus(tmp_path_factory.mktemp("corpus"))
