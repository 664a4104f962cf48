"""Versions from a place into a repository: fetched within bounds, checked, then published."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from codec.checkpoint import LoadedCodec, load_codec
from codec.errors import RepositoryError
from codec.golden import golden_mismatch
from codec.hub.place import Place
from codec.manifest import MANIFEST_NAME, MAX_MANIFEST_BYTES, ManifestDraft
from codec.repository import Repository, VersionPath
from codec.version import read_manifest, verify_files

MAX_TOTAL_BYTES = 16 * 2**30

SUFFIXES = frozenset(
    (".safetensors", ".yaml", ".json", ".md", ".npy", ".flac", ".wav", ".png", ".svg", ".txt", ".csv")
)
"""Endings of files that are pulled: data only, nothing that could be run or unpickled."""


def pull(place: Place, repository: Repository, channel: str) -> VersionPath:
    """Pull a version, and point `channel` at it; content that is there already is not published again.

    Raises `RepositoryError` for what is damaged, too large, of another kind, or does not give the codes that
    it promises; the repository is then as it was.
    """
    with fetched(place) as (folder, loaded):
        manifest = loaded.manifest
        digest = manifest.version.partition("-")[2]
        present = repository.versions(manifest.name) if (repository.root / manifest.name).is_dir() else ()
        for version in present:
            if version.partition("-")[2] == digest:
                repository.set_channel(manifest.name, channel, version)
                return repository.resolve(f"{manifest.name}@{channel}")
        (folder / MANIFEST_NAME).unlink()
        draft = ManifestDraft(**{name: getattr(manifest, name) for name in ManifestDraft.model_fields})
        return repository.publish(manifest.name, folder, draft, channel)


@contextmanager
def fetched(place: Place) -> Iterator[tuple[Path, LoadedCodec]]:
    """A version of a place in a folder that goes away afterwards, and loaded, every check passed."""
    with tempfile.TemporaryDirectory(prefix="codecd-pull-") as name:
        folder = Path(name) / "version"
        folder.mkdir()
        _fetch(place, folder)
        loaded = load_codec(folder)
        golden = loaded.manifest.golden
        mismatch = golden_mismatch(loaded.codec, loaded.golden)
        if mismatch > (golden.tolerance if golden else 0.0):
            raise RepositoryError(f"{mismatch:.1%} of the golden codes do not come out again; pull another")
        yield folder, loaded


def _fetch(place: Place, folder: Path) -> None:
    place.fetch(MANIFEST_NAME, folder / MANIFEST_NAME, MAX_MANIFEST_BYTES)
    manifest = read_manifest(folder)
    odd = sorted(name for name in manifest.files if PurePosixPath(name).suffix not in SUFFIXES)
    if odd:
        raise RepositoryError(f"{', '.join(odd[:3])}: such files are not pulled; a model is data only")
    total = sum(entry.size_bytes for entry in manifest.files.values())
    if total > MAX_TOTAL_BYTES:
        raise RepositoryError(f"the version has {total} bytes; at most {MAX_TOTAL_BYTES} are pulled")
    for name, entry in manifest.files.items():
        place.fetch(name, folder / name, entry.size_bytes)
    verify_files(folder, manifest)
