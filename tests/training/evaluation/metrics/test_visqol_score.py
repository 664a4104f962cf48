"""ViSQOL as a metric: modes apart, named, and at the rates they are said to have."""

from pathlib import Path

import pytest

from codec.errors import ConfigError
from tests.support import shared_dir
from tests.training.evaluation.signals import noisy
from training.evaluation.metrics.visqol_score import visqol_audio, visqol_speech
from training.visqol import visqol

pytest.importorskip("scipy")


def test_mode_mapping_and_generation_are_in_the_names() -> None:
    speech, audio = visqol_speech("v310"), visqol_audio("v333", None)
    assert (speech.name, audio.name) == ("visqol_speech_exponential_v310", "visqol_audio_svr_v333")
    assert speech.title == "ViSQOL speech, exponential scaled, v310"


def test_speech_mode_is_visqol_at_16_khz() -> None:
    pair = noisy(10)
    score = visqol_speech("v333").prepare()
    assert score(pair) == visqol(pair.reference, pair.coded, 16_000).mos
    assert score(pair.at(24_000)) == pytest.approx(score(pair), abs=0.05)


def test_audio_mode_takes_the_given_regression() -> None:
    model = shared_dir() / "visqol" / "libsvm_nu_svr_model.txt"
    pair = noisy(10)
    expected = visqol(pair.reference, pair.coded, 16_000, "audio", svr_model=model).mos
    assert visqol_audio("v333", model).prepare()(pair) == expected


def test_audio_mode_without_its_regression_is_refused_before_any_recording(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no SVR model of ViSQOL's audio mode"):
        visqol_audio("v333", tmp_path / "nothing.txt").prepare()
