"""Frames come out of a segment whole and in order, however the input was cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.worker.segment import Segment

HOP, LAG = 4, 6


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(1, 2)), min_size=1, max_size=20))
def test_every_item_comes_out_once_with_the_n_q_of_the_message_that_completes_its_frame(
    messages: list[tuple[int, int]],
) -> None:
    segment = Segment(HOP)
    total = sum(count for count, _ in messages)
    signal = np.arange(total, dtype=np.float32).reshape(-1, 1)
    ends = np.cumsum([count for count, _ in messages])
    at = 0
    for sequence, (count, n_q) in enumerate(messages):
        segment.push(signal[at : at + count], n_q, sequence, arrived_ns=sequence + 1)
        at += count
    taken, n_qs = [], []
    while segment.ready_frames:
        n_qs.append(segment.n_q)
        taken.append(segment.take(1))
    whole = total // HOP
    assert np.array_equal(np.concatenate([*taken, signal[:0]]), signal[: whole * HOP])
    assert n_qs == [messages[int(np.searchsorted(ends, (frame + 1) * HOP))][1] for frame in range(whole)]
    assert segment.pending_items == total - whole * HOP
    assert segment.consumed() == len(messages) - 1


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 8, 100])
def test_a_flush_covers_the_last_item_and_the_lag(count: int) -> None:
    segment = Segment(HOP)
    segment.push(np.ones((count, 1), np.float32), 1, 0, 1)
    segment.flush(9, LAG)
    assert segment.ready_frames == -(-(count + LAG) // HOP)
    padded = segment.take(segment.ready_frames)
    assert (padded.sum(), len(padded) % HOP) == (count, 0)
    assert segment.finished


def test_a_flush_of_nothing_is_finished_at_once() -> None:
    segment = Segment(HOP)
    segment.flush(9, LAG)
    assert segment.finished


def test_a_flush_pads_with_the_last_n_q() -> None:
    segment = Segment(HOP)
    segment.push(np.ones((HOP, 1), np.float32), 2, 0, 1)
    assert segment.take(1).shape == (HOP, 1)
    segment.flush(9, LAG)
    assert (segment.ready_frames, segment.n_q) == (2, 2)


def test_input_is_consumed_when_no_whole_frame_of_it_is_left() -> None:
    segment = Segment(HOP)
    for sequence in range(3):
        segment.push(np.ones((6, 1), np.float32), 1, sequence, arrived_ns=100 + sequence)
    assert (segment.consumed(), segment.waiting_since_ns, segment.pending_inputs) == (None, 100, 3)
    segment.take(2)
    assert (segment.consumed(), segment.waiting_since_ns) == (0, 101)
    segment.take(2)
    assert (segment.consumed(), segment.waiting_since_ns, segment.pending_inputs) == (2, 0, 0)


def test_taking_more_than_is_ready_is_an_error() -> None:
    segment = Segment(1)
    segment.push(np.ones((2, 3), np.int64), 3, 0, 1)
    with pytest.raises(ValueError, match="3 frames taken of 2"):
        segment.take(3)
