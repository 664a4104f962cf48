"""Which other codecs are run."""

from pathlib import Path

import pytest

from codec.errors import InvalidRequestError
from training.evaluation.coders.baselines import OPUS_BPS, choose_baselines
from training.evaluation.coders.codec2 import MODES


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A search path of its own with something for every program; they are not run but asked for a version."""
    for name in ("opusenc", "opusdec", "c2enc", "c2dec"):
        (tmp_path / name).write_text("#!/bin/sh\necho opusenc opus-tools 0.2\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    return tmp_path


@pytest.mark.usefixtures("programs")
def test_a_name_stands_for_usual_bitrates_and_a_number_for_one() -> None:
    chosen = choose_baselines(["opus", "codec2"])
    assert len(chosen.coders) == len(OPUS_BPS) + len(MODES)
    assert chosen.versions == {"opusenc": "opus-tools 0.2"}
    labels = [coder.label for coder in choose_baselines(["opus:9000", "codec2:1200", "opus:9000"]).coders]
    assert labels == ["Opus 9 kbit/s", "Codec 2 1200"]


def test_what_is_not_installed_is_left_out_aloud(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (programs / "opusdec").unlink()
    monkeypatch.setenv("PATH", str(programs))
    chosen = choose_baselines(["opus:6000", "opus:12000", "codec2:1200"])
    assert [coder.label for coder in chosen.coders] == ["Codec 2 1200"]
    assert chosen.absent == ("Opus is left out: opusdec not found; apt-get install opus-tools",)
    assert chosen.versions == {}


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("mp3", "no baseline is called 'mp3'; there are opus and codec2"),
        ("opus:6k", "the bitrate must be bits per second"),
        ("opus:500", "6000..256000"),
        ("codec2:700", "the modes of Codec 2 here are 3200, 2400, 1200"),
    ],
)
def test_what_does_not_exist_is_refused(name: str, complaint: str) -> None:
    with pytest.raises(InvalidRequestError, match=complaint):
        choose_baselines([name])
