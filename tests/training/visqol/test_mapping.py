import pytest

from training.visqol.mapping import exponential, limited
from training.visqol.settings import Generation


@pytest.mark.parametrize(
    ("generation", "scaled", "mos"),
    [("v333", True, 5.0), ("v333", False, 4.015861169), ("v310", True, 5.0), ("v310", False, 4.155761301)],
)
def test_equal_signals(generation: Generation, scaled: bool, mos: float) -> None:
    assert exponential(1.0, generation, scaled=scaled) == pytest.approx(mos, abs=5e-5)


@pytest.mark.parametrize("generation", ["v333", "v310"])
def test_more_similar_is_better(generation: Generation) -> None:
    scores = [exponential(tenth / 10, generation, scaled=True) for tenth in range(11)]
    assert scores == sorted(set(scores))


def test_scores_stay_between_one_and_five() -> None:
    assert limited(5.3, 0.9) == 5
    assert limited(0.2, 0.3) == 1
    assert limited(3.2, 0.8) == 3.2


def test_unrelated_signals_get_the_lowest_score_whatever_the_mapper_says() -> None:
    assert limited(2.9, 0.1499) == 1
    assert limited(2.9, 0.15) == 2.9
