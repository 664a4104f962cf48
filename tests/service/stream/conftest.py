"""One running service for the tests of a module that leave it as it was."""

from collections.abc import Iterator

import pytest

from tests.service.frontend.harness import Service, running


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A front end with one echo worker."""
    with running() as service:
        yield service
