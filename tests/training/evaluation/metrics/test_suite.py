"""Which metrics there are, which are chosen, and which are left out aloud."""

import importlib
import pickle
from pathlib import Path
from types import ModuleType

import pytest

from codec.errors import InvalidRequestError
from training.evaluation.metrics.suite import choose_metrics


def test_names_are_different_and_all_is_picklable_for_the_processes(tmp_path: Path) -> None:
    suite = choose_metrics(svr_model=tmp_path / "none")
    names = [metric.name for metric in suite.metrics]
    assert len(set(names)) == len(names) >= 5
    assert pickle.loads(pickle.dumps(suite.metrics)) == suite.metrics


def test_prefixes_choose() -> None:
    chosen = choose_metrics(["level", "si_sdr"]).metrics
    assert [metric.name for metric in chosen] == ["si_sdr_db", "level_error_db"]
    with pytest.raises(InvalidRequestError, match="no metric is called 'peaq'; there are visqol_speech"):
        choose_metrics(["peaq"])


def test_a_missing_file_or_package_leaves_its_metric_out_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.import_module

    def without_pocketsphinx(name: str) -> ModuleType:
        if name == "pocketsphinx":
            raise ImportError("as where it is not installed")
        return real(name)

    monkeypatch.setattr(importlib, "import_module", without_pocketsphinx)
    suite = choose_metrics(["visqol_audio", "phone", "level"], svr_model=tmp_path / "none.txt")
    assert [metric.name for metric in suite.metrics] == ["level_error_db"]
    reasons = {gone.title: gone.reason for gone in suite.absent}
    assert "no SVR model" in reasons["ViSQOL audio, SVR, v333"]
    assert "pip install 'codecd[phones]'" in reasons["phone error rate"]
