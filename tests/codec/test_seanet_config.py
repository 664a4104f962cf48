"""The config of the SEANet codecs: laws of frames and rates, and what it refuses."""

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from codec.config import FactorisedQuantizerConfig, QuantizerConfig, presets
from codec.model_config import load_model_config, parse_model_config
from codec.seanet_config import SeanetCodecConfig


def seanet(name: str) -> SeanetCodecConfig:
    config = load_model_config(name)
    assert isinstance(config, SeanetCodecConfig)
    return config


def changed(name: str, **sections: Any) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(presets()[name])
    for key, value in sections.items():
        content[key] = {**content.get(key, {}), **value} if isinstance(value, dict) else value
    return content


@pytest.mark.parametrize(
    ("name", "hop", "frames_of_a_second"),
    [
        ("encodec_16k", 320, 50),
        ("encodec_16k_ds640", 640, 25),
        ("encodec_16k_ds1280", 1280, 13),
        ("freqcodec_mag_phase", 320, 51),
        ("freqcodec_mag_phase_ds640", 640, 26),
        ("encodec_48k", 320, 50),
    ],
)
def test_frames_follow_the_hop(name: str, hop: int, frames_of_a_second: int) -> None:
    config = seanet(name)
    assert config.hop_samples == hop
    assert config.frames_for(16000) == frames_of_a_second
    assert config.frames_for(1) == 1


def test_frames_always_cover_the_samples() -> None:
    for name in ("encodec_16k", "freqcodec_mag_angle", "soundstream_16k_ds640", "freqcodec_16k_stream"):
        config = seanet(name)
        for samples in range(1, 3000, 7):
            assert config.frames_for(samples) * config.hop_samples - config.delay_samples >= samples


def test_bitrate_is_exact() -> None:
    assert seanet("encodec_16k").bitrate_bps(1) == 500
    assert seanet("encodec_16k_ds1280").bitrate_bps(32) == 4000
    assert seanet("encodec_24k").bitrate_bps(8) == 6000


def test_only_what_looks_back_streams() -> None:
    streams = {name for name in presets() if not name.startswith("stream_") and seanet(name).streamable}
    assert streams == {"soundstream_16k_stream", "encodec_16k_stream", "freqcodec_16k_stream"}


def test_segments_start_every_stride() -> None:
    config = seanet("encodec_48k")
    assert config.segment_lengths(48000) == (48000, 480)
    assert config.frames_for(48000) == 152
    assert seanet("encodec_16k_stream").segment_lengths(10**6) == (10**6,)


def test_own_presets_have_no_quirks() -> None:
    for name in presets():
        if name.startswith(("stream_", "encodec_24k", "encodec_48k")):
            continue
        config = seanet(name).model_dump()
        assert config["network"]["padding"] == "zero"
        assert not config["network"]["completes_windows_at_start"]
        assert not config["network"]["trims_odd_strides"]
        assert not config["domain"].get("keeps_nyquist")
        assert not config["domain"].get("drops_last_hop")
        assert not (config["semantic"] or {}).get("cuts_to_whole_hops")


@pytest.mark.parametrize(
    ("name", "sections", "message"),
    [
        ("encodec_16k", {"network": {"invented": 1}}, "invented"),
        ("encodec_16k", {"network": {"kernel": "7"}}, "kernel"),
        ("encodec_16k", {"domain": {"kind": "mag_phase"}}, "frequency_ratios"),
        ("freqcodec_m5", {"network": {"frequency_ratios": [4, 4, 4, 2]}}, "2 of 256 rows"),
        ("freqcodec_m5", {"domain": {"hop_samples": 300}}, "half of n_fft"),
        ("freqcodec_m5", {"domain": {"streaming": True}}, "causal network"),
        ("freqcodec_m5", {"channels": 2}, "one channel"),
        ("encodec_48k", {"segments": {"stride_samples": 48001}}, "left out"),
        ("freqcodec_m5", {"network": {"whole_frames": True}}, "for waveforms"),
        ("freqcodec_m5", {"network": {"trims_odd_strides": True}}, "for waveforms"),
        ("semantic_add", {"semantic": {"hop_samples": 150}}, "must divide"),
        ("dac_16k", {"quantizer": {"kind": "other"}}, "'factorised'"),
        ("dac_16k", {"quantizer": {"codebooks": 65}}, "less than or equal to 64"),
        ("encodec_16k", {"quantizer": {"code_dimension": 8}}, "code_dimension"),
    ],
)
def test_what_cannot_be_built_is_refused(name: str, sections: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SeanetCodecConfig.model_validate(changed(name, **sections))


def test_the_quantizer_is_told_by_its_kind() -> None:
    assert isinstance(seanet("dac_16k").quantizer, FactorisedQuantizerConfig)
    assert type(seanet("encodec_16k").quantizer) is QuantizerConfig
    for name in ("dac_16k", "encodec_16k"):
        assert parse_model_config(seanet(name).to_yaml(), name) == seanet(name)
