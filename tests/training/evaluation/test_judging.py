"""One recording through every codec and every metric."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.evaluation.plans import CODEBOOKS, N_Q, tiny_plan, write_clips
from training.evaluation.clips import find_clips
from training.evaluation.coders.model_coder import ModelCoder
from training.evaluation.judging import COST_NAMES, Failure, judge

pytestmark = pytest.mark.usefixtures("single_thread")


def test_scores_failures_and_codes(tmp_path: Path) -> None:
    plan = tiny_plan(tmp_path)
    good, _, silent, broken = (judge(plan, clip) for clip in find_clips(write_clips(tmp_path / "audio")))

    assert good.failures == ()
    assert good.seconds == 0.6
    assert [score.coder for score in good.scores] == [f"tiny, n_q {n_q}" for n_q in N_Q]
    for n_q, score in zip(N_Q, good.scores, strict=True):
        assert tuple(score.values) == (*COST_NAMES, "si_sdr_db", "level_error_db")
        assert n_q * 300 <= score.values["payload_bps"] <= n_q * 300 * 1.25
        assert score.values["encode_rtf"] > 0
    assert good.codes is not None
    assert len(good.codes) == CODEBOOKS

    # Silence has no score, and costs what it costs all the same.
    assert {failure.step for failure in silent.failures} == {"si_sdr_db", "level_error_db"}
    assert len(silent.failures) == 2 * len(N_Q)
    assert [tuple(score.values) for score in silent.scores] == [COST_NAMES] * len(N_Q)

    assert broken.scores == ()
    assert broken.codes is None
    (failure,) = broken.failures
    assert isinstance(failure, Failure)
    assert (failure.clip, failure.coder, failure.step) == ("z_broken.wav", "", "reading")
    assert "no audio" in failure.reason


def test_the_codes_are_those_of_the_model_under_test(tmp_path: Path) -> None:
    plan = tiny_plan(tmp_path)
    clip = find_clips(write_clips(tmp_path / "audio"))[0]
    larger = ModelCoder("other", "tiny", tmp_path / "models", CODEBOOKS)
    verdict = judge(replace(plan, coders=(plan.coders[0], larger)), clip)
    assert len(verdict.scores) == 2
    assert verdict.codes is not None
    assert len(verdict.codes) == N_Q[0]


def test_a_codec_that_fails_leaves_the_others_alone(tmp_path: Path) -> None:
    plan = tiny_plan(tmp_path)
    clip = find_clips(write_clips(tmp_path / "audio"))[0]
    # Seven codebooks are more than there are.
    greedy = ModelCoder("tiny", "tiny", tmp_path / "models", CODEBOOKS + 1)
    verdict = judge(replace(plan, coders=(greedy, *plan.coders)), clip)
    assert len(verdict.scores) == len(N_Q)
    (failure,) = verdict.failures
    assert (failure.coder, failure.step) == ("tiny, n_q 7", "coding")
