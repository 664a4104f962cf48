"""The promises of a causal codec: causality, stream = offline, batch = single, exact lengths, prefix."""

import random
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from codec.encoded import Encoded
from codec.errors import InvalidAudioError, InvalidRequestError, InvalidTokensError
from codec.layers.state import bytes_per_slot, gather, reset_, scatter_, tensors
from codec.model import Codec
from codec.quantizer import ABSENT
from tests.codec.models import TINY, noise, random_codec

HOP, DELAY = TINY.hop_samples, TINY.delay_samples
N_Q = TINY.quantizer.codebooks


@pytest.fixture(scope="module")
def codec() -> Codec:
    return random_codec()


def random_split(total: int, seed: int, choices: tuple[int, ...] = (1, 1, 2, 3, 4, 5, 9, 30)) -> list[int]:
    """Positive step sizes that add up to `total`."""
    source = random.Random(seed)
    steps: list[int] = []
    while sum(steps) < total:
        steps.append(min(source.choice(choices), total - sum(steps)))
    return steps


def encode_in_steps(codec: Codec, audio: Tensor, steps: list[int]) -> Tensor:
    state, pieces = codec.encoder_state(audio.shape[0]), []
    for piece in audio.split([s * HOP for s in steps], dim=-1):
        codes, state = codec.encode_step(piece, state, N_Q)
        pieces.append(codes)
    return torch.cat(pieces, dim=-1)


def decode_in_steps(codec: Codec, codes: Tensor, steps: list[int]) -> Tensor:
    state, pieces = codec.decoder_state(codes.shape[0]), []
    for piece in codes.split(steps, dim=-1):
        audio, state = codec.decode_step(piece, state)
        pieces.append(audio)
    return torch.cat(pieces, dim=-1)


@pytest.mark.parametrize("seed", range(6))
def test_stream_equals_offline_bit_for_bit(codec: Codec, seed: int) -> None:
    frames = 90
    audio = noise(1, frames * HOP - DELAY, seed)
    whole = codec.encode(audio, N_Q)
    padded = torch.nn.functional.pad(audio, (0, DELAY))
    steps = random_split(frames, seed)
    codes = encode_in_steps(codec, padded, steps)
    assert torch.equal(codes, whole.codes)
    heard = decode_in_steps(codec, codes, random_split(frames, seed + 100))
    assert torch.equal(heard[..., DELAY:], codec.decode(whole))


@pytest.mark.parametrize("batch", [2, 3, 5, 8, 17])
def test_an_item_does_not_feel_its_neighbours(codec: Codec, batch: int) -> None:
    lengths = [1 + (7919 * (i + 1)) % 16000 for i in range(batch)]
    audio = noise(batch, max(lengths), seed=batch)
    together = codec.encode(audio, N_Q, lengths)
    for item, length in enumerate(lengths):
        alone = codec.encode(audio[item : item + 1, :, :length], N_Q)
        frames = alone.n_frames[0]
        assert together.n_frames[item] == frames
        assert torch.equal(together.codes[item, :, :frames], alone.codes[0])
        assert (together.codes[item, :, frames:] == ABSENT).all()


@pytest.mark.parametrize("cut", [1, 5, 17])
def test_later_input_never_changes_earlier_output(codec: Codec, cut: int) -> None:
    audio = noise(1, 40 * HOP)
    changed = audio.clone()
    changed[..., cut * HOP :] = noise(1, (40 - cut) * HOP, seed=9)
    first, second = codec.encode(audio, N_Q).codes, codec.encode(changed, N_Q).codes
    assert torch.equal(first[..., :cut], second[..., :cut])
    assert not torch.equal(first[..., cut:], second[..., cut:])
    encoded = codec.encode(audio, N_Q)
    codes = encoded.codes.clone()
    codes[..., cut:] = (codes[..., cut:] + 1) % TINY.quantizer.codebook_size
    kept = cut * HOP - DELAY
    heard, otherwise = codec.decode(encoded), codec.decode(replace(encoded, codes=codes))
    assert torch.equal(heard[..., : max(0, kept)], otherwise[..., : max(0, kept)])
    assert not torch.equal(heard, otherwise)


