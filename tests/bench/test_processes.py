"""What a process does is read from its command line."""

import pytest

from tests.bench.processes import Role, role_of


@pytest.mark.parametrize(
    ("module", "role"),
    [
        ("codec.cli", Role.SUPERVISOR),
        ("service.frontend", Role.FRONT_END),
        ("service.frontend.decoder_process", Role.DECODER),
        ("service.worker", Role.WORKER),
    ],
)
def test_roles(module: str, role: Role) -> None:
    assert role_of(["python", "-m", module, "--control-fd", "5"]) is role
