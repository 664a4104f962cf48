"""What a worker says of its model is plain JSON."""

import json
from dataclasses import asdict

from service.ipc import Kind, Message
from service.model_info import ModelInfo


def test_model_info_travels_in_a_hello() -> None:
    info = ModelInfo(
        model="m", version="1-0123456789ab", token_space="ts-1", sample_rate=16_000, channels=1,
        hop_samples=320, delay_samples=352, codebooks=32, codebook_size=1024, causal=True, slots=4,
    )  # fmt: skip
    hello = Message(Kind.HELLO, payload=json.dumps(asdict(info)).encode())
    assert ModelInfo(**hello.json()) == info
