"""Configs are strict, frozen, complete when written out, and the preset keeps the promised figures."""

from fractions import Fraction
from pathlib import Path

import pytest
from pydantic import ValidationError

from codec.config import CodecConfig, QuantizerConfig, load_config, parse_config, presets
from codec.errors import ConfigError
from codec.model import Codec


@pytest.mark.parametrize("name", sorted(n for n, text in presets().items() if "family: spectral" in text))
def test_every_preset_loads_and_survives_being_written(name: str) -> None:
    config = load_config(name)
    assert parse_config(config.to_yaml(), "again") == config


def test_the_default_model_keeps_its_promises() -> None:
    """DESIGN section 4: 16 kHz, 50 Hz, 0.5 to 16 kbit/s, at most 60 ms and 16 MB."""
    config = load_config("stream_16k")
    assert (config.sample_rate, config.hop_samples, config.delay_samples) == (16000, 320, 352)
    assert config.frame_rate == 50
    assert [config.bitrate_bps(n_q) for n_q in (1, 32)] == [Fraction(500), Fraction(16000)]
    assert config.latency_ms == 42
    numbers = sum(tensor.numel() for tensor in Codec(config).state_dict().values())
    assert numbers * 2 < 16e6


@pytest.mark.parametrize(("samples", "frames"), [(1, 2), (288, 2), (289, 3), (320, 3), (16000, 52)])
def test_frames_cover_every_sample(samples: int, frames: int) -> None:
    config = CodecConfig()
    assert config.frames_for(samples) == frames
    assert (frames - 1) * config.hop_samples - config.delay_samples < samples
    assert frames * config.hop_samples - config.delay_samples >= samples


@pytest.mark.parametrize(("size", "bits"), [(2, 1), (3, 2), (1023, 10), (1024, 10), (1025, 11), (65536, 16)])
def test_bits_per_code_hold_every_code(size: int, bits: int) -> None:
    assert QuantizerConfig(codebook_size=size).bits_per_code == bits


def test_rates_are_exact_fractions() -> None:
    config = parse_config("sample_rate: 44100", "test")
    assert config.frame_rate == Fraction(44100, 320)
    assert config.bitrate_bps(3) == Fraction(44100 * 30, 320)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("sample_rat: 16000", "sample_rat: Extra inputs"),
        ("network: {widht: 3}", "network.widht: Extra inputs"),
        ("network: {width: 0}", "network.width: Input should be greater than 0"),
        ("network: {width: '32'}", "network.width: Input should be a valid integer"),
        ("spectrum: {n_fft: 512, hop_samples: 300}", "at most half of n_fft"),
        ("quantizer: {codebook_size: 1}", "quantizer.codebook_size"),
        ("family: magic", "family"),
        ("channels: 2", "channels"),
        ("[1, 2]", "the whole"),
        ("a: [", "is not YAML"),
        ("channels: 1\nchannels: 1", "it gives channels 2 times; keep one of them"),
        ("", "the whole"),
    ],
)
def test_what_is_wrong_is_named(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        parse_config(text, "my.yaml")
    assert "my.yaml" in str(caught.value)


def test_a_config_cannot_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        CodecConfig().network.width = 3  # type: ignore[misc]


def test_a_config_is_loaded_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("network: {width: 48}\n")
    assert load_config(str(path)).network.width == 48
    with pytest.raises(ConfigError, match=r"no file and no preset; presets: .*stream_16k"):
        load_config("stream_17k")
    path.write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(ConfigError, match="is not text"):
        load_config(str(path))
