"""Phones: recognised, written and read."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from codec.errors import InvalidAudioError, InvalidRequestError
from tests.support import SAMPLE_RATE_HZ
from tests.training.evaluation.signals import noise, spoken
from training.evaluation.metrics.phone_error import edit_distance
from training.probe.phones import CLASSES, PHONES, Interval, PhoneAligner, read_classes, write_phones

SENTENCE = [
    *("AO", "TH", "ER", "AH", "V", "DH", "AH", "D", "EY", "N", "JH", "ER", "T", "R", "EY", "L"),
    *("F", "IH", "L", "IH", "P", "S", "T", "IY", "L", "Z"),
]
"""The first words of the clip, "author of the danger trail, Philip Steels", after the CMU dictionary."""


@pytest.fixture(scope="module")
def aligner() -> PhoneAligner:
    pytest.importorskip("pocketsphinx")
    return PhoneAligner()


def test_the_phones_of_real_speech_are_found(aligner: PhoneAligner) -> None:
    signal = spoken(2.6)
    intervals = aligner.intervals(signal)
    heard = [item.phone for item in intervals if item.phone != "SIL"]
    assert set(heard) <= set(PHONES)
    assert edit_distance(SENTENCE, heard) < 0.35 * len(SENTENCE)
    assert intervals[0].start_s == 0
    assert intervals[-1].end_s == pytest.approx(len(signal) / SAMPLE_RATE_HZ)
    for before, after in pairwise(intervals):
        assert before.start_s < before.end_s == after.start_s


def test_pauses_lie_where_the_signal_is_weak(aligner: PhoneAligner) -> None:
    signal = np.concatenate([np.zeros(8000, np.float32), spoken(2.6), np.zeros(8000, np.float32)])
    power: dict[bool, list[float]] = {True: [], False: []}
    for item in aligner.intervals(signal):
        piece = signal[round(item.start_s * SAMPLE_RATE_HZ) : round(item.end_s * SAMPLE_RATE_HZ)]
        power[item.phone == "SIL"].extend(piece**2)
    assert len(power[True]) > 12_000
    assert np.mean(power[True]) < 0.02 * np.mean(power[False])


def test_what_was_heard_before_does_not_matter(aligner: PhoneAligner) -> None:
    first = aligner.intervals(spoken(1.2))
    aligner.intervals(spoken(2.2)[20_000:])
    assert aligner.intervals(spoken(1.2)) == first


def test_hiss_has_no_words(aligner: PhoneAligner) -> None:
    with pytest.raises(InvalidAudioError, match="no word is recognised"):
        aligner.intervals(np.float32(0.01) * noise(32_000))


def test_what_is_written_is_read_at_the_middle_of_every_frame(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.lab"
    spans = (Interval(0, 0.05, "SIL"), Interval(0.05, 0.0709, "AA"), Interval(0.0709, 0.11, "ZH"))
    write_phones(spans, path)
    assert path.read_text().splitlines()[1] == "0.0500 0.0709 AA"
    classes = read_classes(path, n_samples=1760, sample_rate=16_000, hop_samples=320)
    assert [CLASSES[index] for index in classes] == ["SIL", "SIL", "AA", "AA", "ZH", "ZH"]


def test_other_aligners_write_stress_and_other_pauses(tmp_path: Path) -> None:
    path = tmp_path / "a.lab"
    path.write_text("0.00 0.02 sil\n0.02 0.04 AH0\n0.04 0.06 spn\n0.06 0.08 AH1\n")
    assert [CLASSES[index] for index in read_classes(path, 1280, 16_000, 320)] == ["SIL", "AH"] * 2


def test_other_names_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.lab"
    path.write_text("0.00 0.04 schwa\n")
    with pytest.raises(InvalidRequestError, match="'schwa' is not in the vocabulary"):
        read_classes(path, 640, 16_000, 160)
