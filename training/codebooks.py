"""How codebooks learn: k-means start, exponential moving average, revival of dead entries.

The statistics live here, not in the model: a published model holds only the entries themselves.
"""

import torch
from torch import Tensor
from torch.nn import functional

from codec.kmeans import kmeans
from codec.quantizer import ABSENT, Quantized, ResidualQuantizer
from training.recipe import CodebookConfig


class CodebookLearner:
    """Running counts and sums per entry; an entry is its sum over its count.

    `counts`: `[codebook, entry]`, vectors per step that an entry won lately; `sums`: `[codebook, entry,
    dimension]`, those vectors added up.
    """

    def __init__(self, quantizer: ResidualQuantizer, config: CodebookConfig) -> None:
        self.quantizer = quantizer
        self.config = config
        self.counts = quantizer.codebooks.new_zeros(quantizer.codebooks.shape[:2])
        self.sums = torch.zeros_like(quantizer.codebooks)

    @property
    def started(self) -> bool:
        """Whether the codebooks have been set; before, every entry is zero."""
        return bool(self.counts.any())

    @torch.no_grad()
    def start(self, vectors: Tensor, frames_per_step: int, generator: torch.Generator) -> None:
        """Set every codebook by k-means on what the ones before leave of `vectors` `[row, dimension]`."""
        residual = vectors
        for stage in range(self.quantizer.config.codebooks):
            centroids, counts = kmeans(
                residual, self.quantizer.config.codebook_size, self.config.kmeans_iterations, generator
            )
            self.counts[stage] = counts * (frames_per_step / len(vectors))
            self.counts[stage].clamp_min_(1e-3)
            self.sums[stage] = centroids * self.counts[stage].unsqueeze(1)
            self.quantizer.codebooks[stage] = centroids
            nearest = self.quantizer.search(residual, stage)
            residual = residual - functional.embedding(nearest, centroids)

    @torch.no_grad()
    def adopt(self, frames_per_step: int) -> None:
        """Go on from the quantizer's entries, as if `frames_per_step` vectors had used all of them alike."""
        self.counts.fill_(frames_per_step / self.quantizer.config.codebook_size)
        self.sums.copy_(self.quantizer.codebooks * self.counts.unsqueeze(-1))

    @torch.no_grad()
    def update(self, quantized: Quantized, generator: torch.Generator) -> int:
        """Move the entries after one step; returns how many dead ones were revived.

        Call it once per step. A revived entry takes a vector of the batch and restarts its count and sum
        with it, so the next update keeps it (the reference resets neither, and undoes its revival).
        """
        revived = 0
        decay = self.config.decay
        for stage in range(quantized.codes.shape[1]):
            codes = quantized.codes[:, stage].flatten()
            used = codes != ABSENT
            vectors = quantized.residuals[stage].flatten(0, 1)[used]
            codes = codes[used]
            counts, sums = self.counts[stage], self.sums[stage]
            counts.mul_(decay).index_add_(0, codes, torch.full_like(vectors[:, 0], 1 - decay))
            sums.mul_(decay).index_add_(0, codes, vectors * (1 - decay))
            revived += self._revive(stage, vectors, generator)
            self.quantizer.codebooks[stage] = sums / counts.unsqueeze(1)
        return revived

    def _revive(self, stage: int, vectors: Tensor, generator: torch.Generator) -> int:
        counts = self.counts[stage]
        expected = float(counts.mean())
        dead = (counts < self.config.revival_share * expected).nonzero().flatten()[: len(vectors)]
        if len(dead) == 0:
            return 0
        chosen = vectors[torch.randperm(len(vectors), generator=generator)[: len(dead)]]
        counts[dead] = 0.5 * expected
        self.sums[stage][dead] = chosen * (0.5 * expected)
        return len(dead)

    def state_dict(self) -> dict[str, Tensor]:
        """Everything needed to go on."""
        return {"counts": self.counts, "sums": self.sums}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from `state_dict`."""
        self.counts.copy_(state["counts"])
        self.sums.copy_(state["sums"])
