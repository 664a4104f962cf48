"""What a worker says of its model is plain JSON, and tells what stands beside codes."""

import json
from dataclasses import asdict, replace

from codec.tokens import LabelFormat, Segmentation, SideFormat
from service.ipc import Kind, Message, Operation
from service.model_info import ModelInfo

STREAMING = ModelInfo(
    model="m", version="1-0123456789ab", token_space="ts-1", sample_rate=16_000, channels=1,
    hop_samples=320, delay_samples=352, codebooks=32, codebook_size=1024, streamable=True, slots=4,
    latency_ms=42.0, receptive_field_samples=3 * 320 + 1, decoder_reach_frames=9,
)  # fmt: skip
WHOLE = ModelInfo(
    model="m", version="1-0123456789ab", token_space="ts-1", sample_rate=16_000, channels=1,
    hop_samples=320, delay_samples=0, codebooks=32, codebook_size=1024, streamable=False, slots=0,
    scaled=True, labels=86, label_hop_samples=160, segment_length_samples=160_000,
    segment_stride_samples=152_000, whole_samples=480_000,
)  # fmt: skip


def test_model_info_travels_in_a_hello() -> None:
    for info in (STREAMING, WHOLE):
        hello = Message(Kind.HELLO, payload=json.dumps(asdict(info)).encode())
        assert ModelInfo(**hello.json()) == info


def test_only_what_the_model_has_stands_beside_its_codes() -> None:
    assert STREAMING.side_format(10**9) == SideFormat()
    assert STREAMING.label_format is None
    labels = LabelFormat(86, 160)
    assert WHOLE.side_format(480_000) == SideFormat(True, labels, None)
    assert WHOLE.side_format(480_001) == SideFormat(True, labels, Segmentation(160_000, 152_000))


def test_a_prime_is_what_lies_before_the_frame() -> None:
    assert STREAMING.prime_frames(Operation.ENCODE) == 3
    assert STREAMING.prime_frames(Operation.DECODE) == 8
    assert replace(STREAMING, decoder_reach_frames=1).prime_frames(Operation.DECODE) == 2, "the delay"
    assert {WHOLE.prime_frames(operation) for operation in Operation} == {None}
