"""Encode, decode and reconstruct, whoever asks: what REST and gRPC have in common."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.config import Limits
from service.frontend.call import Call
from service.frontend.intake import AudioBody, Intake
from service.frontend.rate import Rate, resolve_n_q
from service.frontend.router import Router
from service.frontend.selector import ModelSelector
from service.frontend.worker_link import Job
from service.ipc import Operation
from service.model_info import ModelInfo
from service.status import Condition, ServiceError


@dataclass(frozen=True, slots=True)
class EncodedAudio:
    """`codes`: u16 little-endian `[frame][codebook]`; `n_samples` per channel, of the model's rate."""

    info: ModelInfo
    n_q: int
    codes: bytes
    n_samples: int


@dataclass(frozen=True, slots=True)
class DecodedAudio:
    """`samples` float32 `[sample, channel]` at the model's rate."""

    info: ModelInfo
    n_q: int
    samples: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CodesBody:
    """Codes to decode, u16 little-endian `[frame][codebook]`; `n_samples` None = all that they give."""

    codes: bytes
    n_q: int
    n_samples: int | None


class Operations:
    """One-shot work on the workers of a router. Everything raises `ServiceError` as the table says."""

    def __init__(self, router: Router, intake: Intake, limits: Limits) -> None:
        self.router = router
        self.intake = intake
        self._limits = limits

    async def encode(self, body: AudioBody, selector: ModelSelector, rate: Rate, call: Call) -> EncodedAudio:
        """Audio to codes."""
        info = self.router.resolve(selector)
        n_q = resolve_n_q(rate, info)
        samples = await self.intake.read(body, info, call)
        return await self._encode(samples, info, n_q, call)

    async def decode(self, body: CodesBody, info: ModelInfo, call: Call) -> DecodedAudio:
        """Codes to audio, by a version that `Router.resolve_tokens` found."""
        frames = check_codes(body.codes, body.n_q, info)
        n_samples = frames * info.hop_samples - info.delay_samples
        if n_samples > self._limits.max_audio_seconds * info.sample_rate:
            raise ServiceError(
                Condition.LIMIT_EXCEEDED,
                f"the tokens are longer than {self._limits.max_audio_seconds:g} s; send them in parts",
            )
        if n_samples < 1:
            raise ServiceError(
                Condition.INVALID_ARGUMENT,
                f"{frames} frames give no sample: the first {info.delay_samples} are the model's delay",
            )
        if body.n_samples is not None and not 0 < body.n_samples <= n_samples:
            raise ServiceError(
                Condition.INVALID_ARGUMENT,
                f"{frames} frames give {n_samples} samples, not {body.n_samples}; the tokens are damaged",
            )
        job = Job(Operation.DECODE, body.n_q, body.codes, n_samples / info.sample_rate)
        result = await self.router.pick(info).run(job, call)
        samples = np.frombuffer(result.payload, "<f4").reshape(-1, info.channels)
        return DecodedAudio(info, body.n_q, samples[: body.n_samples])

    async def reconstruct(
        self, body: AudioBody, selector: ModelSelector, rate: Rate, call: Call
    ) -> DecodedAudio:
        """Audio to codes to audio of the same length, by one version."""
        encoded = await self.encode(body, selector, rate, call)
        codes = CodesBody(encoded.codes, encoded.n_q, encoded.n_samples)
        return await self.decode(codes, encoded.info, call)

    async def _encode(
        self, samples: NDArray[np.float32], info: ModelInfo, n_q: int, call: Call
    ) -> EncodedAudio:
        n_samples = len(samples)
        payload = np.ascontiguousarray(samples, "<f4").reshape(-1).view(np.uint8).data
        job = Job(Operation.ENCODE, n_q, payload, n_samples / info.sample_rate)
        result = await self.router.pick(info).run(job, call)
        return EncodedAudio(info, n_q, bytes(result.payload), n_samples)


def check_codes(codes: bytes, n_q: int, info: ModelInfo) -> int:
    """The number of frames in wire codes; raises `ServiceError` INVALID_ARGUMENT for what cannot be codes."""
    if not 1 <= n_q <= info.codebooks:
        raise _invalid(f"n_q is {n_q}; {info.model} has codebooks 1..{info.codebooks}")
    frames, rest = divmod(len(codes), 2 * n_q)
    if rest:
        raise _invalid(f"{len(codes)} bytes of codes are no whole frames of {n_q} x 2 bytes")
    if frames and (highest := int(np.frombuffer(codes, "<u2").max())) >= info.codebook_size:
        raise _invalid(f"code {highest} is out of range; {info.model} has codes 0..{info.codebook_size - 1}")
    return frames


def _invalid(message: str) -> ServiceError:
    return ServiceError(Condition.INVALID_ARGUMENT, message)
