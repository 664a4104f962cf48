"""Streams of the SEANet codecs: stream = offline for any split, causality, slots."""

import random

import pytest
import torch
from torch import Tensor

from codec.errors import InvalidRequestError
from codec.layers.state import bytes_per_slot, gather, map_state, reset_, scatter_, tensors
from codec.seanet_stream import SeanetStream
from tests.codec.seanets import N_Q, SEANET_PRESETS, STREAM_PRESETS, noise, small_codec


@pytest.fixture(params=[*STREAM_PRESETS, "dac_16k"])
def stream(request: pytest.FixtureRequest) -> SeanetStream:
    """The presets that stream, and DAC made causal."""
    network = {} if request.param in STREAM_PRESETS else {"causal": True}
    return SeanetStream(small_codec(request.param, **network))


def random_split(total: int, seed: int) -> list[int]:
    """Positive step sizes that add up to `total`."""
    source, steps = random.Random(seed), list[int]()
    while sum(steps) < total:
        steps.append(min(source.choice([1, 1, 2, 3, 5, 9]), total - sum(steps)))
    return steps


def flushed(stream: SeanetStream, audio: Tensor) -> Tensor:
    """`audio` with the silence that completes its frames."""
    total = stream.config.frames_for(audio.shape[-1]) * stream.config.hop_samples
    return torch.nn.functional.pad(audio, (0, total - audio.shape[-1]))


def encode(stream: SeanetStream, audio: Tensor, steps: list[int]) -> Tensor:
    state, pieces = stream.encoder_state(audio.shape[0]), []
    for piece in audio.split([s * stream.config.hop_samples for s in steps], dim=-1):
        codes, state = stream.encode_step(piece, state, N_Q)
        pieces.append(codes)
    return torch.cat(pieces, dim=-1)


def decode(stream: SeanetStream, codes: Tensor, steps: list[int]) -> Tensor:
    state, pieces = stream.decoder_state(codes.shape[0]), []
    for piece in codes.split(steps, dim=-1):
        audio, state = stream.decode_step(piece, state)
        pieces.append(audio)
    return torch.cat(pieces, dim=-1)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("samples", [1, 319, 320, 9000])
def test_any_split_gives_what_the_whole_gives(stream: SeanetStream, samples: int, seed: int) -> None:
    audio = noise(stream.codec, 2, samples, seed)
    whole = stream.codec.encode(audio, N_Q)
    frames = whole.n_frames[0]
    codes = encode(stream, flushed(stream, audio), random_split(frames, seed))
    assert torch.equal(codes, whole.codes)
    heard = decode(stream, codes, random_split(frames, seed + 50))[..., stream.config.delay_samples :]
    torch.testing.assert_close(heard[..., :samples], stream.codec.decode(whole), rtol=0, atol=1e-9)


@pytest.mark.parametrize("cut", [1, 4, 9])
def test_later_input_never_changes_earlier_output(stream: SeanetStream, cut: int) -> None:
    hop, frames = stream.config.hop_samples, 12
    audio, other = (noise(stream.codec, 1, frames * hop, seed) for seed in (0, 1))
    changed = torch.cat((audio[..., : cut * hop], other[..., cut * hop :]), dim=-1)
    first, second = (stream.codec.encode(a, N_Q).codes for a in (audio, changed))
    assert torch.equal(first[..., :cut], second[..., :cut])
    assert not torch.equal(first[..., cut:], second[..., cut:])
    codes = first.clone()
    codes[..., cut:] = (codes[..., cut:] + 1) % 32
    heard, otherwise = (decode(stream, c, [c.shape[-1]]) for c in (first, codes))
    torch.testing.assert_close(heard[..., : cut * hop], otherwise[..., : cut * hop], rtol=0, atol=1e-12)
    assert not torch.equal(heard, otherwise)


def test_slots_of_different_age_share_steps(stream: SeanetStream) -> None:
    hop, frames = stream.config.hop_samples, 9
    audio = noise(stream.codec, 3, frames * hop)
    alone = encode(stream, audio, [frames])
    state, position, heard = stream.encoder_state(3), [0, 0, 0], [list[Tensor]() for _ in range(3)]
    for rows in ([0], [0, 2], [1], [0, 1, 2], [2, 1], [0, 1], *([0, 1, 2],) * 9):
        ready = [i for i in rows if position[i] < frames]
        if not ready:
            continue
        index = torch.tensor(ready)
        pieces = torch.stack([audio[i, :, position[i] * hop : (position[i] + 1) * hop] for i in ready])
        codes, after = stream.encode_step(pieces, gather(state, index), N_Q)
        scatter_(state, index, after)
        for row, i in enumerate(ready):
            heard[i].append(codes[row])
            position[i] += 1
    for i in range(3):
        assert torch.equal(torch.cat(heard[i], dim=-1), alone[i])


def test_a_reset_slot_is_fresh(stream: SeanetStream) -> None:
    codes, encoder = stream.encode_step(
        noise(stream.codec, 2, 4 * stream.config.hop_samples), stream.encoder_state(2), N_Q
    )
    _, decoder = stream.decode_step(codes, stream.decoder_state(2))
    # A step may hand out views of its input; a pool owns its memory.
    for used, fresh in ((encoder, stream.encoder_state(1)), (decoder, stream.decoder_state(1))):
        state = map_state(used, torch.clone)
        reset_(state, torch.tensor([1]))
        for reset, new in zip(tensors(gather(state, torch.tensor([1]))), tensors(fresh), strict=True):
            assert torch.equal(reset, new)
        assert bytes_per_slot(state) == bytes_per_slot(fresh) > 0


@pytest.mark.parametrize("name", [name for name in SEANET_PRESETS if name not in STREAM_PRESETS])
def test_models_that_look_ahead_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="looks ahead"):
        SeanetStream(small_codec(name))


def test_steps_are_whole_frames_with_codebooks_that_exist(stream: SeanetStream) -> None:
    with pytest.raises(InvalidRequestError, match="whole frames"):
        stream.encode_step(noise(stream.codec, 1, 321), stream.encoder_state(1), 1)
    with pytest.raises(InvalidRequestError, match="n_q is 5"):
        stream.encode_step(noise(stream.codec, 1, 320), stream.encoder_state(1), N_Q + 1)
