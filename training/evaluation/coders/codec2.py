"""Codec 2 by the programs of the package codec2."""

import time
from dataclasses import dataclass

import numpy as np
import soxr

from codec.audio import encode_audio
from training.evaluation.coders.alignment import envelope_lag, moved
from training.evaluation.coders.coder import Coded, Recording
from training.evaluation.coders.program import run_program

RATE = 8_000
MODES = (3200, 2400, 1200)
LATEST_S = 0.050
_FRAME_S = {3200: 0.020, 2400: 0.020, 1200: 0.040}


@dataclass(frozen=True, slots=True)
class Codec2Coder:
    """Codec 2 in one of its modes, named after their bits per second, on audio resampled to 8 kHz.

    Its output comes late. The lag is found by correlation of envelopes within 0 to 50 ms; the input gets as
    much silence at its end, in whole frames that count as payload, so that no sound is lost.
    """

    mode: int

    @property
    def family(self) -> str:
        """The codec."""
        return "Codec 2"

    @property
    def label(self) -> str:
        """The codec and its mode."""
        return f"Codec 2 {self.mode}"

    def code(self, recording: Recording) -> Coded:
        """Encode and decode; the payload is all that `c2enc` writes."""
        rate = recording.sample_rate
        began = time.perf_counter()
        narrow = soxr.resample(recording.samples, rate, RATE)
        frame = round(_FRAME_S[self.mode] * RATE)
        n_frames = -(-(len(narrow) + round(LATEST_S * RATE)) // frame)
        narrow = np.pad(narrow, (0, n_frames * frame - len(narrow)))
        pcm = encode_audio(narrow[None], RATE, "pcm_s16le")
        packed = run_program(["c2enc", str(self.mode), "-", "-"], pcm)
        encoded = time.perf_counter()
        decoded = np.frombuffer(run_program(["c2dec", str(self.mode), "-", "-"], packed), "<i2")
        audio = soxr.resample(decoded.astype(np.float32) / 32768, RATE, rate)
        ended = time.perf_counter()
        lag = envelope_lag(recording.samples, audio, rate, 0, round(LATEST_S * rate))
        return Coded(
            audio=moved(audio, lag, len(recording.samples)),
            payload_bits=8 * len(packed),
            file_bytes=len(packed),
            encode_s=encoded - began,
            decode_s=ended - encoded,
            lag_samples=lag,
        )
