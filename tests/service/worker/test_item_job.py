"""What is left of a job."""

import pytest

from service.ipc import Kind, Message, Operation
from service.worker.item_job import ItemJob
from service.worker.session import SessionKey
from tests.service.worker.item_oracle import audio_item, cutter


def test_a_job_has_left_what_was_not_run() -> None:
    item = cutter().cut(Message(Kind.JOB, 1, Operation.ENCODE, 2, payload=audio_item(100).pack()))
    frames = [cutter().frames(piece) for piece in item.pieces]
    assert frames == [11, 11, 10, 2]
    job = ItemJob(SessionKey(1, 1), 2, item, frames, 0.02, arrived_ns=0, deadline_ns=0)
    assert (job.operation, list(job.left)) == (Operation.ENCODE, [0, 1, 2, 3])
    assert job.pending_seconds == pytest.approx(34 * 0.02)
    job.done += item.pieces[:2]
    assert list(job.left) == [2, 3]
    assert job.pending_seconds == pytest.approx(12 * 0.02)
