"""A folder of published models: immutable versions, and channels that point at them.

    <root>/<model>/versions/<n>-<digest12>/   manifest.json and the files that it lists
    <root>/<model>/channels/<channel>.json    {"version": "<n>-<digest12>", "generation": 17}
    <root>/<model>/channels/<channel>.served  {"versions": ["<n>-<digest12>"], "generation": 17}
    <root>/<model>/.lock                      held by whoever publishes, moves a channel or notes what serves

Readers need no lock: a version appears by one rename, complete, and a channel file changes by another. What
a killed publisher leaves behind starts with a dot, is never read, and goes away with the next publish.
"""

import fcntl
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from codec.atomic import open_plain, replacing, sync_directory
from codec.errors import NotFoundError, RepositoryError
from codec.manifest import Manifest, ManifestDraft, VersionName, is_model_name, is_version_name
from codec.served import Served
from codec.version import read_manifest, remove_drafts, verify_files, write_version

DEFAULT_CHANNEL = "stable"

_CHANNEL = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_MAX_CHANNEL_BYTES = 4096
_SERVED = ".served"


class Channel(BaseModel):
    """Where a channel points: a version, and how often the channel has moved."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: VersionName
    generation: Annotated[int, Field(gt=0)]


@dataclass(frozen=True)
class VersionPath:
    """A version of a model, the folder that holds it, and the channel it was reached by, if any."""

    model: str
    version: str
    path: Path
    channel: str | None = None
    generation: int | None = None

    def manifest(self) -> Manifest:
        """Read the manifest. Raises `RepositoryError` if it is damaged or belongs elsewhere."""
        manifest = read_manifest(self.path)
        if (manifest.name, manifest.version) != (self.model, self.version):
            raise RepositoryError(
                f"{self.path} holds {manifest.name}@{manifest.version}; a version cannot be renamed, "
                "publish the model again"
            )
        return manifest


class Repository:
    """A model repository in the folder `root`, which `publish` makes if it is not there.

    Reading raises `NotFoundError` for what is absent and `RepositoryError` for names that are no names and
    for damaged channel files.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def models(self) -> tuple[str, ...]:
        """Names of the models that have a version, sorted."""
        if not self.root.is_dir():
            raise NotFoundError(
                f"there is no model repository at {self.root}; publish a model, or check the path"
            )
        names = sorted(entry.name for entry in self.root.iterdir() if is_model_name(entry.name))
        return tuple(name for name in names if _version_names(self.root / name))

    def versions(self, name: str) -> tuple[str, ...]:
        """Versions of a model, oldest first."""
        return _version_names(self._folder(name))

    def channels(self, name: str) -> dict[str, Channel]:
        """Channels of a model by name."""
        folder = self._folder(name) / "channels"
        stems = sorted(path.stem for path in folder.glob("*.json")) if folder.is_dir() else []
        return {stem: self.read_channel(name, stem) for stem in stems if _CHANNEL.fullmatch(stem)}

    def summary(self, name: str) -> dict[str, Any]:
        """A model as values for JSON: `name`, `versions`, and `channels`, a mapping of name to version."""
        channels = {channel: state.version for channel, state in self.channels(name).items()}
        return {"name": name, "versions": list(self.versions(name)), "channels": channels}

    def read_channel(self, name: str, channel: str) -> Channel:
        """Where a channel points now."""
        path = self._channel_path(name, channel)
        try:
            with open_plain(path) as file:
                return Channel.model_validate_json(file.read(_MAX_CHANNEL_BYTES))
        except FileNotFoundError:
            known = ", ".join(sorted(p.stem for p in path.parent.glob("*.json"))) or "none"
            raise NotFoundError(f"{name} has no channel {channel!r}; its channels: {known}") from None
        except ValidationError as error:
            raise RepositoryError(
                f"{path} is damaged; delete it and set the channel again: {error}"
            ) from error

    def resolve(self, ref: str) -> VersionPath:
        """The version that `name`, `name@channel` or `name@version` means; without either, `stable`."""
        name, at, target = ref.partition("@")
        if at and not target:
            raise RepositoryError(f"{ref!r} ends with @; write {name}, {name}@channel or {name}@version")
        if is_version_name(target):
            return self._version(name, target)
        channel = target or DEFAULT_CHANNEL
        state = self.read_channel(name, channel)
        found = self._version(name, state.version)
        return VersionPath(name, state.version, found.path, channel, state.generation)

    def publish(
        self, name: str, files_dir: Path, draft: ManifestDraft, channel: str = DEFAULT_CHANNEL
    ) -> VersionPath:
        """Copy the files of `files_dir` into a new version and point `channel` at it.

        The source must hold plain files with plain names and no `manifest.json`. Safe beside other
        publishers and readers; killed at any point, the channel still points at a whole version. Raises
        `RepositoryError` for bad names, files that cannot be published, or golden vectors that are not among
        them, and `OSError` if the repository cannot be written.
        """
        _check_names(name, channel)
        if draft.name != name:
            raise RepositoryError(f"the manifest is for {draft.name!r}, not {name!r}; publish under one name")
        folder = self.root / name
        for place in (self.root, folder, folder / "versions", folder / "channels"):
            place.mkdir(parents=True, exist_ok=True)
            sync_directory(place.parent)
        with _locked(folder):
            remove_drafts(folder)
            number = 1 + max((_number(version) for version in _version_names(folder)), default=0)
            path = write_version(folder / "versions", number, files_dir, draft)
            generation = self._move(name, channel, path.name)
        return VersionPath(name, path.name, path, channel, generation)

    def set_channel(self, name: str, channel: str, version: str) -> Channel:
        """Point a channel, old or new, at a published version: roll out, or roll back."""
        _check_names(name, channel)
        folder = self._folder(name)
        self._version(name, version)
        (folder / "channels").mkdir(exist_ok=True)
        with _locked(folder):
            return Channel(version=version, generation=self._move(name, channel, version))

    def read_served(self, name: str, channel: str) -> Served:
        """What services have noted as serving on a channel; nothing where none has."""
        path = self._channel_path(name, channel).with_suffix(_SERVED)
        try:
            with open_plain(path) as file:
                return Served.model_validate_json(file.read(_MAX_CHANNEL_BYTES))
        except FileNotFoundError:
            return Served()
        except ValidationError as error:
            raise RepositoryError(
                f"{path} is damaged; delete it, and promote where you would roll back: {error}"
            ) from error

    def note_served(self, name: str, channel: str, version: str, generation: int) -> None:
        """Note that `version` serves on a channel since its move `generation`; what is known already, or was
        overtaken, changes nothing.

        Raises `BlockingIOError` while others hold the lock, `OSError` if the repository cannot be written.
        """
        path = self._channel_path(name, channel).with_suffix(_SERVED)
        served = self.read_served(name, channel)
        if self._is_known(name, channel, served, generation):
            return
        with _locked(self._folder(name), wait=False):
            served = self.read_served(name, channel)
            if not self._is_known(name, channel, served, generation):
                with replacing(path) as draft:
                    draft.write_text(served.after(version, generation).model_dump_json() + "\n")

    def verify(self, version: VersionPath) -> Manifest:
        """Check every file of a version against its manifest, and return that.

        Raises `RepositoryError` that names a missing, changed or extra file: nothing but the listed files may
        lie in a version, since what nobody checked nobody should load.
        """
        manifest = version.manifest()
        verify_files(version.path, manifest)
        return manifest

    def _is_known(self, name: str, channel: str, served: Served, generation: int) -> bool:
        if generation > served.generation:
            return False
        # A channel that was deleted and set again counts its moves from the beginning.
        return served.generation <= self.read_channel(name, channel).generation

    def _move(self, name: str, channel: str, version: str) -> int:
        path = self._channel_path(name, channel)
        generation = 1 + (self.read_channel(name, channel).generation if path.exists() else 0)
        with replacing(path) as draft:
            draft.write_text(json.dumps({"version": version, "generation": generation}) + "\n")
        return generation

    def _folder(self, name: str) -> Path:
        if not is_model_name(name):
            raise RepositoryError(f"{name!r} is no model name; use letters, digits, '.', '_' and '-'")
        folder = self.root / name
        if not folder.is_dir():
            known = ", ".join(self.models()) or "none"
            raise NotFoundError(f"there is no model {name!r} in {self.root}; models: {known}")
        return folder

    def _channel_path(self, name: str, channel: str) -> Path:
        _check_names(name, channel)
        return self._folder(name) / "channels" / f"{channel}.json"

    def _version(self, name: str, version: str) -> VersionPath:
        folder = self._folder(name)
        if version not in _version_names(folder):
            known = ", ".join(_version_names(folder)) or "none"
            raise NotFoundError(f"{name} has no version {version!r}; versions: {known}")
        return VersionPath(name, version, folder / "versions" / version)


