"""Whole-item jobs against the checksum engine: right, in order, bounded, and gone when they are over."""

import numpy as np
import pytest

from service.ipc import Kind, Message, Operation, ProtocolError
from service.item import Item
from service.status import Condition
from service.worker.engine import Piece
from service.worker.item_scheduler import ItemSchedulerConfig
from tests.service.worker.item_bench import CONFIG, ItemBench, conditions, decode_job, encode_job
from tests.service.worker.item_oracle import (
    INFO,
    costs,
    reference_decoded,
    reference_encoded,
    segment_frames,
)


@pytest.mark.parametrize("n_samples", [1, 4, 60, 61, 400])
@pytest.mark.parametrize("n_q", [1, 3])
def test_an_item_is_coded_and_decoded_as_if_alone(n_samples: int, n_q: int) -> None:
    bench = ItemBench()
    bench.send(encode_job(1, n_samples, n_q))
    (result,) = bench.run()
    coded = reference_encoded(n_samples, n_q, seed=1)
    assert (result.kind, result.session, result.n_q) == (Kind.RESULT, 1, n_q)
    assert result.payload == coded.pack()
    bench.send(decode_job(2, coded, n_q))
    (result,) = bench.run()
    heard = np.frombuffer(Item.parse(result.payload, None).body, np.float32).reshape(-1, 2)
    assert np.array_equal(heard, reference_decoded(coded, n_q))
    assert result.run_us > 0
    assert bench.scheduler.is_idle


def test_items_of_like_length_run_together_with_their_own_n_q() -> None:
    bench = ItemBench()
    bench.send(*(encode_job(session, 8, n_q=session) for session in (1, 2, 3)))
    results = {message.session: message for message in bench.run()}
    assert bench.engine.batches == [[8, 8, 8]]
    for session, result in results.items():
        assert result.payload == reference_encoded(8, session, seed=session).pack()


def test_long_and_short_do_not_pad_each_other() -> None:
    bench = ItemBench()
    bench.send(encode_job(1, 60), encode_job(2, 4), encode_job(3, 4), encode_job(4, 60))
    assert len(bench.run()) == 4
    assert sorted(map(sorted, bench.engine.batches)) == [[4, 4], [60, 60]]


def test_short_items_pass_a_long_one_that_has_begun() -> None:
    bench = ItemBench()
    bench.send(encode_job(1, 32 * 200))
    assert bench.scheduler.step()
    bench.send(encode_job(2, 8))
    assert [message.session for message in bench.run()] == [2, 1]
    assert len(bench.engine.batches) > 5, "a step stays within half a second"


def test_every_step_is_announced_with_what_it_is_predicted_to_take() -> None:
    bench = ItemBench()
    bench.send(encode_job(1, 60))
    bench.run()
    cost = costs()[Operation.ENCODE]
    assert bench.announced == [cost.seconds(1, segment_frames(60), 3)]
    bench.send(encode_job(2, 400))
    bench.run()
    assert len(bench.announced) == len(bench.engine.batches) > 2


def test_a_long_item_does_not_starve() -> None:
    bench = ItemBench()
    bench.send(encode_job(1, 32 * 40))
    session = 2
    while 1 not in {message.session for _, message in bench.sent}:
        assert session < 200
        bench.send(encode_job(session, 60))
        bench.scheduler.step()
        session += 1
    assert bench.now_ns < 1_000_000_000 + 6e9, "it takes 1.4 s by itself, and is overtaken for twice that"


def test_bulk_comes_last_but_comes() -> None:
    bench = ItemBench(ItemSchedulerConfig(max_jobs=64))
    bench.send(encode_job(1, 8)._replace(kind=Kind.BULK), encode_job(2, 60), encode_job(3, 8))
    assert [message.session for message in bench.run()] == [3, 2, 1]
    bench.send(encode_job(4, 8)._replace(kind=Kind.BULK))
    session = 5
    while 4 not in {message.session for _, message in bench.sent}:
        assert session < 200
        bench.send(encode_job(session, 60))
        bench.scheduler.step()
        session += 1
    assert bench.now_ns < 1_000_000_000 + 1.5e9, "it has waited for a second, and one step"


