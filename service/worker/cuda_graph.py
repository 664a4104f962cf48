"""CUDA graphs: the launches of a step recorded once, and repeated as one."""

from collections.abc import Callable

import torch

_WARM_UPS = 3
_KEPT_FREE_BYTES = 2 * 1024**3
"""For steps without a graph, and for the worker of the next version, which loads beside this one."""


class GraphRecorder:
    """Records graphs on one stream into one pool of memory, from which none takes more than the largest.

    Nothing that the recorded work leaves behind may live in the pool: the graphs run in any order, one at a
    time. Plans of Fourier transforms belong to torch, not to the graphs; it keeps the last 4096, so work must
    come in fewer shapes. Sources: torch's notes on CUDA semantics, sections on CUDA graphs and cuFFT plans.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)
        self._pool = torch.cuda.graph_pool_handle()

    @property
    def has_room(self) -> bool:
        """Whether the device has memory left for another graph."""
        free, _ = torch.cuda.mem_get_info(self._device)
        return free > _KEPT_FREE_BYTES

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """What repeats `work` on the current stream.

        Raises `RuntimeError` if it cannot be recorded, after which nothing else can: torch 2.11 does not give
        the pool up (pytorch #180395).
        """
        compute = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(compute)
        # Libraries make handles, plans and workspaces when they first run, which no graph can hold.
        with torch.cuda.stream(self._stream):
            for _ in range(_WARM_UPS):
                work()
        compute.wait_stream(self._stream)
        graph = torch.cuda.CUDAGraph()
        # Of a recording that failed, torch leaves its stream the current one.
        with (
            torch.cuda.stream(compute),
            torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"),
        ):
            work()
        return graph.replay
