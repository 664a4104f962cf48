"""`codecd tables`: from recordings to a version that codes in fewer bytes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec.checkpoint import open_codec
from codec.cli import main
from codec.container import read_cdc
from codec.entropy import TABLES_FILE, load_tables
from codec.repository import Repository
from tests.codec.models import publish_tiny
from tests.support import voiced

RATE = 16000

pytestmark = pytest.mark.usefixtures("single_thread")

Run = Callable[..., int]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    publish_tiny(tmp_path / "repository")
    return tmp_path / "repository"


@pytest.fixture
def run(root: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("CODECD_REPOSITORY", str(root))
    return lambda *arguments: main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    for number in range(4):
        soundfile.write(folder / f"{number}.flac", voiced(8.0, seed=number), RATE)
    return folder


def test_a_version_with_tables_is_published_and_codes_in_fewer_bytes(
    run: Run, root: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Repository(root).resolve("tiny")
    assert run("tables", "tiny", recordings, "--hold-out", 4) == 0
    after = Repository(root).resolve("tiny")
    assert after.version != before.version
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "counted 3 files; on the 1 held out:"
    assert [line.split()[0] for line in lines[2:8]] == ["1", "2", "3", "4", "5", "6"]
    assert lines[-1] == f"published tiny@{after.version} as stable"

    old, new = before.manifest(), after.manifest()
    assert new.token_space == old.token_space
    assert set(new.files) == {*old.files, TABLES_FILE}
    assert all(new.files[name] == entry for name, entry in old.files.items())
    assert open_codec("tiny", root).tables is not None

    coded, packed = tmp_path / "coded.cdc", tmp_path / "packed.cdc"
    clip = recordings / "0.flac"
    assert run("encode", clip, coded, "--model", "tiny", "--n-q", 6, "--compress") == 0
    assert run("encode", clip, packed, "--model", "tiny", "--n-q", 6) == 0
    assert coded.stat().st_size < 0.95 * packed.stat().st_size
    tables = load_tables(after.path / TABLES_FILE)
    codes = read_cdc(coded, coder=tables.coder()).codes
    np.testing.assert_array_equal(codes, read_cdc(packed).codes)
    assert run("decode", coded, tmp_path / "coded.wav") == 0
    assert run("decode", packed, tmp_path / "packed.wav") == 0
    assert (tmp_path / "coded.wav").read_bytes() == (tmp_path / "packed.wav").read_bytes()


def test_tables_can_go_to_a_file_and_another_channel(
    run: Run, root: Path, recordings: Path, tmp_path: Path
) -> None:
    stable = Repository(root).resolve("tiny").version
    out = tmp_path / "mine.safetensors"
    assert run("tables", "tiny", recordings, "--out", out) == 0
    assert load_tables(out).codebooks == 6
    assert Repository(root).versions("tiny") == (stable,)
    assert run("tables", "tiny@stable", recordings, "--channel", "canary") == 0
    assert Repository(root).resolve("tiny").version == stable
    canary = Repository(root).resolve("tiny@canary")
    assert load_tables(canary.path / TABLES_FILE).tables_id == load_tables(out).tables_id
    # Counting again for a version that has tables replaces them.
    assert run("tables", "tiny@canary", recordings, "--channel", "canary", "--hold-out", 2) == 0
    again = Repository(root).resolve("tiny@canary")
    assert load_tables(again.path / TABLES_FILE).tables_id != load_tables(out).tables_id


def test_recordings_that_cannot_be_read_are_named_and_left_out(
    run: Run, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    for clip in recordings.iterdir():
        (folder / clip.name).symlink_to(clip)
    (folder / "broken.wav").write_bytes(b"RIFF nonsense")
    assert run("tables", "tiny", folder, "--out", tmp_path / "tables.safetensors") == 0
    captured = capsys.readouterr()
    assert "broken.wav" in captured.err
    assert "going on without the files that failed" in captured.err
    assert captured.out.startswith("counted 3 files")


def test_what_cannot_be_done_is_explained(
    run: Run, root: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "one.flac").symlink_to(recordings / "0.flac")
    assert run("tables", "tiny", alone) == 1
    assert "none is left to count" in capsys.readouterr().err
    assert run("tables", "nobody", recordings) == 1
    assert "there is no model 'nobody'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run("tables", "tiny", recordings, "--hold-out", 1)
    assert "the least is 2" in capsys.readouterr().err
    assert len(Repository(root).versions("tiny")) == 1


def test_tables_that_save_nothing_are_not_published(
    run: Run, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    # The noise is held out, and silence cannot tell how to code it.
    noise = np.random.default_rng(0).standard_normal(8 * RATE) * 0.1
    for number, signal in enumerate((noise, np.zeros(8 * RATE))):
        soundfile.write(clips / f"{number}.wav", signal, RATE)
    assert run("tables", "tiny", clips) == 1
    assert "these tables save nothing" in capsys.readouterr().err
    assert len(Repository(root).versions("tiny")) == 1
