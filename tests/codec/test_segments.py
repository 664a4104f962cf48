"""Segments are cut and joined without losing a sample."""

import pytest
import torch

from codec.encoded import Encoded
from codec.seanet_config import SeanetCodecConfig, SegmentConfig, SemanticConfig
from codec.seanet_network_config import SeanetConfig
from codec.segments import (
    cross_fade,
    cut,
    items_of,
    join,
    labels_of_segments,
    scale_of_items,
    scale_of_segments,
    segments_of,
)

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
    whole = torch.cat(list(cross_fade(first, 990)), dim=-1)
    torch.testing.assert_close(whole, ramp(LENGTHS)[0, :, :2500].double(), rtol=1e-5, atol=0)


def test_the_fade_between_two_segments_is_even() -> None:
    mixed = torch.cat(list(cross_fade([torch.zeros(1, 1000), torch.ones(1, 1000)], 990)), dim=-1)[0]
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


def test_every_segment_has_the_labels_of_its_samples() -> None:
    plan = SegmentConfig(length_samples=1280, stride_samples=960, whole_samples=1500)
    config = CONFIG.model_copy(update={"segments": plan, "semantic": SemanticConfig(combine="addition")})
    labels = torch.arange(17).expand(2, -1)
    rows = labels_of_segments(labels, (2600, 1500), config)
    assert [row.tolist() for row in rows] == [
        [*range(0, 8), 0, 0],
        [*range(6, 14), 0, 0],
        [*range(12, 17), 0, 0, 0, 0, 0],
        [*range(0, 10)],
    ]
    assert torch.equal(labels_of_segments(labels, (1500, 900), config), labels)


def test_without_a_plan_long_items_are_cut_unless_the_model_streams() -> None:
    assert WHOLE.segment_lengths(30 * 16000) == (30 * 16000,)
    lengths = WHOLE.segment_lengths(30 * 16000 + 1)
    assert lengths == (160000, 160000, 160000, 480001 - 3 * 152000)
    network = SeanetConfig(causal=True, norm="weight_norm")
    streaming = WHOLE.model_copy(update={"level": "none", "network": network})
    assert streaming.segment_lengths(10**9) == (10**9,)
