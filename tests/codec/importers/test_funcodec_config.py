"""FunCodec's config is read in full: what cannot be done is refused, never ignored."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from codec.errors import ForeignModelError
from codec.importers.funcodec_config import FuncodecConfig, read_funcodec_config
from codec.seanet_config import SpectrogramDomain


def settings(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "model": "encodec",
        "encoder": "encodec_seanet_encoder",
        "decoder": "encodec_seanet_decoder",
        "quantizer": "costume_quantizer",
        "encoder_conf": {"norm": "time_group_norm"},
        "decoder_conf": {"norm": "time_group_norm"},
        "quantizer_conf": {"num_quantizers": 32, "encoder_hop_length": 320},
        "model_conf": {"odim": 128, "target_sample_hz": 16000, "segment_dur": None, "audio_normalize": True},
        "optim": "adam",
    }
    for key, value in changes.items():
        base[key] = {**base[key], **value} if isinstance(value, dict) else value
    return base


def write(folder: Path, content: dict[str, Any]) -> Path:
    (folder / "config.yaml").write_text(yaml.safe_dump(content))
    return folder / "config.yaml"


def test_padding_and_bins_are_those_of_the_reference(tmp_path: Path) -> None:
    config = read_funcodec_config(write(tmp_path, settings()))
    assert config.network.padding == "reflect"
    assert not config.network.completes_windows_at_start
    pairs = {"ratios": [[4, 1], [4, 1], [4, 2], [4, 1]], "dilation_base": 1}
    content = settings(
        model="freq_codec",
        encoder="encodec_seanet_encoder_2d",
        decoder="encodec_seanet_decoder_2d",
        encoder_conf=pairs,
        decoder_conf={**pairs, "channels": 3, "tr_conv_group_ratio": 8},
        model_conf={"codec_domain": ["mag_phase", "mag_phase"]},
    )
    config = read_funcodec_config(write(tmp_path, content))
    assert isinstance(config.domain, SpectrogramDomain)
    assert config.domain.keeps_nyquist
    assert config.domain.drops_last_hop
    assert config.network.completes_windows_at_start
    assert config.network.frequency_ratios == (4, 4, 4, 4)
    assert config.network.upsampling_group_ratio == 8


def test_segments_of_a_duration_are_kept(tmp_path: Path) -> None:
    content = settings(model_conf={"segment_dur": 1.0, "overlap_ratio": 0.01})
    segments = read_funcodec_config(write(tmp_path, content)).segments
    assert segments is not None
    assert (segments.length_samples, segments.stride_samples) == (16000, 15840)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "laura"}, "model"),
        ({"encoder_conf": {"activation": "Snake"}}, "activation"),
        ({"encoder_conf": {"true_skip": True}}, "true_skip"),
        ({"encoder_conf": {"seq_model": "transformer"}}, "seq_model"),
        ({"encoder_conf": {"invented": 1}}, "invented"),
        ({"encoder_conf": {"causal": True}}, "causal differs"),
        ({"quantizer_conf": {"codec_dim": 64}}, "codec_dim"),
        ({"quantizer_conf": {"encoder_hop_length": 640}}, "the strides make 320"),
        ({"model_conf": {"odim": 512}}, "odim"),
        ({"model_conf": {"codec_domain": ["stft", "stft"]}}, "codec_domain"),
        (
            {"encoder_conf": {"ratios": [[4, 1]]}, "decoder_conf": {"ratios": [[4, 1]]}},
            "numbers in a 1-d one",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ForeignModelError, match=message):
        read_funcodec_config(write(tmp_path, settings(**changes)))


def test_files_that_are_no_config_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ForeignModelError, match=r"config\.yaml"):
        read_funcodec_config(tmp_path / "config.yaml")
    for text in ("- 1", "{", "", "encoder: !!python/object:os.system {}"):
        (tmp_path / "config.yaml").write_text(text)
        with pytest.raises(ForeignModelError, match=r"does not describe|cannot be read"):
            read_funcodec_config(tmp_path / "config.yaml")


def test_training_settings_do_not_matter() -> None:
    plain, other = FuncodecConfig.model_validate(settings()), settings(model_conf={"commit_loss_weight": 3.0})
    assert FuncodecConfig.model_validate(other).codec() == plain.codec()
