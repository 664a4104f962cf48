"""The figures of a stream, by a clock that the test turns."""

import numpy as np
import pytest

from service.stream.report import Report


class Clock:
    """A time that stands still."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_lateness_counts_from_the_input_that_completes_the_output() -> None:
    clock = Clock()
    report = Report("encode", 1000, 100, verbose=False, clock=clock)
    pieces = report.watch([np.zeros(100), np.zeros(50), np.zeros(50)])
    for clock.now in (1.0, 2.0, 3.0):
        next(pieces)
    clock.now = 3.5
    report.came(100)
    report.came(150)
    report.came(151)
    # What is flushed needs no more than there was.
    report.came(300)
    report.coded(2, 30)
    assert report.items_in == 200
    # 2.5, 1.5, 0.5 and 0.5 s.
    assert "2 frames, 0.20 s in 3.50 s; lateness p50 1500 ms, p99 2500 ms; 0.30 kbit/s" in report.line()


def test_a_stream_without_output_has_no_lateness() -> None:
    report = Report("encode", 1000, 100, verbose=False, clock=Clock())
    assert report.line() == "encode: 0 frames, 0.00 s in 0.00 s"


def test_progress_is_told_once_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    report = Report("encode", 1000, 100, verbose=True, clock=clock)
    for clock.now in (0.5, 1.2, 1.9, 2.5):
        report.came(0)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert all(line.startswith("codecd: encode:") for line in told)
