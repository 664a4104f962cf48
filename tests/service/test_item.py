"""Items travel whole, and nothing that is none is taken for one."""

import random
import struct

import numpy as np
import pytest

from codec.tokens import NO_SIDE, LabelFormat, Segmentation, SideInformation
from service.ipc import ProtocolError
from service.item import Item, check_labels, check_side, make_side
from service.model_info import ModelInfo
from service.status import Condition, ServiceError

FORMAT = LabelFormat(50, 100)
INFO = ModelInfo(
    "m", "1-a", "s", 1000, 1, 10, 0, 4, 16, streamable=False, slots=0, scaled=True, labels=50,
    label_hop_samples=100, segment_length_samples=1000, segment_stride_samples=900, whole_samples=2000,
)  # fmt: skip
LABELS = np.array([3, 49, 0], np.uint16)
SIDE = SideInformation((0.5, 2.0), LABELS, FORMAT, Segmentation(1000, 900))


@pytest.mark.parametrize("body", [b"", b"\x01\x02", bytes(range(200))])
@pytest.mark.parametrize(
    "side", [NO_SIDE, SideInformation((1.5,)), SIDE, SideInformation((), LABELS, FORMAT)]
)
def test_an_item_comes_back_as_it_was(body: bytes, side: SideInformation) -> None:
    item = Item.parse(Item(12_345_678_901, body, side).pack(), FORMAT)
    assert (item.n_samples, bytes(item.body)) == (12_345_678_901, body)
    assert (item.side.scale, item.side.format) == (side.scale, side.format)
    if side.labels is None:
        assert item.side.labels is None
    else:
        assert item.side.labels is not None
        assert np.array_equal(item.side.labels, side.labels)


def test_every_cut_and_every_addition_is_noticed() -> None:
    packed = Item(7, b"abcdefgh", SIDE).pack()
    for size in range(len(packed)):
        with pytest.raises(ProtocolError):
            Item.parse(packed[:size], FORMAT)
    with pytest.raises(ProtocolError):
        Item.parse(packed + b"x", FORMAT)


def test_random_bytes_are_items_or_clear_errors() -> None:
    source = random.Random(0)
    packed = Item(7, b"abcdefgh", SIDE).pack()
    outcomes = set()
    for _ in range(5000):
        mutated = bytearray(packed)
        for _ in range(source.randint(1, 4)):
            mutated[source.randrange(len(mutated))] = source.randrange(256)
        try:
            Item.parse(bytes(mutated), FORMAT)
            outcomes.add("item")
        except ProtocolError:
            outcomes.add("protocol")
        except ServiceError as error:
            outcomes.add(error.condition.name)
    assert outcomes == {"item", "protocol", "INVALID_ARGUMENT"}


@pytest.mark.parametrize(
    ("scale", "labels", "segmentation", "form"),
    [
        ([0.0], None, None, None),
        ([float("nan")], None, None, None),
        ([float("inf")], None, None, None),
        ([], np.array([50], np.uint16), None, FORMAT),
        ([], np.array([1], np.uint16), None, None),
        ([], None, (10, 0), None),
        ([], None, (10, 11), None),
    ],
)
def test_values_that_cannot_be_are_invalid(
    scale: list[float],
    labels: np.ndarray[tuple[int], np.dtype[np.uint16]] | None,
    segmentation: tuple[int, int] | None,
    form: LabelFormat | None,
) -> None:
    with pytest.raises(ServiceError) as caught:
        make_side(scale, labels, segmentation, form)
    assert caught.value.condition is Condition.INVALID_ARGUMENT


def test_a_claim_of_many_scales_costs_nothing() -> None:
    with pytest.raises(ProtocolError):
        Item.parse(struct.pack("<QIIIII", 1, 0, 0xFFFF_FFFF, 0xFFFF_FFFF, 0, 0) + bytes(16), FORMAT)


def test_labels_must_be_as_many_as_the_samples_need() -> None:
    check_labels(LABELS, 300, INFO)
    check_labels(LABELS, 201, INFO)
    for labels, n_samples in ((LABELS, 200), (LABELS, 301), (None, 1)):
        with pytest.raises(ServiceError, match="hears a label for every 100 samples"):
            check_labels(labels, n_samples, INFO)
    deaf = ModelInfo("m", "1-a", "s", 1000, 1, 10, 0, 4, 16, True, 4)
    check_labels(None, 300, deaf)
    with pytest.raises(ServiceError, match="hears no labels"):
        check_labels(LABELS, 300, deaf)


def side(scales: int, labels: int, cut: Segmentation | None) -> SideInformation:
    return SideInformation((1.0,) * scales, np.zeros(labels, np.uint16), FORMAT, cut)


def test_codes_must_have_beside_them_what_the_model_has() -> None:
    check_side(side(1, 20, None), 2000, 200, INFO)
    # Three segments of 1000, 1000 and 201 samples, a frame for every 10.
    check_side(side(3, 21, Segmentation(1000, 900)), 2001, 100 + 100 + 21, INFO)
    wrong = [
        (side(1, 21, None), 2001, 201),  # too long to be coded whole
        (side(2, 20, Segmentation(1000, 900)), 2000, 200),  # too short to be cut
        (side(2, 21, Segmentation(1000, 900)), 2001, 221),  # a scale is missing
        (side(3, 21, Segmentation(1000, 800)), 2001, 221),  # another model's segments
        (side(3, 21, Segmentation(1000, 900)), 2001, 2),  # frames are missing
        (side(1, 19, None), 2000, 200),  # a label is missing
        (NO_SIDE, 2000, 200),
    ]
    for given, n_samples, n_frames in wrong:
        with pytest.raises(ServiceError) as caught:
            check_side(given, n_samples, n_frames, INFO)
        assert caught.value.condition is Condition.INVALID_ARGUMENT


def test_the_error_says_what_the_model_has_and_what_came() -> None:
    with pytest.raises(ServiceError, match=r"has scales, labels 0\.\.49, segments of 1000 .* have nothing"):
        check_side(NO_SIDE, 2001, 221, INFO)
