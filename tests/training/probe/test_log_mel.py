"""Log-mel features at a codec's frame rate."""

import numpy as np
import pytest
import torch

from training.probe.log_mel import BANDS, LogMelFrames


@pytest.mark.parametrize(
    ("sample_rate", "hop_samples", "steps"),
    [(16_000, 160, 1), (16_000, 320, 2), (16_000, 640, 4), (24_000, 320, 2)],
)
def test_a_frame_is_a_few_steps_of_ten_milliseconds_or_less(
    sample_rate: int, hop_samples: int, steps: int
) -> None:
    features = LogMelFrames(sample_rate, hop_samples)
    assert features.steps == steps
    found = features(torch.randn(10 * hop_samples + 1, generator=torch.Generator().manual_seed(0)))
    assert found.shape == (11, steps * BANDS)
    assert features.numbers == steps * BANDS
    # No band is without a bin, which would leave it at the floor.
    assert found[:10].amin() > -4


def test_a_click_is_in_the_frames_that_hold_it() -> None:
    audio = torch.zeros(3200)
    audio[5 * 320 + 160] = 1.0
    level = LogMelFrames(16_000, 320)(audio).view(10, 2, BANDS).mean(-1)
    heard = torch.nonzero(level.flatten() > -4).flatten().tolist()
    # The middle of frame 5 is the edge of its two steps.
    assert heard == [10, 11]


def test_a_tone_is_loudest_in_its_band() -> None:
    time = torch.arange(16_000) / 16_000
    low, high = (
        LogMelFrames(16_000, 160)(torch.sin(2 * np.pi * hz * time))[50].argmax() for hz in (300, 3000)
    )
    assert 0 < low < high < BANDS
