"""Requests for REST and the answers that they must get, kept in a file that needs no model to read."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from codec.audio import encode_audio
from tests.bench.speech import RATE, as_float, clips

if TYPE_CHECKING:
    # Brings torch, which the users of locust have no use for.
    from tests.bench.offline import Offline

_WAV_HEADER_BYTES = 44
_WAV_TOLERANCE = 2
"""In steps of 16 bits: the order in which a batch adds up is not the order of a single item."""

OPERATIONS = ("encode", "decode", "reconstruct")


@dataclass(frozen=True, slots=True)
class RestRequest:
    """A POST of `seconds` of audio, and the body of its answer."""

    operation: str
    path: str
    seconds: float
    body: bytes
    answer: bytes

    @property
    def name(self) -> str:
        """How statistics call it."""
        return f"{self.operation} {self.seconds:g} s"

    def fault(self, body: bytes) -> str:
        """What is wrong with an answer; empty if nothing is. Token files have to agree to the byte."""
        if self.operation == "encode":
            return "" if body == self.answer else "wrong codes"
        if len(body) != len(self.answer):
            return f"{len(body)} bytes of audio instead of {len(self.answer)}"
        found, wanted = (
            np.frombuffer(wav, "<i2", offset=_WAV_HEADER_BYTES).astype(np.int32)
            for wav in (body, self.answer)
        )
        off = int(np.abs(found - wanted).max(initial=0))
        return "" if off <= _WAV_TOLERANCE else f"samples off by {off} of 32768"


def make_requests(offline: "Offline", lengths: list[float], voices: int, n_q: int) -> list[RestRequest]:
    """Every operation on `voices` clips of each length in seconds, answered by the library."""
    made = []
    for seconds in lengths:
        for pcm in clips(voices, seconds):
            codes = offline.codes(pcm, n_q)
            wav = encode_audio(as_float(pcm)[None], RATE, "wav")
            cdc = offline.cdc(codes, len(pcm))
            back = encode_audio(np.clip(offline.samples(codes, len(pcm)), -1, 1)[None], RATE, "wav")
            made += [
                RestRequest("encode", f"/encode?n_q={n_q}", seconds, wav, cdc),
                RestRequest("decode", "/decode", seconds, cdc, back),
                RestRequest("reconstruct", f"/reconstruct?n_q={n_q}", seconds, wav, back),
            ]
    return made


def save(requests: list[RestRequest], path: Path) -> None:
    """Write an `.npz` file."""
    arrays = {}
    for number, item in enumerate(requests):
        arrays[f"facts{number}"] = np.array([item.operation, item.path, str(item.seconds)])
        arrays[f"body{number}"] = np.frombuffer(item.body, np.uint8)
        arrays[f"answer{number}"] = np.frombuffer(item.answer, np.uint8)
    np.savez(path, **arrays)  # type: ignore[arg-type]


def load(path: Path) -> list[RestRequest]:
    """Read what `save` wrote."""
    found = []
    with np.load(path) as stored:
        for number in range(len(stored.files) // 3):
            operation, url_path, seconds = map(str, stored[f"facts{number}"])
            body, answer = (stored[f"{name}{number}"].tobytes() for name in ("body", "answer"))
            found.append(RestRequest(operation, url_path, float(seconds), body, answer))
    return found
