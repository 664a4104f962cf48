"""Configs of all families in one place."""

from pathlib import Path

import pytest

from codec.config import CodecConfig, presets
from codec.errors import ConfigError
from codec.model_config import load_model_config, parse_model_config
from codec.seanet_config import SeanetCodecConfig


@pytest.mark.parametrize("name", sorted(presets()))
def test_every_preset_survives_writing_and_reading(name: str) -> None:
    config = load_model_config(name)
    assert isinstance(config, CodecConfig if name == "stream_16k" else SeanetCodecConfig)
    assert parse_model_config(config.to_yaml(), "again") == config


@pytest.mark.parametrize(
    "text", ["family: dac", "sample_rate: 16000", "- 1", "", "family: [", "family: seanet\nx: 1"]
)
def test_what_is_no_config_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="here is not"):
        parse_model_config(text, "here")


def test_a_file_is_as_good_as_a_preset(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("family: seanet\nchannels: 2\n")
    assert load_model_config(str(tmp_path / "own.yaml")).channels == 2
    with pytest.raises(ConfigError, match="no file and no preset"):
        load_model_config("encodec_17k")
