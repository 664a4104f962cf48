"""Between the messages of codec.v1 and the front end's own types."""

from typing import cast

import numpy as np
from google.protobuf.message import Message as ProtobufMessage

from codec.tokens import NO_SIDE, Labels, SideInformation
from proto.codec.v1 import codec_pb2 as pb
from service.frontend.live_events import GoAway
from service.frontend.rate import Rate
from service.frontend.router import Router
from service.frontend.selector import ModelSelector
from service.item import make_side
from service.model_info import ModelInfo
from service.samples import SampleForm
from service.status import Condition, ServiceError

_FORMS: dict[int, SampleForm] = {
    pb.PCM_FORMAT_UNSPECIFIED: SampleForm.S16,
    pb.PCM_FORMAT_S16LE: SampleForm.S16,
    pb.PCM_FORMAT_F32LE: SampleForm.F32,
}


def selector_of(model: pb.ModelRef) -> ModelSelector:
    """Which model a reference means; raises `ServiceError` for a name that ends with @."""
    if "@" in model.model and not model.version:
        return ModelSelector.parse(model.model)
    return ModelSelector(model.model, version=model.version)


def rate_of(holder: ProtobufMessage) -> Rate:
    """The field `rate` of a message; left out or empty = the default."""
    if not holder.HasField("rate"):
        return Rate()
    rate = cast(pb.Rate, getattr(holder, "rate"))  # noqa: B009  # the base class does not know the field
    which = rate.WhichOneof("rate")
    if which is None:
        return Rate()
    return Rate(n_q=rate.n_q) if which == "n_q" else Rate(bitrate_bps=rate.bitrate_bps)


def form_of(value: int) -> SampleForm:
    """Raises `ServiceError` INVALID_ARGUMENT for a number that no format has."""
    if value not in _FORMS:
        message = f"PCM format {value} is unknown; use PCM_FORMAT_S16LE or PCM_FORMAT_F32LE"
        raise ServiceError(Condition.INVALID_ARGUMENT, message)
    return _FORMS[value]


def is_bulk(priority: int) -> bool:
    """Raises `ServiceError` INVALID_ARGUMENT for a number that no priority has."""
    if priority not in (pb.PRIORITY_UNSPECIFIED, pb.PRIORITY_INTERACTIVE, pb.PRIORITY_BULK):
        message = f"priority {priority} is unknown; use PRIORITY_INTERACTIVE or PRIORITY_BULK"
        raise ServiceError(Condition.INVALID_ARGUMENT, message)
    return priority == pb.PRIORITY_BULK


def pcm_format_value(form: SampleForm) -> pb.PcmFormat.ValueType:
    """The number of a form."""
    return pb.PCM_FORMAT_S16LE if form is SampleForm.S16 else pb.PCM_FORMAT_F32LE


def tokens_version(router: Router, model: pb.ModelRef, token_space: str) -> ModelInfo:
    """The version that decodes tokens of a token space, or the exact version that is named.

    Raises as `Router.resolve_tokens`, and INVALID_ARGUMENT if neither is given.
    """
    selector = selector_of(model)
    if token_space:
        return router.resolve_tokens(selector, token_space)
    if not selector.version:
        message = "token_space is empty; name it, or the exact version that made the tokens"
        raise ServiceError(Condition.INVALID_ARGUMENT, message)
    return router.resolve(selector)


def identity(info: ModelInfo) -> pb.Identity:
    """Name, version and token space."""
    return pb.Identity(model=info.model, version=info.version, token_space=info.token_space)


def model_info(info: ModelInfo) -> pb.ModelInfo:
    """All that callers may know of a version."""
    return pb.ModelInfo(
        identity=identity(info),
        sample_rate=info.sample_rate,
        channels=info.channels,
        hop_samples=info.hop_samples,
        delay_samples=info.delay_samples,
        max_n_q=info.codebooks,
        codebook_size=info.codebook_size,
        causal=info.streamable,
        streamable=info.streamable,
        latency_ms=info.latency_ms,
        scaled=info.scaled,
        labels=info.labels,
        label_hop_samples=info.label_hop_samples,
        segmentation=_segmentation(info.segment_length_samples, info.segment_stride_samples),
        whole_samples=info.whole_samples,
        description=info.description,
        receptive_field_samples=info.receptive_field_samples,
        decoder_reach_frames=info.decoder_reach_frames,
        decode_dtype=info.decode_dtype,
    )


def labels_of(packed: bytes) -> Labels | None:
    """Labels from little-endian u16, None for none; raises `ServiceError` for half a label."""
    if not packed:
        return None
    if len(packed) % 2:
        message = f"{len(packed)} bytes are no whole labels of 2 bytes"
        raise ServiceError(Condition.INVALID_ARGUMENT, message)
    return np.frombuffer(packed, "<u2")


def side_of(tokens: pb.Tokens, info: ModelInfo) -> SideInformation:
    """What came with codes of the model. Raises `ServiceError` INVALID_ARGUMENT for what cannot be."""
    cut = tokens.segmentation if tokens.HasField("segmentation") else None
    segmentation = (cut.length_samples, cut.stride_samples) if cut else None
    return make_side(list(tokens.scale), labels_of(tokens.labels), segmentation, info.label_format)


def tokens(n_q: int, codes: bytes | memoryview, side: SideInformation) -> pb.Tokens:
    """Codes of an item with what belongs to them."""
    if side is NO_SIDE:
        return pb.Tokens(n_q=n_q, codes=bytes(codes))
    cut = side.segmentation
    return pb.Tokens(
        n_q=n_q,
        codes=bytes(codes),
        scale=side.scale,
        labels=b"" if side.labels is None else side.labels.astype("<u2").tobytes(),
        segmentation=_segmentation(cut.length_samples, cut.stride_samples) if cut else None,
    )


def _segmentation(length_samples: int, stride_samples: int) -> pb.Segmentation | None:
    if not length_samples:
        return None
    return pb.Segmentation(length_samples=length_samples, stride_samples=stride_samples)


def opened(info: ModelInfo, n_q: int, prime_frames: int | None) -> pb.Opened:
    """The first answer of a stream."""
    return pb.Opened(
        identity=identity(info),
        sample_rate=info.sample_rate,
        hop_samples=info.hop_samples,
        delay_samples=info.delay_samples,
        n_q=n_q,
        codebook_size=info.codebook_size,
        prime_frames=prime_frames,
    )


def go_away(event: GoAway, prime_frames: int | None) -> pb.GoAway:
    """What a stream is told that has to end."""
    deadline_ms = round(event.deadline_seconds * 1000)
    return pb.GoAway(reason=event.reason, deadline_ms=deadline_ms, prime_frames=prime_frames)
