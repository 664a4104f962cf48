"""Encode, decode and reconstruct, whoever asks: what REST and gRPC have in common."""

from dataclasses import dataclass

import numpy as np

from codec.tokens import NO_SIDE, Labels, SideInformation
from service.config import Limits
from service.frontend.call import Call
from service.frontend.intake import AudioBody, Intake
from service.frontend.rate import Rate, resolve_n_q
from service.frontend.router import Router
from service.frontend.selector import ModelSelector
from service.frontend.worker_link import Job
from service.ipc import MAX_PAYLOAD_BYTES, Message, Operation
from service.item import Item, check_labels, check_side, make_side
from service.model_info import ModelInfo
from service.samples import Pcm, SampleForm
from service.status import Condition, ServiceError

_ITEM_HEADROOM_BYTES = 64
"""What a RESULT may have beyond its samples."""


@dataclass(frozen=True, slots=True)
class EncodedAudio:
    """`codes`: u16 little-endian `[frame][codebook]`; `n_samples` per channel, of the model's rate."""

    info: ModelInfo
    n_q: int
    codes: bytes | memoryview
    n_samples: int
    side: SideInformation = NO_SIDE


@dataclass(frozen=True, slots=True)
class DecodedAudio:
    """`pcm` at the model's rate."""

    info: ModelInfo
    n_q: int
    pcm: Pcm

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.pcm.n_samples / self.info.sample_rate


@dataclass(frozen=True, slots=True)
class CodesBody:
    """Codes to decode, u16 little-endian `[frame][codebook]`; `n_samples` None = all that they give."""

    codes: bytes | memoryview
    n_q: int
    n_samples: int | None
    side: SideInformation = NO_SIDE