@pytest.mark.parametrize("samples", [1, 2, 319, 320, 321, 352, 16000, 16001])
def test_output_is_as_long_as_the_input(codec: Codec, samples: int) -> None:
    encoded = codec.encode(noise(1, samples), 3)
    assert encoded.codes.shape == (1, 3, -(-(samples + DELAY) // HOP))
    assert codec.decode(encoded).shape == (1, 1, samples)


def test_fewer_codebooks_are_a_prefix(codec: Codec) -> None:
    audio = noise(2, 9000)
    full = codec.encode(audio, N_Q).codes
    for n_q in range(1, N_Q):
        assert torch.equal(codec.encode(audio, n_q).codes, full[:, :n_q])


def test_absent_codes_equal_fewer_codebooks(codec: Codec) -> None:
    audio = noise(2, 9000)
    encoded, mixed = codec.encode(audio, N_Q), codec.encode(audio, [N_Q, 2])
    assert torch.equal(mixed.codes[1, :2], encoded.codes[1, :2])
    assert (mixed.codes[1, 2:] == ABSENT).all()
    heard = codec.decode(mixed)
    torch.testing.assert_close(heard[:1], codec.decode(encoded)[:1], rtol=0, atol=1e-6)
    torch.testing.assert_close(heard[1:], codec.decode(encoded.thin(2))[1:], rtol=0, atol=1e-6)


def test_what_follows_a_shorter_item_is_silent(codec: Codec) -> None:
    audio, lengths = noise(2, 9000), (9000, 4321)
    heard = codec.decode(codec.encode(audio, N_Q, lengths))
    alone = codec.decode(codec.encode(audio[1:, :, :4321], N_Q))
    assert torch.equal(heard[1:, :, :4321], alone)
    assert not heard[1, :, 4321:].any()


def test_slots_step_together_and_do_not_see_each_other(codec: Codec) -> None:
    """Streams of different age share steps; each gives what it gives alone."""
    slots, frames = 5, 24
    audio = noise(slots, frames * HOP, seed=3)
    alone = [encode_in_steps(codec, audio[i : i + 1], [frames]) for i in range(slots)]
    state = codec.encoder_state(slots)
    source, position = random.Random(4), [0] * slots
    heard: list[list[Tensor]] = [[] for _ in range(slots)]
    while any(p < frames for p in position):
        step = source.choice([1, 2, 3])
        ready = [i for i in range(slots) if position[i] + step <= frames] or None
        if ready is None:
            step, ready = 1, [i for i in range(slots) if position[i] < frames]
        rows = source.sample(ready, source.randint(1, len(ready)))
        index = torch.tensor(rows)
        pieces = torch.stack([audio[i, :, position[i] * HOP : (position[i] + step) * HOP] for i in rows])
        codes, after = codec.encode_step(pieces, gather(state, index), N_Q)
        scatter_(state, index, after)
        for row, i in enumerate(rows):
            heard[i].append(codes[row])
            position[i] += step
    for i in range(slots):
        assert torch.equal(torch.cat(heard[i], dim=-1), alone[i][0])


def test_a_reset_slot_equals_a_fresh_one(codec: Codec) -> None:
    encoder, decoder = codec.encoder_state(3), codec.decoder_state(3)
    codes, encoder = codec.encode_step(noise(3, 8 * HOP), encoder, N_Q)
    _, decoder = codec.decode_step(codes, decoder)
    for state, fresh in ((encoder, codec.encoder_state(1)), (decoder, codec.decoder_state(1))):
        untouched = [t[[0, 2]].clone() for t in tensors(state)]
        reset_(state, torch.tensor([1]))
        for used, new in zip(tensors(gather(state, torch.tensor([1]))), tensors(fresh), strict=True):
            assert torch.equal(used, new)
        for kept, now in zip(untouched, tensors(state), strict=True):
            assert torch.equal(kept, now[[0, 2]])
            assert kept.abs().sum() > 0
    assert bytes_per_slot(encoder) == sum(t[0].numel() * 4 for t in tensors(encoder))


def test_long_input_is_coded_in_pieces_without_seams(codec: Codec) -> None:
    frames = 1203
    audio = noise(1, frames * HOP - DELAY, seed=8)
    assert torch.equal(
        codec.encode(audio, 2).codes,
        encode_in_steps(codec, torch.nn.functional.pad(audio, (0, DELAY)), [frames])[:, :2],
    )


def test_what_cannot_be_coded_is_refused(codec: Codec) -> None:
    with pytest.raises(InvalidAudioError, match="NaN"):
        codec.encode(torch.full((1, 1, 400), float("nan")), 1)
    with pytest.raises(InvalidAudioError, match="at least one sample"):
        codec.encode(torch.zeros(1, 1, 0), 1)
    for n_q in (0, N_Q + 1):
        with pytest.raises(InvalidRequestError, match=f"n_q is {n_q}"):
            codec.encode(noise(1, 400), n_q)
    with pytest.raises(InvalidRequestError, match="whole frames"):
        codec.encode_step(noise(1, HOP + 1), codec.encoder_state(1), 1)
    with pytest.raises(InvalidTokensError, match=r"valid: 0\.\.63"):
        codec.decode(Encoded(torch.full((1, 1, 4), 64), (900,), (4,)))
    with pytest.raises(InvalidTokensError, match="complete"):
        codec.decode(Encoded(torch.zeros(1, 1, 4, dtype=torch.int64), (5 * HOP,), (4,)))
    with pytest.raises(InvalidTokensError, match="not empty"):
        codec.decode(Encoded(torch.zeros(1, 1, 0, dtype=torch.int64), (1,), (0,)))
    with pytest.raises(InvalidRequestError, match="no semantic stream"):
        codec.encode(noise(1, 400), 1, labels=torch.zeros(1, 9, dtype=torch.int64))
