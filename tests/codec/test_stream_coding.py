"""A recording gives the same however it comes in blocks, for every codec that streams."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from codec.checkpoint import stream_of
from codec.encoded import Encoded
from codec.stream_coding import decode_blocks, encode_blocks
from codec.streaming import StreamingCodec
from codec.weights import AnyCodec
from tests.codec.models import random_codec
from tests.codec.seanets import small_codec
from tests.support import voiced

NAMES = ("spectral", "soundstream_16k_stream", "freqcodec_16k_stream")

pytestmark = pytest.mark.usefixtures("single_thread")


def model(name: str) -> tuple[AnyCodec, StreamingCodec]:
    codec = random_codec() if name == "spectral" else small_codec(name).float()
    small_codec.cache_clear()
    stream = stream_of(codec)
    assert stream is not None
    return codec, stream


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("seconds", "cut"), [(1, 1), (1, 320), (25, 5000), (25, 170_001)])
def test_any_cut_of_the_input_gives_the_same_codes(name: str, seconds: int, cut: int) -> None:
    codec, stream = model(name)
    audio = voiced(seconds)[None]
    blocks = [audio[:, start : start + cut] for start in range(0, audio.shape[1], cut)][:200]
    audio = np.concatenate(blocks, axis=1)
    pieces = list(encode_blocks(stream, iter(blocks), 4))
    whole = codec.encode(torch.from_numpy(audio).unsqueeze(0), 4)
    assert np.array_equal(np.concatenate(pieces, axis=1), whole.codes[0].numpy())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("samples", [1, 319, 320, 640, 5001])
def test_blocks_of_codes_give_the_audio_of_the_whole(name: str, samples: int) -> None:
    codec, stream = model(name)
    encoded = codec.encode(torch.from_numpy(voiced(1)[None, None, :samples]), 4)
    codes = encoded.codes[0].numpy()
    blocks = [codes[:, :1], codes[:, 1:3], codes[:, 3:]]
    heard = np.concatenate(list(decode_blocks(stream, (b for b in blocks if b.size))), axis=1)[:, :samples]
    np.testing.assert_allclose(heard, codec.decode(encoded)[0].numpy(), rtol=1e-4, atol=1e-4)


def test_what_comes_before_the_first_sample_is_dropped() -> None:
    _, stream = model("spectral")
    one: NDArray[np.int64] = np.zeros((6, 1), np.int64)
    assert [piece.shape[1] for piece in decode_blocks(stream, iter([one, one]))] == [0, 2 * 320 - 352]


def test_absent_codes_leave_their_codebooks_out() -> None:
    codec, stream = model("spectral")
    encoded = codec.encode(torch.from_numpy(voiced(1)[None, None]), 4)
    masked = encoded.codes.clone()
    masked[:, 2:] = -1
    heard = np.concatenate(list(decode_blocks(stream, iter([masked[0].numpy()]))), axis=1)
    wanted = codec.decode(Encoded(encoded.codes[:, :2], encoded.n_samples, encoded.n_frames))
    np.testing.assert_allclose(heard[:, : wanted.shape[-1]], wanted[0].numpy(), rtol=0, atol=1e-5)
