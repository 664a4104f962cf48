"""One file or a mirrored directory: what becomes what, and what happens when one of them fails."""

from pathlib import Path

import pytest

from codec.commands.batch import Pair, Progress, pair_up, work_through
from codec.errors import InvalidAudioError, InvalidRequestError

SUFFIXES = (".wav", ".flac")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "in"
    for name in ("b.wav", "a.WAV", "deep/er/c.flac", "notes.txt"):
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (source / "folder.wav").mkdir()
    return source


def test_a_file_becomes_a_file_of_any_name(folder: Path, tmp_path: Path) -> None:
    pair = Pair(folder / "notes.txt", tmp_path / "x.y")
    assert pair_up(pair.source, pair.target, SUFFIXES, ".cdc", force=False) == [pair]


def test_a_directory_is_mirrored(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pairs = pair_up(folder, out, SUFFIXES, ".cdc", force=False)
    assert [(p.source.relative_to(folder).as_posix(), p.target) for p in pairs] == [
        ("a.WAV", out / "a.cdc"),
        ("b.wav", out / "b.cdc"),
        ("deep/er/c.flac", out / "deep/er/c.cdc"),
    ]
    assert not out.exists()


def test_nothing_is_overwritten_without_force(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "deep/er").mkdir(parents=True)
    (out / "deep/er/c.cdc").touch()
    with pytest.raises(InvalidRequestError, match=r"c\.cdc exists; use --force"):
        pair_up(folder, out, SUFFIXES, ".cdc", force=False)
    assert len(pair_up(folder, out, SUFFIXES, ".cdc", force=True)) == 3


def test_what_makes_no_sense_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    (folder / "b.flac").touch()
    wav = folder / "b.wav"
    for source, target, complaint in (
        (tmp_path / "nowhere", tmp_path / "x", "does not exist"),
        (tmp_path / "empty", tmp_path / "x", r"holds no file ending in \.flac, \.wav"),
        (folder, tmp_path / "x", r"would both become .*b\.cdc; rename one"),
        (folder, tmp_path / "file", "is a file; name a directory"),
        (wav, tmp_path / "empty", "is a directory; name a file"),
        (wav, wav, "is the input itself"),
    ):
        with pytest.raises(InvalidRequestError, match=complaint):
            pair_up(source, target, SUFFIXES, ".cdc", force=True)


def copy_text(pair: Pair, progress: Progress) -> None:
    text = pair.source.read_text()
    if text == "b.wav":
        raise InvalidAudioError("b is broken")
    pair.target.write_text(text)
    progress(1.5)


def test_a_failure_is_told_and_the_rest_goes_on(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    status = work_through(pair_up(folder, out, SUFFIXES, ".cdc", force=False), "copying", copy_text)
    assert status == 1
    assert sorted(p.name for p in out.rglob("*.cdc")) == ["a.cdc", "c.cdc"]
    told = capsys.readouterr().err
    assert f"codecd: {folder / 'b.wav'}: b is broken" in told
    assert "1 of 3 files failed" in told


def test_success_is_silent(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = pair_up(folder / "a.WAV", tmp_path / "new/x.cdc", SUFFIXES, ".cdc", force=False)
    assert work_through(pairs, "copying", copy_text) == 0
    assert (tmp_path / "new/x.cdc").read_text() == "a.WAV"
    assert capsys.readouterr() == ("", "")


def test_a_folder_that_cannot_be_made_is_a_failure_of_that_file(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "deep").write_text("in the way")
    (folder / "b.wav").write_text("fine")
    assert work_through(pair_up(folder, out, SUFFIXES, ".cdc", force=False), "copying", copy_text) == 1
    assert sorted(p.name for p in out.iterdir()) == ["a.cdc", "b.cdc", "deep"]


def test_an_unforeseen_error_is_not_swallowed(folder: Path, tmp_path: Path) -> None:
    def work(pair: Pair, progress: Progress) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work_through([Pair(folder / "b.wav", tmp_path / "x")], "copying", work)
