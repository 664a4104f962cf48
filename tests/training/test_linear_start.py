"""The linear start: a fresh network that is a transform codec, not noise."""

import pytest
import torch
from torch import Tensor

from codec.config import CodecConfig, NetworkConfig, QuantizerConfig
from codec.model import Codec
from tests.support import voiced
from training.linear_start import start_linear

DELAY = CodecConfig().delay_samples


@pytest.fixture(scope="module")
def speech() -> Tensor:
    return torch.stack([torch.from_numpy(voiced(2, seed=seed)) for seed in range(3)]).unsqueeze(1)


def fresh(dimension: int, width: int = 96) -> Codec:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Codec(
            CodecConfig(
                network=NetworkConfig(width=width, kernel_frames=3, encoder_blocks=1, decoder_blocks=1),
                quantizer=QuantizerConfig(codebooks=2, codebook_size=4, dimension=dimension),
            )
        )


@torch.no_grad()
def si_sdr_db(codec: Codec, audio: Tensor) -> float:
    """Scale-invariant signal-to-distortion ratio of the codec without its quantizer."""
    latent, _ = codec.embed(audio, codec.encoder_state(len(audio)))
    heard, _ = codec.synthesise(latent, codec.decoder_state(len(audio)))
    target, output = audio[..., :-DELAY].flatten(), heard[..., DELAY:].flatten()
    projected = target * (output @ target / (target @ target))
    return float(10 * torch.log10(projected.square().sum() / (output - projected).square().sum()))


def test_more_latent_numbers_keep_more_energy(speech: Tensor) -> None:
    kept = [start_linear(fresh(dimension), speech) for dimension in (2, 8, 32, 90)]
    assert kept == sorted(kept)
    assert 0 < kept[0] < 0.5
    assert kept[-1] > 0.7
    assert kept[-1] <= 1


def test_a_started_codec_is_far_above_a_random_one(speech: Tensor) -> None:
    unseen = torch.from_numpy(voiced(2, seed=9)).view(1, 1, -1)
    random, started = fresh(64), fresh(64)
    start_linear(started, speech)
    assert si_sdr_db(random, unseen) < -10
    assert si_sdr_db(started, unseen) > 3
    assert si_sdr_db(started, speech) > 6


def test_a_latent_as_wide_as_the_network_works(speech: Tensor) -> None:
    codec = fresh(64, width=64)
    start_linear(codec, speech)
    assert si_sdr_db(codec, speech) > 6


def test_the_start_is_the_same_every_time(speech: Tensor) -> None:
    first, second = fresh(16), fresh(16)
    assert start_linear(first, speech) == start_linear(second, speech)
    for mine, theirs in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert all(p.requires_grad for p in first.parameters())
