"""A batch of codes: thinned, masked, and put together of parts."""

import torch

from codec.encoded import Encoded, gather, mask_unused, stacked
from codec.quantizer import ABSENT


def test_thinning_keeps_the_first_codebooks_and_everything_else() -> None:
    encoded = Encoded(torch.arange(12).view(1, 4, 3), (900,), (3,), torch.ones(1, 1))
    thinned = encoded.thin(2)
    assert torch.equal(thinned.codes, encoded.codes[:, :2])
    assert (thinned.n_samples, thinned.n_frames, thinned.scale) == ((900,), (3,), encoded.scale)


def test_what_an_item_does_not_have_is_absent() -> None:
    codes = mask_unused(torch.ones(2, 3, 4, dtype=torch.int64), (4, 2), (1, 3))
    assert codes[0].tolist() == [[1, 1, 1, 1], [ABSENT] * 4, [ABSENT] * 4]
    assert codes[1].tolist() == [[1, 1, ABSENT, ABSENT]] * 3


def test_parts_become_one_batch() -> None:
    one = Encoded(torch.ones(1, 2, 3, dtype=torch.int64), (900,), (3,), torch.ones(1, 1), torch.ones(1, 6))
    two = Encoded(torch.ones(2, 2, 1, dtype=torch.int64), (9, 8), (1, 1), torch.ones(2, 1), torch.ones(2, 2))
    both = gather([one, two])
    assert (both.n_samples, both.n_frames) == ((900, 9, 8), (3, 1, 1))
    assert both.codes.shape == (3, 2, 3)
    assert (both.codes[1:, :, 1:] == ABSENT).all()
    assert both.scale is not None
    assert both.labels is not None
    assert both.scale.shape == (3, 1)
    assert both.labels.shape == (3, 6)
    assert gather([one]) is one


def test_shorter_batches_are_filled_up() -> None:
    assert stacked([torch.ones(1, 2), torch.ones(1, 3)]).tolist() == [[1, 1, 0], [1, 1, 1]]
