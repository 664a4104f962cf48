"""The engine for accelerators: every step padded to one of few shapes, whose buffers and graphs are ready."""

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from codec.layers.state import reset_
from codec.quantizer import ABSENT
from codec.streaming import StreamingCodec
from service.ipc import Operation
from service.worker.cuda_graph import GraphRecorder
from service.worker.device import Placement, check_answers, open_device
from service.worker.mirror import Copies, Mirror
from service.worker.shapes import Shape, Shapes
from service.worker.step_runner import Buffers, Direction, StepRunner
from service.worker.torch_engine import geometry_of

_LOG = logging.getLogger(__name__)
_RECORDING_SECONDS = 60.0
"""Shapes whose turn has not come by then do without a graph: the supervisor waits only so long."""


class PaddedEngine:
    """`service.worker.engine.Engine` over a codec in steps that is on the device of `placement`.

    On CUDA, every shape of `Shapes.ready` is recorded as a graph as long as there are memory and time, if
    `with_graphs`; all others run launch by launch, in buffers that stay from the first such step on. On the
    CPU the same steps run in the same buffers.
    """

    def __init__(
        self, codec: StreamingCodec, rows: int, placement: Placement, *, with_graphs: bool = True
    ) -> None:
        self._device = open_device(placement.device)
        self._geometry = geometry_of(codec.config)
        # One row more, for the places of a step that nobody has.
        self._directions = {
            Operation.ENCODE: Direction(codec.encoder_state(rows + 1), codec.encode_step, 0),
            Operation.DECODE: Direction(
                codec.decoder_state(rows + 1), lambda codes, state, _: codec.decode_step(codes, state), ABSENT
            ),
        }
        self._shapes = {
            operation: Shapes.of(
                operation, self._geometry, rows, self._device.type, fixed=placement.is_fixed(operation)
            )
            for operation in Operation
        }
        self._copies = Copies(self._device)
        self._steps = Counter({"graph_steps": 0, "eager_steps": 0})
        self.runners = {
            (operation, shape): self._runner(operation, shape)
            for operation in Operation
            for shape in self._shapes[operation].ready
        }
        if with_graphs and self._device.type == "cuda":
            self._record()

    @property
    def max_rows(self) -> int:
        """Rows that step at once; more are stepped one shape after the other."""
        return min(shapes.widths[-1] for shapes in self._shapes.values())

    def counters(self) -> Mapping[str, int]:
        """Steps with and without a graph, and what torch holds of the device's memory."""
        if self._device.type == "cpu":
            return self._steps
        return {**self._steps, "device_memory_bytes": torch.cuda.memory_reserved(self._device)}

    @torch.inference_mode()
    def reset(self, operation: Operation, rows: Sequence[int]) -> None:
        """Make the state of the rows that of a fresh stream."""
        reset_(self._directions[operation].state, torch.tensor(rows, device=self._device))

    def encode(self, rows: Sequence[int], audio: NDArray[np.float32], n_q: int) -> NDArray[np.uint16]:
        """Audio `[row, sample, channel]`, whole frames, to codes `[row, frame, n_q]`."""
        hop, frames = self._geometry.hop_samples, audio.shape[1] // self._geometry.hop_samples
        codes = np.empty((len(rows), frames, n_q), np.uint16)
        for at, span in self._shapes[Operation.ENCODE].cuts(*codes.shape[:2]):
            piece = audio[at, span.start * hop : span.stop * hop]
            runner = self._runner_for(Operation.ENCODE, len(piece), span.stop - span.start, n_q)
            codes[at, span] = self._run(runner, rows[at], piece)[:, :, :n_q]
        return codes

    def decode(self, rows: Sequence[int], codes: NDArray[np.int64]) -> NDArray[np.float32]:
        """Codes `[row, frame, codebook]`, -1 = absent, to audio `[row, sample, channel]`, delay included."""
        hop, (count, frames, n_q) = self._geometry.hop_samples, codes.shape
        audio = np.empty((count, frames * hop, self._geometry.channels), np.float32)
        for at, span in self._shapes[Operation.DECODE].cuts(count, frames):
            piece = codes[at, span]
            runner = self._runner_for(Operation.DECODE, len(piece), span.stop - span.start, n_q)
            audio[at, span.start * hop : span.stop * hop] = self._run(runner, rows[at], piece)
        return audio

    def _run(
        self, runner: StepRunner, rows: Sequence[int], inputs: NDArray[np.generic]
    ) -> NDArray[np.generic]:
        self._steps["graph_steps" if runner.graph else "eager_steps"] += 1
        try:
            return runner.run(rows, inputs)
        except RuntimeError:
            # Whatever it was, no graph is trusted any more; the caller fails the sessions of this step.
            _LOG.exception("a step on the device failed; there will be no more graphs")
            for other in self.runners.values():
                other.graph = None
            check_answers(self._device)
            raise

    def _runner_for(self, operation: Operation, rows: int, frames: int, n_q: int) -> StepRunner:
        key = (operation, self._shapes[operation].for_step(rows, frames, n_q))
        if key not in self.runners:
            self.runners[key] = self._runner(*key)
        return self.runners[key]

    def _runner(self, operation: Operation, shape: Shape) -> StepRunner:
        geometry, width, frames = self._geometry, shape.width, shape.frames
        audio = Mirror((width, geometry.channels, frames * geometry.hop_samples), torch.float32, self._device)
        codes = Mirror((width, shape.n_q, frames), torch.int64, self._device)
        rows = Mirror((width,), torch.int64, self._device)
        pair = (audio, codes) if operation == Operation.ENCODE else (codes, audio)
        return StepRunner(self._directions[operation], shape.n_q, Buffers(*pair, rows), self._copies)

    @torch.inference_mode()
    def _record(self) -> None:
        """Make graphs, the largest shapes first, so that the others fit into the memory of those."""
        recorder, began, graphs = GraphRecorder(self._device), time.monotonic(), 0
        for (operation, shape), runner in sorted(self.runners.items(), key=_size, reverse=True):
            if not recorder.has_room or time.monotonic() - began > _RECORDING_SECONDS:
                break
            try:
                runner.graph = recorder.record(runner.work)
            except RuntimeError:
                _LOG.exception(
                    "a step cannot be recorded; this one and all smaller ones run without a graph",
                    extra={"operation": operation.name, "shape": str(shape)},
                )
                check_answers(self._device)
                break
            graphs += 1
        without, seconds = len(self.runners) - graphs, time.monotonic() - began
        _LOG.info("graphs recorded", extra={"graphs": graphs, "without": without, "seconds": seconds})


def _size(runner: tuple[tuple[Operation, Shape], StepRunner]) -> int:
    """Frames of all rows."""
    (_, shape), _ = runner
    return shape.width * shape.frames