def find_version(reference: str, root: Path) -> Path:
    """The folder that `name`, `name@channel`, `name@version` or a version's folder means, digests checked.

    Names are those of the repository at `root`. Raises `NotFoundError` and `RepositoryError` as it does.
    """
    if "/" in reference or Path(reference).is_dir():
        folder = Path(reference)
        verify_files(folder, read_manifest(folder))
        return folder
    repository = Repository(root)
    version = repository.resolve(reference)
    repository.verify(version)
    return version.path


def _version_names(folder: Path) -> tuple[str, ...]:
    versions = folder / "versions"
    if not versions.is_dir():
        return ()
    names = [entry.name for entry in versions.iterdir() if is_version_name(entry.name)]
    return tuple(sorted(names, key=lambda name: (_number(name), name)))


def _number(version: str) -> int:
    return int(version.partition("-")[0])


def _check_names(name: str, channel: str) -> None:
    if not is_model_name(name):
        raise RepositoryError(f"{name!r} is no model name; use letters, digits, '.', '_' and '-'")
    if not _CHANNEL.fullmatch(channel):
        raise RepositoryError(f"{channel!r} is no channel name; use lower-case letters, digits, '_' and '-'")


@contextmanager
def _locked(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the model's lock; the system releases it when the process ends, however it ends.

    Raises `BlockingIOError` if others hold it and there is to be no wait.
    """
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
