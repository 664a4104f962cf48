"""Peak memory."""

from pathlib import Path

import numpy as np

from tests.training.evaluation.plans import tiny_plan, write_clips
from training.evaluation.memory import high_water_bytes, peak_memory_bytes


def test_the_high_water_mark_rises_with_what_is_held() -> None:
    before = high_water_bytes()
    held = np.ones((before + 2**26) // 8)
    assert held.nbytes <= high_water_bytes() < 4 * before


def test_the_peak_is_that_of_a_process_of_its_own(tmp_path: Path) -> None:
    plan = tiny_plan(tmp_path)
    clip = write_clips(tmp_path / "audio") / "a0.wav"
    # It would be counted if the other process looked at the one that started it.
    ours = np.ones(2**26)
    peak = peak_memory_bytes(plan.coders[0], clip, 16_000)
    assert 2**26 < peak < high_water_bytes()
    assert ours.nbytes == 2**29
