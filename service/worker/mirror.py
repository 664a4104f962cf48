"""Tensors that are on the device and, page-locked, on the host: what goes into a step, and what comes out."""

from collections.abc import Sequence

import torch


class Mirror:
    """A tensor on the device, and the same in memory of the host; on the CPU they are one.

    `array`: the host's side, to be filled before `Copies.send` and read after `Copies.fetch`.
    """

    def __init__(self, shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> None:
        self.tensor = torch.zeros(shape, dtype=dtype, device=device)
        # Page-locked, or copies would neither be asynchronous nor fast.
        self.host = self.tensor if device.type == "cpu" else torch.zeros(shape, dtype=dtype, pin_memory=True)
        self.array = self.host.numpy()


class Copies:
    """Copies between both sides, on a stream beside the one that computes; nothing to do on the CPU."""

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def send(self, *mirrors: Mirror) -> None:
        """Host to device, before whatever is launched next; the host's side is in use until `fetch`."""
        if self._stream is None:
            return
        compute = torch.cuda.current_stream(self._stream.device)
        # Fresh tensors are filled with zeros on the stream that computes.
        self._stream.wait_stream(compute)
        with torch.cuda.stream(self._stream):
            for mirror in mirrors:
                mirror.tensor.copy_(mirror.host, non_blocking=True)
        compute.wait_stream(self._stream)

    def fetch(self, mirror: Mirror) -> None:
        """Device to host, after all that was launched; returns when it is there."""
        if self._stream is None:
            return
        self._stream.wait_stream(torch.cuda.current_stream(self._stream.device))
        with torch.cuda.stream(self._stream):
            mirror.host.copy_(mirror.tensor, non_blocking=True)
        self._stream.synchronize()
