"""What the clients send and read for models that hear labels."""

import numpy as np
import pytest

from codec.errors import InvalidTokensError
from codec.tokens import LabelFormat, Segmentation
from proto.codec.v1 import codec_pb2 as pb
from service.client.exchange import Selection
from service.client.labelled import encode_request, model_request, tokens_of_answer

IDENTITY = pb.Identity(model="m", version="1-0123456789ab", token_space="s")
MODEL = pb.ModelInfo(
    identity=IDENTITY, sample_rate=1000, hop_samples=10, codebook_size=16, labels=50, label_hop_samples=5
)
CODES = np.arange(8, dtype="<u2").reshape(4, 2)


def answer(**fields: object) -> pb.EncodeResponse:
    tokens = pb.Tokens(n_q=2, codes=CODES.tobytes(), **fields)  # type: ignore[arg-type]
    return pb.EncodeResponse(identity=IDENTITY, tokens=tokens, n_samples=35, sample_rate=1000)


def test_a_request_holds_selection_audio_and_labels() -> None:
    labels = np.array([1, 300], np.uint16)
    request = encode_request(b"RIFF", Selection("m@1-0123456789ab", n_q=3), 1000, labels)
    assert request.model.model == "m@1-0123456789ab"
    assert (request.rate.n_q, request.file, request.labels) == (3, b"RIFF", b"\x01\x00\x2c\x01")


def test_an_answer_becomes_tokens_with_all_that_decoding_needs() -> None:
    labels = np.arange(7, dtype="<u2")
    tokens = tokens_of_answer(answer(scale=[0.5], labels=labels.tobytes()), MODEL)
    assert np.array_equal(tokens.codes, CODES.T)
    assert (tokens.model, tokens.n_samples, tokens.hop_samples, tokens.codebook_size) == ("m", 35, 10, 16)
    assert (tokens.side.scale, tokens.side.label_format) == ((0.5,), LabelFormat(50, 5))
    assert tokens.side.labels is not None
    assert np.array_equal(tokens.side.labels, labels)
    assert tokens.side.segmentation is None


def test_segments_are_read_and_checked() -> None:
    cut = pb.Segmentation(length_samples=20, stride_samples=20)
    tokens = tokens_of_answer(answer(scale=[0.5, 1.5], segmentation=cut), MODEL)
    assert tokens.side.segmentation == Segmentation(20, 20)
    with pytest.raises(InvalidTokensError):
        tokens_of_answer(answer(scale=[0.5], segmentation=cut), MODEL)


def test_the_facts_asked_for_are_those_of_the_version_that_answered() -> None:
    asked = model_request(answer()).model
    assert (asked.model, asked.version) == ("m", "1-0123456789ab")
