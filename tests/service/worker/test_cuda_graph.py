"""What a CUDA graph needs of a step, shown on a device whose tensors have no values to wait for."""

import pytest
import torch
from torch import Tensor

from codec.checkpoint import ready, stream_of
from codec.layers.state import tensors
from codec.model import Codec
from codec.quantizer import ABSENT
from codec.seanet_model import SeanetCodec
from codec.streaming import StreamingCodec
from service.worker.cuda_graph import GraphRecorder
from service.worker.step_runner import Direction, step_rows
from tests.codec.seanets import STREAM_PRESETS, small_config
from tests.service.tiny import TINY

DEVICE = torch.device("meta")


def codec_of(name: str) -> StreamingCodec:
    with DEVICE:
        codec = Codec(TINY) if name == "spectral" else SeanetCodec(small_config(name))
        stream = stream_of(ready(codec.eval().requires_grad_(False)))
    assert stream is not None
    return stream


@pytest.mark.parametrize("name", ["spectral", *STREAM_PRESETS])
@pytest.mark.parametrize(("width", "frames"), [(1, 1), (4, 3)])
def test_a_step_waits_for_no_value_and_stays_on_its_device(name: str, width: int, frames: int) -> None:
    codec = codec_of(name)
    config, rows = codec.config, torch.zeros(width, dtype=torch.int64, device=DEVICE)
    encoder, decoder = codec.encoder_state(3), codec.decoder_state(3)
    audio = torch.zeros(width, config.channels, frames * config.hop_samples, device=DEVICE)
    n_q = config.quantizer.codebooks
    with torch.inference_mode():
        codes = step_rows(Direction(encoder, codec.encode_step, 0), rows, audio, n_q)
        step = Direction(decoder, lambda given, state, _: codec.decode_step(given, state), ABSENT)
        heard = step_rows(step, rows, codes, n_q)
    assert (codes.dtype, tuple(codes.shape)) == (torch.int64, (width, n_q, frames))
    assert heard.shape == audio.shape
    assert {tensor.device for tensor in (codes, heard, *tensors(encoder), *tensors(decoder))} == {DEVICE}


def test_such_a_device_does_find_a_step_that_waits_or_strays() -> None:
    codec = codec_of("spectral")
    rows, audio = torch.zeros(1, dtype=torch.int64, device=DEVICE), torch.zeros(1, 1, 640, device=DEVICE)

    def waits(given: Tensor, state: object, n_q: int) -> tuple[Tensor, object]:
        assert torch.isfinite(given).all()
        return given, state

    def strays(given: Tensor, state: object, n_q: int) -> tuple[Tensor, object]:
        return given + torch.zeros(640), state

    for wrong in (waits, strays):
        with pytest.raises((RuntimeError, NotImplementedError)):
            step_rows(Direction(codec.encoder_state(2), wrong, 0), rows, audio, 4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_recorded_step_repeats_on_what_the_buffers_hold() -> None:
    device = torch.device("cuda", torch.cuda.current_device())
    recorder = GraphRecorder(device)
    assert recorder.has_room
    given, sums = torch.ones(4, device=device), torch.zeros(4, device=device)

    def double() -> None:
        sums.copy_(given * 2)

    replay = recorder.record(double)
    given.fill_(3.0)
    replay()
    assert sums.tolist() == [6.0] * 4
