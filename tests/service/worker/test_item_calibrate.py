"""Costs are measured on the engine that will serve."""

import pytest

from service.ipc import Operation
from service.worker.item_calibrate import calibrate_items
from service.worker.torch_items import TorchItemEngine
from tests.service.items import item_codec, item_info
from tests.service.worker.item_oracle import INFO, ItemOracle

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.mark.parametrize("preset", ["encodec_48k", "semantic_add"])
def test_longer_and_wider_batches_cost_more(preset: str) -> None:
    costs = calibrate_items(TorchItemEngine(item_codec(preset)), item_info(item_codec(preset)))
    for operation in Operation:
        cost = costs[operation]
        assert 0 < cost.seconds(1, 10, 2) < cost.seconds(1, 100, 2) < cost.seconds(8, 100, 2) < 60


def test_batches_of_one_and_of_two_are_measured() -> None:
    engine = ItemOracle(lambda pieces, frames: None)
    assert set(calibrate_items(engine, INFO)) == set(Operation)
    assert {tuple(batch) for batch in engine.batches} == {(50,), (200,), (100, 100)}
