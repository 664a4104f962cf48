"""Segments are cut and joined without losing a sample."""

import pytest
import torch

from codec.model import Encoded
from codec.seanet_config import SeanetCodecConfig, SegmentConfig
from codec.segments import cut, items_of, join, joined, scale_of_items, scale_of_segments, segments_of

CONFIG = SeanetCodecConfig(family="seanet", segments=SegmentConfig(length_samples=1000, stride_samples=990))
WHOLE = SeanetCodecConfig(family="seanet")
LENGTHS = (2500, 1, 990, 991, 1000)


def ramp(lengths: tuple[int, ...]) -> torch.Tensor:
    return torch.arange(1.0, max(lengths) + 1).expand(len(lengths), 1, -1)


def test_every_item_is_cut_at_its_own_end() -> None:
    pieces, lengths = cut(ramp(LENGTHS), LENGTHS, CONFIG)
    assert lengths == (1000, 1000, 520, 1, 990, 991, 1, 1000, 10)
    assert pieces.shape == (9, 1, 1000)
    assert pieces[1, 0, 0] == 991
    assert pieces[2, 0, 519] == 2500
    assert not pieces[2, 0, 520:].any()


def test_joined_segments_are_the_item() -> None:
    pieces, lengths = cut(ramp(LENGTHS), LENGTHS, CONFIG)
    first = [pieces[i, :, : lengths[i]].double() for i in range(3)]
    torch.testing.assert_close(joined(first, 990), ramp(LENGTHS)[0, :, :2500].double(), rtol=1e-5, atol=0)


def test_the_fade_between_two_segments_is_even() -> None:
    mixed = joined([torch.zeros(1, 1000), torch.ones(1, 1000)], 990)[0]
    assert not mixed[:990].any()
    assert (mixed[1000:] == 1).all()
    fade = mixed[990:1000]
    torch.testing.assert_close(fade, torch.arange(1, 11) / 11, rtol=0, atol=1e-4)


def test_codes_and_scales_come_back() -> None:
    frames = tuple(CONFIG.segment_frames(n) for item in LENGTHS for n in CONFIG.segment_lengths(item))
    rows = torch.arange(9 * 2 * max(frames)).view(9, 2, -1)
    codes, n_frames = items_of(rows, frames, LENGTHS, CONFIG)
    assert n_frames == tuple(CONFIG.frames_for(n) for n in LENGTHS)
    again, counts = segments_of(Encoded(codes, LENGTHS, n_frames), CONFIG)
    assert counts == frames
    for row, back, count in zip(rows, again, counts, strict=True):
        assert torch.equal(row[:, :count], back[:, :count])
    scale = torch.arange(9.0)
    table = scale_of_items(scale, LENGTHS, CONFIG)
    assert table.tolist() == [[0, 1, 2], [3, 0, 0], [4, 0, 0], [5, 6, 0], [7, 8, 0]]
    assert torch.equal(scale_of_segments(table, LENGTHS, CONFIG), scale)


@pytest.mark.parametrize("config", [CONFIG, WHOLE])
def test_items_have_room_for_all_they_need(config: SeanetCodecConfig) -> None:
    counts = [len(config.segment_lengths(n)) for n in LENGTHS]
    frames = tuple(config.segment_frames(n) for item in LENGTHS for n in config.segment_lengths(item))
    audio = torch.ones(sum(counts), 1, max(frames) * config.hop_samples)
    whole = join(audio, frames, LENGTHS, config)
    assert whole.shape[0] == len(LENGTHS)
    for item, length in enumerate(LENGTHS):
        torch.testing.assert_close(whole[item, 0, :length], torch.ones(length))
