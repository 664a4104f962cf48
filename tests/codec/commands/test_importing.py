"""`codecd import`: other toolkits' weights become versions that encode the same codes."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from codec.cli import main
from codec.container import read_cdc
from codec.repository import Repository
from tests.codec.foreign import golden_dir, imported, vectors

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.mark.parametrize(
    ("toolkit", "model", "file"),
    [
        ("funcodec", "encodec_16k_ds320", ""),
        ("funcodec", "freqcodec_mag_phase_gr8", ""),
        ("encodec", "encodec_24khz", "checkpoint.pth"),
        ("encodec", "encodec_48khz", "checkpoint.pth"),
    ],
)
def test_an_imported_model_encodes_and_decodes_files(
    toolkit: str, model: str, file: str, tmp_path: Path
) -> None:
    source, root = golden_dir(model) / file, tmp_path / "models"
    given = ["--repository", str(root)]
    assert main(["import", toolkit, str(source), "--name", "foreign", *given]) == 0
    version = Repository(root).resolve("foreign")
    Repository(root).verify(version)
    config, wav = imported(model).config, reference_input(model)
    soundfile.write(tmp_path / "b.wav", wav.T.numpy(), config.sample_rate, subtype="FLOAT")
    assert main(["encode", f"{tmp_path}/b.wav", f"{tmp_path}/b.cdc", "--model", "foreign", *given]) == 0
    tokens = read_cdc(tmp_path / "b.cdc")
    whole = imported(model).encode(wav.unsqueeze(0), tokens.n_q)
    assert (tokens.codes != whole.codes[0].numpy()).mean() <= 0.01
    assert main(["decode", f"{tmp_path}/b.cdc", f"{tmp_path}/out.wav", *given]) == 0
    heard, _ = soundfile.read(tmp_path / "out.wav", dtype="float32", always_2d=True)
    assert heard.shape == (wav.shape[1], config.channels)
    if np.array_equal(tokens.codes, whole.codes[0].numpy()):
        wanted = imported(model).decode(whole)[0].clamp(-1, 1)
        np.testing.assert_allclose(heard.T, wanted.numpy(), atol=2e-4)


def reference_input(model: str) -> torch.Tensor:
    """What the model's reference vectors were made of, `[channel, sample]`."""
    return vectors(model)["a.wav"].view(imported(model).config.channels, -1)


class _Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("owned"),)  # type: ignore[return-value]


@pytest.mark.parametrize("toolkit", ["encodec", "dac"])
def test_a_hostile_pickle_is_refused(
    toolkit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, save in (("torch.pth", torch.save), ("plain.pth", lambda o, p: p.write_bytes(pickle.dumps(o)))):
        save({"state_dict": _Hostile(), "weight": _Hostile()}, tmp_path / name)
        given = ["--name", "x", "--repository", str(tmp_path / "models")]
        assert main(["import", toolkit, str(tmp_path / name), *given]) == 1
        assert "codecd: " in capsys.readouterr().err
    assert not (tmp_path / "owned").exists()
    assert not (tmp_path / "models").exists()


def test_a_folder_without_weights_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--name", "x", "--repository", str(tmp_path / "models")]
    assert main(["import", "funcodec", str(tmp_path), *given]) == 1
    assert "config.yaml" in capsys.readouterr().err
