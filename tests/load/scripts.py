"""Clips that streams play, with what must come back of each, kept in a file that needs no model to read."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tests.bench.live_client import StreamPlan, decode_plan, encode_plan
from tests.bench.speech import RATE, clips

if TYPE_CHECKING:
    # Brings torch, which the processes that generate load have no use for.
    from tests.bench.offline import Offline

MESSAGE_SECONDS = 0.08


@dataclass(frozen=True, slots=True)
class Script:
    """One clip: int16 samples `[sample]`, its codes `[codebook, frame]`, and float samples of the codes."""

    pcm: NDArray[np.int16]
    codes: NDArray[np.uint16]
    samples: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scripts:
    """All clips of a load, and what a client must know of the model; `hop_samples`, `delay_samples` of it."""

    items: tuple[Script, ...]
    n_q: int
    hop_samples: int
    delay_samples: int
    token_space: str

    @classmethod
    def make(cls, offline: "Offline", lengths: list[float], voices: int, n_q: int) -> "Scripts":
        """`voices` clips of each length in seconds; codes and samples are the library's."""
        config = offline.loaded.codec.config
        items = []
        for seconds in lengths:
            for pcm in clips(voices, seconds):
                codes = offline.codes(pcm, n_q)
                items.append(Script(pcm, codes, offline.samples(codes)))
        space = offline.loaded.identity.token_space
        return cls(tuple(items), n_q, config.hop_samples, config.delay_samples, space)

    @property
    def seconds(self) -> tuple[float, ...]:
        """Length of each clip."""
        return tuple(len(script.pcm) / RATE for script in self.items)

    def plan(self, number: int, *, encode: bool) -> StreamPlan:
        """A clip as a stream of 80 ms messages, of samples or of codes."""
        script = self.items[number]
        if encode:
            return encode_plan(script.pcm, self.n_q, self.hop_samples, MESSAGE_SECONDS, RATE)
        frames = max(1, round(MESSAGE_SECONDS * RATE) // self.hop_samples)
        return decode_plan(
            script.codes, self.hop_samples, self.delay_samples, frames, (self.token_space, RATE)
        )

    def save(self, path: Path) -> None:
        """Write an `.npz` file."""
        facts = (self.n_q, self.hop_samples, self.delay_samples, self.token_space)
        arrays = {
            f"{field.name}{number}": getattr(script, field.name)
            for number, script in enumerate(self.items)
            for field in fields(Script)
        }
        np.savez(path, facts=np.array(facts, dtype=str), **arrays)

    @classmethod
    def load(cls, path: Path) -> "Scripts":
        """Read what `save` wrote."""
        with np.load(path) as stored:
            n_q, hop, delay, space = map(str, stored["facts"])
            count = (len(stored.files) - 1) // len(fields(Script))
            items = tuple(
                Script(*(stored[f"{field.name}{number}"] for field in fields(Script)))
                for number in range(count)
            )
        return cls(items, int(n_q), int(hop), int(delay), space)
