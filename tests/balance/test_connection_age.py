"""Callers of a balancer of connections find a new replica because theirs are asked to connect anew."""

import pytest

from codec.commands.options import DEFAULT_MODEL, SHIPPED_REPOSITORY
from tests.balance.balancers import NotInstalledError, program
from tests.bench.connection_age import measured

CALLERS = 6

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("age", [0.0, 4.0])
def test_a_new_replica_gets_its_share_of_connections(age: float) -> None:
    try:
        program("haproxy-tcp")
    except NotInstalledError as error:
        pytest.skip(str(error))
    rows = measured(SHIPPED_REPOSITORY, DEFAULT_MODEL, age, 15.0, CALLERS)
    for column in (2, 3):
        newcomer = int(str(rows[-1][column]).split(" / ")[2])
        assert (newcomer > 0) is (age > 0)
    assert rows[-1][4] == f"{CALLERS // 3} live, 0 broken"
