"""Tokens in memory: codes, and everything that gives them a meaning."""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec.errors import InvalidRequestError, InvalidTokensError
from codec.side import NO_SIDE, LabelFormat, Labels, Segmentation, SideFormat, SideInformation, check_range

__all__ = [
    "MAX_CODEBOOKS",
    "MAX_CODEBOOK_SIZE",
    "MAX_HOP_SAMPLES",
    "MAX_SAMPLE_RATE",
    "NO_SIDE",
    "Codes",
    "LabelFormat",
    "Labels",
    "Segmentation",
    "SideFormat",
    "SideInformation",
    "TokenFormat",
    "TokenIdentity",
    "Tokens",
    "as_codes",
    "from_wire",
    "n_q_for_bitrate",
    "to_wire",
]

Codes = NDArray[np.uint16]

MAX_CODEBOOKS = 255
MAX_CODEBOOK_SIZE = 65_536
MAX_HOP_SAMPLES = 65_535
MAX_SAMPLE_RATE = 2**31 - 1

_IDENTITY = re.compile(r"[\x21-\x7e]{1,64}")


@dataclass(frozen=True)
class TokenIdentity:
    """Which codebooks the codes index: `model` and `version` that made them, `token_space` that decodes them.

    Each is 1 to 64 printable ASCII characters without spaces. Raises `InvalidTokensError` otherwise.
    """

    model: str
    version: str
    token_space: str

    def __post_init__(self) -> None:
        for name, value in (
            ("model", self.model),
            ("version", self.version),
            ("token space", self.token_space),
        ):
            if not _IDENTITY.fullmatch(value):
                raise InvalidTokensError(f"{name} {value!r} must be 1 to 64 printable ASCII characters")


@dataclass(frozen=True)
class TokenFormat:
    """How codes relate to audio: `sample_rate` in Hz, `hop_samples` per frame, entries per codebook.

    Raises `InvalidTokensError` for values that no codec has.
    """

    sample_rate: int
    hop_samples: int
    codebook_size: int

    def __post_init__(self) -> None:
        check_range("sample rate", self.sample_rate, 1, MAX_SAMPLE_RATE)
        check_range("hop", self.hop_samples, 1, MAX_HOP_SAMPLES)
        check_range("codebook size", self.codebook_size, 2, MAX_CODEBOOK_SIZE)

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second, exact."""
        return Fraction(self.sample_rate, self.hop_samples)

    @property
    def bits_per_code(self) -> int:
        """Bits that one packed code takes."""
        return (self.codebook_size - 1).bit_length()

    def bitrate_bps(self, n_q: int) -> Fraction:
        """Bits per second of `n_q` codebooks, exact."""
        return self.frame_rate * n_q * self.bits_per_code


@dataclass(frozen=True, eq=False)
class Tokens:
    """Coded audio: `codes` uint16 `[codebook, frame]`, read-only, and what is needed to decode them.

    `n_samples`: length of the audio per channel, None if unknown; `side`: level, labels and segments, for
    models that have them. Raises `InvalidTokensError` for codes of another type or shape or outside the
    codebook, more samples than frames can hold, and side information of another number of samples or frames.
    """

    codes: Codes
    identity: TokenIdentity
    sample_rate: int
    hop_samples: int
    n_samples: int | None
    codebook_size: int
    side: SideInformation = NO_SIDE

    def __post_init__(self) -> None:
        _ = self.format
        if self.codes.dtype != np.uint16:
            raise InvalidTokensError(f"codes are {self.codes.dtype}; convert them with as_codes")
        object.__setattr__(self, "codes", as_codes(self.codes, self.codebook_size))
        room = self.n_frames * self.hop_samples
        if self.n_samples is not None and not 0 <= self.n_samples <= room:
            raise InvalidTokensError(
                f"{self.n_samples} samples do not fit {self.n_frames} frames ({room} samples)"
            )
        self.side.check_fits(self.n_samples, self.n_frames, self.hop_samples)

    @property
    def format(self) -> TokenFormat:
        """How the codes relate to audio."""
        return TokenFormat(self.sample_rate, self.hop_samples, self.codebook_size)

    @property
    def model(self) -> str:
        """Name of the model that made the codes."""
        return self.identity.model

    @property
    def version(self) -> str:
        """Version of the model that made the codes."""
        return self.identity.version

    @property
    def token_space(self) -> str:
        """Identity of the codebooks that the codes index."""
        return self.identity.token_space

    @property
    def n_q(self) -> int:
        """Codebooks in use."""
        return int(self.codes.shape[0])

    @property
    def n_frames(self) -> int:
        """Frames."""
        return int(self.codes.shape[1])

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second, exact."""
        return self.format.frame_rate

    @property
    def bits_per_code(self) -> int:
        """Bits that one packed code takes."""
        return self.format.bits_per_code

    @property
    def bitrate_bps(self) -> Fraction:
        """Bits per second of the codes and labels, exact; scales are not counted."""
        labels = self.side.label_format
        codes_bps = self.format.bitrate_bps(self.n_q)
        return codes_bps + labels.bitrate_bps(self.sample_rate) if labels else codes_bps

    def thin(self, n_q: int) -> "Tokens":
        """The same audio with only the first `n_q` codebooks.

        Raises `InvalidRequestError` unless `n_q` is in 1..`self.n_q`.
        """
        if not 1 <= n_q <= self.n_q:
            raise InvalidRequestError(
                f"n_q of {n_q} is outside 1..{self.n_q}; the tokens have no more codebooks"
            )
        return replace(self, codes=self.codes[:n_q])

    def to_wire(self) -> bytes:
        """The codes as little-endian u16 `[frame][codebook]`."""
        return to_wire(self.codes)


