"""A version to a place: its files as they are, and a card."""

import shutil
import tempfile
from pathlib import Path

from codec.atomic import replacing
from codec.errors import RepositoryError
from codec.hub.card import CARD_FILE, write_card
from codec.hub.place import FolderPlace, HubPlace, require_hub
from codec.manifest import MANIFEST_NAME, Manifest
from codec.version import read_manifest


def push(version: Path, place: FolderPlace | HubPlace, public: bool = False) -> None:
    """Put a version, whose digests were checked, where others can pull it; what was pulled last is replaced.

    A repository that is not on the hub yet is made there, private unless `public`. Raises `RepositoryError`
    if the hub refuses, and `OSError` if the folder cannot be written.
    """
    manifest = read_manifest(version)
    if isinstance(place, FolderPlace):
        _write(version, manifest, place.path)
        return
    with tempfile.TemporaryDirectory(prefix="codecd-push-") as name:
        _write(version, manifest, Path(name))
        _upload(Path(name), manifest, place, public)


def _write(version: Path, manifest: Manifest, folder: Path) -> None:
    # The manifest comes last: until then a folder has the old one, whose digests tell that files are newer.
    for name in [*manifest.files, MANIFEST_NAME]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with replacing(folder / name) as draft:
            shutil.copyfile(version / name, draft)
    write_card(version, manifest, folder / CARD_FILE)


def _upload(folder: Path, manifest: Manifest, place: HubPlace, public: bool) -> None:
    require_hub()
    from huggingface_hub import HfApi

    hub = HfApi(endpoint=place.endpoint)
    try:
        hub.create_repo(place.repository, private=not public, exist_ok=True)
        # One commit: whoever pulls sees all of it or nothing.
        hub.upload_folder(
            repo_id=place.repository,
            folder_path=folder,
            revision=place.revision,
            commit_message=f"{manifest.name} {manifest.version}",
        )
    except Exception as error:
        # The errors of its HTTP library, which is another one from version to version, have no common base.
        reason = " ".join(str(error).split())
        raise RepositoryError(
            f"the hub does not take {place.repository}: {reason}; does HF_TOKEN hold a token that may write?"
        ) from error
