"""A report that is read again."""

import json
from pathlib import Path

import pytest

from codec.errors import ConfigError
from tests.training.evaluation.reports import made_report
from training.evaluation.report import write_json
from training.evaluation.report_folder import JSON_NAME, read_report


def test_what_goes_with_a_model_is_found_and_its_means_are_named(tmp_path: Path) -> None:
    write_json(tmp_path / JSON_NAME, made_report())
    for name in ("report.md", "rate_quality.png", "scores.csv", "other.txt"):
        (tmp_path / name).write_text("x")
    found = read_report(tmp_path)
    assert [path.name for path in found.files] == ["report.json", "report.md", "rate_quality.png"]
    assert found.weights_sha256 == "0" * 64
    # The model's own, without speed, which is the machine's; and nothing of other codecs.
    assert found.metrics == {
        "payload_bps, n_q 2": 1000,
        "si_sdr_db, n_q 2": 1,
        "level_error_db, n_q 2": 0.5,
        "payload_bps, n_q 8": 2000,
        "si_sdr_db, n_q 8": 2,
        "level_error_db, n_q 8": 0.5,
    }


def test_what_is_no_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no report\.json; name the folder that codecd eval wrote"):
        read_report(tmp_path)
    write_json(tmp_path / JSON_NAME, made_report())
    old = json.loads((tmp_path / JSON_NAME).read_text())
    del old["weights_sha256"]
    for content in (json.dumps(old), "[]", "{", ""):
        (tmp_path / JSON_NAME).write_text(content)
        with pytest.raises(ConfigError, match=r"is no report of this codecd .*; run codecd eval again"):
            read_report(tmp_path)