def as_codes(values: NDArray[Any], codebook_size: int) -> Codes:
    """Integers `[codebook, frame]` of any integer type as read-only uint16 codes.

    Raises `InvalidTokensError` for another shape or type, no codebook or more than 255, and values outside
    0..`codebook_size` - 1.
    """
    if values.ndim != 2 or not 1 <= values.shape[0] <= MAX_CODEBOOKS:
        raise InvalidTokensError(
            f"codes have shape {values.shape}; give [codebook, frame] with 1..{MAX_CODEBOOKS} codebooks"
        )
    if values.dtype.kind not in "iu":
        raise InvalidTokensError(f"codes are {values.dtype}; give integers")
    if values.size and not 0 <= int(values.min()) <= int(values.max()) < codebook_size:
        raise InvalidTokensError(
            f"codes span {int(values.min())}..{int(values.max())}; "
            f"the codebooks have entries 0..{codebook_size - 1}"
        )
    codes = values.astype(np.uint16, copy=False).view()
    codes.setflags(write=False)
    return codes


def to_wire(codes: Codes) -> bytes:
    """Codes `[codebook, frame]` as little-endian u16 `[frame][codebook]`."""
    return codes.T.astype("<u2").tobytes()


def from_wire(body: bytes | memoryview, n_q: int, codebook_size: int) -> Codes:
    """Codes `[codebook, frame]` from little-endian u16 `[frame][codebook]`.

    Raises `InvalidTokensError` if the bytes are no whole number of frames or a code is out of range, and
    `InvalidRequestError` for an `n_q` outside 1..255.
    """
    if not 1 <= n_q <= MAX_CODEBOOKS:
        raise InvalidRequestError(f"n_q of {n_q} is outside 1..{MAX_CODEBOOKS}")
    if len(body) % (2 * n_q):
        raise InvalidTokensError(
            f"{len(body)} bytes are no whole number of frames of {n_q} codes; "
            f"send a multiple of {2 * n_q} bytes"
        )
    return as_codes(np.frombuffer(body, "<u2").reshape(-1, n_q).T, codebook_size)


def n_q_for_bitrate(bitrate_bps: float | Fraction, token_format: TokenFormat, codebooks: int) -> int:
    """The number of codebooks that gives exactly `bitrate_bps`, at most `codebooks`.

    Raises `InvalidRequestError`, naming the bitrates there are, for any other.
    """
    for n_q in range(1, codebooks + 1):
        if token_format.bitrate_bps(n_q) == bitrate_bps:
            return n_q
    valid = ", ".join(f"{float(token_format.bitrate_bps(n_q)):g}" for n_q in range(1, codebooks + 1))
    raise InvalidRequestError(f"there is no bitrate of {float(bitrate_bps):g} bit/s; choose one of {valid}")
