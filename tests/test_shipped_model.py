"""The default model that ships: sound files, the promised size and latency, and speech that stays speech."""

import numpy as np
import pytest
import torch
from pystoi import stoi

from codec.audio import read_audio
from codec.checkpoint import WEIGHTS_FILE, LoadedCodec, open_codec
from codec.commands.options import DEFAULT_MODEL, DEFAULT_N_Q, SHIPPED_REPOSITORY
from codec.golden import golden_mismatch
from codec.repository import Repository
from tests.support import shared_dir


@pytest.fixture(scope="module")
def shipped() -> LoadedCodec:
    return open_codec(DEFAULT_MODEL, SHIPPED_REPOSITORY)


def test_it_keeps_the_promises_of_its_design(shipped: LoadedCodec) -> None:
    config, manifest = shipped.codec.config, shipped.manifest
    assert (config.sample_rate, config.hop_samples) == (16000, 320)
    assert (config.quantizer.codebooks, config.quantizer.codebook_size) == (32, 1024)
    assert manifest.causal
    assert manifest.latency_ms is not None
    assert manifest.latency_ms <= 60
    assert manifest.files[WEIGHTS_FILE].size_bytes <= 16_000_000


def test_it_reproduces_its_golden_codes(shipped: LoadedCodec) -> None:
    assert shipped.manifest.golden is not None
    assert golden_mismatch(shipped.codec, shipped.golden) <= shipped.manifest.golden.tolerance


def test_the_repository_holds_nothing_else(shipped: LoadedCodec) -> None:
    repository = Repository(SHIPPED_REPOSITORY)
    assert repository.models() == (DEFAULT_MODEL,)
    assert repository.resolve(DEFAULT_MODEL).version == shipped.manifest.version


@pytest.mark.parametrize("clip", ["cc0_nabucasa_kathleen", "pd_LJ001-0004", "pd_LJ001-0006"])
def test_speech_comes_back_as_speech(shipped: LoadedCodec, clip: str) -> None:
    """Exact length, level within 1 dB, intelligible at the default rate (Opus at 6 kbit/s has STOI 0.89)."""
    original = read_audio(shared_dir() / "data" / "sample" / f"{clip}.flac", 16000).samples
    encoded = shipped.codec.encode(torch.from_numpy(original)[None], DEFAULT_N_Q)
    decoded = shipped.codec.decode(encoded)[0].numpy()
    assert decoded.shape == original.shape
    level_db = 10 * np.log10(np.square(decoded).mean() / np.square(original).mean())
    assert abs(level_db) < 1
    assert stoi(original[0], decoded[0], 16000) > 0.85
