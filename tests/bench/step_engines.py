"""The ways to run steps that are compared: of their own size, compact, fixed, with and without graphs."""

from dataclasses import dataclass

import torch

from codec.checkpoint import LoadedCodec
from service.worker.device import Placement, open_device
from service.worker.padded_engine import PaddedEngine
from service.worker.torch_engine import TorchEngine

MAX_ROWS = 64

StepEngine = TorchEngine | PaddedEngine


@dataclass(frozen=True, slots=True)
class Way:
    """A way to run steps; `placement` is None for steps of their own size, which only the CPU has."""

    name: str
    placement: Placement | None
    with_graphs: bool = False

    def engine(self, loaded: LoadedCodec, rows: int = MAX_ROWS) -> StepEngine:
        """An engine of the codec, which has to be on the device already."""
        assert loaded.stream is not None, "the script needs a model that streams"
        if self.placement is None:
            return TorchEngine(loaded.stream, rows)
        return PaddedEngine(loaded.stream, rows, self.placement, with_graphs=self.with_graphs)


def ways_on(device: str) -> list[Way]:
    """All that there are on a device."""
    compact, fixed = Placement(device, "compact"), Placement(device, "fixed")
    if device == "cpu":
        return [Way("own size", None), Way("compact", compact), Way("fixed", fixed)]
    return [
        Way("compact, graphs", compact, with_graphs=True),
        Way("compact, launches", compact),
        Way("fixed, graphs", fixed, with_graphs=True),
        Way("fixed, launches", fixed),
    ]


def moved(loaded: LoadedCodec, device: str) -> LoadedCodec:
    """The codec on the device, computing there as in a worker."""
    torch.set_num_threads(1)
    loaded.codec.to(open_device(device))
    return loaded
