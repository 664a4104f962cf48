"""Audio and token files, good and bad."""

import io
import struct

import numpy as np
import soundfile

from codec.container import write_cdc
from codec.tokens import TokenIdentity, Tokens

SAMPLE_RATE = 16_000


def sound_file(
    seconds: float = 0.5,
    sample_rate: int = SAMPLE_RATE,
    channels: int = 1,
    *,
    form: str = "WAV",
    subtype: str | None = None,
    value: float = 0.25,
) -> bytes:
    """A file of a constant signal, as libsndfile writes it."""
    samples = np.full((round(seconds * sample_rate), channels), value, np.float32)
    out = io.BytesIO()
    soundfile.write(out, samples, sample_rate, format=form, subtype=subtype)
    return out.getvalue()


def wav_header(data_bytes: int, sample_rate: int = SAMPLE_RATE, riff_bytes: int = 0) -> bytes:
    """The 44 bytes before 16-bit mono samples, with any length claimed."""
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", riff_bytes, b"WAVE"),
        *(b"fmt ", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16),
        *(b"data", data_bytes),
    )


def flac_bomb(seconds: int, sample_rate: int, channels: int) -> bytes:
    """Silence, which FLAC makes thousands of times smaller."""
    out = io.BytesIO()
    with soundfile.SoundFile(out, "w", sample_rate, channels, format="FLAC") as file:
        for _ in range(seconds):
            file.write(np.zeros((sample_rate, channels), np.int16))
    return out.getvalue()


def token_file(
    *,
    token_space: str = "space-a",
    model: str = "echo_16k",
    codebook_size: int = 1024,
    highest: int = 1023,
    n_q: int = 4,
    n_samples: int | None = 3000,
) -> bytes:
    """A sound `.cdc` file of 12 frames."""
    codes = np.full((n_q, 12), highest, np.uint16)
    identity = TokenIdentity(model, "9-fffffffffff9", token_space)
    return write_cdc(Tokens(codes, identity, SAMPLE_RATE, 320, n_samples, codebook_size))
