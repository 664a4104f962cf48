"""Few shapes, each step in the smallest that takes it, and every frame in exactly one step."""

import pytest

from service.ipc import Operation
from service.worker.engine import Geometry
from service.worker.shapes import Shape, Shapes

GEOMETRY = Geometry(
    sample_rate=16_000, channels=1, hop_samples=320, delay_samples=352, codebooks=32, codebook_size=1024
)


def shapes(operation: Operation = Operation.ENCODE, rows: int = 128, *, fixed: bool = False) -> Shapes:
    return Shapes.of(operation, GEOMETRY, rows, "cuda", fixed=fixed)


def test_widths_double_and_frames_are_all_those_of_live_messages() -> None:
    made = shapes()
    assert made.widths == (1, 2, 4, 8, 16, 32, 64)
    assert made.frames == (1, 2, 3, 4, 5, 6, 7, 8)
    assert made.n_qs == (8, 32)
    assert shapes(Operation.DECODE).n_qs == (32,)
    assert [shapes(rows=rows).widths[-1] for rows in (1, 2, 5, 64, 65)] == [1, 2, 8, 64, 64]


def test_all_shapes_of_live_messages_are_ready() -> None:
    ready = shapes().ready
    assert {Shape(64, 8, 32), Shape(1, 1, 8)} <= set(ready)
    assert len(ready) == len(set(ready)) == 7 * 8 * 2


def test_all_steps_there_can_be_have_few_shapes() -> None:
    """Torch keeps 4096 plans of Fourier transforms, two for every shape at most."""
    made, found = shapes(), set()
    for rows in range(1, 130):
        for frames in range(1, 400):
            for at, span in made.cuts(rows, frames):
                size = len(range(rows)[at])
                assert span.stop <= frames
                found.add(made.for_step(size, span.stop - span.start, 32))
    assert len(found) == 7 * (8 + 5)


@pytest.mark.parametrize(
    ("step", "shape"),
    [((1, 4, 8), Shape(1, 4, 8)), ((3, 4, 9), Shape(4, 4, 32)), ((64, 48, 1), Shape(64, 48, 8))],
)
def test_a_step_gets_the_smallest_shape_and_its_own_frames(step: tuple[int, int, int], shape: Shape) -> None:
    assert shapes().for_step(*step) == shape


def test_fixed_is_one_shape_a_frame_long() -> None:
    made = shapes(fixed=True)
    assert {(shape.width, shape.frames) for shape in made.ready} == {(64, 1)}
    assert made.for_step(1, 1, 32) == made.for_step(64, 1, 32)


@pytest.mark.parametrize(("fixed", "steps"), [(False, 2), (True, 10)])
def test_cuts_cover_everything_once_and_frames_in_order(fixed: bool, steps: int) -> None:
    cuts = shapes(fixed=fixed).cuts(70, 5)
    assert len(cuts) == steps
    seen = [(row, frame) for rows, frames in cuts for row in range(70)[rows] for frame in range(5)[frames]]
    assert sorted(seen) == [(row, frame) for row in range(70) for frame in range(5)]
    assert [frame for row, frame in seen if row == 69] == list(range(5))


def test_a_long_step_is_taken_in_few() -> None:
    (cuts, lengths) = shapes().cuts(1, 107), []
    for _, span in cuts:
        lengths.append(span.stop - span.start)
    assert lengths == [64, 32, 8, 3]
