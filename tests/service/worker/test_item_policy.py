"""Batches of pieces: what gains by it, within rows, padded seconds and time."""

import pytest

from service.ipc import Kind, Message, Operation
from service.worker.item_job import ItemJob
from service.worker.item_policy import ItemLimits, ItemPolicy
from service.worker.session import SessionKey
from tests.service.worker.item_oracle import audio_item, costs, cutter, reference_encoded

FRAME_SECONDS = 0.02


def job(n_samples: int, n_q: int = 3, operation: Operation = Operation.ENCODE) -> ItemJob:
    item = audio_item(n_samples) if operation == Operation.ENCODE else reference_encoded(n_samples, n_q)
    cut = cutter().cut(Message(Kind.JOB, 1, operation, n_q, payload=item.pack()))
    frames = [cutter().frames(piece) for piece in cut.pieces]
    return ItemJob(SessionKey(1, 1), n_q, cut, frames, FRAME_SECONDS, arrived_ns=0, deadline_ns=0)


def policy(fixed: float = 0.001, **limits: float) -> ItemPolicy:
    return ItemPolicy(costs(fixed), FRAME_SECONDS, ItemLimits(**limits))  # type: ignore[arg-type]


def sizes(chosen: ItemPolicy, *jobs: ItemJob) -> list[int]:
    return [piece.n_samples for piece in chosen.batch(jobs).pieces]


def test_a_piece_joins_if_padding_costs_less_than_a_step() -> None:
    assert sizes(policy(fixed=0.003), job(40), job(36)) == [40, 36], "one frame of padding takes 2 ms"
    assert sizes(policy(fixed=0.001), job(40), job(36)) == [40]
    assert sizes(policy(fixed=0.003), job(36), job(40)) == [36, 40]
    assert sizes(policy(), job(60), job(4), job(60)) == [60, 60]


def test_the_largest_n_q_and_the_longest_piece_make_the_batch() -> None:
    batch = policy(fixed=0.01).batch([job(36, n_q=1), job(40, n_q=2)])
    assert (batch.n_q, batch.frames, batch.own_frames) == (2, 11, 10 + 11)
    assert [owner.n_q for owner in batch.jobs] == [1, 2]


def test_encoding_and_decoding_do_not_mix() -> None:
    batch = policy().batch([job(40), job(40, operation=Operation.DECODE), job(40)])
    assert (batch.operation, len(batch.pieces)) == (Operation.ENCODE, 2)


@pytest.mark.parametrize(
    ("limits", "rows"),
    [
        ({}, 6),
        ({"max_rows": 3}, 3),
        ({"max_padded_seconds": 4 * 11 * FRAME_SECONDS}, 4),
        ({"target_seconds": 0.001 + 2 * 11 * 0.002 + 1e-9}, 2),
        ({"target_seconds": 0.0}, 1),
    ],
)
def test_batches_are_bounded_but_a_single_piece_always_runs(limits: dict[str, float], rows: int) -> None:
    assert len(sizes(policy(**limits), *(job(40) for _ in range(6)))) == rows


def test_the_pieces_of_an_item_run_in_their_order() -> None:
    long = job(32 * 3 + 4)
    assert [piece.n_samples for piece in long.item.pieces] == [40, 40, 36, 4]
    batch = policy(fixed=0.0011).batch([long, job(40)])
    assert [piece.n_samples for piece in batch.pieces] == [40, 40, 40]
    assert sizes(policy(fixed=0.0011), job(4), long) == [4], "not the last piece of the long one"


def test_run_time_is_that_of_what_is_left() -> None:
    long = job(100)
    assert policy().run_seconds(long) == pytest.approx(4 * 0.001 + 34 * 0.002)
    long.done += long.item.pieces[:3]
    assert policy().run_seconds(long) == pytest.approx(0.001 + 2 * 0.002)
