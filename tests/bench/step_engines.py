"""The ways to run steps that are compared: of their own size, compact, fixed, with and without graphs."""

import copy
from dataclasses import dataclass, replace

import torch

from codec.checkpoint import LoadedCodec, stream_of
from service.config import DecodeDtype
from service.worker.device import Placement, open_device
from service.worker.padded_engine import PaddedEngine
from service.worker.torch_engine import TorchEngine

MAX_ROWS = 320
"""As many as a worker has unless it is told otherwise."""

StepEngine = TorchEngine | PaddedEngine


@dataclass(frozen=True, slots=True)
class Way:
    """A way to run steps; `placement` is None for steps of their own size, which only the CPU has."""

    name: str
    placement: Placement | None
    with_graphs: bool = False
    decode_dtype: DecodeDtype = "float32"

    def engine(self, loaded: LoadedCodec, rows: int = MAX_ROWS) -> StepEngine:
        """An engine of the codec, which has to be on the device already."""
        stream = lowered(loaded, self.decode_dtype).stream
        assert stream is not None, "the script needs a model that streams"
        if self.placement is None:
            return TorchEngine(stream, rows)
        return PaddedEngine(stream, rows, self.placement, with_graphs=self.with_graphs)


def ways_on(device: str) -> list[Way]:
    """All that there are on a device."""
    compact, fixed = Placement(device, "compact"), Placement(device, "fixed")
    if device == "cpu":
        ways = [Way("own size", None), Way("compact", compact), Way("fixed", fixed)]
    else:
        ways = [
            Way("compact, graphs", compact, with_graphs=True),
            Way("compact, launches", compact),
            Way("fixed, graphs", fixed, with_graphs=True),
            Way("fixed, launches", fixed),
        ]
    first = ways[0]
    return [*ways, replace(first, name=f"{first.name}, bfloat16", decode_dtype="bfloat16")]


def lowered(loaded: LoadedCodec, dtype: DecodeDtype) -> LoadedCodec:
    """The codec with a decoder of that type: a copy, or itself if that is what it has."""
    if dtype == "float32":
        return loaded
    codec = copy.deepcopy(loaded.codec)
    codec.decoder.to(getattr(torch, dtype))
    return replace(loaded, codec=codec, stream=stream_of(codec))


def moved(loaded: LoadedCodec, device: str) -> LoadedCodec:
    """The codec on the device, computing there as in a worker."""
    torch.set_num_threads(1)
    loaded.codec.to(open_device(device))
    return loaded
