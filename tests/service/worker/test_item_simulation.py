"""Random schedules of whole items against what each would get alone."""

import random

import pytest

from service.ipc import Kind, Message
from service.status import Condition
from tests.service.worker.item_bench import ItemBench, encode_job
from tests.service.worker.item_oracle import reference_encoded


@pytest.mark.parametrize("seed", range(3))
def test_random_schedules_give_every_item_what_it_would_get_alone(seed: int) -> None:
    """Every job that is neither cancelled nor refused is answered once, and rightly."""
    source, bench = random.Random(seed), ItemBench()
    wanted: dict[int, bytes] = {}
    answered = refused = 0

    def check() -> None:
        nonlocal answered, refused
        for _, message in bench.sent:
            expected = wanted.pop(message.session)
            if message.kind is Kind.RESULT:
                assert message.payload == expected
                answered += 1
            else:
                assert message.value in (Condition.OVERLOADED, Condition.DEADLINE_EXCEEDED)
                refused += 1
        bench.sent.clear()

    for session in range(1500):
        n_samples, n_q = source.choice((1, 8, 60, 61, 300)), source.randint(1, 3)
        wanted[session] = reference_encoded(n_samples, n_q, seed=session).pack()
        deadline_ns = bench.now_ns + source.randrange(10**9) if source.random() < 0.3 else 0
        kind = source.choice((Kind.JOB, Kind.BULK))
        job = encode_job(session, n_samples, n_q, deadline_ns)._replace(kind=kind, sequence=session % 3)
        bench.send(job, connection=1 + session % 2)
        check()
        if wanted and source.random() < 0.1:
            cancelled = source.choice(list(wanted))
            del wanted[cancelled]
            bench.send(Message(Kind.CANCEL, cancelled), connection=1 + cancelled % 2)
        for _ in range(source.randrange(3)):
            bench.scheduler.step()
        check()
    while bench.scheduler.step():
        pass
    check()
    assert not wanted
    assert bench.scheduler.is_idle
    assert answered > 300
    assert refused > 20
