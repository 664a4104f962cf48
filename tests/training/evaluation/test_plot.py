"""The plots."""

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
from matplotlib.image import imread

from tests.training.evaluation.reports import made_report
from training.evaluation.plot import write_plots


def test_both_pictures_show_something_and_name_the_codecs(tmp_path: Path) -> None:
    write_plots(made_report(), tmp_path)
    picture = imread(tmp_path / "rate_quality.png")
    assert min(picture.shape[:2]) > 300
    assert np.unique(picture.reshape(-1, picture.shape[-1]), axis=0).shape[0] > 50
    comments = (tmp_path / "rate_quality.svg").read_text()
    assert ET.fromstring(comments).tag.endswith("svg")
    for name in ("ours", "Opus", "SI-SDR, dB (higher is better)", "level error, dB (lower is better)"):
        assert f"<!-- {name} -->" in comments
