"""What is pushed is the version, byte for byte, and a card."""

from pathlib import Path

import pytest

from codec.errors import RepositoryError
from codec.hub.place import FolderPlace, HubPlace
from codec.hub.push import push
from codec.repository import VersionPath
from tests.codec.hub.stand_in import Hub


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_folder_gets_the_files_and_a_card(version: VersionPath, tmp_path: Path) -> None:
    push(version.path, FolderPlace(tmp_path / "out"))
    pushed = files(tmp_path / "out")
    card = pushed.pop("README.md")
    assert pushed == files(version.path)
    assert card.startswith(b"---\nlibrary_name: codecd\n")
    push(version.path, FolderPlace(tmp_path / "out"))
    assert files(tmp_path / "out") == {**pushed, "README.md": card}


def test_a_hub_gets_the_same_in_a_private_repository(version: VersionPath, hub: Hub, tmp_path: Path) -> None:
    push(version.path, FolderPlace(tmp_path / "out"))
    push(version.path, HubPlace("team/tiny", "next"))
    assert hub.branches[("team/tiny", "next")] == files(tmp_path / "out")
    assert hub.private == {"team/tiny": True}
    push(version.path, HubPlace("team/open"), public=True)
    assert hub.private["team/open"] is False


def test_a_refusal_says_what_to_do(version: VersionPath, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(RepositoryError, match=r"does not take team/tiny: .*401.*HF_TOKEN"):
        push(version.path, HubPlace("team/tiny"))
    assert not hub.branches
