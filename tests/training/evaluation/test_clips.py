"""Which recordings are evaluated."""

from pathlib import Path

import pytest

from codec.errors import InvalidRequestError
from training.evaluation.clips import find_clips


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "set" / "valid.csv"
    path.parent.mkdir()
    path.write_text(
        "file,kind,language\nv/a.flac,clean,en\nv/b.flac,noisy,en\nv/c.flac,clean,zh\nv/d.flac,clean,en\n"
    )
    return path


def names(data: Path, select: tuple[str, ...] = (), every: int = 1) -> list[str]:
    return [clip.name for clip in find_clips(data, select, every)]


def test_a_folder_gives_its_audio_files_in_order(tmp_path: Path) -> None:
    for name in ("b.wav", "a/c.FLAC", "a/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert names(tmp_path) == ["a/c.FLAC", "b.wav"]
    assert find_clips(tmp_path)[0].path == tmp_path / "a/c.FLAC"
    with pytest.raises(InvalidRequestError, match="only be selected of a CSV manifest"):
        find_clips(tmp_path, ["kind=clean"])


def test_paths_of_a_manifest_start_from_where_it_lies(manifest: Path) -> None:
    assert find_clips(manifest)[1].path == manifest.parent / "v/b.flac"
    assert names(manifest) == ["v/a.flac", "v/b.flac", "v/c.flac", "v/d.flac"]


def test_rows_are_selected_by_all_values_and_then_thinned_out(manifest: Path) -> None:
    assert names(manifest, ("kind=clean",)) == ["v/a.flac", "v/c.flac", "v/d.flac"]
    assert names(manifest, ("kind=clean", "language=en")) == ["v/a.flac", "v/d.flac"]
    assert names(manifest, ("kind=clean",), every=2) == ["v/a.flac", "v/d.flac"]


def test_a_column_may_be_called_path(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path\nx.wav\n")
    assert names(tmp_path / "list.csv") == ["x.wav"]


@pytest.mark.parametrize(
    ("select", "every", "complaint"),
    [
        (("clean",), 1, "'clean' is not column=value"),
        (("mood=glad",), 1, "no column 'mood'; there are file, kind, language"),
        (("kind=music",), 1, "no clip to evaluate on"),
        ((), 0, "every 0-th clip makes no sense"),
    ],
)
def test_what_cannot_be_selected_is_explained(
    manifest: Path, select: tuple[str, ...], every: int, complaint: str
) -> None:
    with pytest.raises(InvalidRequestError, match=complaint):
        find_clips(manifest, select, every)


def test_what_is_no_data_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="does not exist"):
        find_clips(tmp_path / "nothing")
    (tmp_path / "other.csv").write_text("name\nx.wav\n")
    with pytest.raises(InvalidRequestError, match="no column path or file"):
        find_clips(tmp_path / "other.csv")
