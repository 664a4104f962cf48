"""Both interfaces tell the same of a model."""

from dataclasses import asdict

import pytest

from service.client import AsyncClient, Client, RefusedError
from service.client.facts import info_of
from service.frontend import messages
from service.model_info import ModelInfo
from tests.service.frontend.harness import Service


def test_every_fact_survives_the_way_through_a_message() -> None:
    whole = ModelInfo(
        *(
            "m",
            "1",
            "s",
            24_000,
            2,
            320,
            7,
            8,
            1024,
            False,
            0,
            "a model",
            None,
            True,
            50,
            160,
            24_000,
            12_000,
        ),
        whole_samples=48_000,
    )
    streaming = ModelInfo("m", "1", "s", 16_000, 1, 320, 352, 32, 1024, True, 0, "", 42.0)
    rest = {"receptive_field_samples": 960, "decoder_reach_frames": 2, "decode_dtype": "bfloat16"}
    streaming = ModelInfo(**(asdict(streaming) | rest))
    for info in (whole, streaming):
        assert info_of(messages.model_info(info)) == info


async def test_clients_ask_for_the_default_model_or_a_named_one(service: Service) -> None:
    with Client(service.url, service.grpc_target) as client:
        asked = client.model()
        (listed,) = client.models()
        assert asdict(asked) | {"slots": listed.slots} == asdict(listed)
        with pytest.raises(RefusedError, match="nobody"):
            client.model("nobody")
    async with AsyncClient(service.url, service.grpc_target) as client:
        assert await client.model("echo_16k@stable") == asked
