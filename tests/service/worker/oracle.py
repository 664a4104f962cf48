"""A small engine whose every output is a checksum of all that its row was given since its reset.

Any leak between rows, lost reset, repetition or change of order gives other codes, so whole schedules
can be checked against `reference_codes` and `reference_audio`, which see one session alone.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from service.ipc import Operation
from service.worker.cost import CostModel
from service.worker.engine import Geometry

GEOMETRY = Geometry(
    sample_rate=200, channels=1, hop_samples=4, delay_samples=6, codebooks=3, codebook_size=1024
)


def costs(
    fixed: float = 0.001, per_frame: float = 0.002, per_code: float = 0.0, step_frame: float = 0.0
) -> dict[Operation, CostModel]:
    """The same cost model for either operation."""
    return {operation: CostModel(fixed, per_frame, per_code, step_frame) for operation in Operation}


def _codes_of(checksum: int) -> list[int]:
    return [(checksum >> (5 * codebook)) & 1023 for codebook in range(GEOMETRY.codebooks)]


def _audio_of(checksum: int) -> list[float]:
    return [((checksum >> (7 * sample)) & 255) / 256 for sample in range(GEOMETRY.hop_samples)]


class OracleEngine:
    """An `Engine`; `on_step` is called before each step with the number of rows and of frames."""

    def __init__(self, rows: int, on_step: Callable[[int, int], None]) -> None:
        self.widths: list[int] = []
        # Not zero: a row that is stepped without a reset gives itself away.
        self._checksums = {operation: [0xDEAD + row for row in range(rows)] for operation in Operation}
        self.on_step = on_step

    def counters(self) -> Mapping[str, int]:
        """Nothing to tell."""
        return {}

    def reset(self, operation: Operation, rows: Sequence[int]) -> None:
        """Forget all that the rows were given."""
        for row in rows:
            self._checksums[operation][row] = 0

    def encode(self, rows: Sequence[int], audio: NDArray[np.float32], n_q: int) -> NDArray[np.uint16]:
        """See `Engine`."""
        frames = audio.shape[1] // GEOMETRY.hop_samples
        self._begin(rows, frames)
        codes = np.empty((len(rows), frames, n_q), np.uint16)
        for item, row in enumerate(rows):
            for frame in range(frames):
                hop = audio[item, frame * GEOMETRY.hop_samples : (frame + 1) * GEOMETRY.hop_samples]
                codes[item, frame] = _codes_of(self._next(Operation.ENCODE, row, hop))[:n_q]
        return codes

    def decode(self, rows: Sequence[int], codes: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Engine`."""
        self._begin(rows, codes.shape[1])
        audio = np.empty((len(rows), codes.shape[1], GEOMETRY.hop_samples), np.float32)
        for item, row in enumerate(rows):
            for frame, present in enumerate(codes[item]):
                audio[item, frame] = _audio_of(self._next(Operation.DECODE, row, present[present >= 0]))
        return audio.reshape(len(rows), -1, 1)

    def _begin(self, rows: Sequence[int], frames: int) -> None:
        if len(set(rows)) != len(rows):
            raise AssertionError(f"a row twice in one step: {rows}")
        self.widths.append(len(rows))
        self.on_step(len(rows), frames)

    def _next(self, operation: Operation, row: int, items: NDArray[np.generic]) -> int:
        checksums = self._checksums[operation]
        checksums[row] = zlib.crc32(items.tobytes(), checksums[row])
        return checksums[row]


def reference_codes(samples: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Codes `[frame, codebook]` of all whole frames of one session's samples."""
    checksum = 0
    codes = []
    for frame in samples[: len(samples) // GEOMETRY.hop_samples * GEOMETRY.hop_samples].reshape(
        -1, GEOMETRY.hop_samples
    ):
        checksum = zlib.crc32(frame.tobytes(), checksum)
        codes.append(_codes_of(checksum))
    return np.array(codes, np.uint16).reshape(-1, GEOMETRY.codebooks)


def flushed(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Samples with the zeros that a flush adds."""
    if not len(samples):
        return samples
    frames = -(-(len(samples) + GEOMETRY.delay_samples) // GEOMETRY.hop_samples)
    return np.pad(samples, (0, frames * GEOMETRY.hop_samples - len(samples)))


def reference_audio(frames: Sequence[NDArray[np.uint16]]) -> NDArray[np.float32]:
    """Samples, the delay dropped, of one session's frames of codes."""
    checksum = 0
    audio: list[float] = []
    for codes in frames:
        checksum = zlib.crc32(codes.astype(np.int64).tobytes(), checksum)
        audio.extend(_audio_of(checksum))
    return np.array(audio[GEOMETRY.delay_samples :], np.float32)
