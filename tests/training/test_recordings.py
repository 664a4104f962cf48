"""Where recordings come from: folders, manifests, Kaldi lists; and what is refused, with its line."""

from pathlib import Path

import pytest

from codec.errors import ConfigError, InvalidAudioError
from tests.training.libritts_tree import write_subset
from training.recordings import find_recordings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    for name in ("b.wav", "deep/a.FLAC", "notes.txt"):
        (tmp_path / name).touch()
    return tmp_path


def names(*sources: Path) -> list[str]:
    return [recording.path.name for recording in find_recordings(sources)]


def test_a_folder_is_searched_to_its_depth(folder: Path) -> None:
    found = find_recordings([folder], folder / "labels")
    assert [r.path.name for r in found] == ["b.wav", "a.FLAC"]
    assert {(r.labels, r.root) for r in found} == {(folder / "labels", folder)}


def test_subsets_of_libritts_stand_beside_other_sources(folder: Path) -> None:
    utterance = write_subset(folder / "corpus", "dev-clean", {"84/121123": 1})[0]
    found = find_recordings(
        [Path(f"libritts:{folder / 'corpus'}:dev-clean"), folder / "deep"], folder / "labels"
    )
    assert [r.path for r in found] == [utterance, folder / "deep" / "a.FLAC"]
    # Folders of labels mirror the subset, as they would its folder.
    assert (found[0].labels, found[0].root) == (folder / "labels", utterance.parents[2])
    utterance.unlink()
    with pytest.raises(InvalidAudioError, match="no audio below libritts:"):
        find_recordings([Path(f"libritts:{folder / 'corpus'}:dev-clean")])


@pytest.mark.parametrize("column", ["path", "file"])
def test_manifests_name_files_beside_them(folder: Path, column: str) -> None:
    (folder / "a.csv").write_text(f"{column},kind,labels\nb.wav,clean,b.lab\ndeep/a.FLAC,clean,\n")
    (folder / "a.jsonl").write_text(
        f'{{"{column}": "deep/a.FLAC", "seconds": 3}}\n\n{{"{column}": "b.wav"}}\n'
    )
    found = find_recordings([folder / "a.csv"], folder / "all")
    assert [r.path for r in found] == [folder / "b.wav", folder / "deep" / "a.FLAC"]
    assert [r.labels for r in found] == [folder / "b.lab", folder / "all"]
    assert names(folder / "a.jsonl") == ["a.FLAC", "b.wav"]


def test_a_kaldi_list_names_files(folder: Path) -> None:
    scp = folder / "wav.scp"
    scp.write_text(f"utt1 {folder}/b.wav\nutt2   deep/a.FLAC\n")
    assert [r.path for r in find_recordings([scp])] == [folder / "b.wav", folder / "deep" / "a.FLAC"]


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("w.scp", "a x.wav\nb sph2pipe -f wav x.sph |\n", r"w\.scp, line 2: a pipe, .*commands are not run"),
        ("w.scp", "a data/raw.ark:512\n", r"line 1: 'data/raw\.ark:512' is no audio file \(Kaldi archives"),
        ("w.scp", "lonely\n", "line 1: not `name path`"),
        ("m.csv", "name\nx.wav\n", "line 2: no path or file; add it"),
        ("m.jsonl", '{"path": "x.wav"}\n{path}\n', "line 2: no JSON"),
        ("m.jsonl", "[1]\n", "line 1: no path or file"),
        ("m.jsonl", b"\xff\xfe", "is no text"),
        ("m.txt", "x.wav\n", r"is no folder, no \.csv, \.jsonl or \.scp"),
        ("m.csv", "path\nx.wav\nx.wav\n", "1 recordings are named twice"),
    ],
)
def test_what_cannot_be_read_is_named(name: str, text: str | bytes, complaint: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError, match=complaint):
        find_recordings([tmp_path / name])


def test_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("path\n")
    for source in (tmp_path, tmp_path / "nowhere", tmp_path / "empty.csv"):
        with pytest.raises(InvalidAudioError, match=r"data\.train must be a folder with audio files"):
            find_recordings([source])
