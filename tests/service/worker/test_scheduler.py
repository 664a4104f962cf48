"""The scheduler against a checksum engine: every session gets what it would get alone."""

import numpy as np
import pytest
from numpy.typing import NDArray

from service.ipc import Kind, Message, Operation, ProtocolError
from service.status import Condition
from service.worker.scheduler import Scheduler, SchedulerConfig
from service.worker.session import NOTHING_CONSUMED
from tests.service.worker.oracle import (
    GEOMETRY,
    OracleEngine,
    costs,
    flushed,
    reference_audio,
    reference_codes,
)

CONFIG = SchedulerConfig(slots=2, max_jobs=3)


class Bench:
    """A scheduler on an oracle engine, a clock that tests turn, and all that was sent."""

    def __init__(self, config: SchedulerConfig = CONFIG) -> None:
        self.sent: list[tuple[int, Message]] = []
        self.now_ns = 1_000_000_000
        self.engine = OracleEngine(config.slots + config.max_jobs, self.take_time)
        self.scheduler = Scheduler(
            GEOMETRY, self.engine, costs(), self._emit, config, clock=lambda: self.now_ns
        )

    def take_time(self, rows: int, frames: int) -> None:
        """Steps take as long as the cost model says."""
        self.now_ns += round(costs()[Operation.ENCODE].seconds(rows, frames, 3) * 1e9)

    def _emit(self, connection: int, message: Message) -> None:
        self.sent.append((connection, message))

    def send(self, *messages: Message, connection: int = 1) -> None:
        for message in messages:
            self.scheduler.handle(connection, message)

    def run(self) -> list[Message]:
        """Step until there is nothing to do; what was sent since the last call."""
        while self.scheduler.step():
            pass
        messages = [message for _, message in self.sent]
        self.sent.clear()
        return messages


def samples(count: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(count).astype(np.float32)


def encode_job(session: int, audio: NDArray[np.float32], n_q: int = 3, deadline_ns: int = 0) -> Message:
    return Message(Kind.JOB, session, Operation.ENCODE, n_q, value=deadline_ns, payload=audio.tobytes())


def opened(session: int, operation: Operation = Operation.ENCODE, n_q: int = 3) -> Message:
    return Message(Kind.OPEN, session, operation, n_q)


def data(session: int, payload: bytes, sequence: int = 0, n_q: int = 3) -> Message:
    return Message(Kind.DATA, session, n_q=n_q, sequence=sequence, payload=payload)


def codes_of(message: Message) -> NDArray[np.uint16]:
    return np.frombuffer(message.payload, "<u2").reshape(-1, message.n_q)


def conditions(messages: list[Message]) -> list[Condition]:
    return [Condition(message.value) for message in messages if message.kind is Kind.FAILED]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 100, 257])
def test_an_encode_job_gives_the_flushed_frames(count: int) -> None:
    bench = Bench()
    audio = samples(count)
    bench.send(encode_job(7, audio, n_q=2))
    (result,) = bench.run()
    assert (result.kind, result.session, result.n_q) == (Kind.RESULT, 7, 2)
    assert np.array_equal(codes_of(result), reference_codes(flushed(audio))[:, :2])
    assert bench.scheduler.is_idle


@pytest.mark.parametrize("frames", [1, 2, 3, 50])
def test_a_decode_job_drops_the_delay(frames: int) -> None:
    bench = Bench()
    codes = np.random.default_rng(1).integers(0, 1024, (frames, 2)).astype(np.uint16)
    bench.send(Message(Kind.JOB, 1, Operation.DECODE, 2, payload=codes.tobytes()))
    (result,) = bench.run()
    audio = np.frombuffer(result.payload, "<f4")
    assert len(audio) == max(0, frames * GEOMETRY.hop_samples - GEOMETRY.delay_samples)
    assert np.array_equal(audio, reference_audio(list(codes)))


def test_a_short_job_is_one_step_and_equal_jobs_share_steps() -> None:
    bench = Bench()
    bench.send(encode_job(1, samples(10)))
    bench.run()
    assert bench.engine.widths == [1]
    bench.engine.widths.clear()
    bench.send(*(encode_job(session, samples(6, session), n_q=session) for session in (1, 2, 3)))
    results = {message.session: message for message in bench.run()}
    assert bench.engine.widths == [3]
    for session, result in results.items():
        wanted = reference_codes(flushed(samples(6, session)))[:, :session]
        assert np.array_equal(codes_of(result), wanted)


def test_a_long_job_is_cut_and_short_ones_pass_it() -> None:
    bench = Bench()
    long = samples(4 * 1000)
    bench.send(encode_job(1, long))
    assert bench.scheduler.step()
    bench.send(encode_job(2, samples(8)))
    finished = [message.session for message in bench.run()]
    assert finished == [2, 1]
    assert len(bench.engine.widths) > 100, "each step of the long job stays within 20 ms of 2 ms frames"


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


def test_full_tables_refuse_at_once_and_recover() -> None:
    bench = Bench()
    bench.send(*(opened(session) for session in (1, 2, 3)))
    assert [m.kind for m in bench.run()] == [Kind.OPENED, Kind.OPENED, Kind.FAILED]
    bench.send(*(encode_job(session, samples(8)) for session in (11, 12, 13, 14)))
    bench.send(Message(Kind.CLOSE, 1), opened(4))
    answers = bench.run()
    assert conditions(answers) == [Condition.OVERLOADED]
    assert sorted(m.session for m in answers if m.kind is Kind.RESULT) == [11, 12, 13]
    assert [m.session for m in answers if m.kind is Kind.OPENED] == [4]


