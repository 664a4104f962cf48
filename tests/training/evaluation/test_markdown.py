"""The report for people."""

from dataclasses import replace

import pytest

from tests.training.evaluation.reports import made_report
from training.evaluation.markdown import to_markdown


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return to_markdown(made_report()).splitlines()


def test_the_head_says_what_was_done_and_what_is_missing(lines: list[str]) -> None:
    assert lines[0] == "# ours 3-0123456789ab"
    assert lines[2] == "Beside it: theirs 1-ba9876543210."
    text = " ".join(lines)
    assert "3 recordings, 6 s, of valid.csv, kind=clean." in text
    assert "2 processes of one thread; torch 9.9." in text
    assert "300 MiB" in text
    assert "**4 failures**, listed at the end." in text
    assert "**Left out**: PESQ-wb: needs the package pesq." in text


def test_a_row_has_rate_means_and_intervals(lines: list[str]) -> None:
    assert "| codec | kbit/s | SI-SDR, dB ↑ | level error, dB ↓ |" in lines
    assert "| ours, n_q 2 | 1.00 | 1.000 (0.000 to 2.000) | 0.500 (0.500 to 0.500) |" in lines


def test_fewer_recordings_are_told_and_no_recording_is_no_number(lines: list[str]) -> None:
    assert any("3.000 (2.000 to 4.000), n = 2" in line for line in lines if "Opus" in line)
    assert "| Codec 2 1200 | - | - | - |" in lines


def test_failures_are_listed_one_by_one_and_do_not_break_the_table(lines: list[str]) -> None:
    assert "| 1.wav | Opus 6 kbit/s | si_sdr_db | infinite |" in lines
    assert "| 0.wav | Codec 2 1200 | coding | c2enc failed: a \\| b c |" in lines


def test_codebooks_have_their_use(lines: list[str]) -> None:
    assert "| 0 | 3 of 4 | 3 | 1.58 |" in lines
    without = to_markdown(replace(made_report(), codebooks=()))
    assert "Use of the codebooks" not in without


def test_no_failure_is_said_too() -> None:
    text = to_markdown(replace(made_report(), failures=()))
    assert "**0 failures**." in text
    assert text.endswith("## Failures\n\nNone.\n")
