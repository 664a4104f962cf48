"""The models of an evaluation: published ones, and training runs as they would be published."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from codec.checkpoint import WEIGHTS_FILE, LoadedCodec, open_codec
from codec.checks import check_n_q
from training.evaluation.coders.model_coder import ModelCoder
from training.publish import Publication, publish_run
from training.run_state import find_checkpoint, read_run


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A model that is evaluated.

    `name`: its rows in the tables; `reference`, `repository`: where every process finds it.
    """

    name: str
    version: str
    reference: str
    repository: Path
    loaded: LoadedCodec

    @property
    def weights_sha256(self) -> str:
        """Digest of the file of its weights, by which a report is known to be about them."""
        return self.loaded.manifest.files[WEIGHTS_FILE].sha256

    @property
    def codebooks(self) -> int:
        """How many there are."""
        return self.loaded.codec.config.quantizer.codebooks

    def coders(self, wanted: Sequence[int] | None) -> tuple[ModelCoder, ...]:
        """One coder for each n_q, by default 1, 2, 4 and so on and all codebooks.

        Raises `InvalidRequestError` for an n_q that it does not have.
        """
        doubling = [2**power for power in range(self.codebooks.bit_length())]
        n_qs = sorted({*wanted} if wanted else {*doubling, self.codebooks})
        for n_q in n_qs:
            check_n_q(n_q, self.loaded.codec.config.quantizer)
        return tuple(ModelCoder(self.name, self.reference, self.repository, n_q) for n_q in n_qs)

    def coders_beside(self, wanted: Sequence[int] | None) -> tuple[ModelCoder, ...]:
        """Likewise beside another model: all codebooks stand for those that it lacks."""
        return self.coders(wanted and sorted({min(n_q, self.codebooks) for n_q in wanted}))


@contextmanager
def open_candidates(references: Sequence[str], repository: Path) -> Iterator[tuple[Candidate, ...]]:
    """The models of `references`, with names that differ: what `open_codec` takes, or a run or checkpoint.

    A run is published to a folder of its own while the models are in use, so that what is measured is what
    would be shipped. Raises what `open_codec` and `publish_run` raise.
    """
    with tempfile.TemporaryDirectory(prefix="codecd-eval-") as folder:
        found: list[Candidate] = []
        for number, reference in enumerate(references):
            checkpoint = find_checkpoint(Path(reference))
            if checkpoint is None:
                candidate = _published(reference, repository)
            else:
                candidate = _unpublished(checkpoint, Path(folder) / str(number))
            if candidate.name in {other.name for other in found}:
                candidate = replace(candidate, name=f"{candidate.name} {number + 1}")
            found.append(candidate)
        yield tuple(found)


def _published(reference: str, repository: Path) -> Candidate:
    loaded = open_codec(reference, repository)
    identity = loaded.identity
    return Candidate(identity.model, identity.version, reference, repository, loaded)


def _unpublished(checkpoint: Path, repository: Path) -> Candidate:
    # Checkpoints have the same names in every run.
    name = re.sub(r"[^A-Za-z0-9_]+", "_", checkpoint.resolve().parent.name)[:48] or "run"
    publish_run(checkpoint, repository, Publication(name, "stable"))
    version = f"(run, step {read_run(checkpoint)['step']})"
    return Candidate(name, version, name, repository, open_codec(name, repository))