def test_expired_and_cancelled_work_is_never_run() -> None:
    bench = Bench()
    bench.send(encode_job(1, samples(8), deadline_ns=bench.now_ns + 100_000_000), encode_job(2, samples(8)))
    bench.send(encode_job(3, samples(8), deadline_ns=bench.now_ns - 1), Message(Kind.CANCEL, 2))
    bench.now_ns += 100_000_000
    assert conditions(bench.run()) == [Condition.DEADLINE_EXCEEDED] * 2
    assert bench.engine.widths == []
    assert bench.scheduler.is_idle


def test_a_job_that_cannot_make_its_deadline_is_refused() -> None:
    bench = Bench()
    bench.send(encode_job(1, samples(4 * 100)))
    bench.send(encode_job(2, samples(4 * 100), deadline_ns=bench.now_ns + 300_000_000))
    assert conditions([message for _, message in bench.sent]) == [Condition.OVERLOADED]


@pytest.mark.parametrize(
    "message",
    [
        encode_job(1, samples(0)),
        encode_job(1, np.array([np.nan], np.float32)),
        encode_job(1, np.array([np.inf], np.float32)),
        encode_job(1, samples(4), n_q=0),
        encode_job(1, samples(4), n_q=4),
        Message(Kind.JOB, 1, Operation.ENCODE, 1, payload=b"abc"),
        Message(Kind.JOB, 1, Operation.DECODE, 2, payload=b"abcdef"),
        Message(Kind.JOB, 1, Operation.DECODE, 1, payload=(1024).to_bytes(2, "little")),
    ],
)
def test_bad_jobs_are_refused_without_a_trace(message: Message) -> None:
    bench = Bench()
    bench.send(message)
    assert conditions(bench.run()) == [Condition.INVALID_ARGUMENT]
    assert bench.engine.widths == []
    assert bench.scheduler.is_idle


def test_bad_data_ends_its_stream_only() -> None:
    bench = Bench()
    bench.send(opened(1), opened(2), data(1, b"odd"), data(2, samples(4).tobytes()))
    answers = bench.run()
    assert [m.session for m in answers if m.kind is Kind.FAILED] == [1]
    assert [m.session for m in answers if m.kind is Kind.DATA] == [2]
    bench.send(data(1, samples(4).tobytes()))
    assert bench.run() == []
    assert bench.scheduler.snapshot()["late_messages"] == 1


@pytest.mark.parametrize(
    "messages",
    [
        [opened(1), opened(1)],
        [Message(Kind.JOB, 1, 9, 1, payload=b"")],
        [Message(Kind.HELLO)],
        [encode_job(1, samples(4)), data(1, b"")],
    ],
)
def test_what_no_sound_front_end_sends_breaks_the_connection(messages: list[Message]) -> None:
    bench = Bench()
    bench.send(*messages[:-1])
    with pytest.raises(ProtocolError):
        bench.send(messages[-1])


def test_a_vanished_front_end_leaves_nothing_behind() -> None:
    bench = Bench()
    bench.send(opened(1), data(1, samples(400).tobytes()), encode_job(2, samples(400)), connection=1)
    bench.send(encode_job(2, samples(400)), connection=2)
    bench.scheduler.disconnect(1)
    bench.sent.clear()
    assert [m.kind for m in bench.run()] == [Kind.RESULT]
    assert bench.scheduler.is_idle


def test_nothing_runs_for_a_blocked_front_end() -> None:
    bench = Bench()
    bench.send(encode_job(1, samples(8)), opened(2), data(2, samples(8).tobytes()))
    bench.scheduler.set_blocked(1, True)
    bench.sent.clear()
    assert not bench.scheduler.has_work
    assert bench.run() == []
    bench.scheduler.set_blocked(1, False)
    assert [m.kind for m in bench.run()] == [Kind.DATA, Kind.RESULT]


def test_a_failing_step_fails_its_rows_only(caplog: pytest.LogCaptureFixture) -> None:
    def fail(rows: int, frames: int) -> None:
        raise RuntimeError("no such luck")

    bench = Bench()
    bench.engine.on_step = fail
    bench.send(encode_job(1, samples(8)))
    assert conditions(bench.run()) == [Condition.INTERNAL]
    assert "a step failed" in caplog.text
    bench.engine.on_step = bench.take_time
    bench.send(encode_job(1, samples(8)))
    assert [m.kind for m in bench.run()] == [Kind.RESULT]


def test_too_much_input_ahead_of_the_results_ends_the_stream() -> None:
    bench = Bench()
    bench.send(opened(1), data(1, samples(200 * 65).tobytes()))
    assert conditions([message for _, message in bench.sent]) == [Condition.LIMIT_EXCEEDED]


def test_the_snapshot_counts() -> None:
    bench = Bench()
    bench.send(*(encode_job(session, samples(6)) for session in (1, 2, 3)), opened(4))
    bench.run()
    snapshot = bench.scheduler.snapshot()
    assert snapshot["encode"] | {"busy_seconds": 0, "predicted_seconds": 0} == {
        "jobs": 3, "streams": 1, "frames": 9, "steps": 1, "rows": 3,
        "busy_seconds": 0, "predicted_seconds": 0,
    }  # fmt: skip
    assert (snapshot["slots_used"], snapshot["slots"], snapshot["generation_mismatches"]) == (1, 2, 0)
    assert set(snapshot["cost"]) == {"encode", "decode"}
