"""Encoding with semantic labels, which goes by gRPC, common to both clients."""

import numpy as np

from codec.tokens import (
    LabelFormat,
    Labels,
    Segmentation,
    SideInformation,
    TokenIdentity,
    Tokens,
    from_wire,
)
from proto.codec.v1 import codec_pb2 as pb
from service.client.exchange import AudioInput, Selection, audio_body
from service.client.streams import model_ref, rate_of


def encode_request(
    audio: AudioInput, selection: Selection, sample_rate: int, labels: Labels
) -> pb.EncodeRequest:
    """Audio with its labels uint16 `[label]`."""
    return pb.EncodeRequest(
        model=model_ref(selection.model),
        rate=rate_of(selection),
        file=audio_body(audio, sample_rate),
        labels=labels.astype("<u2").tobytes(),
    )


def model_request(answer: pb.EncodeResponse) -> pb.GetModelRequest:
    """Asks for the facts of the version that made an answer."""
    identity = answer.identity
    return pb.GetModelRequest(model=pb.ModelRef(model=identity.model, version=identity.version))


def tokens_of_answer(answer: pb.EncodeResponse, model: pb.ModelInfo) -> Tokens:
    """The tokens that the service sent, made by `model`."""
    sent, identity = answer.tokens, answer.identity
    cut = sent.segmentation
    side = SideInformation(
        tuple(sent.scale),
        np.frombuffer(sent.labels, "<u2") if sent.labels else None,
        LabelFormat(model.labels, model.label_hop_samples) if sent.labels else None,
        Segmentation(cut.length_samples, cut.stride_samples) if sent.HasField("segmentation") else None,
    )
    return Tokens(
        from_wire(sent.codes, sent.n_q, model.codebook_size),
        TokenIdentity(identity.model, identity.version, identity.token_space),
        answer.sample_rate,
        model.hop_samples,
        answer.n_samples,
        model.codebook_size,
        side,
    )
