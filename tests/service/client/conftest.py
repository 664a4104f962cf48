"""One running service for the client tests."""

from collections.abc import Iterator

import pytest

from tests.service.frontend.harness import Service, running


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A front end with one echo worker."""
    with running() as service:
        yield service


@pytest.fixture
def fragile() -> Iterator[Service]:
    """The same for one test that does not leave it as it was."""
    with running() as service:
        yield service
