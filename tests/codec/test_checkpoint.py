"""A published version loads as what was published, or not at all."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from codec.checkpoint import (
    WEIGHTS_FILE,
    draft_manifest,
    load_codec,
    open_codec,
    ready,
    write_files,
)
from codec.config import load_config
from codec.errors import ConfigError, NotFoundError, RepositoryError
from codec.golden import golden_mismatch, read_golden
from codec.manifest import MANIFEST_NAME
from codec.model_config import CONFIG_FILE
from codec.seanet_model import SeanetCodec
from codec.weights import load_weights
from tests.codec.models import TINY, noise, publish_tiny, random_codec
from tests.codec.seanets import small_config

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


def test_a_codec_is_made_ready_in_its_fastest_layout() -> None:
    codec = ready(SeanetCodec(small_config("freqcodec_16k_stream")).eval().requires_grad_(False))
    for name, weight in codec.named_parameters():
        assert "parametrizations" not in name
        if weight.dim() == 4:
            assert weight.is_contiguous(memory_format=torch.channels_last)


def test_a_published_model_reproduces_its_golden_codes_exactly(root: Path) -> None:
    version = publish_tiny(root)
    loaded = load_codec(version.path)
    assert golden_mismatch(loaded.codec, loaded.golden) == 0
    assert loaded.identity.model == "tiny"
    assert loaded.identity.version == version.version
    assert loaded.token_format.hop_samples == TINY.hop_samples


def test_golden_codes_are_those_of_the_rounded_weights(tmp_path: Path) -> None:
    """Else a load would have to forgive the codes that rounding to float16 changes."""
    codec = random_codec()
    write_files(codec, noise(1, 128000), tmp_path)
    golden = read_golden(tmp_path, TINY)
    assert golden_mismatch(load_weights(TINY, tmp_path / WEIGHTS_FILE), golden) == 0
    assert golden_mismatch(codec, golden) > 0


def test_a_reference_is_a_name_a_channel_a_version_or_a_folder(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish_tiny(root)
    second = publish_tiny(root, seed=1, channel="canary")
    wanted = {
        "tiny": first,
        "tiny@stable": first,
        "tiny@canary": second,
        f"tiny@{first.version}": first,
        str(second.path): second,
    }
    for reference, version in wanted.items():
        assert open_codec(reference, root).identity.version == version.version
    monkeypatch.chdir(first.path.parent)
    assert open_codec(first.version, root).identity.version == first.version
    with pytest.raises(NotFoundError, match="models: tiny"):
        open_codec("other", root)
    with pytest.raises(RepositoryError, match="no manifest"):
        open_codec(str(root), root)


@pytest.mark.parametrize("by_name", [True, False])
@pytest.mark.parametrize("name", [WEIGHTS_FILE, CONFIG_FILE, "golden/codes.npy", "golden/input.flac"])
def test_a_changed_byte_is_noticed(root: Path, name: str, by_name: bool) -> None:
    version = publish_tiny(root)
    content = bytearray((version.path / name).read_bytes())
    content[-1] ^= 1
    (version.path / name).write_bytes(content)
    with pytest.raises(RepositoryError, match="checksum"):
        open_codec("tiny" if by_name else str(version.path), root)


def move_a_codebook(version: Path) -> None:
    state = load_file(version / WEIGHTS_FILE)
    state["quantizer.codebooks"][2, 3] += 0.5
    save_file(state, version / WEIGHTS_FILE)


def change_the_rate(version: Path) -> None:
    text = (version / CONFIG_FILE).read_text()
    (version / CONFIG_FILE).write_text(text.replace("sample_rate: 16000", "sample_rate: 8000"))


@pytest.mark.parametrize("tamper", [move_a_codebook, change_the_rate])
def test_codebooks_that_the_manifest_does_not_know_are_refused(
    root: Path, tamper: Callable[[Path], None]
) -> None:
    version = publish_tiny(root)
    tamper(version.path)
    with pytest.raises(RepositoryError, match="disagree on the token space"):
        load_codec(version.path)


def test_missing_and_foreign_files_are_refused(root: Path) -> None:
    version = publish_tiny(root)
    config = version.path / CONFIG_FILE
    text = config.read_text()
    config.write_text(text + "surprise: 1\n")
    with pytest.raises(ConfigError, match="surprise"):
        load_codec(version.path)
    config.unlink()
    with pytest.raises(RepositoryError, match=r"config\.yaml cannot be read"):
        load_codec(version.path)
    config.write_text(text)
    (version.path / MANIFEST_NAME).unlink()
    with pytest.raises(RepositoryError, match="no manifest"):
        load_codec(version.path)


def test_weights_that_float16_cannot_hold_are_not_published(tmp_path: Path) -> None:
    codec = random_codec()
    codec.decoder.leave.bias[0] = 1e6
    with pytest.raises(RepositoryError, match=r"decoder\.leave\.bias holds NaN or infinity"):
        write_files(codec, noise(1, 4000), tmp_path)


def test_the_manifest_says_what_the_config_means() -> None:
    codec = random_codec()
    draft = draft_manifest(codec, "tiny", "a description", "CC0-1.0", {"stoi": 0.5})
    assert (draft.frame_rate, draft.codebooks, draft.codebook_size) == ((50, 1), 6, 64)
    assert (draft.causal, draft.delay_samples, draft.latency_ms) == (True, 352, 42.0)
    assert (draft.metrics, draft.licence) == ({"stoi": 0.5}, "CC0-1.0")


def test_the_receptive_field_is_exact() -> None:
    codec, field = random_codec(), TINY.receptive_field_samples
    hop, frames = TINY.hop_samples, 20
    audio = noise(1, frames * hop)[:, 0].requires_grad_()
    latent, _ = codec.embed(audio.unsqueeze(1), codec.encoder_state(1))
    (gradient,) = torch.autograd.grad(latent[0, -1].sum(), audio)
    heard = gradient[0].nonzero().flatten()
    # The first sample of a Hann window weighs nothing.
    assert int(heard.min()) == frames * hop - field + 1
    assert load_config("stream_16k").receptive_field_samples == (1 + 3 * 6) * 320 + 352
