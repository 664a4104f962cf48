"""LibriTTS (Zen et al. 2019) as `torchaudio.datasets` lists it: the source `libritts:ROOT:SUBSET`.

Only the list is torchaudio's. Its items decode audio by a package that CPU builds lack, and want transcripts.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from codec.errors import ConfigError

_PREFIX = "libritts:"


@dataclass(frozen=True, slots=True)
class LibriTts:
    """A subset, as `train-clean-100`, of the corpus that was unpacked in `root` (to `root/LibriTTS`)."""

    root: Path
    subset: str

    @classmethod
    def parse(cls, source: Path) -> Self | None:
        """What `libritts:ROOT:SUBSET` names, None for other sources. Raises `ConfigError` for half of it."""
        text = str(source)
        if not text.startswith(_PREFIX):
            return None
        root, _, subset = text.removeprefix(_PREFIX).rpartition(":")
        if not root or not subset:
            raise ConfigError(f"{text!r} is no subset of LibriTTS; write libritts:FOLDER:train-clean-100")
        return cls(Path(root), subset)

    @property
    def folder(self) -> Path:
        """Where its speakers' folders lie."""
        return self.root / "LibriTTS" / self.subset

    def files(self) -> list[Path]:
        """Its utterances, in torchaudio's order. Raises `ConfigError` if the corpus is not there."""
        # Imported here: it takes seconds, and other sources need none of it.
        from torchaudio.datasets import LIBRITTS

        try:
            dataset = LIBRITTS(self.root, self.subset, download=False)
        except RuntimeError as error:
            raise ConfigError(
                f"there is no {self.folder}; unpack {self.subset}.tar.gz of LibriTTS (openslr.org/60) in "
                f"{self.root}, or correct the subset's name"
            ) from error
        # The class tells the names of utterances in no public way but with their audio, decoded.
        names: list[str] = dataset._walker
        return [self.folder.joinpath(*name.split("_")[:2], f"{name}.wav") for name in names]
