"""Progress counts what is heard, takes back what has to be done again, and says how long it takes."""

import pytest

from codec.bulk import progress as module
from codec.bulk.progress import Progress
from codec.bulk.shard import ShardRecord
from codec.bulk.worker import Done, Heard


def test_a_line_tells_files_audio_speed_and_time_left() -> None:
    with Progress(8, 16_000) as progress:
        assert "0 of 8 files, 0.00 h of audio, 0.0 hours/hour, unknown left" in progress.line()
        progress.report(Heard(16_000 * 3600, 3))
        progress.report(Heard(16_000 * 3600, 3))
        progress.report(Heard(-16_000 * 3600, -2))
        line = progress.line()
    assert "4 of 8 files, 1.00 h of audio, " in line
    assert " hours/hour, 00:0" in line


def test_samples_are_those_of_finished_shards() -> None:
    record = ShardRecord(
        file="shard-000000.tar",
        sha256="0" * 64,
        size_bytes=1,
        items=1,
        first="a",
        last="a",
        n_samples=7,
        truncated=(),
        failures=(),
    )
    with Progress(2, 16_000) as progress:
        progress.report(Heard(9, 1))
        progress.report(Done(record))
        assert progress.samples == 7


def test_a_log_gets_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Progress(2, 16_000) as progress:
        progress.report(Heard(16_000, 1))
        assert capsys.readouterr().err == ""
        monkeypatch.setattr(module, "_LINE_EVERY_SECONDS", 0.0)
        progress.report(Heard(16_000, 1))
    assert "codecd: 2 of 2 files" in capsys.readouterr().err
