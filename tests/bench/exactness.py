"""Stream = offline: codes of live streams, cut at random and stepped together, against whole-item coding.

    python -m tests.bench.exactness --minutes 30

The speech is cut into recordings of 10 s to 3 min. A fixed number of slots take one recording after the
other, so streams of different age share steps. Input arrives in messages of random length; a step takes
any frames that are there, of all streams that have as many. The same is done with the codes for decoding.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from codec.checkpoint import open_codec
from codec.encoded import Encoded
from codec.model import Codec
from codec.weights import AnyCodec
from service.ipc import Operation
from service.worker.engine import Engine
from service.worker.torch_engine import TorchEngine
from tests.bench.options import make_parser
from tests.bench.speech import RATE, as_float, train_speech
from tests.bench.tables import show, table

_RECORDING_SECONDS = (10.0, 180.0)
_MESSAGE_SAMPLES = (1, 32_000)
_MOST_FRAMES_PER_STEP = 100
_ARRIVAL_CHANCE = 0.6

COLUMNS = ("direction", "minutes", "recordings", "steps", "rows per step", "frames per step", "result")

Step = Callable[[list[int], list[NDArray[np.generic]]], Sequence[NDArray[np.generic]]]


@dataclass(slots=True)
class _Slot:
    """A stream in progress: `arrived` input items of the recording, `done` frames of it."""

    recording: int
    n_frames: int
    arrived: int = 0
    done: int = 0


@dataclass(frozen=True, slots=True)
class Direction:
    """What flows: recordings `[item, ...]`, `items_per_frame` of them per frame, and how to step."""

    recordings: list[NDArray[np.generic]]
    n_items: list[int]
    items_per_frame: int
    step: Step
    reset: Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Streamed:
    """Output of every recording, and how it came about."""

    outputs: list[NDArray[np.generic]]
    steps: int
    rows: int
    frames: int


class Streams:
    """Slots that replay the recordings of a direction; which streams step together is left to chance."""

    def __init__(self, direction: Direction, slots: int, rng: np.random.Generator, hop_samples: int) -> None:
        self._direction = direction
        self._hop_samples = hop_samples
        self._rng = rng
        self._waiting = list(range(len(direction.recordings)))
        self._slots: list[_Slot | None] = [None] * slots
        self._pieces: list[list[NDArray[np.generic]]] = [[] for _ in direction.recordings]
        self._counts = [0, 0, 0]

    def run(self) -> Streamed:
        """Play everything."""
        total = sum(len(recording) for recording in self._direction.recordings)
        with tqdm(total=total // self._direction.items_per_frame, unit="frame", disable=None) as bar:
            while self._fill():
                self._arrive()
                bar.update(self._step())
        return Streamed([np.concatenate(pieces) for pieces in self._pieces], *self._counts)

    def _fill(self) -> bool:
        for number, slot in enumerate(self._slots):
            if slot is None and self._waiting:
                recording = self._waiting.pop(0)
                n_frames = len(self._direction.recordings[recording]) // self._direction.items_per_frame
                self._direction.reset(number)
                self._slots[number] = _Slot(recording, n_frames)
        return any(slot is not None for slot in self._slots)

    def _arrive(self) -> None:
        low, high = np.log(_MESSAGE_SAMPLES)
        for slot in self._slots:
            if slot is not None and self._rng.random() < _ARRIVAL_CHANCE:
                samples = int(np.exp(self._rng.uniform(low, high)))
                items = max(1, samples * self._direction.items_per_frame // self._hop_samples)
                slot.arrived = min(slot.arrived + items, self._direction.n_items[slot.recording])

    def _available(self, slot: _Slot) -> int:
        if slot.arrived == self._direction.n_items[slot.recording]:
            return slot.n_frames - slot.done
        return slot.arrived // self._direction.items_per_frame - slot.done

    def _step(self) -> int:
        """Step all streams that have as many frames as one chosen by chance; returns frames x rows."""
        there = {n: self._available(slot) for n, slot in enumerate(self._slots) if slot is not None}
        candidates = [count for count in there.values() if count > 0]
        if not candidates:
            return 0
        frames = min(int(self._rng.choice(candidates)), _MOST_FRAMES_PER_STEP)
        rows = [number for number, count in there.items() if count >= frames]
        inputs = [self._take(number, frames) for number in rows]
        for number, output in zip(rows, self._direction.step(rows, inputs), strict=True):
            self._give(number, output, frames)
        self._counts = [a + b for a, b in zip(self._counts, (1, len(rows), frames), strict=True)]
        return frames * len(rows)

    def _take(self, number: int, frames: int) -> NDArray[np.generic]:
        slot = self._slots[number]
        assert slot is not None
        first, size = slot.done * self._direction.items_per_frame, frames * self._direction.items_per_frame
        return self._direction.recordings[slot.recording][first : first + size]

    def _give(self, number: int, output: NDArray[np.generic], frames: int) -> None:
        slot = self._slots[number]
        assert slot is not None
        self._pieces[slot.recording].append(output)
        slot.done += frames
        if slot.done == slot.n_frames:
            self._slots[number] = None


def recordings(minutes: float, slots: int, rng: np.random.Generator) -> list[NDArray[np.float32]]:
    """Speech in recordings of random length, float32 `[sample]`, of which there are more than slots."""
    speech = as_float(train_speech(minutes * 60))
    low, high = _RECORDING_SECONDS
    high = min(high, 2 * minutes * 60 / slots)
    cuts, at = [], 0
    while at < len(speech):
        at += int(rng.uniform(min(low, high / 2), high) * RATE)
        cuts.append(min(at, len(speech)))
    return [piece for piece in np.split(speech, cuts[:-1]) if len(piece)]


def encode_direction(
    codec: AnyCodec, engine: Engine, audio: list[NDArray[np.float32]], n_q: int
) -> Direction:
    """Samples to codes `[frame, n_q]`; the last frames are padded with zeros as a flush does."""
    hop = codec.config.hop_samples
    padded = [np.pad(item, (0, codec.config.frames_for(len(item)) * hop - len(item))) for item in audio]

    def step(rows: list[int], inputs: list[NDArray[np.generic]]) -> Sequence[NDArray[np.generic]]:
        return list(engine.encode(rows, np.stack(inputs)[..., None].astype(np.float32), n_q))

    reset = lambda row: engine.reset(Operation.ENCODE, [row])  # noqa: E731
    return Direction(list(padded), [len(item) for item in audio], hop, step, reset)


def decode_direction(engine: Engine, codes: list[NDArray[np.generic]]) -> Direction:
    """Codes `[frame, n_q]` to samples, delay included."""

    def step(rows: list[int], inputs: list[NDArray[np.generic]]) -> Sequence[NDArray[np.generic]]:
        return list(engine.decode(rows, np.stack(inputs).astype(np.int64))[..., 0])

    reset = lambda row: engine.reset(Operation.DECODE, [row])  # noqa: E731
    return Direction(codes, [len(item) for item in codes], 1, step, reset)


def compare(codec: Codec, minutes: float, slots: int, n_q: int, seed: int) -> list[list[object]]:
    """Rows of the table: mismatching codes, and the largest difference of decoded samples."""
    rng = np.random.default_rng(seed)
    audio = recordings(minutes, slots, rng)
    engine, hop = TorchEngine(codec, slots), codec.config.hop_samples
    began = time.monotonic()
    encoded = Streams(encode_direction(codec, engine, audio, n_q), slots, rng, hop).run()
    mismatches = n_codes = 0
    offline: list[NDArray[np.generic]] = []
    whole: list[Encoded] = []
    for item, streamed in zip(audio, encoded.outputs, strict=True):
        whole.append(codec.encode(torch.from_numpy(item)[None, None], n_q))
        codes = whole[-1].codes[0].T.numpy()
        offline.append(codes)
        n_codes += codes.size
        mismatches += int((codes != streamed).sum()) if codes.shape == streamed.shape else codes.size
    decoded = Streams(decode_direction(engine, offline), slots, rng, hop).run()
    difference = 0.0
    for item, encoded_whole, samples in zip(audio, whole, decoded.outputs, strict=True):
        heard = codec.decode(encoded_whole)[0, 0].numpy()
        delay = codec.config.delay_samples
        difference = max(difference, float(np.abs(heard - samples[delay : delay + len(item)]).max()))
    print(f"took {time.monotonic() - began:.0f} s", flush=True)
    row = partial(_row, minutes, len(audio))
    return [
        row("encode", encoded, f"{mismatches} of {n_codes} codes differ"),
        row("decode", decoded, f"samples differ by at most {difference:.3g}"),
    ]


def _row(minutes: float, count: int, name: str, streamed: Streamed, result: str) -> list[object]:
    rows, frames = streamed.rows / streamed.steps, streamed.frames / streamed.steps
    return [name, minutes, count, streamed.steps, f"{rows:.2f}", f"{frames:.1f}", result]


def main() -> None:
    """Run the comparison and write the table."""
    parser = make_parser(__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--slots", type=int, default=8, help="streams that run at a time")
    parser.add_argument("--n-q", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    loaded = open_codec(arguments.model, arguments.repository)
    assert isinstance(loaded.codec, Codec)
    rows = compare(loaded.codec, arguments.minutes, arguments.slots, arguments.n_q, arguments.seed)
    name = f"{loaded.identity.model} {loaded.identity.version}"
    title = f"Stream = offline: {name}, n_q {arguments.n_q}, {arguments.slots} streams at a time"
    show(table(title, COLUMNS, rows), arguments.out)


if __name__ == "__main__":
    main()
