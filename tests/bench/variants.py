"""A repository for hot-load tests: two models that differ a little, published in turn."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch

from codec.checkpoint import draft_manifest, load_codec, write_files
from codec.manifest import ManifestDraft
from codec.model import Codec
from codec.repository import Repository
from tests.bench.offline import Offline

_CHANGE = 0.02


@dataclass(frozen=True, slots=True)
class Variant:
    """Files ready to publish, and what to say of them."""

    folder: Path
    draft: ManifestDraft


class Variants:
    """A model of another repository, and the same with every weight changed by about 2 %.

    Codebooks stay as they are, so both have one token space and decode each other's codes; most codes of
    the same audio differ. A context manager over a temporary folder; `repository` starts with one version.
    """

    def __init__(self, source: Path, model: str) -> None:
        self.model = model
        self._source = Repository(source).resolve(model)
        self._folder = tempfile.TemporaryDirectory(prefix="codecd-bench-")
        self._root = Path(self._folder.name)
        self.repository = Repository(self._root / "models")
        self.published: dict[str, Offline] = {}
        self._variants: list[Variant] = []

    def __enter__(self) -> Self:
        for number in range(2):
            self._variants.append(self._make(number))
        self.publish()
        return self

    def __exit__(self, *error: object) -> None:
        self._folder.cleanup()

    def publish(self, channel: str = "stable") -> str:
        """Publish the next of the two as a new version, to a channel; the version's name."""
        variant = self._variants[len(self.published) % 2]
        version = self.repository.publish(self.model, variant.folder, variant.draft, channel)
        self.published[version.version] = Offline(load_codec(version.path), version.path)
        return version.version

    def _make(self, number: int) -> Variant:
        loaded = load_codec(self._source.path)
        assert isinstance(loaded.codec, Codec)
        generator = torch.Generator().manual_seed(number)
        if number:
            for network in (loaded.codec.encoder, loaded.codec.decoder):
                for weight in network.parameters():
                    weight.mul_(1 + _CHANGE * torch.randn(weight.shape, generator=generator))
        folder = self._root / f"variant{number}"
        write_files(loaded.codec, loaded.golden.audio, folder)
        return Variant(folder, draft_manifest(loaded.codec, self.model, f"variant {number}"))
