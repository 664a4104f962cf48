"""Items have ids that are names everywhere, in an order that no file system decides, none twice."""

from pathlib import Path

import pytest

from codec.bulk.items import Item, digest_of, find_items
from codec.errors import InvalidRequestError


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_a_folder_gives_its_files_sorted_by_id(tmp_path: Path) -> None:
    touch(tmp_path, "b/z.wav", "b-a.flac", "a.v2.WAV", "notes.txt", "b/ä é.ogg")
    assert [item.id for item in find_items(tmp_path)] == ["a.v2", "b-a", "b/z", "b/ä é"]
    assert find_items(tmp_path)[0] == Item("a.v2", str(tmp_path / "a.v2.WAV"))


def test_a_list_gives_its_ids_or_those_of_its_paths(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,path\nz,/elsewhere/x.wav\n,deep/y.wav\n")
    assert find_items(tmp_path / "a.csv") == (
        Item("deep/y", str(tmp_path / "deep/y.wav")),
        Item("z", "/elsewhere/x.wav"),
    )


def test_the_digest_is_that_of_the_ids_wherever_the_files_lie(tmp_path: Path) -> None:
    here, there = (find_items(touch(tmp_path / name, "a.wav", "b.wav")) for name in ("x", "y"))
    assert here != there
    assert digest_of(here) == digest_of(there) != digest_of(here[:1])


@pytest.mark.parametrize("bad", ["../a", "/a", "a//b", "a/./b", "a\nb", "x" * 513, ".."])
def test_ids_that_are_no_names_are_refused(tmp_path: Path, bad: str) -> None:
    text = bad.replace("\n", "\\n")
    (tmp_path / "a.jsonl").write_text(f'{{"id": "{text}", "path": "x.wav"}}\n')
    with pytest.raises(InvalidRequestError, match="is no id"):
        find_items(tmp_path / "a.jsonl")


def test_twins_missing_and_empty_sources_are_refused(tmp_path: Path) -> None:
    touch(tmp_path / "twins", "a.wav", "a.flac", "b.wav", "b.ogg")
    (tmp_path / "empty").mkdir()
    (tmp_path / "out.csv").write_text("path\n/elsewhere/x.wav\n")
    for name, complaint in (
        ("twins", r"a\.flac and .*a\.wav would both be 'a' \(and 1 more\)"),
        ("empty", "names no recording"),
        ("nowhere", "does not exist"),
        ("out.csv", "has no id and lies elsewhere"),
    ):
        with pytest.raises(InvalidRequestError, match=complaint):
            find_items(tmp_path / name)
