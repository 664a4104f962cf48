"""`codecd encode --labels`: label files become the semantic stream of a file."""

from pathlib import Path

import pytest
import soundfile

from codec.cli import main
from codec.container import read_cdc
from tests.codec.models import publish_seanet, publish_tiny
from tests.support import voiced

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    publish_seanet(folder, "semantic_concat", "phones")
    publish_tiny(folder, "stream_16k")
    return folder


def encode(root: Path, folder: Path, *more: str) -> int:
    return main(["encode", f"{folder}/a.wav", f"{folder}/a.cdc", "--repository", str(root), "--force", *more])


def test_labels_travel_and_nothing_else_is_needed(root: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", voiced(1), 16000)
    (tmp_path / "a.lab").write_text("0.0 0.5 sil\n0.5 1.0 ah\n")
    (tmp_path / "names.txt").write_text("sil\nah\n")
    labels = ["--labels", f"{tmp_path}/a.lab", "--vocabulary", f"{tmp_path}/names.txt"]
    assert encode(root, tmp_path, "--model", "phones", *labels) == 0
    tokens = read_cdc(tmp_path / "a.cdc")
    assert tokens.side.labels is not None
    assert tokens.side.labels.tolist() == [0] * 50 + [1] * 50
    (tmp_path / "a.lab").unlink()
    (tmp_path / "a.wav").unlink()
    assert main(["decode", f"{tmp_path}/a.cdc", f"{tmp_path}/b.wav", "--repository", str(root)]) == 0
    assert soundfile.info(tmp_path / "b.wav").frames == 16000


def test_wrong_labels_are_told(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write(tmp_path / "a.wav", voiced(1), 16000)
    (tmp_path / "a.txt").write_text("0 " * 100)
    for more, complaint in (
        (["--model", "phones"], "needs labels"),
        (["--model", "phones", "--labels", f"{tmp_path}/b.txt"], "does not exist"),
        (["--labels", f"{tmp_path}/a.txt"], "has no semantic stream"),
        (["--model", "phones", "--hubert", f"{tmp_path}/a.txt"], "add --units"),
    ):
        assert encode(root, tmp_path, *more) == 1
        assert complaint in capsys.readouterr().err
