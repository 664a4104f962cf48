"""Places by their names, and files from them within bounds."""

from pathlib import Path

import pytest

from codec.errors import InvalidRequestError, NotFoundError, RepositoryError
from codec.hub.place import FolderPlace, HubPlace, place_of, require_hub
from tests.codec.hub.stand_in import Hub


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("hf://team/tiny", HubPlace("team/tiny", "main")),
        ("hf://team/tiny@refs/pr/1", HubPlace("team/tiny", "refs/pr/1")),
        ("file:///a%20b/c", FolderPlace(Path("/a b/c"))),
        ("models/x", FolderPlace(Path("models/x"))),
    ],
)
def test_names_of_places(text: str, place: FolderPlace | HubPlace) -> None:
    assert place_of(text) == place


@pytest.mark.parametrize("text", ["hf://team", "hf://team/../x", "hf://a/b@", "hf://a/b/c", "file://host/x"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        place_of(text)


def test_a_folder_gives_at_most_so_many_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    FolderPlace(tmp_path).fetch("a", tmp_path / "deep" / "b", 5)
    assert (tmp_path / "deep" / "b").read_bytes() == b"12345"
    with pytest.raises(RepositoryError, match="a is larger than the 4 bytes"):
        FolderPlace(tmp_path).fetch("a", tmp_path / "c", 4)
    with pytest.raises(NotFoundError, match="has no b; name a folder"):
        FolderPlace(tmp_path).fetch("b", tmp_path / "c", 4)


def test_a_hub_gives_at_most_so_many_bytes(hub: Hub, tmp_path: Path) -> None:
    hub.branches[("team/tiny", "main")] = {"small.json": b"12345", "large.npy": b"1234567"}
    HubPlace("team/tiny").fetch("large.npy", tmp_path / "a", 7)
    assert (tmp_path / "a").read_bytes() == b"1234567"
    with pytest.raises(RepositoryError, match=r"small\.json is larger than the 4 bytes"):
        HubPlace("team/tiny").fetch("small.json", tmp_path / "b", 4)
    with pytest.raises(NotFoundError, match="team/tiny has no x at main"):
        HubPlace("team/tiny").fetch("x", tmp_path / "c", 4)


def test_a_hub_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(RepositoryError, match="x of team/tiny cannot be had"):
        HubPlace("team/tiny").fetch("x", tmp_path / "c", 4)


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InvalidRequestError, match=r"pip install 'codecd\[hub\]'"):
        require_hub()
