"""Jobs on the scheduler, against a checksum engine, and what happens at its limits."""

from collections.abc import Sequence
from itertools import count

import numpy as np
import pytest
from numpy.typing import NDArray

from codec.layers.pauses import pause
from service.ipc import Kind, Message, Operation, ProtocolError
from service.samples import SampleForm, pack, unpack
from service.status import Condition
from service.worker.scheduler import InterruptedWorkError, SchedulerConfig
from tests.service.worker.bench import Bench, codes_of, conditions, data, encode_job, opened, samples
from tests.service.worker.oracle import GEOMETRY, flushed, reference_audio, reference_codes


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


@pytest.mark.parametrize("form", SampleForm)
def test_samples_come_and_go_in_the_form_that_a_message_names(form: SampleForm) -> None:
    bench = Bench()
    audio = samples(40) * np.float32(0.125)
    content = pack(audio[:, None], form)
    codes = reference_codes(flushed(unpack(content, form, 1)[:, 0]))
    bench.send(encode_job(1, audio)._replace(payload=content, form=form))
    assert np.array_equal(codes_of(bench.run()[0]), codes[:, :3])
    wanted = pack(reference_audio(list(codes[:, :3]))[:, None], form)
    bench.send(Message(Kind.JOB, 2, Operation.DECODE, 3, payload=codes[:, :3].tobytes(), form=form))
    (result,) = bench.run()
    assert (result.payload, result.form) == (wanted, form)
    bench.send(opened(3, Operation.DECODE)._replace(form=form), data(3, codes[:, :3].tobytes()))
    heard = [message for message in bench.run() if message.kind is Kind.DATA]
    assert b"".join(bytes(message.payload) for message in heard) == wanted
    assert {message.form for message in heard} == {form}


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
    assert len(bench.engine.widths) > 50, "a step stays within 40 ms, and a frame takes 2 ms"


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


def test_the_snapshot_counts() -> None:
    bench = Bench()
    bench.send(*(encode_job(session, samples(6)) for session in (1, 2, 3)), opened(4))
    bench.run()
    snapshot = bench.scheduler.snapshot()
    assert snapshot["encode"] | {"busy_seconds": 0, "cpu_seconds": 0, "predicted_seconds": 0} == {
        "jobs": 3, "streams": 1, "frames": 9, "steps": 1, "rows": 3,
        "busy_seconds": 0, "cpu_seconds": 0, "predicted_seconds": 0,
    }  # fmt: skip
    assert (snapshot["slots_used"], snapshot["slots"], snapshot["generation_mismatches"]) == (1, 2, 0)
    assert set(snapshot["cost"]) == {"encode", "decode"}


def test_output_that_is_not_finite_is_not_given_out(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    decode, codes = bench.engine.decode, np.ones((8, 3), np.uint16)

    def broken(rows: Sequence[int], tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        audio = decode(rows, tokens)
        audio[0, 0] = np.nan
        return audio

    monkeypatch.setattr(bench.engine, "decode", broken)
    bench.send(Message(Kind.JOB, 1, Operation.DECODE, 3, payload=codes.tobytes()))
    assert conditions(bench.run()) == [Condition.INTERNAL]
    assert bench.scheduler.snapshot()["steps"]["decode"]["nonfinite_outputs"] == 1
    assert bench.scheduler.is_idle


def test_the_snapshot_tells_of_room_for_streams() -> None:
    bench = Bench()
    bench.send(opened(1))
    told = bench.scheduler.snapshot()
    assert told["capacity"] == told["calibrated"] == {"encode": 2, "decode": 2}
    assert told["streams"] == {"encode": 1, "decode": 0}
    assert told["room"] == {"encode": 1, "decode": 1}
    assert told["realtime_factor"]["encode"] == pytest.approx(0.08 / 0.009)
    bench.send(data(1, samples(16).tobytes()))
    bench.pass_time(0.3)
    bench.run()
    assert bench.scheduler.snapshot()["room"] == {"encode": 0, "decode": 0}, "the stream was served late"
    live = bench.scheduler.snapshot()["steps"]["encode"]
    assert live["first_output_seconds"]["total"] == live["lateness_seconds"]["total"] == pytest.approx(0.309)


class _BrokenError(Exception):
    pass


def _fail() -> None:
    raise _BrokenError


def test_what_fails_in_a_pause_is_not_held_against_the_job() -> None:
    bench = Bench(attend=_fail)
    bench.send(opened(1), encode_job(2, samples(40)))
    with pytest.raises(InterruptedWorkError) as caught:
        bench.scheduler.step()
    assert isinstance(caught.value.__cause__, _BrokenError)


def test_a_step_that_fails_ends_those_sessions_that_are_still_there() -> None:
    def leave() -> None:
        bench.send(Message(Kind.CANCEL, 2))
        bench.engine.on_step = lambda rows, frames: None

    def fail(rows: int, frames: int) -> None:
        pause()
        raise RuntimeError("a fault of the model")

    bench = Bench(attend=leave)
    bench.engine.on_step = fail
    bench.send(opened(1), encode_job(2, samples(40)))
    bench.sent.clear()
    assert bench.scheduler.step()
    assert not bench.sent
    bench.send(encode_job(3, samples(40)))
    (result,) = bench.run()
    assert np.array_equal(codes_of(result), reference_codes(flushed(samples(40))))


def test_live_streams_without_end_do_not_keep_a_step_from_being_over() -> None:
    numbers, said = range(10, 15), count()

    def speak() -> None:
        turn, number = divmod(next(said), len(numbers))
        bench.send(data(numbers[number], samples(4).tobytes(), sequence=turn))

    bench = Bench(SchedulerConfig(slots=len(numbers), max_jobs=1), attend=speak)
    bench.send(*(opened(number) for number in numbers), encode_job(2, samples(2)))
    began_ns = bench.now_ns
    assert bench.scheduler.step()
    assert [message.kind for _, message in bench.sent if message.session == 2] == [Kind.RESULT]
    assert 0.5e9 < bench.now_ns - began_ns < 0.6e9


def test_in_a_pause_only_those_live_streams_run_that_keep_to_real_time() -> None:
    """One that is ahead is a job like others, and may be what is interrupted."""

    def speak() -> None:
        if len(bench.engine.widths) == 2:
            bench.send(data(1, samples(40).tobytes(), sequence=1))

    bench = Bench(attend=speak)
    bench.send(opened(1), data(1, samples(4 * 200).tobytes()))
    bench.run()
    bench.send(encode_job(2, samples(2)))
    assert bench.scheduler.step()
    assert [message.kind for _, message in bench.sent] == [Kind.RESULT]
