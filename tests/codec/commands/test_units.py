"""`codecd units` and `codecd encode --hubert`: from speech to a file that decodes without it."""

from pathlib import Path

import pytest
import soundfile
import yaml

from codec.cli import main
from codec.container import read_cdc
from tests.codec.huberts import small_hubert, write_weights
from tests.codec.models import publish_seanet
from tests.support import speech

pytestmark = pytest.mark.usefixtures("single_thread")


def test_units_label_a_recording(tmp_path: Path) -> None:
    hubert = write_weights(tmp_path / "hubert.safetensors", small_hubert().state_dict())
    for number, source in enumerate(speech(2)):
        samples, rate = soundfile.read(source)
        soundfile.write(tmp_path / f"{number}.wav", samples[: 3 * rate], rate)
    units, root = tmp_path / "units.safetensors", tmp_path / "models"
    version = publish_seanet(root, "semantic_residual", "units")
    labels = yaml.safe_load((version.path / "config.yaml").read_text())["semantic"]["labels"]
    fit = [
        "units",
        str(tmp_path),
        str(units),
        "--hubert",
        str(hubert),
        "--layer",
        "2",
        "--units",
        str(labels),
    ]
    assert main(fit) == 0
    assert main(fit) == 1
    recording, target = str(tmp_path / "0.wav"), str(tmp_path / "0.cdc")
    given = ["--model", "units", "--repository", str(root), "--hubert", str(hubert)]
    assert main(["encode", recording, target, "--n-q", "2", *given]) == 1
    assert main(["encode", recording, target, "--n-q", "2", *given, "--units", str(units)]) == 0
    tokens = read_cdc(Path(target))
    assert tokens.side.labels is not None
    assert len(tokens.side.labels) == 300
    assert len(set(tokens.side.labels.tolist())) > 3
    # 100 labels a second of 7 bits beside 50 frames of 2 codes of 5 bits.
    assert tokens.bitrate_bps == 50 * 2 * 5 + 100 * 7
    assert main(["decode", target, str(tmp_path / "out.wav"), "--repository", str(root)]) == 0
    assert soundfile.info(tmp_path / "out.wav").frames == 3 * 16000
