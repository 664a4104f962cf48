"""Recordings in parallel processes."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.evaluation.plans import tiny_plan, write_clips
from training.evaluation.clips import find_clips
from training.evaluation.judging import judge
from training.evaluation.pool import fresh_processes, judge_all


@pytest.mark.usefixtures("single_thread")
def test_two_processes_find_what_one_finds_in_the_order_of_the_clips(tmp_path: Path) -> None:
    plan = tiny_plan(tmp_path)
    clips = find_clips(write_clips(tmp_path / "audio"), every=3)
    verdicts = judge_all(plan, clips, workers=2)
    assert [verdict.clip for verdict in verdicts] == [clip.name for clip in clips]
    for clip, verdict in zip(clips, verdicts, strict=True):
        here = judge(plan, clip)
        assert verdict.failures == here.failures
        for score, expected in zip(verdict.scores, here.scores, strict=True):
            timeless = {name: value for name, value in score.values.items() if not name.endswith("_rtf")}
            assert timeless.items() <= expected.values.items()
        assert (verdict.codes is None) == (here.codes is None)
        if verdict.codes is not None and here.codes is not None:
            assert np.array_equal(verdict.codes, here.codes)


def test_processes_have_one_thread_and_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with fresh_processes(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == 1
        assert pool.submit(os.getpid).result() != os.getpid()
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ
