"""The folder of one published version: written once, complete before it has its name, checked when read."""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from codec.atomic import open_plain, sync_directory, sync_file
from codec.errors import RepositoryError
from codec.manifest import (
    MANIFEST_NAME,
    MAX_MANIFEST_BYTES,
    FileEntry,
    Manifest,
    ManifestDraft,
    content_digest,
    is_file_name,
    parse_manifest,
)

_DRAFT_PREFIX = ".incoming-"
_COPY_BYTES = 2**20


def write_version(versions: Path, number: int, source: Path, draft: ManifestDraft) -> Path:
    """Copy `source` into a new version folder under `versions`; returns its path.

    Everything is on the disk before the folder gets its name. Raises `RepositoryError` for files that cannot
    be part of a version, or none, or golden vectors that are not among them.
    """
    incoming = versions / f"{_DRAFT_PREFIX}{secrets.token_hex(6)}"
    incoming.mkdir()
    try:
        files = {name: _copy(source / name, incoming / name) for name in _file_names(source)}
        manifest = _complete(draft, number, files)
        # The manifest comes last: a folder with one has everything that it lists.
        (incoming / MANIFEST_NAME).write_text(manifest.to_json())
        sync_file(incoming / MANIFEST_NAME)
        for folder, _, _ in os.walk(incoming):
            sync_directory(Path(folder))
        published = versions / manifest.version
        incoming.rename(published)
    except BaseException:
        shutil.rmtree(incoming, ignore_errors=True)
        raise
    sync_directory(versions)
    return published


def remove_drafts(model: Path) -> None:
    """Delete what killed publishers left behind; only for the holder of the model's lock."""
    for version in (model / "versions").glob(f"{_DRAFT_PREFIX}*"):
        shutil.rmtree(version)
    for channel in (model / "channels").glob(".*.part"):
        channel.unlink()


def read_manifest(version: Path) -> Manifest:
    """The manifest of a version folder. Raises `RepositoryError` if it is missing or damaged."""
    path = version / MANIFEST_NAME
    try:
        with open_plain(path) as file:
            content = file.read(MAX_MANIFEST_BYTES + 1)
    except FileNotFoundError as error:
        raise RepositoryError(f"{version} has no manifest; publish the model again") from error
    if len(content) > MAX_MANIFEST_BYTES:
        raise RepositoryError(f"{path} is larger than {MAX_MANIFEST_BYTES} bytes; publish the model again")
    return parse_manifest(content, str(path))


def verify_files(version: Path, manifest: Manifest) -> None:
    """Raise `RepositoryError` unless the folder holds exactly the files of the manifest, unchanged."""
    present = set(_file_names(version)) - {MANIFEST_NAME}
    if missing := sorted(manifest.files.keys() - present):
        raise RepositoryError(f"{version} lacks {', '.join(missing)}; publish the model again")
    if extra := sorted(present - manifest.files.keys()):
        raise RepositoryError(f"{version} has unlisted files: {', '.join(extra)}; remove them")
    for name, expected in manifest.files.items():
        path = version / name
        if path.stat().st_size != expected.size_bytes or _measure(path) != expected:
            raise RepositoryError(f"{path} is not the published file (checksum); publish the model again")


def _complete(draft: ManifestDraft, number: int, files: dict[str, FileEntry]) -> Manifest:
    if not files:
        raise RepositoryError("there are no files to publish; give the folder that holds the model")
    try:
        return Manifest(
            **{name: getattr(draft, name) for name in ManifestDraft.model_fields},
            version=f"{number}-{content_digest(draft, files)}",
            created=datetime.now(UTC).replace(microsecond=0),
            files=files,
        )
    except ValidationError as error:
        raise RepositoryError(f"the model cannot be published: {error}") from error


def _file_names(folder: Path) -> list[str]:
    """Relative names of all files under a folder, sorted. Raises `RepositoryError` for anything else."""
    names = []
    for path in _walk(folder):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not path.is_file() or not is_file_name(name):
            raise RepositoryError(
                f"{path} cannot be part of a version; only plain files are, with names of letters, digits, "
                "'.', '_' and '-' that do not start with '.'"
            )
        names.append(name)
    return sorted(names)


def _walk(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise RepositoryError(f"{folder} is no folder; give the one that holds the model's files")
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
        else:
            yield path


def _copy(source: Path, target: Path) -> FileEntry:
    """Copy a file to the disk and tell what was written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    sync_file(target)
    # Measured on the copy: the source may change while we work, the version may not.
    return _measure(target)


def _measure(path: Path) -> FileEntry:
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while chunk := file.read(_COPY_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return FileEntry(size_bytes=size, sha256=digest.hexdigest())
