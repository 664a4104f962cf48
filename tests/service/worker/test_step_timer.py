"""What a step took, and what is not counted."""

from service.worker.step_timer import StepTimer


def test_time_away_is_not_counted() -> None:
    now, cpu = [1000], [50]
    timer = StepTimer(lambda: now[0], lambda: cpu[0])
    began_ns, began_cpu_ns = timer.read()
    now[0] += 5
    cpu[0] += 4
    with timer.away():
        now[0] += 70
        cpu[0] += 60
        inner_ns, inner_cpu_ns = timer.read()
        now[0] += 30
        cpu[0] += 20
        assert timer.read() == (inner_ns + 30, inner_cpu_ns + 20), "what runs meanwhile is measured by itself"
    with timer.away():
        now[0] += 1
    now[0] += 2
    assert timer.read() == (began_ns + 7, began_cpu_ns + 4)