def test_callers_take_turns_and_leave_places_for_each_other() -> None:
    bench = ItemBench(ItemSchedulerConfig(max_jobs=16))
    bench.send(*(encode_job(session, 60, n_q=1) for session in range(1, 20)))
    assert conditions([message for _, message in bench.sent]) == [Condition.OVERLOADED] * 5
    bench.sent.clear()
    assert bench.scheduler.step()
    begun = len(bench.sent)
    bench.send(encode_job(100, 8)._replace(sequence=7))
    assert bench.scheduler.step()
    assert [message.session for _, message in bench.sent[begun:]] == [100]


def test_a_live_stream_is_refused_at_once() -> None:
    bench = ItemBench()
    bench.send(Message(Kind.OPEN, 1, Operation.ENCODE, 3))
    (refused,) = bench.run()
    assert (refused.kind, refused.value) == (Kind.FAILED, Condition.INVALID_ARGUMENT)
    assert b"needs the whole item" in bytes(refused.payload)
    assert b"POST /encode" in bytes(refused.payload)
    bench.send(*(Message(kind, 1) for kind in (Kind.DATA, Kind.FLUSH, Kind.CLOSE)))
    assert bench.run() == []
    assert bench.scheduler.snapshot()["late_messages"] == 3


def test_a_full_queue_refuses_at_once_and_recovers() -> None:
    bench = ItemBench()
    bench.send(*(encode_job(session, 8) for session in range(1, CONFIG.max_jobs + 2)))
    answers = bench.run()
    assert conditions(answers) == [Condition.OVERLOADED]
    assert sum(message.kind is Kind.RESULT for message in answers) == CONFIG.max_jobs
    bench.send(encode_job(9, 8))
    assert [message.kind for message in bench.run()] == [Kind.RESULT]


def test_expired_and_cancelled_work_is_never_run() -> None:
    bench = ItemBench()
    bench.send(encode_job(1, 8, deadline_ns=bench.now_ns + 100_000_000), encode_job(2, 8))
    bench.send(encode_job(3, 8, deadline_ns=bench.now_ns - 1), Message(Kind.CANCEL, 2))
    bench.send(Message(Kind.CANCEL, 2))
    bench.now_ns += 100_000_000
    assert conditions(bench.run()) == [Condition.DEADLINE_EXCEEDED] * 2
    assert bench.engine.batches == []
    assert bench.scheduler.is_idle
    snapshot = bench.scheduler.snapshot()
    assert (snapshot["cancelled"], snapshot["late_messages"]) == (1, 1)


def test_an_item_that_is_cancelled_while_it_runs_stops_there() -> None:
    bench = ItemBench()
    bench.send(encode_job(1, 32 * 200))
    bench.scheduler.step()
    begun = len(bench.engine.batches)
    bench.send(Message(Kind.CANCEL, 1))
    assert bench.run() == []
    assert len(bench.engine.batches) == begun


def test_an_item_that_cannot_make_its_deadline_is_refused() -> None:
    bench = ItemBench()
    bench.send(encode_job(1, 60))
    bench.send(encode_job(2, 60, deadline_ns=bench.now_ns + 60_000_000))
    assert conditions([message for _, message in bench.sent]) == [Condition.OVERLOADED]


def test_bad_items_are_refused_without_a_trace() -> None:
    bench = ItemBench()
    nothing = Item(0, b"").pack()
    for n_q, payload in ((3, nothing), (0, encode_job(1, 8).payload), (4, encode_job(1, 8).payload)):
        bench.send(Message(Kind.JOB, 1, Operation.ENCODE, n_q, payload=payload))
        assert conditions(bench.run()) == [Condition.INVALID_ARGUMENT]
    assert bench.engine.batches == []
    assert bench.scheduler.is_idle


