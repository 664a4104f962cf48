"""Every codec that streams has the steps, with the shapes that the protocol promises."""

import pytest
import torch

from codec.checkpoint import stream_of
from codec.layers.state import tensors
from codec.streaming import StreamingCodec
from codec.weights import AnyCodec
from tests.codec.models import random_codec
from tests.codec.seanets import SEANET_PRESETS, STREAM_PRESETS, small_codec

pytestmark = pytest.mark.usefixtures("single_thread")


def streams() -> list[tuple[str, AnyCodec]]:
    return [("spectral", random_codec()), *((name, small_codec(name).float()) for name in STREAM_PRESETS)]


@pytest.mark.parametrize("slots", [1, 3])
def test_steps_take_and_give_whole_frames_of_every_stream(slots: int) -> None:
    for name, codec in streams():
        stream: StreamingCodec | None = stream_of(codec)
        assert stream is not None, name
        hop = stream.config.hop_samples
        encoder, decoder = stream.encoder_state(slots), stream.decoder_state(slots)
        for frames in (1, 4):
            audio = torch.zeros(slots, stream.config.channels, frames * hop)
            codes, encoder = stream.encode_step(audio, encoder, 3)
            assert codes.shape == (slots, 3, frames)
            heard, decoder = stream.decode_step(codes, decoder)
            assert heard.shape == audio.shape
    small_codec.cache_clear()


def test_a_stream_that_is_primed_with_its_reach_goes_on_as_a_long_one_does() -> None:
    """The reach of the decoder; that of the encoder is its receptive field in whole frames."""
    for name, codec in streams():
        stream = stream_of(codec)
        assert stream is not None
        reach, field = codec.config.decoder_reach_frames, codec.config.receptive_field_samples
        if reach is None or field is None:
            assert reach is field, name
            continue
        hop = codec.config.hop_samples
        heard = -(-field // hop)
        frames = 2 * max(reach, heard)
        audio = 0.3 * torch.randn(1, stream.config.channels, (frames + 1) * hop)
        codes, _ = stream.encode_step(audio, stream.encoder_state(1), 3)
        samples, _ = stream.decode_step(codes, stream.decoder_state(1))
        late, _ = stream.encode_step(audio[..., -heard * hop :], stream.encoder_state(1), 3)
        assert torch.equal(late[..., -1], codes[..., -1]), name
        late, _ = stream.decode_step(codes[..., -reach:], stream.decoder_state(1))
        scale = float(samples.abs().max())
        assert torch.allclose(late[..., -hop:], samples[..., -hop:], atol=1e-5 * scale), name
        late, _ = stream.decode_step(codes[..., 2 - reach :], stream.decoder_state(1))
        assert not torch.allclose(late[..., -hop:], samples[..., -hop:], atol=1e-5 * scale), name
    small_codec.cache_clear()


def test_a_decoder_in_bfloat16_takes_and_gives_float32_and_remembers_between_steps() -> None:
    for name, codec in streams():
        stream = stream_of(codec)
        assert stream is not None
        audio = 0.3 * torch.randn(2, stream.config.channels, 12 * stream.config.hop_samples)
        codes, _ = stream.encode_step(audio, stream.encoder_state(2), 3)
        wanted, _ = stream.decode_step(codes, stream.decoder_state(2))
        codec.decoder.to(torch.bfloat16)
        state, parts = stream.decoder_state(2), []
        before = [(tensor.dtype, tensor.shape) for tensor in tensors(state)]
        for piece in codes.split((1, 4, 7), dim=-1):
            heard, state = stream.decode_step(piece, state)
            parts.append(heard)
        assert [(tensor.dtype, tensor.shape) for tensor in tensors(state)] == before, name
        assert torch.bfloat16 in {dtype for dtype, _ in before}, name
        noise = torch.cat(parts, dim=-1) - wanted
        assert parts[0].dtype == torch.float32, name
        assert 0 < noise.square().mean() < 10**-2.5 * wanted.square().mean(), name
    small_codec.cache_clear()


def test_the_others_do_not_stream() -> None:
    for name in SEANET_PRESETS:
        codec = small_codec(name)
        assert (stream_of(codec) is not None) == codec.config.streamable == name.endswith("_stream"), name
