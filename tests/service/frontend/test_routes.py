"""The routing table as it comes over the control socket."""

import json
from typing import Any

import pytest

from service.frontend.routes import Canary, ModelRoutes, Rejection, RoutingTable, WorkerRoute

_MESSAGE: dict[str, Any] = {
    "type": "routes",
    "models": [
        {
            "name": "m",
            "workers": [{"id": "w3", "socket": "/run/w3.sock", "version": "1-a", "draining": True}],
            "rejected": [{"version": "2-b", "stage": "golden", "reason": "codes differ"}],
            "channels": {"stable": "1-a", "canary": "3-c"},
            "canary": {"version": "3-c", "weight": 0.25},
        }
    ],
    "default_model": "m",
    "draining": False,
    "number": 7,
}


def test_a_message_becomes_a_table() -> None:
    table = RoutingTable.from_message(json.loads(json.dumps(_MESSAGE)))
    worker = WorkerRoute("w3", "/run/w3.sock", "1-a", draining=True)
    rejection = Rejection("2-b", "golden", "codes differ")
    channels = {"stable": "1-a", "canary": "3-c"}
    model = ModelRoutes("m", channels, (worker,), (rejection,), Canary("3-c", 0.25))
    assert table == RoutingTable({"m": model}, "m", draining=False, number=7)
    assert model.version == "1-a"
    assert ModelRoutes("m", {}).version == ""
    assert table.workers() == {"w3": worker}


@pytest.mark.parametrize("missing", ["models", "default_model", "draining", "number"])
def test_half_a_message_is_an_error(missing: str) -> None:
    with pytest.raises(KeyError):
        RoutingTable.from_message({key: value for key, value in _MESSAGE.items() if key != missing})
