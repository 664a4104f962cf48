"""Items become pieces and answers, and what does not fit the model goes no further."""

from dataclasses import replace

import numpy as np
import pytest

from codec.tokens import NO_SIDE, Segmentation, SideInformation
from service.ipc import Kind, Message, Operation, ProtocolError
from service.item import Item
from service.samples import SampleForm, pack
from service.status import Condition, ServiceError
from tests.service.worker.item_oracle import (
    HOP,
    INFO,
    LABEL_HOP,
    LENGTH,
    STRIDE,
    ItemOracle,
    audio_item,
    cutter,
    reference_decoded,
    reference_encoded,
    segment_frames,
    sound,
    words,
)

ORACLE = ItemOracle(lambda pieces, frames: None)


@pytest.mark.parametrize("n_samples", [1, 59, 60, 61, 64, 65, 200])
def test_items_are_cut_as_the_model_says_and_put_together_again(n_samples: int) -> None:
    item = cutter().cut(Message(Kind.JOB, 1, Operation.ENCODE, 3, payload=audio_item(n_samples).pack()))
    whole = np.concatenate([piece.items[:STRIDE] for piece in item.pieces])
    assert np.array_equal(whole[:n_samples] if n_samples > 60 else item.pieces[0].items, sound(n_samples))
    for number, piece in enumerate(item.pieces):
        assert piece.labels is not None
        start = number * STRIDE // LABEL_HOP
        assert np.array_equal(piece.labels, words(n_samples)[start : start + len(piece.labels)])
        assert len(piece.labels) == -(-piece.n_samples // LABEL_HOP)
        assert cutter().frames(piece) == segment_frames(piece.n_samples)
    answer = cutter().finish(item, ORACLE.encode(item.pieces, 3), ORACLE)
    assert answer == reference_encoded(n_samples, 3).pack()


@pytest.mark.parametrize("n_samples", [1, 60, 61, 200])
def test_codes_are_split_into_the_frames_of_each_piece(n_samples: int) -> None:
    coded = reference_encoded(n_samples, 2)
    item = cutter().cut(Message(Kind.JOB, 1, Operation.DECODE, 2, payload=coded.pack()))
    assert tuple(piece.scale for piece in item.pieces) == coded.side.scale
    answer = Item.parse(cutter().finish(item, ORACLE.decode(item.pieces), ORACLE), None)
    assert answer.n_samples == n_samples
    assert answer.side.format == NO_SIDE.format
    heard = np.frombuffer(answer.body, np.float32).reshape(-1, 2)
    assert np.array_equal(heard, reference_decoded(coded, 2))


def test_samples_of_16_bits_are_heard_and_given_where_they_are_asked_for() -> None:
    heard = np.array([[16384, -32768]] * 50, "<i2")
    content = replace(AUDIO, body=heard.tobytes()).pack()
    item = cutter().cut(Message(Kind.JOB, 1, Operation.ENCODE, 2, payload=content, form=SampleForm.S16))
    assert np.array_equal(item.pieces[0].items, heard / np.float32(32768))
    coded = reference_encoded(50, 2)
    wanted = cutter().cut(
        Message(Kind.JOB, 1, Operation.DECODE, 2, payload=coded.pack(), form=SampleForm.S16)
    )
    answer = Item.parse(cutter().finish(wanted, ORACLE.decode(wanted.pieces), ORACLE), None)
    assert answer.body == pack(reference_decoded(coded, 2), SampleForm.S16)


def with_side(item: Item, **fields: object) -> Item:
    return replace(item, side=replace(item.side, **fields))  # type: ignore[arg-type]


AUDIO, CODED, CUT = audio_item(50), reference_encoded(50, 2), reference_encoded(100, 2)


@pytest.mark.parametrize(
    ("operation", "item", "reason"),
    [
        (Operation.ENCODE, replace(AUDIO, body=b""), "at least one"),
        (Operation.ENCODE, replace(AUDIO, n_samples=49), "cannot be an item of 49"),
        (Operation.ENCODE, replace(AUDIO, body=b"123"), "whole F32"),
        (Operation.ENCODE, replace(AUDIO, body=np.full(100, np.nan, "<f4").tobytes()), "NaN"),
        (Operation.ENCODE, replace(AUDIO, side=NO_SIDE), "there are none"),
        (Operation.ENCODE, with_side(AUDIO, labels=words(52)), "there are 26"),
        (Operation.ENCODE, with_side(AUDIO, scale=(1.0,)), "found while it is coded"),
        (Operation.DECODE, replace(CODED, body=b"123"), "whole frames"),
        (Operation.DECODE, replace(CODED, body=np.full(26, 1024, "<u2").tobytes()), "out of range"),
        (Operation.DECODE, replace(CODED, body=b""), "cannot be 0 frames"),
        (Operation.DECODE, replace(CODED, n_samples=0), "right length"),
        (Operation.DECODE, replace(CODED, n_samples=2**63), "right length"),
        (Operation.DECODE, replace(CODED, body=bytes(CODED.body) + bytes(4)), "13 for so many"),
        (Operation.DECODE, with_side(CODED, scale=()), "scales"),
        (Operation.DECODE, with_side(CODED, scale=(1.0, 1.0)), "2 scales for 1 segments"),
        (Operation.DECODE, with_side(CODED, segmentation=Segmentation(LENGTH, STRIDE)), "segments of 40"),
        (Operation.DECODE, with_side(CUT, segmentation=None), "segments of 40"),
        (Operation.DECODE, with_side(CUT, segmentation=Segmentation(LENGTH, LENGTH)), "every 32"),
        (Operation.DECODE, replace(CUT, body=bytes(CUT.body)[:-4]), "frames"),
    ],
)
def test_what_does_not_fit_is_invalid(operation: Operation, item: Item, reason: str) -> None:
    with pytest.raises(ServiceError, match=reason) as caught:
        cutter().cut(Message(Kind.JOB, 1, operation, 2, payload=item.pack()))
    assert caught.value.condition is Condition.INVALID_ARGUMENT


def test_bytes_that_are_no_item_break_the_connection() -> None:
    with pytest.raises(ProtocolError):
        cutter().cut(Message(Kind.JOB, 1, Operation.ENCODE, 2, payload=b"short"))


def test_labels_of_another_model_are_refused() -> None:
    labels = np.full(25, 49, np.uint16)
    labelled = replace(AUDIO, side=SideInformation((), labels, INFO.label_format))
    cutter().cut(Message(Kind.JOB, 1, Operation.ENCODE, 2, payload=labelled.pack()))
    raw = bytearray(AUDIO.pack())
    raw[-2:] = (50).to_bytes(2, "little")
    with pytest.raises(ServiceError, match="label 50"):
        cutter().cut(Message(Kind.JOB, 1, Operation.ENCODE, 2, payload=bytes(raw)))
    assert INFO.hop_samples == HOP
