"""Both checks pass sound models and name what is wrong with others."""

import copy
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from codec.golden import TOLERANCE, Golden, golden_encode
from codec.seanet_stream import SeanetStream
from service.worker.engine import Piece
from service.worker.exactness import batch_fault, golden_decode, stream_fault
from service.worker.torch_engine import TorchEngine
from service.worker.torch_items import TorchItemEngine
from tests.service.items import clip, item_codec

pytestmark = pytest.mark.usefixtures("single_thread")


def golden(preset: str) -> Golden:
    codec = item_codec(preset)
    audio = clip(codec, 1.0)
    return Golden(audio, golden_encode(codec, audio).codes)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("preset", ["soundstream_16k_stream", "encodec_16k_stream", "freqcodec_16k_stream"])
def test_streams_of_every_family_are_the_whole(preset: str, dtype: torch.dtype) -> None:
    codec = copy.deepcopy(item_codec(preset))
    whole = golden_decode(codec, golden(preset))
    codec.decoder.to(dtype)
    engine = TorchEngine(SeanetStream(codec), rows=2)
    assert stream_fault(codec, engine, golden(preset), TOLERANCE, whole) is None


@pytest.mark.parametrize("preset", ["encodec_16k", "encodec_48k", "semantic_concat"])
def test_items_are_themselves_in_a_batch(preset: str) -> None:
    codec = item_codec(preset)
    assert batch_fault(codec.config, TorchItemEngine(codec), golden(preset), TOLERANCE) is None


class Leaky(TorchItemEngine):
    """An engine whose batches change what `change` makes of each piece."""

    def __init__(self, preset: str, change: Callable[[Piece], Piece], *, decodes: bool) -> None:
        super().__init__(item_codec(preset))
        self._change, self._decodes = change, decodes

    def encode(self, pieces: Sequence[Piece], n_q: int) -> list[Piece]:
        done = super().encode(pieces, n_q)
        return done if self._decodes or len(pieces) == 1 else [self._change(piece) for piece in done]

    def decode(self, pieces: Sequence[Piece]) -> list[Piece]:
        done = super().decode(pieces)
        return [self._change(piece) for piece in done] if self._decodes and len(pieces) > 1 else done


def later(piece: Piece) -> Piece:
    return Piece(piece.n_samples, np.roll(piece.items, 1, axis=0), piece.scale, piece.labels)


def last_is_nan(piece: Piece) -> Piece:
    samples: NDArray[np.float32] = piece.items.copy()
    samples[-1] = np.nan
    return Piece(piece.n_samples, samples)


@pytest.mark.parametrize(
    ("change", "decodes", "reason"),
    [
        (later, False, "of the codes depend on the items beside them"),
        (later, True, "audio depends on the items beside it"),
        (last_is_nan, True, "audio depends on the items beside it, by nan"),
    ],
)
def test_a_batch_that_changes_its_items_is_found(
    change: Callable[[Piece], Piece], decodes: bool, reason: str
) -> None:
    engine = Leaky("encodec_16k", change, decodes=decodes)
    fault = batch_fault(item_codec("encodec_16k").config, engine, golden("encodec_16k"), TOLERANCE)
    assert fault is not None
    assert reason in fault


@pytest.mark.parametrize(
    ("dtype", "reason"),
    [
        (torch.float32, "decoded audio depends on how the stream is cut"),
        (torch.bfloat16, "decoding in bfloat16 strays from float32"),
    ],
)
def test_a_decoder_that_forgets_is_found(
    dtype: torch.dtype, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = copy.deepcopy(item_codec("soundstream_16k_stream"))
    clip = golden("soundstream_16k_stream")
    whole = golden_decode(codec, clip)
    codec.decoder.to(dtype)
    stream = SeanetStream(codec)
    step = stream.decode_step
    monkeypatch.setattr(stream, "decode_step", lambda codes, state: step(codes, stream.decoder_state(1)))
    fault = stream_fault(codec, TorchEngine(stream, rows=2), clip, TOLERANCE, whole)
    assert fault is not None
    assert reason in fault


class Clicking(TorchEngine):
    """An engine that adds `click` to one sample of its eleventh frame."""

    frames = 0
    click = np.float32(0)

    def decode(self, rows: Sequence[int], codes: NDArray[np.int64]) -> NDArray[np.float32]:
        audio = super().decode(rows, codes)
        if self.frames <= 10 < self.frames + codes.shape[1]:
            audio[0, -1] += self.click
        self.frames += codes.shape[1]
        return audio


@pytest.mark.parametrize("click", [0.5, np.nan])
def test_noise_of_bfloat16_hides_no_click(click: float) -> None:
    codec = copy.deepcopy(item_codec("freqcodec_16k_stream"))
    clip = golden("freqcodec_16k_stream")
    whole = golden_decode(codec, clip)
    codec.decoder.to(torch.bfloat16)
    engine = Clicking(SeanetStream(codec), rows=2)
    engine.click = np.float32(click)
    fault = stream_fault(codec, engine, clip, TOLERANCE, whole)
    assert fault is not None
    assert "strays from float32" in fault
