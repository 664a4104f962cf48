"""The report of a probe."""

import json
from dataclasses import replace
from pathlib import Path

from training.evaluation.interval import Mean
from training.probe.corpus import Skipped
from training.probe.report import ProbeReport, Result, to_markdown, write_report

LOG_MEL = Result(
    input="log-mel",
    numbers=160,
    parameters=205_000,
    epochs=9,
    seconds=81.4,
    held_out_error=0.402,
    error=Mean(0.4136, 0.391, 0.436, 49),
    difference=Mean(0.0, 0.0, 0.0, 49),
    rates={"a.flac": 0.41},
)
INDICES = replace(
    LOG_MEL, input="code indices", error=Mean(0.5, None, None, 1), difference=Mean(0.0864, 0.08, 0.093, 49)
)
REPORT = ProbeReport(
    model="tiny",
    version="1-abc",
    n_q=8,
    bitrate_bps=4000.0,
    frame_rate_hz=50.0,
    data="train.csv",
    test="valid.csv",
    selection="language=en, one in 2",
    train_recordings=180,
    held_out_recordings=20,
    test_recordings=49,
    data_seconds=2472.0,
    test_seconds=308.0,
    seed=0,
    chance=Mean(0.93, 0.92, 0.94, 49),
    results=(LOG_MEL, INDICES),
    skipped=(Skipped("b.flac", "no word is recognised in it"),),
)


def test_the_inputs_stand_side_by_side() -> None:
    text = to_markdown(REPORT)
    assert text.startswith("# Phones heard in tiny 1-abc, n_q 8\n\n4.00 kbit/s, 50 frames a second.\n")
    assert "180 recordings of train.csv (language=en, one in 2), " in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows[2:] == [
        "| log-mel | 160 | 205000 | 9 | 81 | 40.2 | 41.4 (39.1 to 43.6) | - |",
        "| code indices | 160 | 205000 | 9 | 81 | 40.2 | 50.0 | 8.6 (8.0 to 9.3) |",
        "| commonest phone | - | - | - | - | - | 93.0 (92.0 to 94.0) | - |",
    ]
    assert len({row.count("|") for row in rows}) == 1
    assert "Labels are automatic" in text
    assert text.endswith("- b.flac: no word is recognised in it\n")
    assert "left out" not in to_markdown(replace(REPORT, skipped=()))


def test_the_folder_holds_all_of_it(tmp_path: Path) -> None:
    write_report(REPORT, tmp_path / "new")
    content = json.loads((tmp_path / "new" / "probe.json").read_text())
    assert content["results"][0]["rates"] == {"a.flac": 0.41}
    assert content["interval"]["confidence"] == 0.95
    assert content["chance"]["mean"] == 0.93
    assert (tmp_path / "new" / "probe.md").read_text() == to_markdown(REPORT)
