"""Opus by the programs of the package opus-tools."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from codec.audio import read_audio
from training.evaluation.coders.alignment import moved, waveform_lag
from training.evaluation.coders.coder import Coded, Recording
from training.evaluation.coders.ogg import audio_packet_bytes
from training.evaluation.coders.program import run_program

LAG_WINDOW_S = 0.002


def opus_version() -> str:
    """The name and version that `opusenc` gives itself, with that of its library."""
    return run_program(["opusenc", "--version"]).decode().partition("\n")[0]


@dataclass(frozen=True, slots=True)
class OpusCoder:
    """Opus at a target bitrate: variable rate, 20 ms packets, tuned for speech.

    `opusdec` takes care of the pre-skip; the sample or so that its resampler leaves is found by correlation
    within 2 ms either way, as the distances of waveforms hear it.
    """

    bitrate_bps: int

    @property
    def family(self) -> str:
        """The codec."""
        return "Opus"

    @property
    def label(self) -> str:
        """The codec and its target."""
        return f"Opus {self.bitrate_bps / 1000:g} kbit/s"

    def code(self, recording: Recording) -> Coded:
        """Encode and decode; the payload are the packets that carry sound."""
        rate = recording.sample_rate
        with tempfile.TemporaryDirectory(prefix="codecd-eval-") as folder:
            source, packed, decoded = (Path(folder) / name for name in ("in.wav", "out.opus", "out.wav"))
            source.write_bytes(recording.wav())
            began = time.perf_counter()
            target = f"{self.bitrate_bps / 1000:g}"
            run_program(["opusenc", "--quiet", "--speech", "--bitrate", target, str(source), str(packed)])
            encoded = time.perf_counter()
            # As floats: the dither of 16-bit output is noise that is not the codec's.
            run_program(["opusdec", "--quiet", "--float", "--rate", str(rate), str(packed), str(decoded)])
            ended = time.perf_counter()
            data = packed.read_bytes()
            audio = read_audio(decoded, rate).samples[0]
        window = round(LAG_WINDOW_S * rate)
        lag = waveform_lag(recording.samples, audio, -window, window)
        return Coded(
            audio=moved(audio, lag, len(recording.samples)),
            payload_bits=8 * sum(audio_packet_bytes(data)),
            file_bytes=len(data),
            encode_s=encoded - began,
            decode_s=ended - encoded,
            lag_samples=lag,
        )
