"""Live streams on the scheduler: every session gets what it would get alone, in order."""

import numpy as np
import pytest

from service.ipc import Kind, Message, Operation
from service.status import Condition
from service.worker.session import NOTHING_CONSUMED
from tests.service.worker.bench import Bench, codes_of, conditions, data, encode_job, opened, samples
from tests.service.worker.oracle import flushed, reference_audio, reference_codes


def test_live_streams_go_before_jobs() -> None:
    bench = Bench()
    bench.send(encode_job(1, samples(4 * 1000)), opened(2))
    assert bench.scheduler.step()
    bench.send(data(2, samples(4).tobytes()))
    bench.sent.clear()
    assert bench.scheduler.step()
    assert [message.kind for _, message in bench.sent] == [Kind.DATA]


def test_a_stream_that_runs_ahead_of_real_time_queues_with_the_jobs() -> None:
    bench = Bench()
    bench.send(opened(2))
    bench.send(data(2, samples(4 * 200).tobytes()))  # four seconds at once
    bench.scheduler.step()
    bench.send(encode_job(1, samples(8)))
    bench.now_ns += 50_000_000
    bench.send(data(2, samples(4 * 200).tobytes(), sequence=1))
    answers = bench.run()[2:]
    result = [message.kind for message in answers].index(Kind.RESULT)
    assert answers[result - 1].sequence == 0, "what came before the job is done before it"
    assert answers[result + 1].sequence == 0, "and what came later, later"
    assert answers[-1].sequence == 1


def lateness(bench: Bench) -> tuple[int, float, int]:
    """Outputs that were counted, their lateness together in seconds, and underruns."""
    told = bench.scheduler.snapshot()["steps"]["encode"]
    return sum(told["lateness_seconds"]["counts"]), told["lateness_seconds"]["total"], told["underruns"]


def test_only_what_is_due_can_be_late() -> None:
    bench = Bench()
    bench.send(opened(1), data(1, samples(4 * 500).tobytes()))  # ten seconds, all at once
    bench.run()
    outputs, late_seconds, underruns = lateness(bench)
    assert outputs > 50
    assert late_seconds == pytest.approx(0.02, abs=0.002), "that of the first output, which is due at once"
    assert underruns == 0


def test_a_source_that_keeps_to_real_time_is_late_by_all_that_it_waits() -> None:
    bench = Bench()
    bench.send(opened(1))
    for sequence in range(10):
        bench.pass_time(0.08)
        bench.send(data(1, samples(16).tobytes(), sequence))
        bench.pass_time(0.1 if sequence == 9 else 0.01)
        bench.run()
    outputs, late_seconds, underruns = lateness(bench)
    assert (outputs, underruns) == (10, 1)
    assert late_seconds == pytest.approx(9 * 0.019 + 0.109)


def test_who_was_ahead_and_waited_is_late_again() -> None:
    bench = Bench()
    bench.send(opened(1), data(1, samples(4 * 25).tobytes()))  # half a second at once
    bench.run()
    _, before, _ = lateness(bench)
    bench.pass_time(5.0)
    bench.send(data(1, samples(16).tobytes(), 1))
    bench.pass_time(0.05)
    bench.run()
    assert lateness(bench)[1] - before == pytest.approx(0.059)


def test_stream_messages_are_acknowledged_when_nothing_is_left_to_step() -> None:
    bench = Bench()
    audio = samples(11)
    bench.send(opened(5), data(5, audio[:3].tobytes(), 0))
    assert [m.kind for m in bench.run()] == [Kind.OPENED, Kind.DATA]
    bench.send(data(5, audio[3:9].tobytes(), 1), data(5, audio[9:].tobytes(), 2))
    (first,) = bench.run()
    assert (first.sequence, first.value) == (2, 0), "the remainder of three samples can only wait"
    bench.send(Message(Kind.FLUSH, 5, sequence=77))
    rest, done = bench.run()
    assert (rest.sequence, rest.value, done.kind, done.sequence) == (2, 2, Kind.FLUSHED, 77)
    both = np.concatenate([codes_of(first), codes_of(rest)])
    assert np.array_equal(both, reference_codes(flushed(audio)))


def test_a_piece_of_a_long_first_message_acknowledges_nothing() -> None:
    bench = Bench()
    bench.send(opened(5), data(5, samples(4 * 30).tobytes(), 0))
    answers = bench.run()
    assert [m.sequence for m in answers[1:]] == [NOTHING_CONSUMED] * (len(answers) - 2) + [0]
    assert [m.value for m in answers[1:]] == list(np.cumsum([0] + [len(codes_of(m)) for m in answers[1:-1]]))


def test_n_q_changes_with_the_message_that_completes_a_frame() -> None:
    bench = Bench()
    audio = samples(12)
    bench.send(opened(1, n_q=1))
    bench.send(data(1, audio[:6].tobytes(), 0, n_q=1), data(1, audio[6:].tobytes(), 1, n_q=3))
    _, one, three = bench.run()
    wanted = reference_codes(audio)
    assert np.array_equal(codes_of(one), wanted[:1, :1])
    assert np.array_equal(codes_of(three), wanted[1:, :3])


def test_decode_streams_start_at_sample_zero_and_again_after_a_flush() -> None:
    bench = Bench()
    codes = np.random.default_rng(3).integers(0, 1024, (5, 2)).astype(np.uint16)
    bench.send(opened(1, Operation.DECODE, 2))
    bench.run()
    for flush_id in (1, 2):
        bench.send(data(1, codes[:1].tobytes(), 0, n_q=2), data(1, codes[1:].tobytes(), 1, n_q=2))
        bench.send(Message(Kind.FLUSH, 1, sequence=flush_id))
        *pieces, done = bench.run()
        assert (done.kind, done.sequence) == (Kind.FLUSHED, flush_id)
        audio = np.concatenate([np.frombuffer(piece.payload, "<f4") for piece in pieces])
        assert np.array_equal(audio, reference_audio(list(codes)))
        assert pieces[0].value == 0


def test_flushing_nothing_emits_nothing() -> None:
    bench = Bench()
    bench.send(opened(1), Message(Kind.FLUSH, 1, sequence=1), Message(Kind.FLUSH, 1, sequence=2))
    assert [(m.kind, m.sequence) for m in bench.run()][1:] == [(Kind.FLUSHED, 1), (Kind.FLUSHED, 2)]


def test_bad_data_ends_its_stream_only() -> None:
    bench = Bench()
    bench.send(opened(1), opened(2), data(1, b"odd"), data(2, samples(4).tobytes()))
    answers = bench.run()
    assert [m.session for m in answers if m.kind is Kind.FAILED] == [1]
    assert [m.session for m in answers if m.kind is Kind.DATA] == [2]
    bench.send(data(1, samples(4).tobytes()))
    assert bench.run() == []
    assert bench.scheduler.snapshot()["late_messages"] == 1


def test_too_much_input_ahead_of_the_results_ends_the_stream() -> None:
    bench = Bench()
    bench.send(opened(1), data(1, samples(200 * 65).tobytes()))
    assert conditions([message for _, message in bench.sent]) == [Condition.LIMIT_EXCEEDED]
