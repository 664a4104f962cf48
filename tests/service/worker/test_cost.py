"""The cost model finds the line through measured steps, and follows a machine that changes."""

import pytest

from service.worker.cost import CostModel, Timing

TRUTH = CostModel(fixed=0.002, per_frame=0.0001, per_code=0.00001)
SHAPES = [(1, 4), (4, 4), (1, 25), (1, 100)]


def timings(model: CostModel, factor: float = 1.0) -> list[Timing]:
    return [
        Timing(rows, frames, n_q, factor * model.seconds(rows, frames, n_q))
        for rows, frames in SHAPES
        for n_q in (8, 32)
    ]


def test_the_fit_recovers_the_terms() -> None:
    fitted = CostModel.fit(timings(TRUTH))
    assert fitted.fixed == pytest.approx(TRUTH.fixed, rel=1e-3)
    assert fitted.per_frame == pytest.approx(TRUTH.per_frame, rel=1e-3)
    assert fitted.per_code == pytest.approx(TRUTH.per_code, rel=1e-3)


def test_no_term_is_negative_and_every_frame_costs_something() -> None:
    fitted = CostModel.fit([Timing(1, 4, 8, 0.003), Timing(1, 100, 8, 0.001), Timing(1, 100, 32, 0.0005)])
    assert min(fitted.fixed, fitted.per_frame, fitted.per_code) >= 0
    assert fitted.seconds(1, 100, 8) > 0
    assert fitted.frames_within(1.0, 8) >= 1


@pytest.mark.parametrize("seconds", [0.0001, 0.002, 0.01, 0.02, 0.1])
def test_what_fits_is_the_most_that_fits(seconds: float) -> None:
    frames = TRUTH.frames_within(seconds, 8)
    assert frames == 1 or TRUTH.seconds(1, frames, 8) <= seconds + 1e-12
    assert TRUTH.seconds(1, frames + 1, 8) > seconds


def test_the_correction_follows_a_slower_machine_within_bounds() -> None:
    model = CostModel(TRUTH.fixed, TRUTH.per_frame, TRUTH.per_code)
    for _ in range(100):
        for timing in timings(TRUTH, factor=2.0):
            model.observe(timing)
    assert model.correction == pytest.approx(2.0, rel=0.01)
    assert model.frames_within(0.02, 8) < TRUTH.frames_within(0.02, 8)
    for _ in range(100):
        for timing in timings(TRUTH, factor=1000.0):
            model.observe(timing)
    assert model.correction == 64.0


def test_one_step_that_was_interrupted_does_not_count_for_much() -> None:
    model = CostModel(TRUTH.fixed, TRUTH.per_frame, TRUTH.per_code)
    model.observe(timings(TRUTH, factor=1000.0)[0])
    assert model.correction == pytest.approx(1.15)


def test_that_many_frames_cost_as_much_as_the_step_itself() -> None:
    assert CostModel(0.010, 0.001, 0.0).even_frames(8) == 10
    assert CostModel(0.0, 0.001, 0.0).even_frames(8) == 1


def test_company_gains_as_long_as_a_frame_shares_what_it_costs_once() -> None:
    assert CostModel(0.010, 0.001, 0.0).gaining_rows(8) == 1
    assert CostModel(0.0, 0.001, 0.0, step_frame=0.0001).gaining_rows(8) == 2
    assert CostModel(0.0, 0.0005, 0.0005 / 8, step_frame=0.001).gaining_rows(8) == 20
    shared = CostModel(0.0, 0.001, 0.0, step_frame=0.001)
    assert [shared.frames_within(0.06, 8, rows) for rows in (1, 2, 5)] == [30, 20, 10]
