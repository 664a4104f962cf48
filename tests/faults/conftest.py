"""One running service for the files of this folder whose faults it has to outlive."""

from collections.abc import Iterator

import pytest

from tests.faults.service import FaultyService


@pytest.fixture(scope="session")
def tiny_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyService]:
    """The service with one worker, ready."""
    with FaultyService(tmp_path_factory.mktemp("faults")) as service:
        service.wait_ready()
        yield service