@pytest.mark.parametrize(
    "message",
    [
        encode_job(1, 8),
        Message(Kind.OPEN, 1, Operation.ENCODE, 3),
        Message(Kind.JOB, 2, 9, 1),
        Message(Kind.JOB, 2, Operation.ENCODE, 1, payload=b"no item"),
        Message(Kind.HELLO),
    ],
)
def test_what_no_sound_front_end_sends_breaks_the_connection(message: Message) -> None:
    bench = ItemBench()
    bench.send(encode_job(1, 8))
    with pytest.raises(ProtocolError):
        bench.send(message)


def test_a_vanished_front_end_leaves_nothing_behind() -> None:
    bench = ItemBench()
    bench.send(encode_job(1, 8), encode_job(2, 400), connection=1)
    bench.send(encode_job(2, 8), connection=2)
    bench.scheduler.disconnect(1)
    assert [message.kind for message in bench.run()] == [Kind.RESULT]
    assert bench.scheduler.is_idle


def test_nothing_runs_for_a_blocked_front_end() -> None:
    bench = ItemBench()
    bench.send(encode_job(1, 8))
    bench.scheduler.set_blocked(1, True)
    assert not bench.scheduler.has_work
    assert bench.run() == []
    bench.scheduler.set_blocked(1, False)
    assert [message.kind for message in bench.run()] == [Kind.RESULT]


def test_a_failing_step_fails_its_items_only(caplog: pytest.LogCaptureFixture) -> None:
    def fail(pieces: int, frames: int) -> None:
        raise RuntimeError("no such luck")

    bench = ItemBench()
    bench.engine.on_step = fail
    bench.send(encode_job(1, 8), encode_job(2, 8))
    assert conditions(bench.run()) == [Condition.INTERNAL] * 2
    assert "a step failed" in caplog.text
    bench.engine.on_step = bench.take_time
    bench.send(encode_job(1, 8))
    assert [message.kind for message in bench.run()] == [Kind.RESULT]


def test_a_scale_that_no_item_can_hold_fails_its_item_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def endless(pieces: list[Piece], n_q: int) -> list[Piece]:
        codes = np.zeros((3, n_q), np.uint16)
        return [Piece(piece.n_samples, codes, float("inf"), piece.labels) for piece in pieces]

    bench = ItemBench()
    monkeypatch.setattr(bench.engine, "encode", endless)
    bench.send(encode_job(1, 8))
    assert conditions(bench.run()) == [Condition.INTERNAL]
    assert "an answer failed" in caplog.text
    assert bench.scheduler.is_idle


def test_the_snapshot_counts() -> None:
    bench = ItemBench()
    bench.send(*(encode_job(session, 8) for session in (1, 2, 3)))
    assert bench.scheduler.snapshot()["queued_audio_seconds"] == pytest.approx(3 * 3 * 4 / INFO.sample_rate)
    bench.run()
    snapshot = bench.scheduler.snapshot()
    assert snapshot["encode"] | {"busy_seconds": 0, "cpu_seconds": 0, "predicted_seconds": 0} == {
        "jobs": 3, "streams": 0, "frames": 9, "steps": 1, "rows": 3,
        "busy_seconds": 0, "cpu_seconds": 0, "predicted_seconds": 0,
    }  # fmt: skip
    assert (snapshot["slots"], snapshot["max_jobs"], snapshot["jobs_queued"]) == (0, CONFIG.max_jobs, 0)
    assert set(snapshot["cost"]) == {"encode", "decode"}


def test_the_padding_of_a_batch_is_counted() -> None:
    bench = ItemBench(cost=(0.010, 0.002))
    bench.send(encode_job(1, 12), encode_job(2, 8))
    bench.run()
    snapshot = bench.scheduler.snapshot()
    steps, stats = snapshot["steps"]["encode"]["by_class"]["interactive"], snapshot["encode"]
    longest = (stats["frames"] + 1) / 2
    assert (stats["steps"], stats["rows"]) == (1, 2)
    assert steps["padding"]["total"] == pytest.approx(0.5 / longest)
    assert steps["audio_seconds"]["total"] == pytest.approx(stats["frames"] * 4 / INFO.sample_rate)
