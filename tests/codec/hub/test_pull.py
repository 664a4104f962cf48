"""What is pulled is what was published, or nothing changes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from codec.errors import NotFoundError, RepositoryError
from codec.hub import pull as module
from codec.hub.place import FolderPlace, HubPlace
from codec.hub.pull import fetched, pull
from codec.hub.push import push
from codec.manifest import MANIFEST_NAME, ManifestDraft
from codec.repository import Repository, VersionPath
from tests.codec.hub.stand_in import Hub
from tests.codec.hub.test_push import files

pytestmark = pytest.mark.usefixtures("single_thread")


def changed(version: VersionPath, root: Path, name: str, content: bytes) -> FolderPlace:
    """The version as somebody would publish it with one file changed or added, every digest right."""
    folder = root / "files"
    for path, own in {**files(version.path), name: content}.items():
        if path != MANIFEST_NAME:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(own)
    manifest = version.manifest()
    draft = ManifestDraft(**{key: getattr(manifest, key) for key in ManifestDraft.model_fields})
    push(Repository(root / "other").publish(manifest.name, folder, draft).path, FolderPlace(root / "pushed"))
    return FolderPlace(root / "pushed")


def test_a_folder_there_and_back(version: VersionPath, tmp_path: Path) -> None:
    place = FolderPlace(tmp_path / "pushed")
    push(version.path, place)
    repository = Repository(tmp_path / "models")
    found = pull(place, repository, "stable")
    assert found.version == f"1-{version.version.partition('-')[2]}"
    theirs, ours = files(found.path), files(version.path)
    assert {n: c for n, c in theirs.items() if n != MANIFEST_NAME} == {
        n: c for n, c in ours.items() if n != MANIFEST_NAME
    }
    assert repository.verify(found).token_space == version.manifest().token_space
    again = pull(place, repository, "canary")
    assert (again.version, again.channel) == (found.version, "canary")
    assert repository.versions("tiny") == (found.version,)


def test_a_hub_there_and_back_reads_only_what_the_manifest_lists(
    version: VersionPath, hub: Hub, tmp_path: Path
) -> None:
    push(version.path, HubPlace("team/tiny", "next"))
    hub.branches[("team/tiny", "next")]["setup.py"] = b"raise SystemExit"
    found = pull(HubPlace("team/tiny", "next"), Repository(tmp_path / "models"), "stable")
    assert found.version.partition("-")[2] == version.version.partition("-")[2]
    assert sorted(hub.fetched) == sorted([MANIFEST_NAME, *version.manifest().files])


def test_a_private_repository_needs_a_token(
    version: VersionPath, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(version.path, HubPlace("team/tiny"))
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(RepositoryError, match=r"401 for manifest\.json of team/tiny; set HF_TOKEN"):
        pull(HubPlace("team/tiny"), Repository(tmp_path / "models"), "stable")
    monkeypatch.undo()
    with pytest.raises(NotFoundError, match=r"has no manifest\.json"):
        pull(FolderPlace(tmp_path), Repository(tmp_path / "models"), "stable")
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "is not the published file"),
        (lambda content: content + b"x", r"model\.safetensors is larger than the \d+ bytes"),
        (lambda content: content[:-1], "is not the published file"),
    ],
)
def test_a_changed_file_is_refused(
    version: VersionPath, tmp_path: Path, change: Callable[[bytes], bytes], complaint: str
) -> None:
    push(version.path, FolderPlace(tmp_path / "pushed"))
    weights = tmp_path / "pushed" / "model.safetensors"
    weights.write_bytes(change(weights.read_bytes()))
    with pytest.raises(RepositoryError, match=complaint):
        pull(FolderPlace(tmp_path / "pushed"), Repository(tmp_path / "models"), "stable")
    assert not (tmp_path / "models").exists()


def test_codes_that_do_not_come_out_again_are_refused(version: VersionPath, tmp_path: Path) -> None:
    codes = np.load(version.path / "golden" / "codes.npy")
    np.save(tmp_path / "codes.npy", (codes + 1) % 64)
    place = changed(version, tmp_path, "golden/codes.npy", (tmp_path / "codes.npy").read_bytes())
    with pytest.raises(RepositoryError, match=r"% of the golden codes do not come out again"):
        pull(place, Repository(tmp_path / "models"), "stable")
    assert not (tmp_path / "models").exists()


def test_files_that_could_be_run_and_versions_too_large_are_refused(
    version: VersionPath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = changed(version, tmp_path, "extra/model.pkl", b"cos\nsystem\n")
    with pytest.raises(RepositoryError, match=r"extra/model\.pkl: such files are not pulled"), fetched(place):
        pass
    push(version.path, FolderPlace(tmp_path / "sound"))
    monkeypatch.setattr(module, "MAX_TOTAL_BYTES", 1000)
    with (
        pytest.raises(RepositoryError, match="at most 1000 are pulled"),
        fetched(FolderPlace(tmp_path / "sound")),
    ):
        pass
