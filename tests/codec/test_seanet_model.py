"""The promises of the SEANet codecs, for every preset: batch = single, exact lengths, prefix, level."""

from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codec.errors import InvalidAudioError, InvalidRequestError, InvalidTokensError
from codec.quantizer import ABSENT
from codec.seanet_model import SeanetCodec, level_of
from tests.codec.seanets import N_Q, SEANET_PRESETS, labels, noise, small_codec, small_config

SLOW = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LENGTH = st.one_of(st.integers(1, 4), st.integers(1, 700), st.integers(1, 4000))


@pytest.mark.parametrize("name", SEANET_PRESETS)
@SLOW
@given(lengths=st.lists(LENGTH, min_size=2, max_size=4), seed=st.integers(0, 9), spoil=st.booleans())
def test_an_item_does_not_feel_its_neighbours(name: str, lengths: list[int], seed: int, spoil: bool) -> None:
    codec = small_codec(name)
    audio = noise(codec, len(lengths), max(lengths) + 50, seed)
    for item, length in enumerate(lengths):
        audio[item, :, length:] = float("nan") if spoil else 7.0
    words = labels(codec, len(lengths), max(lengths), seed)
    together = codec.encode(audio, N_Q, lengths, words)
    heard = codec.decode(together)
    assert heard.shape == (len(lengths), codec.config.channels, max(lengths))
    for item, length in enumerate(lengths):
        own = None if words is None else words[item : item + 1]
        alone = codec.encode(audio[item : item + 1, :, :length], N_Q, labels=own)
        frames = alone.n_frames[0]
        assert together.n_frames[item] == frames == codec.config.frames_for(length)
        assert torch.equal(together.codes[item, :, :frames], alone.codes[0])
        assert (together.codes[item, :, frames:] == ABSENT).all()
        if alone.scale is not None and together.scale is not None:
            kept = together.scale[item, : alone.scale.shape[1]]
            torch.testing.assert_close(kept, alone.scale[0], rtol=1e-12, atol=0)
        torch.testing.assert_close(heard[item, :, :length], codec.decode(alone)[0], rtol=0, atol=1e-9)
        assert not heard[item, :, length:].any()


@pytest.mark.parametrize("name", SEANET_PRESETS)
@pytest.mark.parametrize("samples", [1, 2, 159, 319, 320, 321, 1279, 1281, 2599])
def test_output_is_as_long_as_the_input(name: str, samples: int) -> None:
    codec = small_codec(name)
    encoded = codec.encode(noise(codec, 1, samples), 2, labels=labels(codec, 1, samples))
    assert encoded.codes.shape == (1, 2, codec.config.frames_for(samples))
    heard = codec.decode(encoded)
    assert heard.shape == (1, codec.config.channels, samples)
    assert torch.isfinite(heard).all()
    assert heard[..., -1].any()


@pytest.mark.parametrize("name", SEANET_PRESETS)
def test_every_item_may_have_its_own_number_of_codebooks(name: str) -> None:
    codec = small_codec(name)
    audio, words = noise(codec, 3, 2000), labels(codec, 3, 2000)
    full = codec.encode(audio, N_Q, labels=words)
    mixed = codec.encode(audio, [3, 1, 2], labels=words)
    assert mixed.codes.shape[1] == 3
    heard = codec.decode(mixed)
    for item, n_q in enumerate((3, 1, 2)):
        assert torch.equal(mixed.codes[item, :n_q], full.codes[item, :n_q])
        assert (mixed.codes[item, n_q:] == ABSENT).all()
        own = None if words is None else words[item : item + 1]
        alone = codec.encode(audio[item : item + 1], n_q, labels=own)
        torch.testing.assert_close(heard[item : item + 1], codec.decode(alone), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", [name for name in SEANET_PRESETS if small_config(name).level == "rms"])
def test_level_travels_with_the_codes(name: str) -> None:
    codec = small_codec(name)
    audio, words = noise(codec, 1, 3000), labels(codec, 1, 3000)
    soft, loud = (codec.encode(audio * gain, N_Q, labels=words) for gain in (0.01, 1.0))
    assert torch.equal(soft.codes, loud.codes)
    torch.testing.assert_close(codec.decode(soft) * 100, codec.decode(loud), rtol=1e-4, atol=1e-9)


def test_silence_is_coded() -> None:
    codec = small_codec("freqcodec_mag_phase")
    encoded = codec.encode(torch.zeros(1, 1, 900, dtype=torch.float64), N_Q)
    assert codec.decode(encoded).abs().max() < 1e-6


def test_the_level_is_that_of_the_mix_of_all_channels() -> None:
    audio = torch.tensor([[[3.0, 4.0, 0.0], [3.0, -4.0, 0.0]]])
    assert level_of(audio, (2,))[0].item() == pytest.approx((9 / 2) ** 0.5)


@pytest.mark.parametrize("name", ["soundstream_16k", "encodec_16k_stream"])
def test_folded_weights_give_the_same(name: str) -> None:
    plain, folded = small_codec(name), small_codec(name, seed=1)
    folded.load_state_dict(plain.state_dict())
    folded.fold_weight_norm()
    assert len(folded.state_dict()) < len(plain.state_dict())
    audio = noise(plain, 2, 3000)
    encoded = plain.encode(audio, N_Q)
    assert torch.equal(encoded.codes, folded.encode(audio, N_Q).codes)
    torch.testing.assert_close(plain.decode(encoded), folded.decode(encoded), rtol=0, atol=1e-12)
    small_codec.cache_clear()


def test_what_cannot_be_coded_is_refused() -> None:
    codec = small_codec("encodec_16k")
    audio = noise(codec, 2, 900)
    with pytest.raises(InvalidRequestError, match="3 n_q for a batch of 2"):
        codec.encode(audio, [1, 2, 3])
    with pytest.raises(InvalidRequestError, match=f"n_q is {N_Q + 1}"):
        codec.encode(audio, [1, N_Q + 1])
    audio[0, 0, 3] = float("inf")
    with pytest.raises(InvalidAudioError, match="NaN"):
        codec.encode(audio, 1)


def test_frames_that_do_not_fit_the_samples_are_refused() -> None:
    codec: SeanetCodec = small_codec("encodec_48k")
    encoded = codec.encode(noise(codec, 1, 900), 2)
    for wrong in (
        replace(encoded, n_samples=(9000,)),
        replace(encoded, n_frames=(2,)),
        replace(encoded, codes=encoded.codes[..., :1]),
        replace(encoded, n_samples=(900, 900), n_frames=(3, 3)),
        replace(encoded, scale=torch.ones(1, 0)),
        replace(encoded, n_samples=(0,), n_frames=(0,)),
    ):
        with pytest.raises(InvalidTokensError):
            codec.decode(wrong)