class Operations:
    """One-shot work on the workers of a router. Everything raises `ServiceError` as the table says."""

    def __init__(self, router: Router, intake: Intake, limits: Limits) -> None:
        self.router = router
        self.intake = intake
        self._limits = limits

    def expect_audio(self, selector: ModelSelector, rate: Rate, call: Call, audio_seconds: float) -> None:
        """Raise what `encode` would raise now for any body of so much audio at least."""
        info = self.router.resolve(selector)
        n_q, seconds = resolve_n_q(rate, info), min(audio_seconds, self._limits.max_audio_seconds)
        self.router.pick(info).check_room(call, Operation.ENCODE, n_q, seconds)

    def expect_tokens(self, selector: ModelSelector, call: Call) -> None:
        """Raise OVERLOADED if `decode` would, whatever version the tokens turn out to be of."""
        router = self.router
        models = [selector.model] if selector.model else router.table.models
        refusal: ServiceError | None = None
        for info in (info for model in models for info in router.versions(model)):
            try:
                router.pick(info).check_room(call, Operation.DECODE, 1, 0.0)
            except ServiceError as error:
                refusal = error
            else:
                return
        if refusal is not None:
            raise refusal

    async def encode(
        self,
        body: AudioBody,
        selector: ModelSelector,
        rate: Rate,
        call: Call,
        labels: Labels | None = None,
    ) -> EncodedAudio:
        """Audio to codes; `labels`: uint16 `[label]`, for models that hear them."""
        info = self.router.resolve(selector)
        n_q = resolve_n_q(rate, info)
        if info.labels and labels is None:
            raise _invalid(
                f"{info.model} hears a label for every {info.label_hop_samples} samples; send them by gRPC "
                "in EncodeRequest.labels, or encode with the codecd command"
            )
        # Before the audio is looked at: a service that is full has no time for that.
        self.router.pick(info).check_room(call, Operation.ENCODE, n_q, 0.0)
        pcm = await self.intake.read(body, info, call)
        check_labels(labels, pcm.n_samples, info)
        if info.streamable:
            job = Job(Operation.ENCODE, n_q, pcm.content, pcm.n_samples / info.sample_rate, pcm.form)
            result = await self._run(info, job, call)
            return EncodedAudio(info, n_q, bytes(result.payload), pcm.n_samples)
        side = make_side([], labels, None, info.label_format)
        content = Item(pcm.n_samples, pcm.content, side).pack()
        job = Job(Operation.ENCODE, n_q, content, pcm.n_samples / info.sample_rate, pcm.form)
        result = await self._run(info, job, call)
        item = Item.parse(result.payload, info.label_format)
        return EncodedAudio(info, n_q, item.body, item.n_samples, item.side)

    async def decode(self, body: CodesBody, info: ModelInfo, form: SampleForm, call: Call) -> DecodedAudio:
        """Codes to audio, by a version that `Router.resolve_tokens` found."""
        frames = check_codes(body.codes, body.n_q, info)
        if not info.streamable:
            return await self._decode_item(body, frames, info, form, call)
        if body.side is not NO_SIDE:
            check_side(body.side, 0, frames, info)
        n_samples = frames * info.hop_samples - info.delay_samples
        self._check_length(n_samples, info)
        if n_samples < 1:
            raise _invalid(
                f"{frames} frames give no sample: the first {info.delay_samples} are the model's delay"
            )
        if body.n_samples is not None and not 0 < body.n_samples <= n_samples:
            raise _invalid(
                f"{frames} frames give {n_samples} samples, not {body.n_samples}; the tokens are damaged"
            )
        job = Job(Operation.DECODE, body.n_q, body.codes, n_samples / info.sample_rate, form)
        result = await self._run(info, job, call)
        wanted = n_samples if body.n_samples is None else body.n_samples
        content = memoryview(result.payload)[: wanted * info.channels * form.sample_bytes]
        return DecodedAudio(info, body.n_q, Pcm(content, form, wanted))

    async def reconstruct(
        self,
        body: AudioBody,
        selector: ModelSelector,
        rate: Rate,
        form: SampleForm,
        call: Call,
        labels: Labels | None = None,
    ) -> DecodedAudio:
        """Audio to codes to audio of the same length, by one version."""
        encoded = await self.encode(body, selector, rate, call, labels)
        codes = CodesBody(encoded.codes, encoded.n_q, encoded.n_samples, encoded.side)
        return await self.decode(codes, encoded.info, form, call)

    async def _decode_item(
        self, body: CodesBody, frames: int, info: ModelInfo, form: SampleForm, call: Call
    ) -> DecodedAudio:
        n_samples = body.n_samples
        if n_samples is None:
            raise _invalid(f"{info.model} decodes whole items only; say how many samples there were")
        if not 0 < n_samples <= frames * info.hop_samples:
            raise _invalid(f"{frames} frames cannot be {n_samples} samples; the tokens are damaged")
        self._check_length(n_samples, info)
        check_side(body.side, n_samples, frames, info)
        content = Item(n_samples, body.codes, body.side).pack()
        job = Job(Operation.DECODE, body.n_q, content, n_samples / info.sample_rate, form)
        result = await self._run(info, job, call)
        item = Item.parse(result.payload, None)
        return DecodedAudio(info, body.n_q, Pcm(item.body, form, n_samples))

    async def _run(self, info: ModelInfo, job: Job, call: Call) -> Message:
        check_size(len(job.payload), round(job.audio_seconds * info.sample_rate), info)
        call.quota.queue(job.audio_seconds)
        try:
            return await self.router.pick(info).run(job, call)
        finally:
            call.quota.unqueue(job.audio_seconds)

    def _check_length(self, n_samples: int, info: ModelInfo) -> None:
        if n_samples > self._limits.max_audio_seconds * info.sample_rate:
            limit = f"{self._limits.max_audio_seconds:g} s"
            raise ServiceError(
                Condition.LIMIT_EXCEEDED, f"the tokens are longer than {limit}; send them in parts"
            )


def check_codes(codes: bytes | memoryview, n_q: int, info: ModelInfo) -> int:
    """The number of frames in wire codes; raises `ServiceError` INVALID_ARGUMENT for what cannot be codes."""
    if not 1 <= n_q <= info.codebooks:
        raise _invalid(f"n_q is {n_q}; {info.model} has codebooks 1..{info.codebooks}")
    frames, rest = divmod(len(codes), 2 * n_q)
    if rest:
        raise _invalid(f"{len(codes)} bytes of codes are no whole frames of {n_q} x 2 bytes")
    if frames and (highest := int(np.frombuffer(codes, "<u2").max())) >= info.codebook_size:
        raise _invalid(f"code {highest} is out of range; {info.model} has codes 0..{info.codebook_size - 1}")
    return frames


def check_size(payload_bytes: int, n_samples: int, info: ModelInfo) -> None:
    """Raise `ServiceError` LIMIT_EXCEEDED for a job whose input or output no message to a worker can hold."""
    if max(payload_bytes, 4 * info.channels * n_samples) > MAX_PAYLOAD_BYTES - _ITEM_HEADROOM_BYTES:
        message = f"{n_samples} samples of {info.channels} channels are too many; send them in parts"
        raise ServiceError(Condition.LIMIT_EXCEEDED, message)


def _invalid(message: str) -> ServiceError:
    return ServiceError(Condition.INVALID_ARGUMENT, message)
