import json
from pathlib import Path

import pytest

from codec.errors import RepositoryError
from codec.manifest import MAX_MANIFEST_BYTES
from codec.version import read_manifest, verify_files, write_version
from tests.codec.published import make_draft, make_files


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """A version folder as it is published."""
    (tmp_path / "versions").mkdir()
    return write_version(tmp_path / "versions", 7, make_files(tmp_path / "source"), make_draft())


def test_a_version_holds_what_was_given(version: Path) -> None:
    manifest = read_manifest(version)
    assert version.name == manifest.version
    assert manifest.version.startswith("7-")
    assert set(manifest.files) == {"config.yaml", "golden/codes.npy", "golden/input.wav", "model.safetensors"}
    assert manifest.files["model.safetensors"].size_bytes == 7
    verify_files(version, manifest)


@pytest.mark.parametrize("name", ["model.safetensors", "golden/codes.npy"])
def test_a_changed_file_is_found(version: Path, name: str) -> None:
    content = bytearray((version / name).read_bytes())
    content[0] ^= 1
    (version / name).write_bytes(content)
    with pytest.raises(RepositoryError, match=f"{name} is not the published file"):
        verify_files(version, read_manifest(version))


@pytest.mark.parametrize("content", [b"", b"weight", b"weights!"])
def test_a_file_of_another_size_is_found(version: Path, content: bytes) -> None:
    (version / "model.safetensors").write_bytes(content)
    with pytest.raises(RepositoryError, match="not the published file"):
        verify_files(version, read_manifest(version))


def test_a_missing_file_is_found(version: Path) -> None:
    (version / "config.yaml").unlink()
    with pytest.raises(RepositoryError, match=r"lacks config\.yaml"):
        verify_files(version, read_manifest(version))


def test_an_extra_file_is_found(version: Path) -> None:
    (version / "golden" / "more.npy").write_bytes(b"x")
    with pytest.raises(RepositoryError, match=r"unlisted files: golden/more\.npy"):
        verify_files(version, read_manifest(version))


def test_a_link_in_place_of_a_file_is_found(version: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"weights")
    (version / "model.safetensors").unlink()
    (version / "model.safetensors").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RepositoryError, match="only plain files"):
        verify_files(version, read_manifest(version))


def test_a_missing_or_huge_manifest_is_refused(version: Path) -> None:
    (version / "manifest.json").write_bytes(b" " * (MAX_MANIFEST_BYTES + 1))
    with pytest.raises(RepositoryError, match="larger than"):
        read_manifest(version)
    (version / "manifest.json").unlink()
    with pytest.raises(RepositoryError, match="no manifest"):
        read_manifest(version)


def test_a_changed_manifest_is_found(version: Path) -> None:
    path = version / "manifest.json"
    facts = json.loads(path.read_text())
    facts["delay_samples"] = 0
    path.write_text(json.dumps(facts))
    with pytest.raises(RepositoryError, match="digest"):
        read_manifest(version)


def assert_refused(tmp_path: Path, source: Path, message: str) -> None:
    versions = tmp_path / "versions"
    versions.mkdir(exist_ok=True)
    with pytest.raises(RepositoryError, match=message):
        write_version(versions, 1, source, make_draft())
    assert list(versions.iterdir()) == []


def test_sources_that_cannot_be_published_leave_nothing_behind(tmp_path: Path) -> None:
    source = make_files(tmp_path / "source")
    (source / ".DS_Store").write_bytes(b"")
    assert_refused(tmp_path, source, "cannot be part of a version")
    (source / ".DS_Store").unlink()
    (source / "golden" / "link").symlink_to(source)
    assert_refused(tmp_path, source, "cannot be part of a version")
    (source / "golden" / "link").unlink()
    (source / "manifest.json").write_text("{}")
    assert_refused(tmp_path, source, "cannot list itself")
    (source / "manifest.json").unlink()
    (source / "golden" / "input.wav").unlink()
    assert_refused(tmp_path, source, "golden/input.wav are not among the files")
    assert_refused(tmp_path, tmp_path / "absent", "is no folder")
    (tmp_path / "empty").mkdir()
    assert_refused(tmp_path, tmp_path / "empty", "no files to publish")
