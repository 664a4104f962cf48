"""Several processes that train one model (`torchrun`): each hears its share of every batch.

N ranks compute what one does on the same batch, up to the order of sums. Not by DistributedDataParallel: a
step has two backward passes, the balancer asks for gradients in between, most of a codec runs outside
`forward`, and n_q decides which parameters a step reaches. One sum of all gradients per backward pass is
exact for all of these.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, distributed, nn

from codec.errors import ConfigError
from codec.factorised_quantizer import FactorisedQuantizer
from codec.quantizer import Quantized, ResidualQuantizer


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among `count`, and the device that it computes on."""

    rank: int = 0
    count: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def first(self) -> bool:
        """Whether this is the rank that writes files and shows progress."""
        return self.rank == 0

    @property
    def rows(self) -> slice:
        """The rows of a batch that are this rank's: every n-th, so that its first ones are everybody's."""
        return slice(self.rank, None, self.count)

    def mean(self, value: Tensor) -> Tensor:
        """Mean of a tensor over the ranks, without gradient."""
        if self.count == 1:
            return value.detach()
        total = value.detach().clone()
        distributed.all_reduce(total)
        return total / self.count

    def means(self, values: dict[str, float]) -> dict[str, float]:
        """Mean of each number over the ranks; all must have the same names."""
        if self.count == 1:
            return values
        numbers = torch.tensor(list(values.values()), dtype=torch.float64, device=self.device)
        return dict(zip(values, self.mean(numbers).tolist(), strict=True))

    def any(self, flag: bool) -> bool:
        """Whether it is true on any rank."""
        return self.means({"flag": float(flag)})["flag"] > 0

    def gather(self, share: Tensor) -> Tensor:
        """The rows of all ranks in the order of the batch, without gradient."""
        if self.count == 1:
            return share.detach()
        shares = [torch.empty_like(share) for _ in range(self.count)]
        distributed.all_gather(shares, share.detach().contiguous())
        return torch.stack(shares, dim=1).flatten(0, 1)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its mean over the ranks.

        One that no rank has stays absent, so that optimisers pass the parameter over.
        """
        if self.count == 1:
            return
        learning = [parameter for parameter in parameters if parameter.requires_grad]
        present = torch.tensor([p.grad is not None for p in learning], dtype=torch.float32)
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in learning]
        flat = torch.cat([present.to(self.device), *(gradient.flatten() for gradient in gradients)])
        flat = self.mean(flat)
        present, flat = flat[: len(learning)].cpu(), flat[len(learning) :]
        parts = flat.split([parameter.numel() for parameter in learning])
        for parameter, share, part in zip(learning, present, parts, strict=True):
            parameter.grad = part.view_as(parameter) if share > 0 else None


ALONE = Ranks()


class SharedQuantizer(nn.Module):
    """A quantizer that sees the latents of all ranks.

    So codebooks learn from the whole batch, identically everywhere, without a word about their statistics;
    and losses that divide by the items in use divide by all of them.
    """

    def __init__(self, quantizer: ResidualQuantizer | FactorisedQuantizer, ranks: Ranks) -> None:
        super().__init__()
        self.quantizer = quantizer
        self._ranks = ranks

    def forward(self, vectors: Tensor, n_q: Tensor) -> Quantized:
        """`vectors` are of this rank's rows, all else of the whole batch."""
        own: Quantized = self.quantizer(vectors, n_q)
        every = self._ranks.gather(vectors)
        if vectors.requires_grad:
            # Gradients are averaged later, and this loss reaches these rows on this rank only.
            rows = vectors.view_as(vectors)
            rows.register_hook(lambda gradient: gradient * self._ranks.count)
            every = every.unflatten(0, (-1, self._ranks.count))
            shares = [
                rows if rank == self._ranks.rank else every[:, rank] for rank in range(self._ranks.count)
            ]
            every = torch.stack(shares, dim=1).flatten(0, 1)
        of_all: Quantized = self.quantizer(every, self._ranks.gather(n_q))
        return Quantized(own.vectors, of_all.codes, of_all.residuals, of_all.commitment, of_all.codebook_loss)


@contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """This process among those that `torchrun` started, or alone; `device`: "cpu", "cuda", or "auto".

    Raises `ConfigError` for CUDA where there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is cuda, and this machine has none that torch can use; use device=auto")
    name = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    if name == "cuda":
        # The rounding of TF32 would decide codes.
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Ranks(device=torch.device(name))
        return
    local = int(os.environ["LOCAL_RANK"])
    place = torch.device(name, local) if name == "cuda" else torch.device(name)
    if name == "cuda":
        torch.cuda.set_device(place)
    distributed.init_process_group("nccl" if name == "cuda" else "gloo")
    try:
        yield Ranks(distributed.get_rank(), count, place)
    finally:
        distributed.destroy_process_group()
