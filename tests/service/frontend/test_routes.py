"""The routing table as it comes over the control socket."""

import json
from typing import Any

import pytest

from service.frontend.routes import ModelRoutes, Rejection, RoutingTable, WorkerRoute

_MESSAGE: dict[str, Any] = {
    "type": "routes",
    "models": [
        {
            "name": "m",
            "workers": [{"id": "w3", "socket": "/run/w3.sock", "version": "1-a", "draining": True}],
            "rejected": [{"version": "2-b", "stage": "golden", "reason": "codes differ"}],
        }
    ],
    "default_model": "m",
    "draining": False,
}


def test_a_message_becomes_a_table() -> None:
    table = RoutingTable.from_message(json.loads(json.dumps(_MESSAGE)))
    worker = WorkerRoute("w3", "/run/w3.sock", "1-a", draining=True)
    rejection = Rejection("2-b", "golden", "codes differ")
    assert table == RoutingTable({"m": ModelRoutes("m", (worker,), (rejection,))}, "m", draining=False)
    assert table.workers() == {"w3": worker}


@pytest.mark.parametrize("missing", ["models", "default_model", "draining"])
def test_half_a_message_is_an_error(missing: str) -> None:
    with pytest.raises(KeyError):
        RoutingTable.from_message({key: value for key, value in _MESSAGE.items() if key != missing})
