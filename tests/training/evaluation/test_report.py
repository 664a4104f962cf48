"""Means, CSV and JSON."""

import csv
import json
from pathlib import Path

from tests.training.evaluation.reports import CODERS, PLAN, made_report, made_verdicts
from training.evaluation.report import summarise, value_names, write_json, write_scores


def test_what_failed_is_not_averaged_in() -> None:
    ours, _, opus, codec2 = summarise(PLAN, made_verdicts())
    assert (ours.means["si_sdr_db"].mean, ours.means["si_sdr_db"].n) == (1, 3)
    assert (opus.means["si_sdr_db"].mean, opus.means["si_sdr_db"].n) == (3, 2)
    assert opus.means["level_error_db"].n == 3
    assert codec2.means == {}
    assert [summary.label for summary in (ours, opus, codec2)] == [
        CODERS[0].label,
        "Opus 6 kbit/s",
        "Codec 2 1200",
    ]


def test_the_csv_has_a_row_per_recording_and_codec_and_gaps_where_there_is_no_value(tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.csv", PLAN, [s for verdict in made_verdicts() for s in verdict.scores])
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == ("file", "codec", *value_names(PLAN))
    assert len(rows) == 9
    assert (rows[5]["file"], rows[5]["codec"], rows[5]["si_sdr_db"]) == ("1.wav", "Opus 6 kbit/s", "")
    assert rows[5]["payload_bps"] == "3000.0"


def test_the_json_holds_the_whole_report(tmp_path: Path) -> None:
    write_json(tmp_path / "report.json", made_report())
    read = json.loads((tmp_path / "report.json").read_text())
    assert (read["model"], read["files"], read["seconds"]) == ("ours", 3, 6.0)
    assert read["metrics"]["si_sdr_db"]["better"] == "higher"
    means = {codec["label"]: codec["means"] for codec in read["codecs"]}
    assert means["ours, n_q 8"]["si_sdr_db"]["mean"] == 2
    assert means["Opus 6 kbit/s"]["si_sdr_db"]["n"] == 2
    assert read["codebooks"][0]["entries_used"] == 3
    assert len(read["failures"]) == 4
    assert read["absent"] == ["PESQ-wb: needs the package pesq"]
